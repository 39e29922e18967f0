#!/usr/bin/env bash
# pack_test.sh FOREGATED FOREGATE OFFLINE MODEL GGUF: a container that `foregate pack` made answers like its source.
set -euo pipefail
daemon=$PWD/$1 offline=$PWD/$3 model=$PWD/${4%/*} gguf=$PWD/$5
folder=$(mktemp -d)
pid=
trap '[[ -z $pid ]] || kill -KILL "$pid" 2>/dev/null || true; chmod -R u+w "$folder"; rm -rf "$folder"' EXIT
fail() { echo "FAILED: $*" >&2; cat "$folder/log" >&2 || true; exit 1; }

# A copy: it looks for the other program beside itself, and finds none at first.
mkdir "$folder/bin"
cp "$PWD/$2" "$folder/bin/foregate"
cli=$folder/bin/foregate
PATH=/nowhere "$cli" pack --model "$model" --out "$folder/x.fgw" 2>"$folder/log" && fail "pack without foregate-offline"
grep -q "neither beside this program" "$folder/log" || fail "no word of the missing program"
ln -s "$offline" "$folder/bin/foregate-offline"

# What clients see of the model served from $1, into $2.
observe() {
  rm -f "$folder/ready.json"
  "$daemon" --model "$1" --model-name m --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 --metrics-listen 127.0.0.1:0 \
    --threads 2 ${3:+--weights "$3"} --lifecycle.ready_file "$folder/ready.json" >"$folder/log" 2>&1 &
  pid=$!
  for _ in {1..600}; do
    [[ ! -s $folder/ready.json ]] || break
    kill -0 "$pid" 2>/dev/null || fail "$1: the daemon ended"
    sleep 0.05
  done
  local address
  address=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["data"])' "$folder/ready.json")
  ask() { "$cli" --address "$address" "$@" || fail "$1: foregate $*"; }
  ask status --wait --timeout 60 >/dev/null
  {
    ask models --json
    ask generate --ids 5,6,7,8 --temperature 0 --ignore-eos --max-tokens 24 --no-stream --print-ids
    if [[ $4 == text ]]; then
      ask tokenizer
      ask tokenize "a word, Überraschung"
      ask chat "hello" --temperature 0 --max-tokens 8
    fi
  } >"$2"
  kill "$pid"
  wait "$pid" || fail "$1: the daemon's exit code is $?"
  pid=
}

mkdir "$folder/volume"
for source in "$model text" "$gguf ids"; do
  read -r path kind <<<"$source"
  observe "$path" "$folder/want" int8 "$kind"
  rm -rf "$folder/volume"
  mkdir "$folder/volume"
  "$cli" pack --model "$path" --weights int8 --out "$folder/volume" --memory-limit 1GiB >"$folder/line" 2>"$folder/log" ||
    fail "$path: pack"
  grep -Eq '\.fgw: .*, int8, [0-9]+ bytes in [0-9.]+ s, [0-9.]+ bits per weight$' "$folder/line" ||
    fail "$path: pack said $(cat "$folder/line")"
  [[ $(ls "$folder/volume") == "$(basename "$path" .gguf)-int8.fgw" ]] || fail "$path: made $(ls "$folder/volume")"
  chmod a-w "$folder/volume" "$folder"/volume/*
  observe "$folder/volume" "$folder/have" "" "$kind"
  diff "$folder/want" "$folder/have" || fail "$path: the container answers otherwise"
  chmod u+w "$folder/volume"
done

"$cli" pack --model "$model" --weights int3 --out "$folder/x.fgw" 2>"$folder/log" && fail "an unknown format was taken"
grep -q "int3" "$folder/log" || fail "no word of the unknown format"
"$cli" pack --model "$folder/none" --out "$folder/x.fgw" 2>"$folder/log" && fail "a missing model was packed"
grep -q "$folder/none" "$folder/log" || fail "no word of the missing model"
[[ ! -e $folder/x.fgw && ! -e $folder/x.fgw.tmp ]] || fail "a failed pack left a file"
echo "passed"
