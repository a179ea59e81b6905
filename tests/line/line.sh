#!/usr/bin/env bash
# line.sh BUILD_DIR SCRIPT: runs one plain-text script that drives the program.
#
#   # a comment
#   $ leam crawl            a command, run by bash in an empty folder of the script's own; must exit 0
#   = 2                     … unless this line after it says which exit code it must have
#   ~ dropped by rule \w+   its output (both streams) must have a line that matches this (grep -E)
#   !~ Segmentation         … and none that matches this
#   | more                  continues the command on the line above it
#
# The command sees: leam (the program just built), $PAGES (examples/pages), $SRC (the checkout), $BUILD.
set -uo pipefail
BUILD=$(realpath "$1")
script=$(realpath "$2")
SRC=$(realpath "$(dirname "$0")/../..")
PAGES=$SRC/examples/pages
scratch=$(mktemp -d "${TMPDIR:-/tmp}/leam-line.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/bin" "$scratch/here"
ln -s "$BUILD/leam" "$scratch/bin/leam"
export PATH=$scratch/bin:$PATH SRC PAGES BUILD
cd "$scratch/here"

number=0 at=0 command="" want=0 match=() avoid=()

finish() {
  [ -n "$command" ] || return 0
  local code=0 out=$scratch/output
  bash -c "$command" >"$out" 2>&1 </dev/null || code=$?
  local wrong=""
  [ "$code" -eq "$want" ] || wrong="exit code $code, wanted $want"
  local m
  for m in ${match[@]+"${match[@]}"}; do
    grep -qE -- "$m" "$out" || wrong+="${wrong:+; }no line matches: $m"
  done
  for m in ${avoid[@]+"${avoid[@]}"}; do
    if grep -qE -- "$m" "$out"; then wrong+="${wrong:+; }a line matches: $m"; fi
  done
  if [ -n "$wrong" ]; then
    echo "$script:$at: $command"
    echo "  $wrong"
    echo "  output:"
    tail -n 40 "$out" | sed 's/^/  | /'
    exit 1
  fi
  command="" want=0 match=() avoid=()
}

while IFS= read -r line || [ -n "$line" ]; do
  number=$((number + 1))
  case "$line" in
    '$ '*) finish; command=${line#'$ '}; at=$number ;;
    '| '*) command+=$'\n'${line#'| '} ;;
    '= '*) want=${line#= } ;;
    '~ '*) match+=("${line#\~ }") ;;
    '!~ '*) avoid+=("${line#!\~ }") ;;
    '#'* | '') ;;
    *) echo "$script:$number: not a directive: $line"; exit 1 ;;
  esac
done <"$script"
finish
