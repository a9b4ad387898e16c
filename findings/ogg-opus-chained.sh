#!/usr/bin/env bash
# Ogg files may be chained: streams one after another (radio recordings, `cat a.ogg b.ogg`; RFC 3533). libsndfile 1.2.2
# reads the first of two Opus streams and no further, without a word; ffmpeg reads both. Seen with soundfile 0.13.1:
#   3.0 s read of 6.0 s; by ffmpeg 6.0 s
set -euo pipefail
command -v ffmpeg >/dev/null || { echo "needs ffmpeg"; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet soundfile==0.13.1 numpy==2.2.6
cd "$work"
venv/bin/python - <<'E2'
import subprocess

import numpy as np
import soundfile

rate = 48_000
soundfile.write("song.wav", 0.1 * np.random.default_rng(0).standard_normal(3 * rate), rate)
with open("two.ogg", "wb") as both:  # each stream has a serial number of its own, as it should
    for serial in (1, 2):
        ask = f"ffmpeg -v error -i song.wav -c:a libopus -serial_offset {serial} -f ogg -"
        both.write(subprocess.run(ask.split(), capture_output=True, check=True).stdout)
with soundfile.SoundFile("two.ogg") as file:
    read = sum(len(block) for block in file.blocks(65536)) / file.samplerate
raw = subprocess.run("ffmpeg -v quiet -i two.ogg -f s16le -ac 1 -".split(), capture_output=True, check=True).stdout
decoded = len(raw) / 2 / rate
print(f"libsndfile {soundfile.__libsndfile_version__}: {read:.1f} s read, by ffmpeg {decoded:.1f} s")
assert soundfile.__libsndfile_version__ == "1.2.2", "another libsndfile: look again"
assert abs(decoded - 6) < 0.1
assert read < 3.1, "both streams are read now"
E2
