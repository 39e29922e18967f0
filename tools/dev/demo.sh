#!/usr/bin/env bash
# demo.sh FOREGATED FOREGATE [MODEL_DIR]: what `./dev demo` shows once both are built. Leaves nothing running.
set -euo pipefail

daemon=$1 cli=$2 model=${3:-models/mini}
here=$(cd "$(dirname "$0")" && pwd)
room=50% tasks_each=3
work=$(mktemp -d)
daemon_pid=

stop() {
  if [[ -n $daemon_pid ]] && kill -0 "$daemon_pid" 2>/dev/null; then kill -KILL "$daemon_pid" 2>/dev/null || true; fi
  rm -rf "$work"
}
trap stop EXIT
trap 'exit 130' INT TERM

# ready_address NAME: a listener's address out of the daemon's ready file.
ready_address() {
  python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$work/ready.json" "$1"
}

fail() {
  printf 'demo: %s\n' "$1" >&2
  tail -20 "$work/log" >&2
  exit 1
}

ask() {
  printf '\n> %s\n' "$1"
  "$cli" --address "$address" chat "$1" --temperature 0 --max-tokens 64 "${@:2}"
}

# start DIR FLAGS...: a daemon on free ports that is ready.
start() {
  rm -f "$work/ready.json"
  "$daemon" --model "$@" --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 --metrics-listen 127.0.0.1:0 \
    --lifecycle.ready_file "$work/ready.json" 2>"$work/log" &
  daemon_pid=$!
  # The file appears as soon as the listeners are open, before the model is loaded: a fraction of a second.
  for _ in {1..300}; do
    [[ -s $work/ready.json ]] && break
    kill -0 "$daemon_pid" 2>/dev/null || fail "foregated did not start"
    sleep 0.1
  done
  [[ -s $work/ready.json ]] || fail "foregated opened no listener within 30 s"
  address=$(ready_address data)
  "$cli" --address "$address" --timeout 120 status --wait ${quiet:+--json} >"${quiet:-/dev/stdout}" || fail "the model was not loaded"
}

finish() {
  kill -TERM "$daemon_pid"
  local code=0
  wait "$daemon_pid" || code=$?
  daemon_pid=
  [[ $code == 0 ]] || fail "foregated ended with exit code $code"
}

printf '\n== foregated starts on models/mini, listeners on free ports\n'
start "$model"
printf '\n== the model\n'
"$cli" --address "$address" models

printf '\n== questions over gRPC; answers stream token by token\n'
ask "Add 16 and 9."
ask "What is the capital of Peru?"
ask "Spell the word hammer."
printf '\n== one more, with its numbers and the experts that worked for it\n'
ask "Ada has the lemon; Max has the ticket. What does Max have?" --stats 2>&1

printf '\n== every expert since the start\n'
"$cli" --address "$address" experts

printf '\n== foregated stops on SIGTERM\n'
finish

# With room for a fraction of the experts the others are read from disk when a token needs them. A pre-gated model has
# chosen them a layer (or two) before, so reading goes on while it computes.
printf '\n== with memory for %s of the experts: the model, and its variants that choose experts early\n' "$room"
mkdir "$work/cache"
quiet=/dev/null
"$here/../eval/make_tasks.py" --per-family "$tasks_each" --seed demo >"$work/tasks.jsonl"
row() { printf '%-34s %9s %12s %18s %14s\n' "$@"; }
row model right tokens/s 'waiting for disk' 'read per token'
compare() {
  local name=$1
  shift
  start "$@" --expert-memory "$room" --model.cache_dir "$work/cache"
  "$cli" --address "$address" eval "$work/tasks.jsonl" --concurrency 1 --json - >"$work/eval.json" 2>/dev/null || fail "eval of $name"
  "$here/demo_figures.py" "$work/eval.json" "$(ready_address metrics)" >"$work/figures" || fail "figures of $name"
  mapfile -t figures <"$work/figures"
  row "$name" "${figures[@]}"
  finish
}
compare 'models/mini, on demand' "$model" --engine.expert_prefetch off
compare 'models/mini, guessing' "$model"
for distance in 1 2; do
  [[ ! -d $model/pre_gate_$distance ]] || compare "pre_gate_$distance, chosen $distance ahead" "$model/pre_gate_$distance"
done
printf 'All of it is small and each run is short, so figures vary; docs/benchmarks.md has models that are larger than memory.\n'
printf '\nevery daemon finished its work and ended with exit code 0; nothing is left running\n'
