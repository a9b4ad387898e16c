"""What the user asked for: every option parsed, checked and named in the error where it is out of range."""

import math
import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from musika_daw.sound.sounds import FORMATS
from pack_builder.plan.chain import Chain, chains_of
from pack_builder.plan.curve import Points, parse_curve
from pack_builder.plan.families import FAMILIES, SHOTS
from pack_builder.plan.names import TEMPLATES, check_name, name_of_folder
from pack_builder.plan.parse import number, parse_bpm, parse_density, whole

BARS = (1, 2, 4, 8, 16)
SAMPLE_RATES_HZ = (44100, 48000, 88200, 96000)
SEED_LIMIT = (1 << 32) - 1
DEFAULT_JOBS = 2  # a worker takes about half a gigabyte
ATTEMPTS_LIMIT = 1000
TAKE_RANGE_S = (1, 600)


@dataclass(frozen=True)
class Extension:
    """Loops and takes added to a finished pack."""

    loops: int
    takes: int


@dataclass(frozen=True)
class BuildOptions:
    """One checked request for a pack; see `parse` for the ranges.

    `out`, `jobs`, `cluster`, `resume`, `strict` and `models` do not change a byte of it. `only` holds the jobs to make
    (none: all), `weights` kind and hash of the weights that must be used (none: any).
    """

    bpm: tuple[Fraction, ...]
    kinds: tuple[str, ...]
    loops_per_bpm: int
    bars: int
    kits: int
    one_shots: int
    takes: int
    density: tuple[Fraction, Fraction] | None
    density_curve: Points | None
    take_seconds: Fraction
    take_bars: int | None
    attempts: int
    keep_best: bool
    chains: tuple[tuple[str, Chain], ...]
    format: str
    seed: int
    sample_rate_hz: int
    label: str
    name: str
    naming: str
    models: tuple[str, ...]
    out: Path
    jobs: int
    cluster: str | None = None
    resume: bool = False
    strict: bool = False
    source_date: str | None = None
    extensions: tuple[Extension, ...] = ()
    only: tuple[str, ...] = ()
    weights: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(
        cls,
        *,
        bpm: str = "120-160",
        bpm_step: str = "5",
        kinds: tuple[str, ...] = (),
        loops_per_bpm: str = "2",
        bars: str = "4",
        kits: str = "0",
        one_shots: str = "0",
        takes: str = "9",
        density: str | None = None,
        density_curve: str | None = None,
        take_seconds: str | None = None,
        take_bars: str | None = None,
        take_bpm: str | None = None,
        attempts: str = "12",
        keep_best: bool = False,
        finish: str = "clean",
        format: str = "wav24",
        seed: str = "7",
        sample_rate: str = "44100",
        label: str = "MSK",
        name: str | None = None,
        naming: str = "default",
        models: tuple[str, ...] = (),
        out: str | None = None,
        jobs: str | None = None,
        cluster: str | None = None,
        resume: bool = False,
        strict: bool = False,
    ) -> "BuildOptions":
        """Options from the texts of the command line; raises ValueError naming option, value and allowed range."""
        for kind in kinds:
            if kind not in FAMILIES:
                raise ValueError(f"--kind {kind!r}: must be one of {', '.join(FAMILIES)}")
        if naming not in TEMPLATES:
            raise ValueError(f"--naming {naming!r}: must be one of {', '.join(TEMPLATES)}")
        if format not in FORMATS:
            raise ValueError(f"--format {format!r}: must be one of {', '.join(FORMATS)}")
        bars_n = whole("--bars", bars, 1, 16)
        if bars_n not in BARS:
            raise ValueError(f"--bars {bars_n}: must be one of {', '.join(map(str, BARS))}")
        rate = whole("--sample-rate", sample_rate, SAMPLE_RATES_HZ[0], SAMPLE_RATES_HZ[-1])
        if rate not in SAMPLE_RATES_HZ:
            raise ValueError(f"--sample-rate {rate}: must be one of {', '.join(map(str, SAMPLE_RATES_HZ))}")
        if out is not None and not out.strip():
            raise ValueError("--out '': must name a folder")
        check_name("--label", label, naming)
        if name is None:
            name = "First" if out is None else name_of_folder(Path(out), naming, label)
        check_name("--name", name, naming)
        if density is not None and density_curve is not None and density.strip().lower() != "none":
            raise ValueError(f"--density {density}: cannot be had with --density-curve, allowed is one of them")
        used = tuple(kind for kind in FAMILIES if not kinds or kind in kinds)
        seconds, take_bars_n = take_length(take_seconds, take_bars, take_bpm)
        options = cls(
            bpm=parse_bpm(bpm, bpm_step),
            kinds=used,
            loops_per_bpm=whole("--loops-per-bpm", loops_per_bpm, 0, 100_000),
            bars=bars_n,
            kits=whole("--kits", kits, 0, 1000),
            one_shots=whole("--one-shots", one_shots, 0, 1000),
            takes=whole("--takes", takes, 0, 100_000),
            density=None if density_curve is not None else parse_density(density or "0.1-0.9"),
            density_curve=None if density_curve is None else parse_curve(density_curve),
            take_seconds=seconds,
            take_bars=take_bars_n,
            attempts=whole("--attempts", attempts, 1, ATTEMPTS_LIMIT),
            keep_best=keep_best,
            chains=chains_of(finish, used),
            format=format,
            seed=whole("--seed", seed, 0, SEED_LIMIT),
            sample_rate_hz=rate,
            label=label,
            name=name,
            naming=naming,
            models=tuple(models),
            out=Path(out if out is not None else f"{label}_-_{name}_-_{FORMATS[format].title}"),
            jobs=min(DEFAULT_JOBS, usable_cores()) if jobs is None else whole("--jobs", jobs, 1, 256),
            cluster=cluster,
            resume=resume,
            strict=strict,
            source_date=source_date(),
        )
        if options.density_curve and options.density_curve[-1][0] > options.take_seconds:
            raise ValueError(
                f"--density-curve: its last point is at {float(options.density_curve[-1][0]):g} s, "
                f"a take ends at {float(options.take_seconds):g} s (--take-seconds)"
            )
        for option, count in (("--kits", options.kits), ("--one-shots", options.one_shots)):
            if count and not options.loop_kinds:
                raise ValueError(f"{option} {count}: {', '.join(used)} has none, allowed is 0 (--kind techno has them)")
        if not options.files:
            raise ValueError(
                f"--loops-per-bpm {options.loops_per_bpm} with --takes {options.takes}: "
                "at least one loop or take must be left"
            )
        return options

    @property
    def loop_kinds(self) -> tuple[str, ...]:
        return tuple(kind for kind in self.kinds if FAMILIES[kind].shape == "loop")

    @property
    def files(self) -> int:
        """Files in the pack."""
        from pack_builder.plan.jobs import jobs_of

        if self.only or self.kits:
            return sum(1 for _ in jobs_of(self))
        shots = self.one_shots * len(SHOTS) * len(self.loop_kinds)
        added = sum(
            extra.loops * bool(self.loop_kinds) + extra.takes * ("piano" in self.kinds) for extra in self.extensions
        )
        return sum(self.count(kind) for kind in self.kinds) + shots + added

    def count(self, kind: str) -> int:
        """Plain loops or takes of one kind."""
        return self.loops_per_bpm * len(self.bpm) if FAMILIES[kind].shape == "loop" else self.takes

    def chain(self, kind: str) -> Chain:
        """The finishing chain of one kind."""
        return dict(self.chains)[kind]

    def recipe(self) -> dict[str, Any]:
        """All that the bytes of the pack depend on, as plain JSON values: two equal recipes, two equal packs."""
        from pack_builder.plan.recipe import recipe_of

        return recipe_of(self)


def take_length(seconds: str | None, bars: str | None, bpm: str | None) -> tuple[Fraction, int | None]:
    """Length of a take in seconds, and its bars where it was asked for in bars at a tempo."""
    low, high = TAKE_RANGE_S
    if bars is None and bpm is None:
        return number("--take-seconds", seconds or "20", low, high), None
    if bars is None or bpm is None:
        raise ValueError("--take-bars and --take-bpm: both must be given, or neither")
    if seconds is not None:
        raise ValueError(f"--take-seconds {seconds}: cannot be had with --take-bars, allowed is one of them")
    count = whole("--take-bars", bars, 1, 1000)
    length = count * 240 / number("--take-bpm", bpm, 20, 300)
    if not low <= length <= high:
        raise ValueError(f"--take-bars {count} at {bpm} bpm: is {float(length):.2f} s, must be within {low}..{high} s")
    return length, count


def usable_cores() -> int:
    """Processor cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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
    loops += options.kits * 6 * options.bars * 240 / float(options.bpm[0])
    shapes = {FAMILIES[kind].shape for kind in options.kinds}
    takes = math.prod((options.takes, float(options.take_seconds)))
    return loops * ("loop" in shapes) + takes * ("take" in shapes)
