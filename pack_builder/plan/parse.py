"""Texts from the command line to checked values; every error names the option, the value and what is allowed."""

import re
from fractions import Fraction

BPM_RANGE = (60, 200)


def number(option: str, text: str, low: Fraction | int, high: Fraction | int) -> Fraction:
    """A decimal number as an exact fraction."""
    allowed = f"{float(low):g}..{float(high):g}"
    if not re.fullmatch(r"\d{1,9}(\.\d{1,6})?", text.strip()):
        raise ValueError(f"{option} {text!r}: must be a number within {allowed}")
    value = Fraction(text.strip())
    if not low <= value <= high:
        raise ValueError(f"{option} {text.strip()}: must be within {allowed}")
    return value


def whole(option: str, text: str, low: int, high: int) -> int:
    """A whole number."""
    if not re.fullmatch(r"[+-]?\d{1,18}", text.strip()):
        raise ValueError(f"{option} {text!r}: must be a whole number within {low}..{high}")
    if not low <= int(text) <= high:
        raise ValueError(f"{option} {text.strip()}: must be within {low}..{high}")
    return int(text)


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
            raise ValueError(f"--bpm {text!r}: must be like 128, 120,128.5 or 120-160, within 60..200")
        low = number("--bpm", low_text, *BPM_RANGE)
        high = number("--bpm", high_text, *BPM_RANGE) if dash else low
        if high < low:
            raise ValueError(f"--bpm {item.strip()}: must run from low to high, within 60..200")
        tempi.update(low + stride * index for index in range((high - low) // stride + 1))
    return tuple(sorted(tempi))


def parse_density(text: str) -> tuple[Fraction, Fraction] | None:
    """Densities from `0.1-0.9`, `0.5` or `none` (the model decides); raises ValueError outside 0..1."""
    if text.strip().lower() == "none":
        return None
    low_text, dash, high_text = text.partition("-")
    if not re.fullmatch(r"[\d.\s]+(-[\d.\s]+)?", text):
        raise ValueError(f"--density {text!r}: must be like 0.5, 0.1-0.9 or none, within 0..1")
    low = number("--density", low_text, 0, 1)
    high = number("--density", high_text, 0, 1) if dash else low
    if high < low:
        raise ValueError(f"--density {text.strip()}: must run from low to high, within 0..1")
    return low, high
