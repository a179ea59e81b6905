#!/usr/bin/env python3
"""leam's ids, offsets and decoded text beside those of Hugging Face `tokenizers`, on the same tokenizer.json.

    tokenizers_identical.py LEAM [--tokenizer FILE]... [--text FILE_OR_FOLDER]... [--lines N]

Without --tokenizer: tokenizers of every supported kind, trained by the peer on the spot. Text: the files of --text
(plain text, or *.jsonl.zst with a "text" member), and always made-up lines: random characters of all of Unicode,
random white space and contractions, special tokens in odd places, this Python's own source code, broken UTF-8,
and lines of 1 MB. Exits 1 and shows the first differences if there is one.
"""
import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import unicodedata

import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
TAIL = r"|\s*[\r\n]+|\s+(?!\S)|\s+"
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
REGEXES = {
    "llama3": CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*" + TAIL,
    "qwen2": CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*" + TAIL,
    "gpt4o": r"[^\r\n\p{L}\p{N}]?" + UPPER + "*" + LOWER + "+" + CONTRACTIONS + r"?|[^\r\n\p{L}\p{N}]?" + UPPER + "+"
             + LOWER + "*" + CONTRACTIONS + r"?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*" + TAIL,
    "tekken": r"[^\r\n\p{L}\p{N}]?" + UPPER + "*" + LOWER + r"+|[^\r\n\p{L}\p{N}]?" + UPPER + "+" + LOWER
              + r"*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*" + TAIL,
}


def byte_level(regex=False, prefix=False):
    return pre_tokenizers.ByteLevel(add_prefix_space=prefix, use_regex=regex)


def train(texts, pre_tokenizer, normalizer=None, vocab=3000):
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizer
    if normalizer is not None:
        t.normalizer = normalizer
    t.decoder = decoders.ByteLevel()
    t.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = trainers.BpeTrainer(vocab_size=vocab, show_progress=False, special_tokens=["<|endoftext|>", "<|im_end|>"],
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    t.train_from_iterator(texts, trainer)
    return t


def made_tokenizers(texts, folder):
    made = {}
    for name, regex in REGEXES.items():
        split = pre_tokenizers.Split(Regex(regex), "isolated")
        made[name] = train(texts, pre_tokenizers.Sequence([split, byte_level()]))
    made["gpt2"] = train(texts, byte_level(regex=True))
    made["gpt2_prefix"] = train(texts, byte_level(regex=True, prefix=True))
    made["gpt2_prefix"].post_processor = processors.ByteLevel(add_prefix_space=True, trim_offsets=True)
    made["starcoder"] = train(texts, pre_tokenizers.Sequence([pre_tokenizers.Digits(True), byte_level(regex=True)]))
    made["digit_runs"] = train(texts, pre_tokenizers.Sequence([pre_tokenizers.Digits(False), byte_level(prefix=True)]))
    made["punctuation"] = train(texts, pre_tokenizers.Sequence(
        [pre_tokenizers.Punctuation("isolated"), pre_tokenizers.Punctuation("contiguous"), byte_level(regex=True)]))
    made["inverted"] = train(texts, pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(REGEXES["llama3"]), "removed", invert=True), byte_level()]), normalizers.NFC())
    t = train(texts, byte_level(regex=True))
    t.add_tokens([AddedToken("des", single_word=True, normalized=False), AddedToken("<x>", lstrip=True),
                  AddedToken("<x>y", rstrip=True), "\u00e9t", "  "])
    t.add_special_tokens([AddedToken("<|s|>", lstrip=True, rstrip=True), "<|begin|>"])
    begin = t.token_to_id("<|begin|>")
    t.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=True), processors.TemplateProcessing(
        single="<|begin|> $A <|endoftext|>", special_tokens=[("<|begin|>", begin), ("<|endoftext|>", 0)])])
    made["added"] = t
    files = []
    for name, t in made.items():
        files.append(os.path.join(folder, name + ".json"))
        t.save(files[-1])
    # ignore_merges cannot be set from here; nor can merges written as plain strings.
    with open(files[0]) as f:
        j = json.load(f)
    j["model"]["ignore_merges"] = True
    j["model"]["merges"] = [" ".join(m) for m in j["model"]["merges"][:500]]
    files.append(os.path.join(folder, "ignore_merges.json"))
    with open(files[-1], "w") as f:
        json.dump(j, f)
    return files


