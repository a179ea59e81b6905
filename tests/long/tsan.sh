#!/usr/bin/env bash
# The unit tests under ThreadSanitizer.
exec "$(dirname "$0")/../sanitized.sh" tsan
