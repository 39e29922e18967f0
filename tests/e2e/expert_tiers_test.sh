#!/usr/bin/env bash
# expert_tiers_test.sh FOREGATED FOREGATE OFFLINE MODEL...: models whose experts do not fit into memory answer as if
# they did, and say so where an operator looks.
set -euo pipefail
daemon=$PWD/$1 cli=$PWD/$2 offline=$PWD/$3
shift 3
folder=$(mktemp -d)
pid=
trap '[[ -z $pid ]] || kill -KILL "$pid" 2>/dev/null || true; rm -rf "$folder"' EXIT
fail() { echo "FAILED: $*" >&2; cat "$folder/log" >&2 || true; exit 1; }

# start MODEL FLAGS...: a daemon that is ready.
start() {
  rm -f "$folder/ready.json"
  "$daemon" --model "$@" --model-name m --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 --metrics-listen 127.0.0.1:0 \
    --lifecycle.ready_file "$folder/ready.json" >"$folder/log" 2>&1 &
  pid=$!
  for _ in {1..1200}; do
    [[ ! -s $folder/ready.json ]] || break
    kill -0 "$pid" 2>/dev/null || fail "$*: the daemon ended"
    sleep 0.05
  done
  address=$(listener data)
  "$cli" --address "$address" status --wait --timeout 60 >/dev/null || fail "$*: not ready"
}
listener() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$folder/ready.json" "$1"; }
stop() {
  kill "$pid"
  wait "$pid" || fail "the daemon's exit code is $?"
  pid=
}
generate() {
  "$cli" --address "$address" generate --ids "$1" --temperature 0 --ignore-eos --max-tokens 24 --no-stream --print-ids
}
answers() { for ids in 5,6,7,8 9,9,1,3,2,40,41,42,43,44,45,46 57; do generate "$ids" || fail "generate $ids"; done; }
# metric NAME: its value, or the sum over its series.
metric() {
  python3 - "$(listener metrics)" "$1" <<'PY'
import re, sys, urllib.request
body = urllib.request.urlopen("http://%s/metrics" % sys.argv[1]).read().decode()
values = re.findall(r'^%s(?:\{[^}]*\})? (\S+)$' % re.escape(sys.argv[2]), body, re.M)
print(sum(float(v) for v in values) if values else "none")
PY
}

# counts NAME: it is there, and not 0.
counts() { [[ $(metric "$1") =~ ^[1-9] ]]; }

for model in "$@"; do
  model=$PWD/${model%/*}
  rm -rf "$folder/cache" && mkdir "$folder/cache"
  start "$model"
  answers >"$folder/want"
  [[ $model != *_pre_gate_1 ]] || "$cli" --address "$address" models | grep -q "chosen 1 layer ahead by pre-gates" ||
    fail "$model: nothing is said of its pre-gates"
  [[ $(metric foregate_expert_acquired_total) == none ]] || fail "$model: a model in memory reports acquired experts"
  stop
  # The first start packs, the others find the container.
  for flags in "30% router" "45% predictor" "20% committed" "60% off"; do
    read -r memory prefetch <<<"$flags"
    start "$model" --model.cache_dir "$folder/cache" --expert-memory "$memory" --engine.expert_prefetch "$prefetch"
    answers >"$folder/have"
    diff "$folder/want" "$folder/have" || fail "$model: other tokens with $flags"
    grep -q "experts fit into memory at once, the others are read from $folder/cache/" "$folder/log" ||
      fail "$model: the log says nothing of the experts"
    counts foregate_expert_read_bytes_total || fail "$model: nothing was read with $flags"
    [[ $(metric foregate_expert_read_failures_total) == 0.0 ]] || fail "$model: reads failed with $flags"
    stop
  done
done

# Without a container there is nothing to read from.
"$daemon" --model "$model" --expert-memory 30% --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 \
  --metrics-listen 127.0.0.1:0 >"$folder/log" 2>&1 && fail "served without a container"
grep -q "there is no container to read the others from: name a directory" "$folder/log" || fail "an unclear refusal"

# A container that is served alone, and whose experts are damaged while it is served: requests that need them fail with
# the reason, the daemon goes on.
mkdir "$folder/bin" "$folder/volume"
cp "$cli" "$folder/bin/foregate"  # it looks for the other program beside itself
ln -s "$offline" "$folder/bin/foregate-offline"
"$folder/bin/foregate" pack --model "$model" --out "$folder/volume" >/dev/null 2>"$folder/log" || fail pack
container=$(ls "$folder"/volume/*.fgw)
start "$container" --expert-memory 3%
answers >"$folder/have"
diff "$folder/want" "$folder/have" || fail "the container answers otherwise"
size=$(stat -c %s "$container")
dd if=/dev/urandom of="$container" bs=4096 seek=$((size / 2 / 4096)) count=$((size / 4 / 4096)) conv=notrunc 2>/dev/null
failures=0
for ids in 5,6,7,8 9,9,1,3,2,40,41,42,43,44,45,46 57; do
  generate "$ids" >"$folder/have" 2>"$folder/error" && continue
  failures=$((failures + 1))
  grep -q "checksum" "$folder/error" || fail "an unclear error: $(cat "$folder/error")"
  grep -Eq "layer [0-9]+ expert [0-9]+" "$folder/error" || fail "no expert is named: $(cat "$folder/error")"
done
((failures > 0)) || fail "damaged experts were computed"
counts foregate_expert_read_failures_total || fail "failures are not counted"
"$cli" --address "$address" status >/dev/null || fail "the daemon did not survive"
stop
echo "PASSED"
