#!/usr/bin/env bash
# A WAV file of more than 4 GiB, its sizes 0xFFFFFFFF as libsndfile itself writes them (without an error) when a recording
# grows that long. libsndfile 1.2.2 reads such a file up to 4 GiB and no further, without a word; ffmpeg reads all of it.
# Seen with soundfile 0.13.1: 4.1425 h of 4.2000 h told; ffprobe 5.1.9 says 15120 s. The file is one hole and takes no room.
set -euo pipefail
command -v ffprobe >/dev/null || { echo "needs ffmpeg"; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet soundfile==0.13.1 numpy==2.2.6
cd "$work"
venv/bin/python - <<'E2'
import struct
import subprocess

import soundfile

rate, frames = 48_000, 48_000 * 15_120
form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 2, rate, rate * 6, 6, 24)
with open("long.wav", "wb") as file:
    file.write(b"RIFF\xff\xff\xff\xffWAVE" + form + b"data\xff\xff\xff\xff")
    file.truncate(44 + frames * 6)
with soundfile.SoundFile("long.wav") as file:
    told = file.frames
    file.seek(told - 10)
    last = len(file.read(100))
probe = "ffprobe -v error -show_entries format=duration -of csv=p=0 long.wav".split()
by_ffmpeg = float(subprocess.run(probe, capture_output=True, text=True, check=True).stdout)
print(f"libsndfile {soundfile.__libsndfile_version__}: {told / rate:.1f} s of {frames / rate:.1f} s; by ffprobe {by_ffmpeg:.1f} s")
assert soundfile.__libsndfile_version__ == "1.2.2", "another libsndfile: look again"
assert abs(by_ffmpeg - frames / rate) < 1
assert told * 6 <= 1 << 32, "what lies beyond 4 GiB is told now"
assert last == 10, "what lies beyond 4 GiB is read now"
E2
