"""`Transport`: what is known about a DAW's transport at one moment, with one validity bit per field."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntFlag
from typing import Any

INT64_MAX = 2**63 - 1


class Valid(IntFlag):
    """Which fields of a `Transport` mean something; each is named after its field."""

    PLAYING = 1 << 0
    RECORDING = 1 << 1
    LOOP_ON = 1 << 2
    LOOP_START_BEATS = 1 << 3
    LOOP_END_BEATS = 1 << 4
    TEMPO_BPM = 1 << 5
    TEMPO_INCREMENT_BPM_PER_S = 1 << 6
    POSITION_BEATS = 1 << 7
    POSITION_S = 1 << 8
    POSITION_FRAMES = 1 << 9
    BAR_START_BEATS = 1 << 10
    SIGNATURE_NUMERATOR = 1 << 11
    SIGNATURE_DENOMINATOR = 1 << 12
    PHASE_BEATS = 1 << 13
    QUANTUM_BEATS = 1 << 14
    HOST_TIME_S = 1 << 15
    SAMPLE_RATE_HZ = 1 << 16


NOTHING = Valid(0)
LOOP = Valid.LOOP_ON | Valid.LOOP_START_BEATS | Valid.LOOP_END_BEATS
SIGNATURE = Valid.SIGNATURE_NUMERATOR | Valid.SIGNATURE_DENOMINATOR
POSITION = Valid.POSITION_BEATS | Valid.POSITION_S | Valid.POSITION_FRAMES


@dataclass(frozen=True)
class Transport:
    """A DAW's transport at `host_time_s`; a field without its bit in `valid` holds a meaningless default.

    Beats are quarter notes, position 0 is the start of the song. `host_time_s` is this machine's
    `bridge.clock.source.host_time`. `tempo_increment_bpm_per_s` is the slope of a ramp that is linear in time.
    `phase_beats` is the position modulo `quantum_beats` of sources that know no song position (Link).
    Build one with `Transport.of`, which sets the bits and checks the values.
    """

    valid: Valid = NOTHING
    playing: bool = False
    recording: bool = False
    loop_on: bool = False
    loop_start_beats: float = 0.0
    loop_end_beats: float = 0.0
    tempo_bpm: float = 120.0
    tempo_increment_bpm_per_s: float = 0.0
    position_beats: float = 0.0
    position_s: float = 0.0
    position_frames: int = 0
    bar_start_beats: float = 0.0
    signature_numerator: int = 4
    signature_denominator: int = 4
    phase_beats: float = 0.0
    quantum_beats: float = 4.0
    host_time_s: float = 0.0
    sample_rate_hz: float = 48000.0

    @classmethod
    def of(cls, **fields: Any) -> Transport:
        """A record that knows exactly the given fields. Raises ValueError naming a field out of range."""
        return cls().replace(**fields)

    def replace(self, **fields: Any) -> Transport:
        """The same record with the given fields changed and known. Raises ValueError as `of` does."""
        valid = self.valid
        checked = {}
        for name, value in fields.items():
            checked[name] = check_field(name, value)
            valid |= BITS[name]
        return dataclasses.replace(self, valid=valid, **checked)

    def without(self, bits: Valid) -> Transport:
        """The same record no longer knowing the fields in `bits`; they go back to their defaults."""
        gone = {name: DEFAULTS[name] for name, bit in BITS.items() if bit & bits & self.valid}
        return dataclasses.replace(self, valid=self.valid & ~bits, **gone) if gone else self

    def knows(self, bits: Valid) -> bool:
        """Whether every field in `bits` is known."""
        return self.valid & bits == bits

    def known(self) -> dict[str, Any]:
        """The known fields by name."""
        return {name: getattr(self, name) for name, bit in BITS.items() if bit & self.valid}

    @property
    def is_rolling(self) -> bool:
        """Known to be playing."""
        return self.playing and self.knows(Valid.PLAYING)


@dataclass(frozen=True)
class Sight:
    """What was told at `at_s` (host time): a bar, whole beats in it before the present one, and the part of that.

    `song_s` is the song's second of the same moment, where that is told; `unit` and `length`, in quarter notes, are a
    beat and a bar of the signature of this bar, where that is.
    """

    bar: int
    whole: int
    part: float
    at_s: float
    playing: bool
    song_s: float | None = None
    unit: float | None = None
    length: float | None = None


def _finite(low: float, high: float) -> Callable[[str, Any], float]:
    def check(name: str, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError(f"{name}: {value!r:.40}, must be a number in {low:g}..{high:g}")
        if not (math.isfinite(value) and low <= value <= high):
            raise ValueError(f"{name}: {value!r:.40}, must be in {low:g}..{high:g}")
        return float(value)

    return check


def _whole(low: int, high: int) -> Callable[[str, Any], int]:
    def check(name: str, value: Any) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f"{name}: {value!r:.40}, must be a whole number in {low}..{high}")
        return value

    return check


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, (bool, int)) or value not in (0, 1):
        raise ValueError(f"{name}: {value!r:.40}, must be true or false")
    return bool(value)


def _denominator(name: str, value: Any) -> int:
    if value not in (1, 2, 4, 8, 16, 32, 64) or isinstance(value, bool):
        raise ValueError(f"{name}: {value!r:.40}, must be a power of two in 1..64")
    return int(value)


_beats = _finite(-1e9, 1e9)
CHECKS: Mapping[str, Callable[[str, Any], Any]] = {
    "playing": _flag,
    "recording": _flag,
    "loop_on": _flag,
    "loop_start_beats": _beats,
    "loop_end_beats": _beats,
    "tempo_bpm": _finite(1, 1000),
    "tempo_increment_bpm_per_s": _finite(-10000, 10000),
    "position_beats": _beats,
    "position_s": _finite(-1e9, 1e9),
    "position_frames": _whole(-INT64_MAX, INT64_MAX),
    "bar_start_beats": _beats,
    "signature_numerator": _whole(1, 99),
    "signature_denominator": _denominator,
    "phase_beats": _finite(0, 1024),
    "quantum_beats": _finite(0.25, 1024),
    "host_time_s": _finite(-1e12, 1e12),
    "sample_rate_hz": _finite(1000, 1e6),
}
BITS: Mapping[str, Valid] = {name: Valid[name.upper()] for name in CHECKS}
DEFAULTS: Mapping[str, Any] = {f.name: f.default for f in dataclasses.fields(Transport) if f.name in CHECKS}


def check_field(name: str, value: Any) -> Any:
    """The value in the field's own type. Raises ValueError for an unknown field or a value out of range."""
    if name not in CHECKS:
        raise ValueError(f"field: {name!r:.40}, must be one of {', '.join(CHECKS)}")
    return CHECKS[name](name, value)
