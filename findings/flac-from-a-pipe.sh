#!/usr/bin/env bash
# A FLAC file that ffmpeg wrote into a pipe cannot tell its length (0 in its header, which is valid). python-soundfile
# 0.13.1 with libsndfile 1.2.2 gives 2**63-1 frames for it, and the read that reaches the end raises instead of giving the
# last block: all but those frames can be had. ffmpeg reads the same file whole.
set -euo pipefail
command -v ffmpeg >/dev/null || { echo "needs ffmpeg"; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet soundfile==0.13.1 numpy==2.2.6
cd "$work"
venv/bin/python - <<'E'
import subprocess

import numpy as np
import soundfile

rate = 44_100
soundfile.write("song.wav", 0.1 * np.random.default_rng(0).standard_normal(3 * rate), rate)
piped = subprocess.run("ffmpeg -v error -i song.wav -f flac -".split(), capture_output=True, check=True).stdout
open("song.flac", "wb").write(piped)
whole = subprocess.run("ffmpeg -v error -i song.flac -f s16le -".split(), capture_output=True, check=True).stdout
got, error = 0, None
with soundfile.SoundFile("song.flac") as file:
    frames = file.frames
    try:
        while len(block := file.read(1 << 16)):
            got += len(block)
    except soundfile.LibsndfileError as raised:
        error = raised
print(f"libsndfile {soundfile.__libsndfile_version__}: {frames} frames told, {got} of {3 * rate} read, then: {error}")
assert soundfile.__libsndfile_version__ == "1.2.2", "another libsndfile: look again"
assert len(whole) // 2 == 3 * rate
assert frames == 2**63 - 1, "the length is told otherwise now"
assert error is not None, "the end is read without an error now"
assert got == 2 * (1 << 16)
E
