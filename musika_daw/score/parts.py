"""Roles that play in techno, and the numbers under which their drums are written."""

from __future__ import annotations

PARTS = ("drums", "bass", "lead", "chords")
"""Roles of a techno score, each of which can be heard alone."""

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
    "perc": 63,
    "shaker": 70,
    "loop": 75,
}
"""MIDI keys of drum voices, after General MIDI's percussion (perc: a conga, loop: claves)."""


def drum_key(voice: str) -> int:
    """MIDI key of a voice; those that differ by a number (`perc0`, `perc1`) share one."""
    return DRUMS[voice.rstrip("0123456789")]
