#!/usr/bin/env bash
# torch_test.sh TEST.py: a test that needs torch, where it is installed: `./dev train` and `./dev test --long` install it.
set -euo pipefail
if [[ ! -x ${FOREGATE_TRAIN_PYTHON:-} ]]; then
  reason='torch is not installed; ./dev train and ./dev test --long install it'
  printf '<testsuites><testsuite name="torch" tests="1" skipped="1"><testcase name="%s" classname="torch"><skipped message="%s"/></testcase></testsuite></testsuites>\n' \
    "$1" "$reason" >"${XML_OUTPUT_FILE:-/dev/null}"
  echo "skipped: $reason"
  exit 0
fi
export FOREGATE_TRAIN_EAGER=1 HF_HUB_OFFLINE=1
exec "$FOREGATE_TRAIN_PYTHON" -B "$1"
