"""Sounds and MIDI files as regions of a session of Ardour, written into its file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from xml.sax.saxutils import quoteattr

import soundfile

from benchmarks.packs.ardour import SUPERCLOCK_HZ, TICKS

RATE, BPM = 44_100, Fraction(257, 2)
BEGIN = 4  # beat at which everything begins


def with_regions(session: str, sounds: Sequence[Path], midi: Path, beats: int) -> str:
    """A session's text with all sounds and the MIDI file as regions that begin on one beat."""
    sources, of = [], {"sound": ["", ""], "notes": ["", ""]}
    begin = round(BEGIN * 60 / BPM * SUPERCLOCK_HZ)
    for number, path in enumerate((*sounds, midi)):
        base, name, is_midi = 100_000 + 10 * number, quoteattr(str(path)), path == midi
        count = 1 if is_midi else 2
        kind = "midi" if is_midi else "audio"
        for side in range(count):
            channel = "" if is_midi else f'channel="{side}" gain="1"'
            sources.append(
                f'<Source name={name} take-id="" type="{kind}" flags="" id="{base + side}" origin={name} {channel}/>'
            )
        if is_midi:
            length, placed = f"b{beats * TICKS}@b0", f"b{beats * TICKS}@b{BEGIN * TICKS}"
            of_sources = f'start="b0" source-0="{base}" master-source-0="{base}"'
        else:
            frames = soundfile.info(path).frames * SUPERCLOCK_HZ // RATE
            length, placed = f"a{frames}@a0", f"a{frames}@a{begin}"
            both = " ".join(f'{what}-{side}="{base + side}"' for what in ("source", "master-source") for side in (0, 1))
            of_sources = f'start="a0" channels="2" {both}'
        common = f'<Region name={quoteattr(path.stem + path.suffix)} type="{kind}" opaque="1" external="1" {of_sources}'
        track = of["notes" if is_midi else "sound"]
        track[0] += f'{common} id="{base + 4}" whole-file="1" length="{length}"/>'
        track[1] += f'{common} id="{base + 5}" whole-file="0" length="{placed}"/>'
    text = session.replace("<Sources/>", f"<Sources>{''.join(sources)}</Sources>")
    text = text.replace("<Regions/>", f"<Regions>{of['sound'][0]}{of['notes'][0]}</Regions>")
    for track_name, (_, regions) in of.items():
        text = re.sub(
            rf'(<Playlist id="\d+" name="{track_name}"[^>]*)/>',
            lambda found, regions=regions: f"{found[1]}>{regions}</Playlist>",  # type: ignore[misc]
            text,
        )
    return text
