"""Every file of a pack in a session of Ardour: `python -m benchmarks.packs.ardour DIR`.

For each tempo of the pack a session is made at that tempo, with every file of it as a region on a track, and loaded by
Ardour without a screen (scripts/install-test-peers). What counts is what Ardour says then: how long each file and its
region are, how many beats of its own tempo map a loop fills, and how loud the loudest sample it reads is. Prints one
JSON object; fails if anything differs from the manifest.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from xml.sax.saxutils import quoteattr

import soundfile

from pack_builder.record.manifest import read_manifest
from pack_builder.record.rows import Row

ARDOUR = Path("/usr/lib/ardour7")
STARTS = 6
SUPERCLOCK_HZ = 282_240_000  # what times are counted in, in a session's file
TICKS = 1920  # a beat
_MAKE = """
AudioEngine:set_backend("None (Dummy)", "", "")
s = create_session("{folder}", "song", {rate})
local tempi = Temporal.TempoMap.write_copy()
tempi:set_tempo(Temporal.Tempo({bpm}, {bpm}, 4), Temporal.timepos_t(0))
Temporal.TempoMap.update(tempi)
tempi = nil
local last, normal = ARDOUR.PresentationInfo.max_order, ARDOUR.TrackMode.Normal
{tracks}
s:save_state("")
close_session()
quit()
"""
_LOAD = """
AudioEngine:set_backend("None (Dummy)", "", "")
s = load_session("{folder}", "song")
{tell}
close_session()
quit()
"""
_TRACK = 's:new_audio_track(2, 2, nil, 1, "pack", last, normal, true)'
_TELL = """
local tempi = Temporal.TempoMap.read()
for region in s:route_by_name("pack"):to_track():playlist():region_list():iter() do
  local at, length = region:position():samples(), region:length():samples()
  local parts = {region:source(0):to_filesource():path(), length, region:source(0):length():samples(),
    region:to_audioregion():n_channels(), tostring(tempi:quarters_at_sample(at)),
    tostring(tempi:quarters_at_sample(at + length)), region:to_audioregion():maximum_amplitude(nil)}
  print("REGION\\t" .. table.concat(parts, "\\t"))
end
tempi = nil
"""


@dataclass(frozen=True)
class Heard:
    """What Ardour says of a file: frames of its region and of the file, channels, ticks that the region fills, and the
    largest magnitude in it."""

    frames: int
    file_frames: int
    channels: int
    ticks: int
    peak: float


def sessions(
    home: Path, rate: int, bpm: float, *, tracks: str, fill: Callable[[str], str], tell: str
) -> Iterator[list[str]]:
    """What a script prints, a list of lines for every start of Ardour: it does not always start, or load all.

    A session of this rate and tempo is made with `tracks`, its file `fill`ed with regions, and loaded for the script
    `tell`, both in Lua: `s` is the session.
    """
    for start in range(STARTS):
        place = home / f"ardour{start}"
        session = place / "song" / "song.ardour"
        place.mkdir()
        _run_lua(place, _MAKE.format(folder=session.parent, rate=rate, bpm=bpm, tracks=tracks))
        if session.is_file():
            session.write_text(fill(session.read_text()))
            yield _run_lua(place, _LOAD.format(folder=session.parent, tell=tell)).splitlines()


def _run_lua(home: Path, text: str) -> str:
    """What a script prints; it ends in Ardour's own words where it was whole."""
    script = home / "script.lua"  # it starts more often when it is held to one core
    script.write_text(text)
    done = subprocess.run(
        ["taskset", "-c", str(min(os.sched_getaffinity(0))), "ardour7-lua", str(script)],
        capture_output=True,
        env={**os.environ, "HOME": str(home)},
        timeout=300,
        check=False,
    )
    return done.stdout.decode("utf-8", "replace")


