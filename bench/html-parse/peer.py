"""lexbor through selectolax on the same pages: peer.py DIR. The best of four rounds over pages already decoded."""
import os
import sys
import time
from importlib.metadata import version

from selectolax.lexbor import LexborHTMLParser

pages = []
for folder, _, names in os.walk(sys.argv[1]):
    for name in sorted(names):
        with open(os.path.join(folder, name), "rb") as f:
            pages.append(f.read().decode("utf-8", "replace").encode())
best = float("inf")
for _ in range(4):
    start = time.perf_counter()
    for page in pages:
        LexborHTMLParser(page)
    best = min(best, time.perf_counter() - start)
total = sum(map(len, pages))
print(f"pages={len(pages)} bytes={total} mb_per_second={total / best / 1e6:.1f} version={version('selectolax')}")
