#!/usr/bin/env bash
# demo.sh FOREGATED FOREGATE [MODEL_DIR]: what `./dev demo` shows once both are built. Leaves nothing running.
set -euo pipefail

daemon=$1 cli=$2 model=${3:-models/mini}
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

printf '\n== foregated starts on models/mini, listeners on free ports\n'
"$daemon" --model "$model" --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 --metrics-listen 127.0.0.1:0 \
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
"$cli" --address "$address" --timeout 120 status --wait || fail "the model was not loaded"
printf '\n== the model\n'
"$cli" --address "$address" models

printf '\n== questions over gRPC; answers stream token by token\n'
ask "Add 16 and 9."
ask "Sort these numbers: 3, 16, 64"
ask "Spell the word hammer."
printf '\n== one more, with its numbers and the experts that worked for it\n'
ask "Put these words in alphabetical order: soft, melon, mountain" --stats 2>&1

printf '\n== every expert since the start\n'
"$cli" --address "$address" experts

printf '\n== foregated stops on SIGTERM\n'
kill -TERM "$daemon_pid"
code=0
wait "$daemon_pid" || code=$?
daemon_pid=
[[ $code == 0 ]] || fail "foregated ended with exit code $code"
printf 'it finished its work and ended with exit code 0; nothing is left running\n'
