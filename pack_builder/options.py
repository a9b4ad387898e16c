"""What the user asked for: every option parsed, checked and named in the error where it is out of range."""

import math
import os
import re
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from pack_builder.names import TEMPLATES, check_name

BPM_RANGE = (60, 200)
BARS = (1, 2, 4, 8, 16)
SAMPLE_RATES_HZ = (44100, 48000, 88200, 96000)
SEED_LIMIT = (1 << 32) - 1
DEFAULT_JOBS = 2  # a worker takes about half a gigabyte


@dataclass(frozen=True)
class Family:
    """What is made of one kind of model: loops or takes, their folder, genre tag and loudness target."""

    kind: str
    shape: str
    folder: str
    genre: str
    loudness_lufs: float


FAMILIES = {
    "techno": Family("techno", "loop", "Loops/Techno_Loops", "Techno", -12.0),
    "piano": Family("piano", "take", "Loops/Piano_Takes", "Piano", -18.0),
}


def _number(option: str, text: str, low: Fraction | int, high: Fraction | int) -> Fraction:
    allowed = f"{float(low):g}..{float(high):g}"
    if not re.fullmatch(r"\d{1,9}(\.\d{1,6})?", text.strip()):
        raise ValueError(f"{option} {text!r}: must be a number within {allowed}")
    value = Fraction(text.strip())
    if not low <= value <= high:
        raise ValueError(f"{option} {text.strip()}: must be within {allowed}")
    return value


def _whole(option: str, text: str, low: int, high: int) -> int:
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
    stride = _number("--bpm-step", step, Fraction(1, 100), 140)
    tempi: set[Fraction] = set()
    for item in text.split(","):
        low_text, dash, high_text = item.partition("-")
        if not re.fullmatch(r"[\d.\s]+(-[\d.\s]+)?", item):
            raise ValueError(f"--bpm {text!r}: must be like 128, 120,128.5 or 120-160, within 60..200")
        low = _number("--bpm", low_text, *BPM_RANGE)
        high = _number("--bpm", high_text, *BPM_RANGE) if dash else low
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
    low = _number("--density", low_text, 0, 1)
    high = _number("--density", high_text, 0, 1) if dash else low
    if high < low:
        raise ValueError(f"--density {text.strip()}: must run from low to high, within 0..1")
    return low, high


def usable_cores() -> int:
    """Processor cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class BuildOptions:
    """One checked request for a pack; see `parse` for the ranges. `out` and `jobs` do not change a byte of it."""

    bpm: tuple[Fraction, ...]
    kinds: tuple[str, ...]
    loops_per_bpm: int
    bars: int
    takes: int
    density: tuple[Fraction, Fraction] | None
    take_seconds: Fraction
    seed: int
    sample_rate_hz: int
    label: str
    name: str
    naming: str
    models: tuple[str, ...]
    out: Path
    jobs: int
    resume: bool = False
    source_date: str | None = None

    @classmethod
    def parse(
        cls,
        *,
        bpm: str = "120-160",
        bpm_step: str = "5",
        kinds: tuple[str, ...] = (),
        loops_per_bpm: str = "2",
        bars: str = "4",
        takes: str = "9",
        density: str = "0.1-0.9",
        take_seconds: str = "20",
        seed: str = "7",
        sample_rate: str = "44100",
        label: str = "MSK",
        name: str = "First",
        naming: str = "default",
        models: tuple[str, ...] = (),
        out: str | None = None,
        jobs: str | None = None,
        resume: bool = False,
    ) -> "BuildOptions":
        """Options from the texts of the command line; raises ValueError naming option, value and allowed range."""
        for kind in kinds:
            if kind not in FAMILIES:
                raise ValueError(f"--kind {kind!r}: must be one of {', '.join(FAMILIES)}")
        if naming not in TEMPLATES:
            raise ValueError(f"--naming {naming!r}: must be one of {', '.join(TEMPLATES)}")
        bars_n = _whole("--bars", bars, 1, 16)
        if bars_n not in BARS:
            raise ValueError(f"--bars {bars_n}: must be one of {', '.join(map(str, BARS))}")
        rate = _whole("--sample-rate", sample_rate, SAMPLE_RATES_HZ[0], SAMPLE_RATES_HZ[-1])
        if rate not in SAMPLE_RATES_HZ:
            raise ValueError(f"--sample-rate {rate}: must be one of {', '.join(map(str, SAMPLE_RATES_HZ))}")
        if out is not None and not out.strip():
            raise ValueError("--out '': must name a folder")
        check_name("--label", label, naming)
        check_name("--name", name, naming)
        options = cls(
            bpm=parse_bpm(bpm, bpm_step),
            kinds=tuple(kind for kind in FAMILIES if not kinds or kind in kinds),
            loops_per_bpm=_whole("--loops-per-bpm", loops_per_bpm, 0, 100_000),
            bars=bars_n,
            takes=_whole("--takes", takes, 0, 100_000),
            density=parse_density(density),
            take_seconds=_number("--take-seconds", take_seconds, 1, 600),
            seed=_whole("--seed", seed, 0, SEED_LIMIT),
            sample_rate_hz=rate,
            label=label,
            name=name,
            naming=naming,
            models=tuple(models),
            out=Path(out if out is not None else f"{label}_-_{name}_-_WAV"),
            jobs=min(DEFAULT_JOBS, usable_cores()) if jobs is None else _whole("--jobs", jobs, 1, 256),
            resume=resume,
            source_date=source_date(),
        )
        if not any(options.count(kind) for kind in options.kinds):
            raise ValueError(
                f"--loops-per-bpm {options.loops_per_bpm} with --takes {options.takes}: "
                "at least one loop or take must be left"
            )
        return options

    def count(self, kind: str) -> int:
        """Files of one kind in the pack."""
        return self.loops_per_bpm * len(self.bpm) if FAMILIES[kind].shape == "loop" else self.takes

    def recipe(self) -> dict[str, Any]:
        """All that the bytes of the pack depend on, as plain JSON values: two equal recipes, two equal packs."""
        values = asdict(self)
        for name in ("out", "jobs", "resume", "models"):
            del values[name]
        values["bpm"] = [str(bpm) for bpm in self.bpm]
        values["kinds"] = list(self.kinds)
        values["density"] = None if self.density is None else [str(value) for value in self.density]
        values["take_seconds"] = str(self.take_seconds)
        return values


def source_date() -> str | None:
    """The date that the environment's SOURCE_DATE_EPOCH asks for, as YYYY-MM-DD, or None.

    Audio files carry a date (`ICRD`) only then: the day of rendering would make two equal builds differ.
    """
    from datetime import UTC, datetime

    text = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not text:
        return None
    try:
        return datetime.fromtimestamp(int(text), UTC).date().isoformat()
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"SOURCE_DATE_EPOCH {text!r}: must be whole seconds since 1970") from None


def duration_s(options: BuildOptions) -> float:
    """Seconds of audio that the options ask for (without the decay of takes)."""
    loops = sum(options.bars * 240 / float(bpm) for bpm in options.bpm) * options.loops_per_bpm
    shapes = {FAMILIES[kind].shape for kind in options.kinds}
    takes = math.prod((options.takes, float(options.take_seconds)))
    return loops * ("loop" in shapes) + takes * ("take" in shapes)
