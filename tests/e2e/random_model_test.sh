#!/usr/bin/env bash
# random_model_test.sh FOREGATED FOREGATE MAKE_MODEL: what tools/models writes loads, tokenizes and generates.
set -euo pipefail
daemon=$PWD/$1 cli=$PWD/$2 make_model=$PWD/$3
folder=$(mktemp -d)
pid=
trap '[[ -z $pid ]] || kill -KILL "$pid" 2>/dev/null || true; rm -rf "$folder"' EXIT
fail() { echo "FAILED: $*" >&2; cat "$folder/log" >&2; exit 1; }

for shape in olmoe-small qwen3moe-small; do
  python3 -B "$make_model" "$shape" "$folder/$shape"
  rm -f "$folder/ready.json"
  "$daemon" --model "$folder/$shape" --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 --metrics-listen 127.0.0.1:0 \
    --lifecycle.ready_file "$folder/ready.json" >"$folder/log" 2>&1 &
  pid=$!
  for _ in {1..600}; do
    [[ ! -s $folder/ready.json ]] || break
    kill -0 "$pid" 2>/dev/null || fail "$shape: the daemon ended"
    sleep 0.1
  done
  address=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["data"])' "$folder/ready.json")
  ask() { "$cli" --address "$address" "$@" || fail "$shape: foregate $*"; }
  ask status --wait --timeout 60 >/dev/null
  ids=$(ask tokenize "a word, Überraschung")
  [[ $(ask detokenize "$ids") == "a word, Überraschung" ]] || fail "$shape: text does not survive the tokenizer"
  ask generate --ids 5,6,7 --temperature 0 --ignore-eos --max-tokens 12 --no-stream --json >"$folder/first"
  ask generate --ids 5,6,7 --temperature 0 --ignore-eos --max-tokens 12 --no-stream --json >"$folder/second"
  python3 - "$folder/first" "$folder/second" <<'PYTHON' || fail "$shape: answers"
import json, sys
first, second = (json.load(open(path))["samples"][0]["token_ids"] for path in sys.argv[1:])
assert len(first) == 12 and first == second and len(set(first)) > 1, (first, second)
PYTHON
  ask chat "hello" --max-tokens 4 --ignore-eos --json >/dev/null
  kill "$pid"
  wait "$pid" || fail "$shape: the daemon's exit code is $?"
  pid=
done
echo "passed"
