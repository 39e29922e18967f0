#!/usr/bin/env bash
# Runs the lint over the real workspace, which the runfiles' link leads to; a sandbox would hide the rest of it.
set -euo pipefail
script=$(readlink -f "$(dirname "$0")/architecture_lint.py")
exec /usr/bin/python3 -B "$script" "$(dirname "$script")/../.."