def read_texts(paths, lines):
    documents = []
    for path in paths:
        names = [path] if os.path.isfile(path) else [os.path.join(d, n) for d, _, f in os.walk(path) for n in f]
        for name in sorted(names):
            if name.endswith(".jsonl.zst"):
                raw = subprocess.run(["zstd", "-dcq", name], stdout=subprocess.PIPE, check=True).stdout
                texts = [json.loads(line)["text"] for line in raw.splitlines() if line.strip()]
            elif name.endswith(".txt"):
                texts = [open(name, encoding="utf-8", errors="replace").read()]
            else:
                continue
            documents.append(texts)
    # As many lines of each file.
    picked = []
    for texts in documents:
        own = [line for t in texts for line in t.split("\n") if line]
        random.shuffle(own)
        picked += own[:max(1, lines // len(documents))]
        picked += random.sample(texts, min(2, len(texts)))
    return picked


def made_texts():
    # What this Python knows: newer characters are digits to one of the peer's libraries and not to the other.
    everything = [chr(c) for c in range(1, 0x110000) if unicodedata.category(chr(c)) not in ("Cs", "Cn")]
    odd = list(" \t\n\r'  \u00a0\u3000\u200b/.,-\u017fsStTmMdDlLrRvVeE0123456789\u0663\u00b2aAbB\u00e9\u00c9\u00df\u03a3\u03c3"
               "\u0434\u0414\u4e2d\u3042\ud55c\u01c5\u02b0\U0001f44d\U0001f3fd\u200d\u0301\u0308\u212b_<|>")
    odd += ["<|endoftext|>", "<|im_end|>", "<|s|>", "<x>", "<x>y", "des", " des ", "\u00e9t", "e\u0301", "  ", "'ll", "'S"]
    texts = ["", " ", "\n", "<|endoftext|>", "x<|im_end|>y<|im_end", " <|s|> a", "a <|s|><|s|>  b", "desx des", "1" * 1000]
    for _ in range(12000):
        alphabet = odd if random.random() < 0.8 else everything
        texts.append("".join(random.choice(alphabet) for _ in range(random.randint(1, 25))))
    source = open(os.__file__, encoding="utf-8").read()
    texts += source.split("\n") + [source]
    letters = "abcdefghijklmnopqrstuvwxyz\u00e4\u00f6\u00fc"
    texts += ["a" * 1000000, "ab " * 333333, " " * 100000, "".join(random.choice(letters) for _ in range(1000000)),
              "\u00e9" * 100000, "\n" * 3000 + "x", "-=" * 5000]
    return [t.replace("\0", " ").encode() for t in texts]


def broken_texts():
    texts = [b"\xff", b"a\xc3", b"\xe2\x82", b"\xf0\x9f\x98", b"\xed\xa0\x80", b"\xc0\xaf", b"x\xf4\x90\x80\x80y", b"\x80<x>\x80"]
    for _ in range(3000):
        good = "".join(random.choice("a \u00e9\u20ac\U0001f600'1") for _ in range(random.randint(1, 12))).encode()
        raw = bytearray(good)
        for _ in range(random.randint(1, 3)):
            raw[random.randrange(len(raw))] = random.randint(1, 255)
        texts.append(bytes(raw))
    return texts


def leam(binary, arguments, data):
    done = subprocess.run([binary, "tokens"] + arguments, input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != 0:
        sys.exit("leam tokens %s failed: %s" % (" ".join(arguments), done.stderr.decode()))
    return done.stdout


def byte_offsets(text, offsets):
    """The peer counts code points."""
    at = [0]
    for c in text:
        at.append(at[-1] + len(c.encode()))
    return [[at[b], at[e]] for b, e in offsets]


def compare(binary, path, raws):
    peer = Tokenizer.from_file(path)
    data = b"".join(r + b"\0" for r in raws)
    ids = [[int(i) for i in line.split()] for line in leam(binary, ["encode", "--null", "--tokenizer", path], data).split(b"\n")]
    short = [r for r in raws if len(r) < 20000]
    spans = leam(binary, ["encode", "--null", "--json", "--tokenizer", path], b"".join(r + b"\0" for r in short)).split(b"\n")
    texts = [r.decode("utf-8", "replace") for r in raws]
    expected = [peer.encode(t) for t in texts]
    wrong = []
    for raw, e, got in zip(raws, expected, ids):
        if e.ids != got:
            wrong.append(("ids", raw[:120], e.ids[:40], got[:40]))
    by_raw = dict(zip(raws, expected))
    for raw, line in zip(short, spans):
        got, e = json.loads(line), by_raw[raw]
        text = raw.decode("utf-8", "replace")
        # The peer shows an added token with the white space that it took in.
        tokens = [a.strip() if a.strip() == b else a for a, b in zip(e.tokens, got["tokens"])]
        if got["ids"] != e.ids or got["tokens"] != tokens:
            wrong.append(("tokens", raw[:120], e.tokens[:40], got["tokens"][:40]))
        # Where the peer replaces characters (NFC, U+FFFD) it counts in another text.
        if text.encode() == raw and peer.normalizer is None and got["offsets"] != byte_offsets(text, e.offsets):
            wrong.append(("offsets", raw[:120], byte_offsets(text, e.offsets)[:40], got["offsets"][:40]))
    size = peer.get_vocab_size()
    lists = [e.ids for e in expected if len(e.ids) < 2000] + [
        [random.randrange(size) for _ in range(random.randint(1, 20))] for _ in range(2000)]
    lists = [list_ for list_ in lists if "\0" not in peer.decode(list_, skip_special_tokens=False)]
    data = b"".join(b" ".join(b"%d" % i for i in list_) + b"\n" for list_ in lists)
    for flag, skip in ([], True), (["--keep-special"], False):
        texts = leam(binary, ["decode", "--null", "--tokenizer", path] + flag, data).split(b"\0")
        for list_, got in zip(lists, texts):
            e = peer.decode(list_, skip_special_tokens=skip).encode()
            if e != got:
                wrong.append(("decode", list_[:20], e[:120], got[:120]))
    print("%-16s %6d texts, %8d ids, %6d with offsets, %6d decoded twice: %s" % (
        os.path.basename(path), len(raws), sum(len(e.ids) for e in expected), len(short), len(lists),
        "identical" if not wrong else "%d DIFFER" % len(wrong)), flush=True)
    for what, source, e, got in wrong[:4]:
        print("  %s of %r\n    expected %r\n    got      %r" % (what, source, e, got))
    return len(wrong)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("leam")
    parser.add_argument("--tokenizer", action="append", default=[])
    parser.add_argument("--text", action="append", default=[])
    parser.add_argument("--lines", type=int, default=12000)
    options = parser.parse_args()
    random.seed(7)
    raws = [t.encode() for t in read_texts(options.text, options.lines)] if options.text else []
    own = made_texts()
    print("tokenizers %s, %d lines of text, %d made up" % (tokenizers.__version__, len(raws), len(own)))
    with tempfile.TemporaryDirectory() as folder:
        files = options.tokenizer or made_tokenizers([r.decode() for r in (raws + own)[:20000] if len(r) < 50000], folder)
        wrong = sum(compare(options.leam, f, raws + own + broken_texts()) for f in files)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
