#!/bin/bash
# Writes src/pipeline/crawl/html/entities_table.inc from the list of named character references that the HTML
# standard publishes (html.spec.whatwg.org/entities.json), read from standard input:
#   tools/make_html_entities.sh < entities.json > src/pipeline/crawl/html/entities_table.inc
# Any JSON of that form will do; Python's html.entities.html5 holds the same facts:
#   python3 -c 'import html.entities as h, json; print(json.dumps({"&" + k: {"codepoints": [ord(c) for c in v]}
#     for k, v in h.html5.items()}))' | tools/make_html_entities.sh
set -euo pipefail
export LC_ALL=C
tr -d ' \n' | sed 's/"&/\n"\&/g' |
  sed -nE 's/^"&([A-Za-z0-9]+;?)":\{"codepoints":\[([0-9,]+)\].*/\1 \2/p' | sort -k1,1 |
  awk '
    function byte(n) { return sprintf("\\%03o", n) }  # octal: never runs on into the next character
    function utf8(c) {
      if (c < 128) return byte(c)
      if (c < 2048) return byte(192 + int(c / 64)) byte(128 + c % 64)
      if (c < 65536) return byte(224 + int(c / 4096)) byte(128 + int(c / 64) % 64) byte(128 + c % 64)
      return byte(240 + int(c / 262144)) byte(128 + int(c / 4096) % 64) byte(128 + int(c / 64) % 64) byte(128 + c % 64)
    }
    BEGIN {
      print "// Made by tools/make_html_entities.sh; do not edit."
      print "// clang-format off"
    }
    {
      n = split($2, points, ",")
      value = ""
      for (i = 1; i <= n; ++i) value = value utf8(points[i])
      entry = "{\"" $1 "\", \"" value "\"},"
      if (length(line) + length(entry) + 1 > 240) { print line; line = "" }
      line = line (line == "" ? "" : " ") entry
    }
    END { print line; print "// clang-format on" }'
