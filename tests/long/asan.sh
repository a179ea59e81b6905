#!/usr/bin/env bash
# The unit tests under AddressSanitizer and UndefinedBehaviorSanitizer.
exec "$(dirname "$0")/../sanitized.sh" asan
