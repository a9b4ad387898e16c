"""Texts from the command line to checked values; every error names the option, the value and what is allowed."""

import os
import re
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from fractions import Fraction

from musika_daw.system.refusal import refused

BPM_RANGE = (60, 200)
TAKE_RANGE_S = (1, 600)


def number(option: str, text: str, low: Fraction | int, high: Fraction | int) -> Fraction:
    """A decimal number as an exact fraction."""
    allowed = f"{float(low):g}..{float(high):g}"
    if not re.fullmatch(r"\d{1,9}(\.\d{1,6})?", text.strip()):
        raise refused(option, text, f"must be a number within {allowed}")
    value = Fraction(text.strip())
    if not low <= value <= high:
        raise refused(option, value, f"must be within {allowed}")
    return value


def whole(option: str, text: str, low: int, high: int) -> int:
    """A whole number."""
    if not re.fullmatch(r"[+-]?\d{1,18}", text.strip()):
        raise refused(option, text, f"must be a whole number within {low}..{high}")
    if not low <= int(text) <= high:
        raise refused(option, int(text), f"must be within {low}..{high}")
    return int(text)


def whole_in(low: int, high: int) -> Callable[[str, str], int]:
    """A reader of whole numbers within a range."""
    return lambda option, text: whole(option, text, low, high)


def whole_among(*allowed: int) -> Callable[[str, str], int]:
    """A reader of whole numbers of which only some, given in rising order, are allowed."""

    def read(option: str, text: str) -> int:
        value = whole(option, text, allowed[0], allowed[-1])
        if value not in allowed:
            raise refused(option, value, f"must be one of {', '.join(map(str, allowed))}")
        return value

    return read


def one_of(allowed: Callable[[], Collection[str]]) -> Callable[[str, str], str]:
    """A reader of names; they are asked for when a text is read, since some lie in modules that take time to import."""

    def read(option: str, text: str) -> str:
        if text not in allowed():
            raise refused(option, text, f"must be one of {', '.join(allowed())}")
        return text

    return read


def music_key(option: str, text: str) -> str:
    """A key, like `Amin`, from any common spelling."""
    from musika_daw.score.harmony import key_in_text

    key = key_in_text(text)
    if key is None:
        raise refused(option, text, "must be a key like Am, F#, Bbmin or 8A")
    return key


def chord_progression(option: str, text: str) -> str:
    """A chord progression, one chord a bar, as `progression_name` writes it: `Am | F | C | G7`."""
    from musika_daw.score.chords import progression_name, progression_named

    try:
        return progression_name(progression_named(text))
    except ValueError as error:
        raise ValueError(f"{option}: {str(error).removeprefix('chords: ')}") from None


def voice_styles(option: str, text: str) -> str:
    """Style seeds of voices, as `voices_text` writes them: `drums=12,bass=7`."""
    from musika_daw.score.parts import voices_named, voices_text

    try:
        return voices_text(voices_named(text))
    except ValueError as error:
        raise ValueError(f"{option}: {str(error).removeprefix('voices: ')}") from None


def named_styles(option: str, text: str) -> str:
    """Names of starting points, each once, with commas between them; `all` of them."""
    from musika_daw.score.techno.catalogue import START_NAMES

    if text.strip() == "all":
        return ",".join(START_NAMES)
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in START_NAMES:
            raise refused(option, name, f"must be all, or some of {', '.join(START_NAMES)}")
        if names.count(name) > 1:
            raise refused(option, text, f"{name} must be given once")
    return ",".join(names)


def parse_bpm(text: str, step: str = "5") -> tuple[Fraction, ...]:
    """Tempi from `128`, `120,128.5` or `120-160`, rising, each once.

    A range goes from its low end in steps of `step` bpm (0.01..140) and includes its high end where a step
    lands on it. Raises ValueError outside 60..200 bpm, or for a range that runs downwards.
    """
    stride = number("--bpm-step", step, Fraction(1, 100), 140)
    tempi: set[Fraction] = set()
    for item in text.split(","):
        low_text, dash, high_text = item.partition("-")
        if not re.fullmatch(r"[\d.\s]+(-[\d.\s]+)?", item):
            raise refused("--bpm", text, "must be like 128, 120,128.5 or 120-160, within 60..200")
        low = number("--bpm", low_text, *BPM_RANGE)
        high = number("--bpm", high_text, *BPM_RANGE) if dash else low
        if high < low:
            raise refused("--bpm", item.strip(), "must run from low to high, within 60..200")
        tempi.update(low + stride * index for index in range((high - low) // stride + 1))
    return tuple(sorted(tempi))


def parse_density(text: str) -> tuple[Fraction, Fraction] | None:
    """Densities from `0.1-0.9`, `0.5` or `none` (the model decides); raises ValueError outside 0..1."""
    if text.strip().lower() == "none":
        return None
    low_text, dash, high_text = text.partition("-")
    if not re.fullmatch(r"[\d.\s]+(-[\d.\s]+)?", text):
        raise refused("--density", text, "must be like 0.5, 0.1-0.9 or none, within 0..1")
    low = number("--density", low_text, 0, 1)
    high = number("--density", high_text, 0, 1) if dash else low
    if high < low:
        raise refused("--density", text.strip(), "must run from low to high, within 0..1")
    return low, high


def take_length(seconds: str | None, bars: str | None, bpm: str | None) -> tuple[Fraction, int | None]:
    """Length of a take in seconds, and its bars where it was asked for in bars at a tempo."""
    low, high = TAKE_RANGE_S
    if bars is None and bpm is None:
        return number("--take-seconds", seconds or "20", low, high), None
    if bars is None or bpm is None:
        raise ValueError("--take-bars and --take-bpm: both must be given, or neither")
    if seconds is not None:
        raise refused("--take-seconds", seconds, "cannot be combined with --take-bars, allowed is one of them")
    count = whole("--take-bars", bars, 1, 1000)
    length = count * 240 / number("--take-bpm", bpm, 20, 300)
    if not low <= length <= high:
        raise refused("--take-bars", count, f"at {bpm} bpm is {float(length):.2f} s, must be within {low}..{high} s")
    return length, count


def source_date() -> str | None:
    """The date that the environment's SOURCE_DATE_EPOCH asks for, as YYYY-MM-DD, or None.

    Audio files carry a date (`ICRD`) only then: the day of rendering would make two equal builds differ.
    """
    text = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not text:
        return None
    try:
        return datetime.fromtimestamp(int(text), UTC).date().isoformat()
    except (ValueError, OverflowError, OSError):
        raise refused("SOURCE_DATE_EPOCH", text, "must be whole seconds since 1970") from None
