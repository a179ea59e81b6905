#!/usr/bin/env bash
# bare_machine.sh [BUILD_DIR] [COMMAND...]: the first command on a bare Debian 12. Makes a minimal root with
# debootstrap, clones this checkout into it, and runs ./run COMMAND there (default: test), then once more
# without a network, where nothing may be installed. Needs root, debootstrap and the Debian archive.
set -euo pipefail
shift || true
cd "$(dirname "$0")/../.."
[ "$(id -u)" -eq 0 ] || { echo "needs root"; exit 77; }
command -v debootstrap >/dev/null || { echo "debootstrap is not installed"; exit 77; }
[ $# -gt 0 ] || set -- test
root=$(mktemp -d "${TMPDIR:-/tmp}/leam-bare.XXXXXX")
cleanup() {
  umount "$root/proc" "$root/dev" 2>/dev/null || true
  rm -rf --one-file-system "$root"
}
trap cleanup EXIT
debootstrap --variant=minbase bookworm "$root" http://deb.debian.org/debian >"$root.log" 2>&1 || {
  tail -n 5 "$root.log"
  echo "no Debian archive within reach"
  exit 77
}
# What this machine needs to reach the archive, it needs in there too.
cp /etc/resolv.conf "$root/etc/" 2>/dev/null || true
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
git clone -q . "$root/leam"
chroot "$root" env -i PATH="$PATH" HOME=/root TERM=dumb /leam/run "$@"
echo "▸ the second time, without a network"
unshare --net chroot "$root" env -i PATH="$PATH" HOME=/root TERM=dumb sh -c 'cd /leam && ./run setup'
