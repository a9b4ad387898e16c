"""Open every sound of a pack in readers that are not ours: `python -m benchmarks.packs.readers DIR`.

libsndfile (by soundfile), `wavinfo` for WAV files, and `sndfile-info` (scripts/install-test-peers) each say how many
frames they find; the manifest says how many there are. Prints one JSON object; fails if a reader differs.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import soundfile
import wavinfo

from pack_builder.record.manifest import read_manifest

FRAMES = re.compile(r"^Frames\s*:\s*(\d+)", re.MULTILINE)


def _libsndfile(file: Path) -> int:
    audio, _ = soundfile.read(file)
    return len(audio)


def _wavinfo(file: Path) -> int:
    return int(wavinfo.WavInfoReader(str(file)).data.frame_count)


def _sndfile_info(file: Path) -> int:
    told = subprocess.run(["sndfile-info", str(file)], capture_output=True, text=True, check=True).stdout
    if "*** " in told:
        raise ValueError(f"{file.name}: sndfile-info complains")
    (frames,) = FRAMES.findall(told)
    return int(frames)


READERS: dict[str, Callable[[Path], int]] = {
    "libsndfile": _libsndfile,
    "wavinfo": _wavinfo,
    "sndfile-info": _sndfile_info,
}


def main() -> None:
    """Read the pack named on the command line."""
    pack = Path(sys.argv[1])
    rows = read_manifest(pack).rows
    facts: dict[str, object] = {"files": len(rows)}
    wrong = []
    for name, frames_of in READERS.items():
        begin_s, read = time.monotonic(), 0
        for row in rows:
            if name == "wavinfo" and not row.file.endswith(".wav"):
                continue
            read += 1
            if frames_of(pack / row.file) != row.sound.frames:
                wrong.append(f"{name}: {row.file}")
        facts[name] = {"read": read, "seconds": round(time.monotonic() - begin_s, 1)}
    json.dump({**facts, "wrong": wrong}, sys.stdout, indent=2)
    print()
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
