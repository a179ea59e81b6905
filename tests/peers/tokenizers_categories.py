#!/usr/bin/env python3
"""Writes src/base/text/tokenizer/category_table.cc: the general category of every code point as Hugging Face
`tokenizers` sees it, so that text is cut where it cuts. Needs the PyPI package `tokenizers`; prints the file.

    python3 tests/peers/tokenizers_categories.py > src/base/text/tokenizer/category_table.cc
"""
import tokenizers
from tokenizers import Regex, pre_tokenizers

# The order is that of enum class Category in categories.h.
CATEGORIES = ("Cn Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Cs Co").split()
SURROGATES = range(0xD800, 0xE000)


def members(category):
    """Code points that \\p{category} matches. Between two of them stands one that it does not match."""
    fence = "\0" if category != "Cc" else "a"
    split = pre_tokenizers.Split(Regex(r"\p{%s}" % category), "removed")
    found = set()
    for base in range(0, 0x110000, 0x1000):
        points = [c for c in range(base, base + 0x1000) if c not in SURROGATES]
        text = fence + "".join(chr(c) + fence for c in points)
        kept = set()
        for _, (begin, end) in split.pre_tokenize_str(text):
            kept.update(range(begin, end))
        found.update(c for i, c in enumerate(points) if 2 * i + 1 not in kept)
    return found


def main():
    table = [0] * 0x110000
    for number, category in enumerate(CATEGORIES):
        if category in ("Cn", "Cs"):
            continue
        for c in members(category):
            assert table[c] == 0, hex(c)
            table[c] = number
    for c in SURROGATES:
        table[c] = CATEGORIES.index("Cs")
    runs = [c << 5 | table[c] for c in range(0x110000) if c == 0 or table[c] != table[c - 1]]
    print("// Made by tests/peers/tokenizers_categories.py from tokenizers", tokenizers.__version__ + ".")
    print('#include "base/text/tokenizer/categories.h"\n')
    print("namespace leam::text::detail {\n\n// clang-format off")
    print("const uint32_t kCategoryRuns[] = {")
    line = ""
    for run in runs:
        item = "0x%x," % run
        if len(line) + len(item) > 109:
            print(line)
            line = ""
        line += item
    print(line + "};\n// clang-format on")
    print("const size_t kCategoryRunCount = %d;\n\n}  // namespace leam::text::detail" % len(runs))


main()
