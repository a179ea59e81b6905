#!/usr/bin/env python3
"""Scores extracted texts against annotated pages.

    score.py ANNOTATIONS.json EXTRACTED.jsonl [--worst N] [--skip-missing]

ANNOTATIONS.json: a list of {"file", "with": [pieces that must be there], "without": [pieces that must not]}.
EXTRACTED.jsonl: one {"file", "text"} a line. A piece occurs if it is a substring once white space is collapsed on
both sides. A page without text has all its `with` pieces missed and its `without` pieces right. Counts are summed over
all pages. Prints `precision recall accuracy F` as key=value lines.
"""
import json
import sys


def norm(text):
    return " ".join(text.split())


def main():
    args = sys.argv[1:]
    worst = 0
    if "--worst" in args:
        at = args.index("--worst")
        worst = int(args[at + 1])
        del args[at:at + 2]
    pages = json.load(open(args[0], encoding="utf-8"))
    texts = {}
    for line in open(args[1], encoding="utf-8"):
        record = json.loads(line)
        texts[record["file"].rsplit("/", 1)[-1]] = norm(record.get("text") or "")
    tp = fp = fn = tn = 0
    bad = []
    for page in pages:
        text = texts.get(page["file"], "")
        missed = [p for p in page["with"] if not text or norm(p) not in text]
        leaked = [p for p in page["without"] if text and norm(p) in text]
        fn += len(missed)
        tp += len(page["with"]) - len(missed)
        fp += len(leaked)
        tn += len(page["without"]) - len(leaked)
        if missed or leaked:
            bad.append((len(missed) + len(leaked), page["file"], missed, leaked))
    ratio = lambda a, b: a / b if b else 0.0
    print(f"tp={tp} fp={fp} fn={fn} tn={tn}")
    print(f"precision={ratio(tp, tp + fp):.4f}")
    print(f"recall={ratio(tp, tp + fn):.4f}")
    print(f"accuracy={ratio(tp + tn, tp + fp + fn + tn):.4f}")
    print(f"f={ratio(2 * tp, 2 * tp + fp + fn):.4f}")
    for count, name, missed, leaked in sorted(bad, reverse=True)[:worst]:
        print(f"\n{name}")
        for piece in missed:
            print(f"  missed {piece!r}")
        for piece in leaked:
            print(f"  leaked {piece!r}")


main()
