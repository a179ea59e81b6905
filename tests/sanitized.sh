#!/usr/bin/env bash
# sanitized.sh PRESET: builds the tests with a sanitizer preset and runs them.
set -uo pipefail
cd "$(dirname "$0")/.."
preset=$1
cmake --preset "$preset" >/dev/null && cmake --build --preset "$preset" || exit 1
# oneDNN's JIT code and its OpenMP runtime are not instrumented: what they report about themselves is not ours.
export ASAN_OPTIONS=detect_leaks=1:halt_on_error=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export LSAN_OPTIONS=suppressions=$PWD/tests/lsan.supp TSAN_OPTIONS=halt_on_error=1:suppressions=$PWD/tests/tsan.supp
bad=0
for program in build/"$preset"/*_test; do
  echo "== $program"
  "$program" --gtest_brief=1 || bad=1
done
exit $bad
