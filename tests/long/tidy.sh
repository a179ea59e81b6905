#!/usr/bin/env bash
# tidy.sh BUILD_DIR: clang-tidy over every source of src/, naming rules on, warnings as errors.
set -uo pipefail
cd "$(dirname "$0")/../.."
command -v clang-tidy >/dev/null || { echo "clang-tidy is not installed"; exit 77; }
git ls-files 'src/*.cc' | grep -v '_fuzz\.cc$' | xargs -P "$(nproc)" -n 4 clang-tidy -p "$1" --quiet
