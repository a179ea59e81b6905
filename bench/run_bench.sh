#!/usr/bin/env bash
# run_bench.sh BUILD_DIR list | NAME [--json FILE] [--data DIR]
#
# A bench is a folder bench/NAME with
#   about             its first line says what is measured
#   requirements.txt  the peer's packages on PyPI, if the peer is one
#   bench             runs leam and the peer on the same work and appends key=value lines to $BENCH_RESULT:
#                     ours, peer, unit, peer_name, peer_version, and any quality figures
# It is given LEAM_BUILD (programs), PEER_PYTHON (an interpreter that has the requirements; empty if it could
# not be had), LEAM_DATA (from --data or the environment; may be empty) and DEMO_DOCUMENTS (the demo's
# documents, if the demo has run). Figures are rates: more is better.
set -uo pipefail
build=$(realpath "$1")
name=$2
shift 2
caller=${LEAM_CALLER:-$PWD}  # relative paths are the caller's
cd "$(dirname "$0")"

if [ "$name" = list ]; then
  for about in */about; do printf '%-16s %s\n' "$(dirname "$about")" "$(head -n 1 "$about")"; done
  exit 0
fi
if [ ! -x "$name/bench" ]; then
  echo "bench: there is no bench \"$name\"; these are there:" >&2
  for about in */about; do echo "  $(dirname "$about")" >&2; done
  exit 2
fi
json="" data=${LEAM_DATA:-}
while [ $# -gt 0 ]; do
  case "$1" in
    --json) json=${2:?--json needs a file}; shift 2 ;;
    --data) data=$(cd "$caller" && realpath "${2:?--data needs a folder}") || exit 2; shift 2 ;;
    *) echo "bench: unknown option $1" >&2; exit 2 ;;
  esac
done
[ -n "$json" ] && case "$json" in /*) ;; *) json=$caller/$json ;; esac
if [ -n "$data" ] && [ ! -d "$data" ]; then
  echo "bench: $data is not a folder" >&2
  exit 2
fi

# The peer's scratch environment. Without a network the bench still runs, and says so.
python=""
if [ -s "$name/requirements.txt" ]; then
  peers=$build/../peers/$name
  stamp=$peers/installed.txt
  if cmp -s "$name/requirements.txt" "$stamp"; then
    python=$peers/bin/python
  elif command -v python3 >/dev/null; then
    echo "▸ installing the peer: $(grep -v '^#' "$name/requirements.txt" | tr '\n' ' ')"
    mkdir -p "$(dirname "$peers")"
    if python3 -m venv "$peers" >"$peers.log" 2>&1 &&
      "$peers/bin/python" -m pip install -r "$name/requirements.txt" >>"$peers.log" 2>&1; then
      cp "$name/requirements.txt" "$stamp"
      python=$peers/bin/python
    else
      echo "bench: the peer cannot be installed (see $peers.log): our figure stands alone" >&2
    fi
  else
    echo "bench: no python3 for the peer: our figure stands alone" >&2
  fi
fi

result=$(mktemp)
trap 'rm -f "$result"' EXIT
demo=$(realpath ../demo/documents 2>/dev/null || true)
if ! LEAM_BUILD=$build PEER_PYTHON=$python LEAM_DATA=$data DEMO_DOCUMENTS=$demo BENCH_RESULT=$result "$name/bench"; then
  echo "bench: $name failed" >&2
  exit 1
fi

machine=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
awk -F= -v name="$name" -v json="$json" -v machine="$machine, $(nproc) cpus" -v date="$(date -u +%Y-%m-%dT%H:%M:%SZ)" '
  function quoted(s) { gsub(/\\/, "\\\\", s); gsub(/"/, "\\\"", s); return "\"" s "\"" }
  function number(s) { return s ~ /^-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$/ }
  { key = $1; value = substr($0, length(key) + 2); if (!(key in v)) order[++n] = key; v[key] = value }
  END {
    if (!number(v["ours"])) { print "bench: " name " gave no figure" > "/dev/stderr"; exit 1 }
    ratio = number(v["peer"]) && v["peer"] > 0 ? sprintf("%.2f", v["ours"] / v["peer"]) : ""
    if (json != "") {
      printf "{\n  \"name\": %s,\n  \"ratio\": %s,\n", quoted(name), ratio == "" ? "null" : ratio > json
      for (i = 1; i <= n; ++i) {
        key = order[i]
        printf "  %s: %s,\n", quoted(key), number(v[key]) && key !~ /version/ ? v[key] : quoted(v[key]) > json
      }
      printf "  \"machine\": %s,\n  \"date\": %s\n}\n", quoted(machine), quoted(date) > json
    }
    for (i = 1; i <= n; ++i)
      if (order[i] !~ /^(ours|peer|unit|peer_name|peer_version)$/) printf "  %s %s\n", order[i], v[order[i]]
    if (v["peer"] != "") printf "  peer is %s %s\n", v["peer_name"], v["peer_version"]
    printf "%s %s ours=%s peer=%s unit=%s\n", name, ratio == "" ? "-" : ratio "x", v["ours"],
      v["peer"] == "" ? "-" : v["peer"], v["unit"]
  }' "$result"
