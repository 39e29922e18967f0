#!/usr/bin/env bash
# Bazel gives runfiles paths relative to the workspace; the daemon and the demo want them from anywhere.
set -euo pipefail
exec /usr/bin/python3 -B tests/e2e/serving_test.py "$PWD/$1" "$PWD/$2" "$PWD/models/mini"
