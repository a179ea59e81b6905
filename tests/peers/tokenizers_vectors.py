#!/usr/bin/env python3
"""Writes src/base/text/tokenizer/vectors_test.h: a small vocabulary and what Hugging Face `tokenizers` makes of
some texts with it, under each pre-tokenizer. Needs the PyPI package `tokenizers`; prints the file.

    python3 tests/peers/tokenizers_vectors.py > src/base/text/tokenizer/vectors_test.h
"""
import json

import tokenizers
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from tokenizers_identical import REGEXES

LEARN = ["the theatre of the other thing, don't they'll THEY'LL", "Grüße aus dem Süden, schöne Grüße 12345 12345",
         "καλημέρα κόσμε καλημέρα", "привет мир привет", "  return x + 1\n\n    return y\n", "été d'été l'été"]

TEXTS = ["", " ", "  ", "\n", "a", "the theatre", " the  other\tthing", "don't DON'T they'll THEY'LL I'm we've d'accord 'S",
         "'\u017f 'ſt x'", "Grüße\r\n\r\naus  dem\n  Süden ", "12345678 1 22 333 4444 ٣٤ ²³ Ⅷ", "καλημέρα ΚΌΣΜΕ",
         "привет, мир!", "été e\u0301te\u0301", "camelCaseWord HTTPServer iPhone ǅungla ʰa", "x+=1;//ok\n/*a*/", "中文字符 日本語 한국어",
         "👍🏽👩\u200d👩\u200d👧 😀", "\u00a0\u3000 \u2028x", "<|end|>a<|end|> b<|end", "a <tag> b<tag>c", "   <tag>", "\ufffd\u0000\u0007",
         "-----====____", "\t\t\tx\n\n\n", " 's", "e\u0308\u0323 a\u0323\u0308"]

BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}


def split(name):
    return {"type": "Sequence", "pretokenizers": [
        {"type": "Split", "pattern": {"Regex": REGEXES[name]}, "behavior": "Isolated", "invert": False}, BYTE_LEVEL]}


HEADS = {name: split(name) for name in REGEXES}
HEADS["gpt2"] = dict(BYTE_LEVEL, use_regex=True)
HEADS["prefix"] = dict(BYTE_LEVEL, use_regex=True, add_prefix_space=True)
HEADS["starcoder"] = {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True},
                                                            dict(BYTE_LEVEL, use_regex=True)]}


def literal(text):
    """A C++ string literal of the UTF-8 bytes, in pieces, so that no digit joins an escape before it."""
    out, escaped = "", False
    for byte in text.encode():
        c = chr(byte)
        if byte < 32 or byte > 126 or c in '"\\?':
            out += "\\%03o" % byte
        else:
            out += c
    return '"%s"' % out


def wrapped(items, width=108):
    lines, line = [], ""
    for item in items:
        if len(line) + len(item) > width:
            lines.append(line)
            line = ""
        line += item
    return "\n".join(lines + [line])


def main():
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.train_from_iterator(LEARN, trainers.BpeTrainer(vocab_size=330, show_progress=False, special_tokens=["<|end|>"],
                                                     initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    base = json.loads(t.to_str())
    base["model"]["merges"] = [" ".join(m) for m in base["model"]["merges"]]
    base["added_tokens"].append(dict(base["added_tokens"][0], id=330, content="<tag>", special=False, normalized=True,
                                     lstrip=True))
    print("// Made by tests/peers/tokenizers_vectors.py with tokenizers", tokenizers.__version__ + ".")
    print("#pragma once\n\n#include <string_view>\n#include <vector>\n\nnamespace leam::text {\n")
    print("// clang-format off")
    for name, value in ("kModelJson", base["model"]), ("kAddedJson", base["added_tokens"]):
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        print("inline constexpr std::string_view %s =" % name)
        pieces = [text[i:i + 80] for i in range(0, len(text), 80)]
        print("\n".join('    R"json(%s)json"' % p for p in pieces) + ";\n")
    print("struct Vector {\n  std::string_view head, text;\n  std::vector<int> ids;\n  std::vector<int> spans;  // begin, end, in bytes\n};\n")
    print("struct Head {\n  std::string_view name, json;\n};\ninline constexpr Head kHeads[] = {")
    for name, head in HEADS.items():
        print('    {"%s",\n%s},' % (name, "\n".join('     R"json(%s)json"' % p for p in [
            json.dumps(head)[i:i + 90] for i in range(0, len(json.dumps(head)), 90)])))
    print("};\n\ninline const std::vector<Vector>& vectors() {\n  static const std::vector<Vector> all{")
    for name, head in HEADS.items():
        whole = dict(base, pre_tokenizer=head, decoder=BYTE_LEVEL,
                     post_processor=dict(BYTE_LEVEL, add_prefix_space=head.get("add_prefix_space", False)))
        peer = Tokenizer.from_str(json.dumps(whole))
        for text in TEXTS:
            e = peer.encode(text)
            at = [0]
            for c in text:
                at.append(at[-1] + len(c.encode()))
            ids = ",".join(map(str, e.ids))
            spans = ",".join("%d,%d" % (at[b], at[x]) for b, x in e.offsets)
            # std::string_view by size: a text may hold a NUL.
            print(wrapped(['{"%s",{%s,%d},{' % (name, literal(text), len(text.encode()))] +
                          [x + "," for x in ids.split(",") if x] + ["},{"] + [x + "," for x in spans.split(",") if x] + ["}},"]))
    print("  };\n  return all;\n}\n\n// clang-format on\n}  // namespace leam::text")


main()
