"""Roles that play in techno and parts of a piano, and the numbers under which drums are written."""

from __future__ import annotations

PARTS = ("drums", "bass", "lead", "chords")
"""Roles of a techno score, each of which can be heard alone."""


PIANO_PARTS = ("chords", "melody", "bass")
"""What a piano plays at once: the tones between its hands and in figures, the top line, and what holds them."""
ALL_PARTS = (*PARTS, *(part for part in PIANO_PARTS if part not in PARTS))
"""Whatever can be asked for, of one model or another."""


def parts_named(text: str) -> tuple[str, ...]:
    """The parts that a text like `drums, bass` names; `Controls` says whether they are parts."""
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


DRUMS = {
    "kick": 36,
    "rim": 37,
    "snare": 38,
    "clap": 39,
    "hat": 42,
    "tom": 45,
    "open": 46,
    "crash": 49,
    "ride": 51,
    "perc0": 60,
    "perc1": 61,
    "perc2": 62,
    "perc3": 63,
    "perc4": 64,
    "loop0": 75,
    "loop1": 76,
    "loop2": 77,
    "loop3": 67,
    "shaker": 70,
}
"""MIDI keys of drum voices, after General MIDI's percussion (perc: bongos and congas, loop: claves, blocks, agogo)."""

KIND_OF = {voice: voice.rstrip("0123456789") for voice in DRUMS}
"""What each drum voice is: `perc3` is a perc, `kick` a kick."""

STRUCK = {
    "kick": ("kick",),
    "snare": ("snare",),
    "rim": ("rim",),
    "hat": ("hat",),
    "open_hat": ("open",),
    "clap": ("clap",),
    "ride": ("ride",),
    "crash": ("crash",),
    "shaker": ("shaker",),
    "tom": ("tom",),
    "perc": ("perc0", "perc1", "perc2", "perc3", "perc4"),
}
"""One-shots of drums, each with the voices that it may be."""
PLAYED = {"bass": "bass", "lead": "lead", "stab": "chords", "pad": "chords"}
"""One-shots of one note or chord, each with the role that plays it."""
ONE_SHOTS = (*STRUCK, *PLAYED)
"""What can be rendered alone from a score of one hit, note or chord."""
