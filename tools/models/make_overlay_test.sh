#!/usr/bin/env bash
set -euo pipefail
exec /usr/bin/python3 -B tools/models/make_overlay_test.py
