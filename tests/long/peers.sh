#!/usr/bin/env bash
# peers.sh BUILD_DIR: the line's artifacts in the hands of the programs our users have: Hugging Face transformers
# and tokenizers, and OpenAI's clients for Python and Node. The peers go into a scratch environment under build/peers.
set -euo pipefail
build=$(realpath "$1")
cd "$(dirname "$0")/../.."
peers=$build/../peers/long
python=${PEER_PYTHON:-$peers/bin/python}
if [ ! -x "$python" ]; then
  command -v python3 >/dev/null || { echo "no python3 for the peers"; exit 77; }
  mkdir -p "$(dirname "$peers")"
  { python3 -m venv "$peers" && "$python" -m pip install -q torch transformers tokenizers safetensors numpy openai; } ||
    { rm -rf "$peers"; echo "the peers cannot be installed (no network?)"; exit 77; }
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sed "s|PAGES|$PWD/examples/pages|" tests/line/tiny.toml >"$work/leam.toml"
# The clients ask for long answers.
"$build/leam" run --config "$work/leam.toml" --set train.context=256

echo "▸ transformers: the same logits from the model folder"
"$python" tests/peers/hf_logits.py "$build" "$work/model"
echo "▸ tokenizers: the same ids"
text=${LEAM_DATA:-$work/documents}
"$python" tests/peers/tokenizers_identical.py "$build/leam" --tokenizer "$work/tokens/tokenizer.json" --text "$text"
echo "▸ openai for Python"
"$python" tests/peers/openai_python.py "$build/leam" "$work/model"
if command -v npm >/dev/null; then
  echo "▸ openai for Node"
  mkdir -p "$peers-node"
  (cd "$peers-node" && { [ -d node_modules/openai ] || npm install --silent openai; } &&
    node "$OLDPWD/tests/peers/openai_node.mjs" "$build/leam" "$work/model")
fi
