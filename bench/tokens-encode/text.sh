# Sourced by the token benches: text_of FILE MEGABYTES writes the text to measure on, documents separated by NUL.
text_of() {
  local from=${LEAM_DATA:-}
  if [ -z "$from" ] && [ -n "${DEMO_DOCUMENTS:-}" ] && [ -d "$DEMO_DOCUMENTS" ]; then
    from=$DEMO_DOCUMENTS
    echo "no --data: measuring on the demo's documents"
  fi
  if [ -z "$from" ]; then
    echo "bench: no text: give --data DIR (a folder of *.jsonl.zst or of plain text), or run ./run demo first" >&2
    return 1
  fi
  "$LEAM_BUILD/pipeline_tokens_bench" text "$from" "$1" "$2" | tr '\n' ' '
  echo
}
value() { sed -n "s/^$2=//p" "$1" | sort -g | awk '{x[NR]=$1} END {print x[int((NR+1)/2)]}'; }  # the median
