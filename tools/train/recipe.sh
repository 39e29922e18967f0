#!/usr/bin/env bash
# recipe.sh PYTHON OUT [MINUTES]: the embedded model and its two pre-gated variants, from nothing to checkpoints under
# OUT/release. Goes on where it stopped when it is run again. MINUTES scales all of it: 70 % for the base, 15 % for each variant.
set -euo pipefail
cd "$(dirname "$0")/../.."

export TRANSFORMERS_VERBOSITY=error TQDM_DISABLE=1  # pre-gates are unknown tensors to transformers, which says so at length

python=$1 out=$2 minutes=${3:-60}
share() { awk -v m="$minutes" -v s="$1" 'BEGIN { print m * s }'; }

mkdir -p "$out"
"$python" -B tools/train/train.py --out "$out/base" --minutes "$(share 0.70)"
"$python" -B tools/train/export.py "$out/base" "$out/release"
"$python" -B tools/goldens/embedded.py "$out/release"
for distance in 1 2; do
  name=pre_gate_$distance
  "$python" -B tools/train/tune_pre_gate.py "$out/base" --distance "$distance" --out "$out/$name" --minutes "$(share 0.15)"
  "$python" -B tools/train/export.py "$out/$name" "$out/whole/$name"
  # Only what differs from the base is released (docs/overlay.md).
  rm -rf "$out/release/$name"
  "$python" -B tools/models/make_overlay.py "$out/release" "$out/whole/$name" "$out/release/$name"
  "$python" -B tools/goldens/embedded.py "$out/release/$name" --reference "$out/whole/$name"
done
du -sh "$out/release"
printf 'checkpoints: %s; curves and figures: %s/*/loss.svg, %s/pre_gate_*/pre_gate.json\n' "$out/release" "$out" "$out"
