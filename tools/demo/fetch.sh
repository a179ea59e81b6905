#!/usr/bin/env bash
# fetch.sh PAGES CACHE LANG...: the office suite's help in these languages as PAGES/<lang>/**.html.
# Debian packages are downloaded into CACHE (no root needed, nothing is installed); what is there is not
# fetched again, and without network what is there will do if it is enough.
set -euo pipefail

pages=$1 cache=$2
shift 2
languages=("$@")
mkdir -p "$pages" "$cache"
pages=$(cd "$pages" && pwd) cache=$(cd "$cache" && pwd)
tmp=$(mktemp -d "$cache/tmp.XXXXXX")
trap 'rm -rf "$tmp"' EXIT

package() { # the package of a language
  if [ "$1" = en ]; then echo libreoffice-help-en-us; else echo "libreoffice-help-$1"; fi
}
cached() { # its newest file, if any
  find "$cache" -maxdepth 1 -name "$(package "$1")_*.deb" | sort | tail -n 1
}

missing=()
for lang in "${languages[@]}"; do
  if [ ! -d "$pages/$lang" ] && [ -z "$(cached "$lang")" ]; then missing+=("$lang"); fi
done

# download PACKAGE...: into $tmp
options=()
download() {
  (cd "$tmp" && apt-get "${options[@]}" -q download "$@") >>"$cache/apt.log" 2>&1
}

if [ ${#missing[@]} -gt 0 ]; then
  echo "  fetching ${#missing[@]} help packages of about 3 MB: ${missing[*]}"
  : >"$cache/apt.log"
  names=()
  for lang in "${missing[@]}"; do names+=("$(package "$lang")"); done
  if [ "$(id -u)" -eq 0 ]; then options+=(-o APT::Sandbox::User=root); fi
  if ! download "${names[@]}"; then
    # Perhaps this machine has no package lists yet: fetch some for us alone, as any user may. One package that
    # is not there would fail all others, so now they come one by one.
    mkdir -p "$cache/apt/lists/partial" "$cache/apt/cache/archives/partial"
    options+=(-o "Dir::State::Lists=$cache/apt/lists" -o "Dir::Cache=$cache/apt/cache")
    apt-get "${options[@]}" -q update >>"$cache/apt.log" 2>&1 || true
    for name in "${names[@]}"; do download "$name" || true; done
  fi
  find "$tmp" -maxdepth 1 -name '*.deb' -exec mv {} "$cache" \;
fi

usable=()
for lang in "${languages[@]}"; do
  if [ -d "$pages/$lang" ]; then
    usable+=("$lang")
    continue
  fi
  deb=$(cached "$lang")
  [ -n "$deb" ] || continue
  rm -rf "$tmp/deb"
  if ! dpkg-deb -x "$deb" "$tmp/deb" 2>>"$cache/apt.log"; then
    echo "  $deb cannot be unpacked; delete it and run again" >&2
    continue
  fi
  # …/help/de/text/** in Debian and Ubuntu, under /usr/share or /usr/lib
  text=$(find "$tmp/deb" -type d -path '*/help/*/text' | head -n 1)
  [ -n "$text" ] || continue
  mv "$text" "$pages/$lang"
  usable+=("$lang")
done

if [ ${#usable[@]} -lt 10 ]; then
  {
    echo "demo: only ${#usable[@]} of ${#languages[@]} languages are here (${usable[*]-}), 10 are needed."
    echo "The pages come from Debian's libreoffice-help-* packages (about 3 MB each). Without network, put these"
    echo "files into $cache and run again:"
    for lang in "${languages[@]}"; do echo "  $(package "$lang")_*.deb"; done
    echo "What apt said is in $cache/apt.log; its last lines:"
    tail -n 4 "$cache/apt.log" 2>/dev/null | sed 's/^/  /'
  } >&2
  exit 1
fi
echo "  $(find "$pages" -name '*.html' | wc -l) pages in ${#usable[@]} languages are in ${pages#"$PWD"/}"
