#!/usr/bin/env python3
"""Compares our HTML trees with html5lib's (PyPI: html5lib 1.1) on generated pages, and on a folder if one is given.

    html_tree.py BUILD_DIR/pipeline_crawl_bench [--pages N] [--seed S] [FOLDER]

Pages are random sequences of the fragments that tokenizer states and insertion modes turn on. Left out is what
html5lib 1.1 does otherwise than the standard: <select> and </p>, </br> inside foreign content (rules newer than it),
formatting reopened inside <textarea>, </br> before <frameset>. Exits with 1 if a tree differs.
"""
import argparse
import json
import os
import random
import subprocess
import sys
import tempfile

import html5lib
from html5lib import treebuilders

PIECES = """<p> </p> <b> </b> <i> </i> <a href=x> </a> <div> </div> <span> </span> <table> </table> <tr> </tr> <td> </td>
<tbody> </tbody> <th> <caption> </caption> <col> <colgroup> <ul> </ul> <li> </li> <dl> <dt> <dd> <h1> </h1> <h2> </h3>
<br> </br> <hr> <img> <pre> </pre> <form> </form> <button> </button> <nobr> </nobr> <font> </font> <em> </em> <code>
<script> </script> <style> </style> <title> </title> <textarea> </textarea> <svg> </svg> <math> <mi> </mi> </math>
<foreignObject> </foreignObject> <desc> </p> text x &amp; &lt &notit; &#65; &#x80; <!--c--> <!x> <?y> </body> </html>
<body a=1> <html b=2> <head> </head> <frameset> <object> </object> <applet> <marquee> <blockquote> </blockquote>
<center> <address> <article> </article> <section> <ruby> <rt> <rp> </ruby> <input type=hidden> <input> <iframe> </iframe>
<noscript> </noscript> <xmp> </xmp> <template> </template> <option> <optgroup> <big> </big> <!DOCTYPE_html>""".split()


def serialise(node, depth, out):
    pad = "| " + "  " * depth
    for child in node.childNodes:
        kind = child.nodeType
        if kind == child.DOCUMENT_TYPE_NODE:
            ids = f' "{child.publicId or ""}" "{child.systemId or ""}"' if child.publicId or child.systemId else ""
            out.append(f"{pad}<!DOCTYPE {child.name}{ids}>")
        elif kind == child.COMMENT_NODE:
            out.append(f"{pad}<!-- {child.data} -->")
        elif kind == child.TEXT_NODE:
            out.append(f'{pad}"{child.data}"')
        elif kind == child.ELEMENT_NODE:
            prefix = {"http://www.w3.org/2000/svg": "svg ", "http://www.w3.org/1998/Math/MathML": "math "}
            out.append(f"{pad}<{prefix.get(child.namespaceURI, '')}{child.nodeName}>")
            for name, value in sorted(child.attributes.items()):
                out.append(f'{pad}  {name}="{value}"')
            serialise(child, depth + 1, out)


def peer_tree(page):
    parser = html5lib.HTMLParser(tree=treebuilders.getTreeBuilder("dom"), namespaceHTMLElements=True)
    out = []
    document = parser.parse(page, transport_encoding="utf-8")
    document.normalize()  # html5lib leaves text in pieces
    serialise(document, 0, out)
    return "\n".join(out) + "\n"


def main():
    args = argparse.ArgumentParser()
    args.add_argument("bench")
    args.add_argument("--pages", type=int, default=3000)
    args.add_argument("--seed", type=int, default=1)
    args.add_argument("folder", nargs="?")
    args = args.parse_args()
    draw = random.Random(args.seed)
    with tempfile.TemporaryDirectory() as work:
        folder = args.folder or work
        if not args.folder:
            pieces = [p for p in PIECES if p not in ("<template>", "</template>", "<option>", "<optgroup>", "</br>", "<textarea>", "</textarea>")]
            for i in range(args.pages):
                page = "".join(draw.choice(pieces) for _ in range(draw.randint(1, 25))).replace("DOCTYPE_", "DOCTYPE ")
                if "<svg>" in page or "<math>" in page:
                    page = page.replace("</p>", "")
                with open(os.path.join(work, f"{i:05}.html"), "w", encoding="utf-8") as f:
                    f.write(page)
        lines = subprocess.run([args.bench, "trees", folder], check=True, capture_output=True).stdout.decode().splitlines()
        same = differ = 0
        for line in lines:
            ours = json.loads(line)
            with open(os.path.join(folder, ours["file"]), "rb") as f:
                page = f.read()
            peer = peer_tree(page)
            if ours["tree"] == peer:
                same += 1
                continue
            differ += 1
            if differ <= 20:
                print(f"--- {ours['file']}\n{page.decode('utf-8', 'replace')[:600]}\n--- ours\n{ours['tree'][:1500]}"
                      f"--- html5lib\n{peer[:1500]}")
        print(f"{same} of {len(lines)} trees are the same")
        return 0 if same == len(lines) else 1


sys.exit(main())
