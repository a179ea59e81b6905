"""peer.py TEXT VOCAB OURS: learns the same BPE with Hugging Face tokenizers and counts the merges that agree."""
import json
import resource
import sys
import time

import tokenizers
from tokenizers import Tokenizer, models, pre_tokenizers, trainers


def main():
    text, vocab, ours = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    begin = time.perf_counter()
    texts = open(text, "rb").read().decode().split("\0")
    size = sum(len(t.encode()) + 1 for t in texts)
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=vocab, show_progress=False, special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    peers = [tuple(m) for m in json.loads(t.to_str())["model"]["merges"]]
    mine = [tuple(m) for m in json.load(open(ours, encoding="utf-8"))["model"]["merges"]]
    same = next((i for i, (a, b) in enumerate(zip(peers, mine)) if a != b), min(len(peers), len(mine)))
    print("mb_per_s=%.3f\nseconds=%.3f\npeak_mb=%.0f\nversion=%s\nsame_merges=%d\nmerges=%d" % (
        size / 1e6 / seconds, seconds, peak, tokenizers.__version__, same, len(peers)))


main()
