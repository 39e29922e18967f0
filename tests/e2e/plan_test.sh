#!/usr/bin/env bash
# plan_test.sh FOREGATED FOREGATE OFFLINE CONFIG: a trace that a daemon recorded is exported, imported and planned with;
# the plan's slots are the daemon's.
set -euo pipefail
daemon=$PWD/$1 cli=$PWD/$2 offline=$PWD/$3 model=$PWD/${4%/*}
folder=$(mktemp -d)
pid=
trap '[[ -z $pid ]] || kill -KILL "$pid" 2>/dev/null || true; rm -rf "$folder"' EXIT
fail() { echo "FAILED: $*" >&2; cat "$folder/log" >&2 || true; exit 1; }

mkdir "$folder/bin"
cp "$cli" "$folder/bin/foregate"  # it looks for the other program beside itself
ln -s "$offline" "$folder/bin/foregate-offline"
cli=$folder/bin/foregate
memory=(--expert-memory 50% --model.cache_dir "$folder/cache")
mkdir "$folder/cache"
"$daemon" --model "$model" "${memory[@]}" --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 --metrics-listen 127.0.0.1:0 \
  --lifecycle.ready_file "$folder/ready.json" >"$folder/log" 2>&1 &
pid=$!
for _ in {1..1200}; do
  [[ ! -s $folder/ready.json ]] || break
  kill -0 "$pid" 2>/dev/null || fail "the daemon ended"
  sleep 0.05
done
listener() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$folder/ready.json" "$1"; }
address=$(listener data) admin=$(listener admin)
"$cli" --address "$address" status --wait --timeout 60 >/dev/null || fail "not ready"

# A recording that is ended as Ctrl-C would. While it records, another one is refused; where that was first, once more.
record=
for _ in {1..40}; do
  "$cli" --admin-address "$admin" trace record -o "$folder/t.fgr" >"$folder/record" 2>&1 &
  record=$!
  sleep 0.3
  if ! "$cli" --admin-address "$admin" trace start >/dev/null 2>&1 && kill -0 "$record" 2>/dev/null; then break; fi
  "$cli" --admin-address "$admin" trace stop >/dev/null 2>&1 || true
  wait "$record" || true
  record=
done
[[ -n $record ]] || fail "no recording: $(cat "$folder/record")"
"$cli" --address "$address" generate --ids 5,6,7,8 --ignore-eos --max-tokens 40 --no-stream >/dev/null || fail generate
kill -TERM "$record"
wait "$record" || fail "trace record: $(cat "$folder/record")"
grep -q "t.fgr: [0-9]* bytes" "$folder/record" || fail "trace record says: $(cat "$folder/record")"
"$cli" trace summary "$folder/t.fgr" --json >"$folder/summary" || fail summary
python3 - "$folder/summary" <<'PY' || fail "the summary: $(cat "$folder/summary")"
import json, sys
summary = json.load(open(sys.argv[1]))
# The last token is not computed: 39 decode rows.
assert summary["decode_rows"] == 39, summary["decode_rows"]
PY
"$cli" trace export "$folder/t.fgr" --format csv -o "$folder/t.csv" >/dev/null || fail export
"$cli" trace import "$folder/t.csv" -o "$folder/again.fgr" >/dev/null || fail import
cmp "$folder/t.fgr" "$folder/again.fgr" || fail "export and import change the trace"

# One that ends by itself, at a limit.
"$cli" --admin-address "$admin" trace record -o "$folder/none.fgr" --seconds 0 --max-bytes 4KiB >/dev/null || fail record
"$cli" trace summary "$folder/none.fgr" >/dev/null || fail "an empty trace"
kill "$pid"
wait "$pid" || fail "the daemon's exit code is $?"
pid=

slots=$(sed -n 's/.* \([0-9]* of [0-9]*\) experts fit into memory at once.*/\1/p' "$folder/log")
"$cli" plan --model "$model" "${memory[@]}" --trace "$folder/t.fgr" --streams 1,4 --context 40 >"$folder/plan" 2>&1 ||
  fail "plan: $(cat "$folder/plan")"
grep -q " $slots at once" "$folder/plan" || fail "the daemon has $slots slots: $(cat "$folder/plan")"
grep -q "t.fgr, 39 decoded tokens" "$folder/plan" || fail "the plan's trace: $(cat "$folder/plan")"
grep -q "measured on $folder/cache/" "$folder/plan" || fail "the plan's disk: $(cat "$folder/plan")"
"$cli" plan --model "$folder" >/dev/null 2>"$folder/log" && fail "planned without a model"
echo "PASSED"
