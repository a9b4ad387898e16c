#!/usr/bin/env bash
# An MP3 of variable bit rate that tells no length: libsndfile estimates it by the bit rate of the file's beginning and
# reads no further than that; ffmpeg decodes all of it. Seen with soundfile 0.13.1 (libsndfile 1.2.2):
#   frames of 60 s told: 15.7 s, read: 15.7 s, by ffmpeg: 60.0 s
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

rate, seconds = 44_100, 60
t = np.arange(rate * seconds) / rate
random = np.random.default_rng(0)
wave = 0.5 * np.exp(-(t * 2.1 % 1) * 30) * np.sin(377 * t) + 0.1 * random.standard_normal(len(t)) * np.exp(-(t * 8.4 % 1) * 20)
soundfile.write("song.wav", wave, rate)
subprocess.run("ffmpeg -v error -i song.wav -q:a 4 -write_xing 0 -id3v2_version 0 song.mp3".split(), check=True)
with soundfile.SoundFile("song.mp3") as file:
    told = file.frames / rate
    read = sum(len(block) for block in file.blocks(65536)) / rate
raw = subprocess.run("ffmpeg -v error -i song.mp3 -f s16le -ac 1 -".split(), capture_output=True, check=True).stdout
decoded = len(raw) / 2 / rate
print(f"libsndfile {soundfile.__libsndfile_version__}: told {told:.1f} s, read {read:.1f} s; by ffmpeg {decoded:.1f} s")
assert soundfile.__libsndfile_version__ == "1.2.2", "another libsndfile: look again"
assert abs(decoded - seconds) < 0.2
assert told < 0.5 * seconds, "the length is no longer estimated too short"
assert read < 0.5 * seconds, "all of it is read now"
E
