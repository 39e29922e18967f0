#!/usr/bin/env bash
set -euo pipefail
exec /usr/bin/python3 -B tests/e2e/eval_test.py "$PWD/$1" "$PWD/$2" "$PWD/$3" "$PWD/models/mini"
