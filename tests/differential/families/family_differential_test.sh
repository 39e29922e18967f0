#!/usr/bin/env bash
# Debian's Python, which has Debian's jinja2, whatever else the machine calls python3.
set -euo pipefail
exec /usr/bin/python3 -B tests/differential/families/compare_families.py "$PWD/$1" "$2"