def _with_files(session: str, files: Sequence[tuple[Path, int]], rate: int) -> str:
    """A session's text with a region for each (file, frames), one after another on the track."""
    sources, regions, at = [], [], 0
    for number, (path, frames) in enumerate(files):
        base, name = 100_000 + 10 * number, quoteattr(str(path))
        sources += [
            f'<Source name={name} take-id="" type="audio" flags="" id="{base + side}" channel="{side}" '
            f'origin={name} gain="1"/>'
            for side in (0, 1)
        ]
        start, length = (frame * SUPERCLOCK_HZ // rate for frame in (at, frames))
        common = (
            f'<Region name={quoteattr(path.stem)} opaque="1" external="1" start="a0" layering-index="0" type="audio" '
            f'channels="2" scale-amplitude="1" source-0="{base}" source-1="{base + 1}" master-source-0="{base}" '
            f'master-source-1="{base + 1}" fade-in-active="0" fade-out-active="0" envelope-active="0" '
        )
        regions.append(
            (
                f'{common} id="{base + 2}" whole-file="1" length="a{length}@a0"/>',
                f'{common} id="{base + 3}" whole-file="0" length="a{length}@a{start}"/>',
            )
        )
        at += frames + rate
    text = session.replace("<Sources/>", f"<Sources>{''.join(sources)}</Sources>")
    text = text.replace("<Regions/>", f"<Regions>{''.join(whole for whole, _ in regions)}</Regions>")
    return re.sub(
        r'(<Playlist id="\d+" name="pack"[^>]*)/>',
        lambda found: f"{found[1]}>{''.join(placed for _, placed in regions)}</Playlist>",
        text,
    )


def ticks_of(position: str) -> int:
    """A place that Ardour tells as beats:ticks, in ticks."""
    beats, ticks = position.split(":")
    return int(beats) * TICKS + int(ticks)


def heard_by_ardour(files: Sequence[tuple[Path, int]], rate: int, bpm: float) -> dict[Path, Heard]:
    """What Ardour says of files (path, frames) in a session of this rate and tempo; RuntimeError if it never does."""
    with tempfile.TemporaryDirectory() as folder:
        fill = partial(_with_files, files=files, rate=rate)
        for lines in sessions(Path(folder), rate, bpm, tracks=_TRACK, fill=fill, tell=_TELL):
            heard = {}
            for line in lines:
                if line.startswith("REGION\t"):
                    path, frames, whole, channels, first, last, peak = line.split("\t")[1:]
                    ticks = ticks_of(last) - ticks_of(first)
                    heard[Path(path)] = Heard(int(frames), int(whole), int(channels), ticks, float(peak))
            if len(heard) == len(files):
                return heard
    raise RuntimeError(f"Ardour did not load a session of {len(files)} files in {STARTS} starts")


def differences(pack: Path, rows: Sequence[Row]) -> list[str]:
    """What Ardour sees otherwise than the manifest, one line a file."""
    groups: dict[tuple[int, float], list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.sound.sample_rate_hz, row.music.bpm or 120.0].append(row)
    wrong = []
    for (rate, bpm), members in groups.items():
        heard = heard_by_ardour([((pack / row.file).resolve(), row.sound.frames) for row in members], rate, bpm)
        for row in members:
            said = heard[(pack / row.file).resolve()]
            if (said.frames, said.file_frames, said.channels) != (row.sound.frames, row.sound.frames, 2):
                wrong.append(f"{row.file}: {said}, the manifest says {row.sound.frames} frames")
            # a loop's length is rounded to a frame, and a place in Ardour to a tick
            elif row.music.beats is not None and abs(said.ticks - row.music.beats * TICKS) > 2:
                wrong.append(f"{row.file}: {said.ticks / TICKS} beats, the manifest says {row.music.beats}")
            elif abs(said.peak - abs(soundfile.read(pack / row.file)[0]).max()) > 1e-5:
                wrong.append(f"{row.file}: its loudest sample is {said.peak}")
    return wrong


def main() -> None:
    """Read the pack named on the command line."""
    pack = Path(sys.argv[1])
    rows = read_manifest(pack).rows
    begin_s = time.monotonic()
    wrong = differences(pack, rows)
    timed = sorted({row.music.bpm for row in rows if row.music.bpm})
    facts = {"files": len(rows), "tempi": timed, "seconds": round(time.monotonic() - begin_s, 1), "wrong": wrong}
    json.dump(facts, sys.stdout, indent=2)
    print()
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
