#!/usr/bin/env bash
# run_tests.sh BUILD_DIR [--long]: every proof that leam works, in one place. Ends with one line
# "N passed, N failed, N skipped". Checks of the house first, then the unit tests of every room, then the
# line scripts; --long adds sanitizer builds, clang-tidy, fuzzing and the comparisons with real peers.
set -uo pipefail
build=$(realpath "$1")
shift
cd "$(dirname "$0")/.."
long=0
[ "${1:-}" = --long ] && long=1
passed=0 failed=0 skipped=0
logs=$build/test-logs
rm -rf "$logs" && mkdir -p "$logs"

# check NAME COMMAND...: one test; exit code 77 means it cannot run here, and its last line says why.
check() {
  local name=$1 start=$SECONDS code=0
  shift
  "$@" >"$logs/$name.log" 2>&1 || code=$?
  case $code in
    0) passed=$((passed + 1)); printf '  ok      %-34s %3d s\n' "$name" $((SECONDS - start)) ;;
    77) skipped=$((skipped + 1)); printf '  skipped %-34s %s\n' "$name" "$(tail -n 1 "$logs/$name.log")" ;;
    *)
      failed=$((failed + 1))
      printf '  FAILED  %-34s %3d s, whole output in %s\n' "$name" $((SECONDS - start)) "$logs/$name.log"
      tail -n 25 "$logs/$name.log" | sed 's/^/          /'
      ;;
  esac
}

# unit PROGRAM: counts its single tests.
unit() {
  local program=$1 name start=$SECONDS code=0 log
  name=$(basename "$program")
  log=$logs/$name.log
  "$program" --gtest_brief=1 >"$log" 2>&1 || code=$?
  local ok bad skip
  ok=$(sed -n 's/^\[  PASSED  \] \([0-9]*\) test.*/\1/p' "$log" | tail -n 1)
  skip=$(sed -n 's/^\[  SKIPPED \] \([0-9]*\) test.*/\1/p' "$log" | tail -n 1)
  bad=$(sed -n 's/^\[  FAILED  \] \([0-9]*\) tests\{0,1\}, listed below.*/\1/p' "$log" | tail -n 1)
  # A program that dies counts as one failure even if it never came to count its own.
  if [ $code -ne 0 ] && [ -z "$bad" ]; then bad=1; fi
  passed=$((passed + ${ok:-0})) failed=$((failed + ${bad:-0})) skipped=$((skipped + ${skip:-0}))
  if [ $code -eq 0 ]; then
    printf '  ok      %-34s %3d s, %s tests\n' "$name" $((SECONDS - start)) "${ok:-0}"
  else
    printf '  FAILED  %-34s %3d s, whole output in %s\n' "$name" $((SECONDS - start)) "$log"
    grep -E 'Failure|error|FAILED|terminate|what\(\)' -A 6 "$log" | tail -n 40 | sed 's/^/          /'
  fi
}

formatted() {
  command -v clang-format >/dev/null || { echo "clang-format is not installed"; return 77; }
  # Other versions break lines elsewhere; Debian 12's is the one the tree is written with.
  clang-format --version | grep -q 'version 14\.' || { echo "clang-format is not version 14"; return 77; }
  git ls-files 'src/*.h' 'src/*.cc' | xargs clang-format --dry-run -Werror
}

short_files() {
  git ls-files 'src/*' 'web/*' 'tests/*' | grep -E '\.(h|cc|sh|js|ts)$' | xargs wc -l |
    awk '$2 != "total" && $1 > 1000 { print; bad = 1 } END { exit bad }'
}

starts_fast() {
  # The best of ten, so that a busy machine does not decide.
  local best=1000000 t
  for _ in $(seq 10); do
    t=$(date +%s%N)
    "$build/leam" --help >/dev/null || return 1
    t=$((($(date +%s%N) - t) / 1000))
    [ $t -lt $best ] && best=$t
  done
  echo "leam --help: $best µs"
  [ $best -lt 50000 ]
}

echo "▸ the house"
check rooms tools/check_rooms.sh
check file-lengths short_files
check clang-format formatted
check help-under-50-ms starts_fast

echo "▸ units"
for program in "$build"/*_test; do unit "$program"; done

echo "▸ the line"
for script in tests/line/*.test; do
  check "line-$(basename "$script" .test)" tests/line/line.sh "$build" "$script"
done

if [ $long -eq 1 ]; then
  echo "▸ long"
  for script in tests/long/*.sh; do
    check "long-$(basename "$script" .sh)" "$script" "$build"
  done
fi

echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
