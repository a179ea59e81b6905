#!/usr/bin/env python3
"""Does datatrove read what leam wrote? Every document of a documents or corpus folder, through datatrove's own
JsonlReader, against the lines themselves as the zstd program gives them.

    python3 -m venv build/peers/datatrove
    build/peers/datatrove/bin/pip install datatrove orjson zstandard
    build/peers/datatrove/bin/python tests/peers/datatrove_reads.py FOLDER

Ends with one line `datatrove reads N documents of FOLDER`, or with exit status 1 and the first difference.
"""

import json
import logging
import subprocess
import sys
from pathlib import Path

from datatrove.pipeline.readers import JsonlReader


def lines(folder: Path, pattern: str):
    for part in sorted(folder.glob(pattern)):
        text = subprocess.run(["zstd", "-dc", str(part)], check=True, capture_output=True).stdout
        for line in text.split(b"\n"):
            if line:
                yield json.loads(line)


def compare(folder: Path, pattern: str) -> int:
    n = 0
    ours = lines(folder, pattern)
    for theirs in JsonlReader(str(folder), glob_pattern=pattern, doc_progress=False).run():
        mine = next(ours, None)
        if mine is None:
            sys.exit(f"datatrove sees more than {n} documents in {pattern}")
        metadata = {k: v for k, v in theirs.metadata.items() if k not in ("file_path", "source", "created", "added")}
        if (theirs.id, theirs.text, metadata) != (mine["id"], mine["text"], mine["metadata"]):
            sys.exit(f"document {n} of {pattern} differs: {theirs.id} against {mine['id']}")
        n += 1
    if next(ours, None) is not None:
        sys.exit(f"datatrove stops after {n} documents of {pattern}")
    return n


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = Path(sys.argv[1])
    n = sum(compare(folder, p) for p in ("part-*.jsonl.zst", "heldout-*.jsonl.zst") if any(folder.glob(p)))
    print(f"datatrove reads {n} documents of {folder}")


if __name__ == "__main__":
    logging.disable(logging.INFO)
    main()
