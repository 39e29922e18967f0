#!/usr/bin/env bash
# overlay_test.sh FOREGATED FOREGATE OFFLINE MAKE_OVERLAY MODEL: an overlay answers like the merged checkpoint, whole or
# packed, with and without all experts in memory, and another base is refused.
set -euo pipefail
daemon=$PWD/$1 offline=$PWD/$3 make_overlay=$PWD/$4 model=$PWD/${5%/*}
folder=$(mktemp -d)
pid=
trap '[[ -z $pid ]] || kill -KILL "$pid" 2>/dev/null || true; rm -rf "$folder"' EXIT
fail() { echo "FAILED: $*" >&2; cat "$folder/log" >&2 || true; exit 1; }
mkdir "$folder/bin" "$folder/base" "$folder/cache"
cp "$PWD/$2" "$folder/bin/foregate"  # it looks for the other program beside itself
ln -s "$offline" "$folder/bin/foregate-offline"
cli=$folder/bin/foregate

# A copy of the model, and a variant of it: its routers choose a layer early, and with another end of text.
cp -L "$model"/*.json "$model"/*.safetensors "$folder/base"
python3 -B - "$make_overlay" "$folder/base" "$folder/full" <<'PY' || fail "cannot make a variant"
import json, os, shutil, sys
tool, base, full = sys.argv[1:]
sys.path.insert(0, os.path.dirname(tool))
import make_overlay
shutil.copytree(base, full)
tensors = make_overlay.tensors_of(base)
early = {name.replace("mlp.gate", "mlp.pre_gate"): tensor for name, tensor in tensors.items()
         if name.endswith("mlp.gate.weight") and ".layers.0." not in name}
make_overlay.write_tensors(os.path.join(full, "model.safetensors"), {**tensors, **early})
config = json.load(open(os.path.join(base, "config.json")))
config["foregate_pre_gate"] = {"version": 1, "distance": 1}
make_overlay.write_json(os.path.join(full, "config.json"), config)
generation = json.load(open(os.path.join(base, "generation_config.json")))
generation["eos_token_id"] = 7
make_overlay.write_json(os.path.join(full, "generation_config.json"), generation)
PY
overlay=$folder/base/variant
python3 -B "$make_overlay" "$folder/base" "$folder/full" "$overlay" 2>"$folder/log" || fail "make_overlay"
files=$(cd "$overlay" && echo *)
[[ $files == "config.json generation_config.json model.safetensors" ]] || fail "the overlay has $files"
[[ $(stat -c %s "$overlay/model.safetensors") -lt 100000 ]] || fail "the overlay copies its base"
python3 -B "$make_overlay" --merge "$overlay" "$folder/merged" 2>"$folder/log" || fail "make_overlay --merge"

# What clients see of the model served from $2 with the flags behind it, into $1.
observe() {
  local out=$1 address
  shift
  rm -f "$folder/ready.json"
  "$daemon" --model "$@" --model-name m --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 --metrics-listen 127.0.0.1:0 \
    --threads 2 --lifecycle.ready_file "$folder/ready.json" >"$folder/log" 2>&1 &
  pid=$!
  for _ in {1..600}; do
    [[ ! -s $folder/ready.json ]] || break
    kill -0 "$pid" 2>/dev/null || fail "$*: the daemon ended"
    sleep 0.05
  done
  address=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["data"])' "$folder/ready.json")
  ask() { "$cli" --address "$address" "$@" || fail "foregate $*"; }
  ask status --wait --timeout 60 >/dev/null
  {
    ask generate --ids 5,6,7,8 --temperature 0 --ignore-eos --max-tokens 24 --no-stream --print-ids
    ask generate --ids 9,9,1,3,2,40,41,42,43,44,45,46 --temperature 0 --max-tokens 24 --no-stream --print-ids
    ask tokenizer
    ask chat "hello" --temperature 0 --max-tokens 8
  } >"$folder/$out"
  ask models >"$folder/models"
  kill "$pid"
  wait "$pid" || fail "$*: the daemon's exit code is $?"
  pid=
}
same() { diff "$folder/want" "$folder/$1" || fail "$1: other answers than those of the merged checkpoint"; }

observe of_base "$folder/base" --weights int8
observe want "$folder/merged" --weights int8
grep -q "chosen 1 layer ahead by pre-gates" "$folder/models" || fail "the merged checkpoint has no pre-gates"
diff "$folder/want" "$folder/of_base" >/dev/null && fail "the variant answers like its base"
observe overlay "$overlay" --weights int8
same overlay
grep -q "chosen 1 layer ahead by pre-gates" "$folder/models" || fail "the overlay has no pre-gates"
for start in first second; do
  observe "$start" "$overlay" --weights int8 --model.cache_dir "$folder/cache" --expert-memory 30%
  grep -q "experts fit into memory at once, the others are read from $folder/cache/" "$folder/log" || fail "no tier"
  same "$start"
done
"$cli" pack --model "$overlay" --weights int8 --out "$folder/variant.fgw" >/dev/null 2>"$folder/log" || fail "pack"
observe packed "$folder/variant.fgw"
same packed
for directory in "$overlay" "$folder/merged"; do
  "$cli" plan --model "$directory" --weights int8 --memory 300MiB --memory-bandwidth 1GB --gops 1 --bandwidth 1GB --json \
    2>"$folder/log" | grep -v '"model": ' >"$folder/plan" || fail "plan of $directory"
  [[ ! -e $folder/plan.overlay ]] || diff "$folder/plan.overlay" "$folder/plan" || fail "the plans differ"
  cp "$folder/plan" "$folder/plan.overlay"
done

# One bit of the base.
python3 - "$folder/base/model.safetensors" <<'PY'
import sys
with open(sys.argv[1], "r+b") as file:
    file.seek(-1, 2)
    last = file.read(1)[0]
    file.seek(-1, 2)
    file.write(bytes([last ^ 1]))
PY
"$daemon" --model "$overlay" --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 --metrics-listen 127.0.0.1:0 \
  >"$folder/log" 2>&1 && fail "served over another base"
grep -q "$overlay/config.json: foregate_overlay: files: model.safetensors: the SHA-256 of " "$folder/log" ||
  fail "an unclear refusal"
echo "passed"
