#!/usr/bin/env bash
# The long differential test. `./dev test --long` makes the Python that FOREGATE_REFERENCE_PYTHON names.
set -euo pipefail
export TOKENIZERS_PARALLELISM=false
exec "${FOREGATE_REFERENCE_PYTHON:?names no Python with tokenizers; run ./dev test --long}" -B \
  tests/differential/tokenizers/compare.py --probe "$PWD/$1" --seed "${2:-1}" --strings "${3:-20000}"
