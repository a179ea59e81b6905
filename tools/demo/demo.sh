#!/usr/bin/env bash
# demo.sh LEAM [--serve]: the whole line on real pages, from HTML to a billed answer, in the folder demo/.
# Run it again after Ctrl-C and it goes on; run it again when it is done and it only shows the report.
# --serve leaves the server up, with a page to try the model.
set -euo pipefail
cd "$(dirname "$0")/../.."

leam=${1:?usage: demo.sh LEAM [--serve]}
serve=no
for option in "${@:2}"; do
  case "$option" in
    --serve) serve=yes ;;
    *)
      echo "demo: unknown option $option (there is --serve)" >&2
      exit 2
      ;;
  esac
done

project=${LEAM_DEMO_DIR:-demo}
cache=${LEAM_DEMO_CACHE:-build/demo-data}
config=$project/leam.toml
languages=(de en fr es it pt nl pl cs el sv fi)
server=""
started=$SECONDS

stop_server() {
  if [ -n "$server" ]; then
    kill -INT "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
    server=""
  fi
}
interrupted() {
  stop_server
  echo >&2
  echo "demo: stopped. What is done is kept: run it again to go on." >&2
  exit 130
}
trap stop_server EXIT
trap interrupted INT TERM

step() { printf '\n\033[1m▸ %s\033[0m\n' "$*"; }
if [ ! -t 1 ]; then step() { printf '\n▸ %s\n' "$*"; }; fi

# start_server PORT: sets $server and $url
start_server() {
  rm -f "$project/server.address"
  "$leam" serve --config "$config" --port "$1" >"$project/server.address" 2>"$project/server.log" &
  server=$!
  local i
  for i in $(seq 100); do
    url=$(head -n 1 "$project/server.address")
    if [ -n "$url" ]; then return 0; fi
    if ! kill -0 "$server" 2>/dev/null; then break; fi
    sleep 0.1
  done
  server=""
  echo "demo: the server did not start; it said:" >&2
  tail -n 5 "$project/server.log" >&2
  return 1
}

# The key is made once; only this file knows it, the ledger has its hash.
make_key() {
  if [ ! -s "$project/key" ]; then
    "$leam" serve key revoke demo --config "$config" >/dev/null 2>&1 || true
    (umask 077 && "$leam" serve key add demo --config "$config" >"$project/key.tmp" 2>/dev/null)
    mv "$project/key.tmp" "$project/key"
  fi
}

# ask FILE ENDPOINT JSON: sends a request and keeps it with its answer for the report
ask() {
  local answer
  answer=$(curl -sS --max-time 60 --fail-with-body -H "Authorization: Bearer $(cat "$project/key")" \
    -H 'Content-Type: application/json' --data "$3" "$url$2") || {
    echo "demo: $2 answered: $answer" >&2
    return 1
  }
  printf '{"endpoint": "%s",\n "request": %s,\n "response": %s}\n' "$2" "$3" "$answer" >"$project/answers/$1.tmp"
  mv "$project/answers/$1.tmp" "$project/answers/$1"
  echo "  POST $2: answered"
}

if [ ! -f "$project/manifest" ] && [ ! -d "$project/eval" ]; then
  echo "From raw pages to a billed answer: about six minutes on two processors. Ctrl-C is safe at any time."
fi
mkdir -p "$project"
[ -f "$config" ] || cp examples/demo/leam.toml "$config"

step "pages: the office suite's help, from Debian packages"
tools/demo/fetch.sh "$project/pages" "$cache" "${languages[@]}"

step "crawl → corpus → tokens → train → eval"
"$leam" run --config "$config"

made=$(sed -n 's/^ *"content": "\([0-9a-f]*\)".*/\1/p' "$project/model/manifest.json" | head -n 1)
if [ "$(cat "$project/answers/model" 2>/dev/null)" != "$made" ]; then
  step "serve: two requests through the API, metered and billed"
  rm -rf "$project/answers"
  mkdir -p "$project/answers"
  make_key
  start_server 0
  echo "  $url (key in $project/key)"
  ask 1-chat.json /v1/chat/completions \
    '{"model": "model", "messages": [{"role": "user", "content": "Wie füge ich eine Tabelle in mein Dokument ein?"}], "max_tokens": 60, "temperature": 0.5, "seed": 7}'
  ask 2-completion.json /v1/completions \
    '{"model": "model", "prompt": "To insert a table into your document, choose", "max_tokens": 40, "temperature": 0.5, "seed": 7}'
  stop_server
  echo "$made" >"$project/answers/model"
fi

step "bill"
"$leam" bill report --config "$config"

"$leam" report --config "$config"
echo "Took $((SECONDS - started)) s. Again: ./run demo · a page to try the model: ./run demo --serve · all over: rm -r $project"

if [ "$serve" = yes ]; then
  make_key
  start_server 8080 2>/dev/null || start_server 0
  echo
  echo "Try the model: $url   key: $(cat "$project/key")   Ctrl-C ends it."
  trap 'stop_server; exit 0' INT TERM
  wait "$server" || true
fi
