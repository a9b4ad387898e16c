"""Roles that play in techno and parts of a piano, and the numbers under which drums are written."""

from __future__ import annotations

from musika_daw.system.refusal import refused

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

_KIND_OF_KEY = {key: KIND_OF[voice] for voice, key in DRUMS.items()}


def kind_of_key(key: int) -> str:
    """The kind of drum that a MIDI key plays."""
    return _KIND_OF_KEY[key]


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

VOICES = (*PARTS, *dict.fromkeys(KIND_OF.values()))
"""What may have a style of its own: each part, and each kind of drum."""


def voices_named(text: str) -> tuple[tuple[str, int], ...]:
    """Style seeds of voices by a text like `kick=12, bass=7`; ValueError says what is wrong with it."""
    voices: dict[str, int] = {}
    for pair in filter(None, (pair.strip() for pair in text.split(","))):
        name, equals, number = (part.strip() for part in pair.partition("="))
        if not equals or not number.isascii() or not number.isdigit():
            raise refused("voices", pair, "must be VOICE=SEED, like kick=12")
        if name in voices:
            raise refused("voices", text, f"{name} must be given once")
        voices[name] = int(number)
    if not voices:
        raise refused("voices", text, "must be VOICE=SEED, like kick=12")
    return checked_voices(tuple(voices.items()))


def checked_voices(voices: tuple[tuple[str, int], ...]) -> tuple[tuple[str, int], ...]:
    """The same voices in the order of `VOICES`; ValueError for what is no voice or no seed."""
    for name, seed in voices:
        if name not in VOICES:
            raise refused("voices", name, f"must be one of {', '.join(VOICES)}")
        if not 0 <= seed < 1 << 64:
            raise refused("voices", f"{name}={seed}", "must be a seed in 0..2**64-1")
    return tuple(sorted(voices, key=lambda voice: VOICES.index(voice[0])))


def voices_text(voices: tuple[tuple[str, int], ...]) -> str:
    """Voices as `voices_named` reads them."""
    return ",".join(f"{name}={seed}" for name, seed in voices)
