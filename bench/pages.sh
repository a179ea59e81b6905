# Sourced by the benches that need raw pages: sets $pages (a folder) and $annotations (a file, or empty), from
# LEAM_DATA if it is given, else from the demo. $work is a scratch folder of the caller's.
annotations=""
if [ -n "${LEAM_DATA:-}" ]; then
  for d in "$LEAM_DATA/extraction" "$LEAM_DATA"; do
    if [ ! -f "$d/annotations.json" ]; then continue; fi
    annotations=$d/annotations.json
    if [ -d "$d/pages" ]; then
      pages=$d/pages
    elif [ -f "$d/pages.tar.zst" ]; then
      tar --zstd -xf "$d/pages.tar.zst" -C "$work"
      pages=$work/pages
    else
      pages=$d
    fi
    break
  done
  if [ -z "${pages:-}" ] && [ -n "$(find "$LEAM_DATA" -name '*.html' -print -quit)" ]; then pages=$LEAM_DATA; fi
  if [ -z "${pages:-}" ]; then echo "no HTML pages in $LEAM_DATA" >&2; exit 1; fi
else
  source_pages=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/demo/pages
  if [ ! -d "$source_pages" ]; then
    echo "no pages: give --data DIR, or run the demo first (it fetches some)" >&2
    exit 1
  fi
  echo "  no --data: 1,000 of the demo's help pages are used"
  mkdir -p "$work/demo"
  find "$source_pages" -name '*.html' | sort | awk 'NR % 29 == 1' | head -n 1000 | while read -r f; do
    cp "$f" "$work/demo/$(echo "${f#"$source_pages"/}" | tr / _)"
  done
  pages=$work/demo
fi
