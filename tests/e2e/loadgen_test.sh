#!/usr/bin/env bash
set -euo pipefail
exec /usr/bin/python3 -B tests/e2e/loadgen_test.py "$PWD/$1" "$PWD/$2" "$PWD/models/mini"
