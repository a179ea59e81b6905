"""trafilatura's baseline on the same pages: peer.py DIR OUT.jsonl. Only the extraction call is timed, decoding in it."""
import json
import os
import sys
import time

import trafilatura
from trafilatura import baseline

pages = []
for folder, _, names in os.walk(sys.argv[1]):
    for name in sorted(names):
        with open(os.path.join(folder, name), "rb") as f:
            pages.append((os.path.relpath(os.path.join(folder, name), sys.argv[1]), f.read()))
baseline(pages[0][1])
spent = 0.0
with open(sys.argv[2], "w", encoding="utf-8") as out:
    for name, page in pages:
        start = time.perf_counter()
        try:
            text = baseline(page)[1]
        except Exception:  # a page that it cannot read counts as one without text
            text = ""
        spent += time.perf_counter() - start
        out.write(json.dumps({"file": name, "text": text}) + "\n")
print(f"pages={len(pages)} pages_per_second={len(pages) / spent:.1f} ms_per_page={spent / len(pages) * 1e3:.4f} "
      f"version={trafilatura.__version__}")
