"""What the user asked for, in four records: what is played, how it is finished, how it is labelled, where it is made.

The first three are the pack's recipe: two packs of the same three have the same bytes. Every option of the command line
is declared at the field that it fills. This module is imported for `--help`, so numpy is not.
"""

from collections.abc import Collection
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from musika_daw.system.cores import usable_cores
from musika_daw.system.refusal import refused
from pack_builder.plan.apart import check_apart
from pack_builder.plan.chain import Chain, chains_of
from pack_builder.plan.counts import check_counts
from pack_builder.plan.declared import Option, declared, options_of
from pack_builder.plan.families import FAMILIES
from pack_builder.plan.names import TEMPLATES, check_name, name_of_folder
from pack_builder.plan.parse import (
    chord_progression,
    music_key,
    one_of,
    parse_bpm,
    parse_density,
    source_date,
    take_length,
    whole_among,
    whole_in,
)

if TYPE_CHECKING:
    from pack_builder.plan.curve import Points

BARS = (1, 2, 4, 8, 16)
SAMPLE_RATES_HZ = (44100, 48000, 88200, 96000)
SEED_LIMIT = (1 << 32) - 1
DEFAULT_JOBS = 2  # a worker takes about half a gigabyte
ATTEMPTS_LIMIT = 1000


def _kinds(option: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """Kinds in the order of `FAMILIES`; none given are all."""
    for name in names:
        one_of(lambda: FAMILIES)(option, name)
    return tuple(kind for kind in FAMILIES if not names or kind in names)


def _formats() -> Collection[str]:
    from musika_daw.sound.sounds import FORMATS

    return FORMATS


@dataclass(frozen=True)
class Extension:
    """Loops and takes added to a finished pack."""

    loops: int
    takes: int


@dataclass(frozen=True, kw_only=True)
class Music:
    """What is played. `only` holds the jobs to make (none: all), `scored` the kinds whose one-shots are rendered from a
    score (None: not known yet, the models decide)."""

    bpm: tuple[Fraction, ...] = declared(
        Option("bpm", "128, 120,128.5 or 120-160 (60..200).", "120-160", "BPM"),
        Option("bpm_step", "Step through a range of tempi.", "5", "BPM"),
    )
    loops_per_bpm: int = declared(
        Option("loops_per_bpm", "Loops of each kind and tempo.", "2", "N", whole_in(0, 100_000))
    )
    bars: int = declared(Option("bars", "Bars of a loop: 1, 2, 4, 8 or 16.", "4", "N", whole_among(*BARS)))
    kinds: tuple[str, ...] = declared(
        Option(
            "kinds", "techno or piano, repeatable.  [default: both]", None, "KIND", _kinds, many=True, spelled="--kind"
        )
    )
    takes: int = declared(Option("takes", "Free takes of each kind that has them.", "9", "N", whole_in(0, 100_000)))
    density: tuple[Fraction, Fraction] | None = declared(
        Option("density", "Notes of the takes: 0..1, a range, or none.  [default: 0.1-0.9]", None, "D")
    )
    density_curve: "Points | None" = declared(
        Option("density_curve", '"0:0.2 8:0.8 16:0.3" (seconds:density) or a csv file.', None, "CURVE")
    )
    take_seconds: Fraction = declared(Option("take_seconds", "Length of a take, 1..600.  [default: 20]", None, "S"))
    take_bars: int | None = declared(
        Option("take_bars", "Length of a take in bars, with --take-bpm.", None, "N"),
        Option("take_bpm", "Tempo that --take-bars counts at, 20..300.", None, "BPM"),
    )
    asked_key: str | None = declared(
        Option(
            "asked_key",
            "Key of loops and takes: Am, F#, Bbmin, 8A.  [default: one for each]",
            None,
            "KEY",
            music_key,
            spelled="--key",
        )
    )
    take_key: str | None = declared(Option("take_key", "Key of the takes alone, like --key.", None, "KEY", music_key))
    chords: str | None = declared(
        Option("chords", "Chords of loops and takes, one a bar: Am F C G7.", None, "CHORDS", chord_progression)
    )
    kits: int = declared(Option("kits", "Kits of each kind: one style, many files.", "0", "N", whole_in(0, 1000)))
    one_shots: int = declared(
        Option("one_shots", "One-shots of each sound: kick, hat, clap, stab ...", "0", "N", whole_in(0, 1000))
    )
    seed: int = declared(Option("seed", "Another seed, another music.", "7", "N", whole_in(0, SEED_LIMIT)))
    extensions: tuple[Extension, ...] = ()
    only: tuple[str, ...] = ()
    scored: tuple[str, ...] | None = None

    @property
    def loop_kinds(self) -> tuple[str, ...]:
        """Kinds whose plain files are loops."""
        return tuple(kind for kind in self.kinds if FAMILIES[kind].shape == "loop")

    def count(self, kind: str) -> int:
        """Plain loops or takes of one kind."""
        return self.loops_per_bpm * len(self.bpm) if FAMILIES[kind].shape == "loop" else self.takes


@dataclass(frozen=True, kw_only=True)
class Finish:
    """How a sound becomes a file: how often it is tried, its chain, its format."""

    attempts: int = declared(
        Option("attempts", "Seeds to try for a file, 1..1000.", "12", "N", whole_in(1, ATTEMPTS_LIMIT))
    )
    keep_best: bool = declared(
        Option("keep_best", "Keep the least bad where no attempt was good, labelled.", switch=True)
    )
    chains: tuple[tuple[str, Chain], ...] = declared(
        Option("finish", "clean, warm, club, none, a toml.", "clean", "CHAIN")
    )
    format: str = declared(Option("format", "wav24, wav16, wav32f, flac or aiff.", "wav24", "F", one_of(_formats)))
    sample_rate_hz: int = declared(
        Option("sample_rate", "44100, 48000, 88200 or 96000.", "44100", "HZ", whole_among(*SAMPLE_RATES_HZ))
    )

    def chain(self, kind: str) -> Chain:
        """The finishing chain of one kind."""
        return dict(self.chains)[kind]


@dataclass(frozen=True, kw_only=True)
class Label:
    """Whose pack it is, how its files are named (before: by whole tempi), and the date that they carry, YYYY-MM-DD."""

    label: str = declared(Option("label", "Your label, first in every name.", "MSK", "TEXT"))
    name: str = declared(Option("name", "The pack's name.  [default: that of --out, or First]", None, "TEXT"))
    naming: str = declared(
        Option("naming", "default (130bpm), splice (130).", "default", "STYLE", one_of(lambda: TEMPLATES))
    )
    no_page: bool = declared(Option("no_page", "Write no preview page.", switch=True))
    midi: bool | None = declared(
        Option("midi", "A .mid beside every loop and take.  [default: where the model plays a score]", either=True)
    )
    stems: bool = declared(Option("stems", "Each loop's parts beside it, of a model that knows parts.", switch=True))
    source_date: str | None = None
    exact_tempo: bool = True


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where and how a pack is made, which changes no byte of it. `weights`: kind and hash that must be used;
    `named`: whether the pack's name was given, else one that is found there keeps its own."""

    models: tuple[str, ...] = declared(
        Option("models", "Weights to use, once a kind, repeatable.", None, "NAME|PATH", many=True, spelled="--model")
    )
    out: Path = declared(Option("out", "New or empty folder.  [default: LABEL_-_NAME_-_WAV]", None, "DIR"))
    jobs: int = declared(
        Option("jobs", "Files rendered at a time.  [default: 2, 1 on one core]", None, "N", whole_in(1, 256))
    )
    cluster: str | None = declared(
        Option("cluster", "Render on a Ray cluster: auto, local or host:port.", None, "ADDRESS")
    )
    strict: bool = declared(Option("strict", "End with exit code 3 where a file was given up.", switch=True))
    resume: bool = declared(
        Option("resume", "Go on with a build that was stopped, or mend a damaged pack.", switch=True)
    )
    weights: tuple[tuple[str, str], ...] = ()
    named: bool = True


RECORDS = (Music, Finish, Label, Place)
OPTIONS = tuple(options_of(*RECORDS))


@dataclass(frozen=True)
class BuildOptions:
    """One checked request for a pack."""

    music: Music
    finish: Finish
    label: Label
    place: Place

    @classmethod
    def parse(cls, **texts: Any) -> "BuildOptions":
        """Options from the texts of the command line, by the keywords of `OPTIONS`; what is not given is the default.

        Raises ValueError naming option, value and allowed range, TypeError for a keyword that is none.
        """
        by_name = {option.name: option for option in OPTIONS}
        if unknown := texts.keys() - by_name.keys():
            raise TypeError(f"unknown option {min(unknown)!r}")
        given = {name: texts.get(name, option.default) for name, option in by_name.items()}
        read = {name: option.value(given[name]) for name, option in by_name.items()}
        out = given["out"]
        if out is not None and not out.strip():
            raise refused("--out", "", "must name a folder")
        check_name("--label", read["label"], read["naming"])
        named = read["name"] is not None
        if not named:
            read["name"] = "First" if out is None else name_of_folder(Path(out), read["naming"], read["label"])
        check_name("--name", read["name"], read["naming"])
        label = Label(**_only(Label, read), source_date=source_date())
        music = _music(read)
        finish = Finish(
            **_only(Finish, read), chains=chains_of(read["finish"], music.kinds), sample_rate_hz=read["sample_rate"]
        )
        if label.stems:
            check_apart(music.loop_kinds, music.kinds, finish.chains)
        place = place_from(
            {"out": _folder(label, finish)} | {name: value for name, value in texts.items() if value}, named=named
        )
        return cls(music, finish, label, place)

    def changed(self, **values: Any) -> "BuildOptions":
        """The same with other values, each in the record that has it."""
        parts = {}
        for part in fields(self):
            record = getattr(self, part.name)
            own = {name: values.pop(name) for name in vars(record) if name in values}
            parts[part.name] = replace(record, **own)
        if values:
            raise TypeError(f"no record has {min(values)!r}")
        return BuildOptions(**parts)


def place_from(texts: dict[str, Any], **values: Any) -> Place:
    """A place from those of the command line's texts that are its own; `values` are not texts any more."""
    found = {option.name: option.value(texts.get(option.name, option.default)) for option in options_of(Place)}
    found["models"] = tuple(found["models"])
    found["out"] = Path(found["out"] or ".")
    found["jobs"] = found["jobs"] or min(DEFAULT_JOBS, usable_cores())
    return Place(**found | values)


def _only(record: type, values: dict[str, Any]) -> dict[str, Any]:
    """Of some values those that a record has a field for."""
    return {each.name: values[each.name] for each in fields(record) if each.name in values}


def _folder(label: Label, finish: Finish) -> str:
    from musika_daw.sound.sounds import FORMATS

    return f"{label.label}_-_{label.name}_-_{FORMATS[finish.format].title}"


def _music(read: dict[str, Any]) -> Music:
    density, curve = read["density"], read["density_curve"]
    if density is not None and curve is not None and density.strip().lower() != "none":
        raise refused("--density", density, "cannot be combined with --density-curve, allowed is one of them")
    points = None
    if curve is not None:
        from pack_builder.plan.curve import parse_curve

        points = parse_curve(curve)
    seconds, take_bars = take_length(read["take_seconds"], read["take_bars"], read["take_bpm"])
    values = _only(Music, read) | {
        "bpm": parse_bpm(read["bpm"], read["bpm_step"]),
        "density": None if points is not None else parse_density(density or "0.1-0.9"),
        "density_curve": points,
        "take_seconds": seconds,
        "take_bars": take_bars,
    }
    music = Music(**values)
    if points and points[-1][0] > seconds:
        raise ValueError(
            f"--density-curve: its last point is at {float(points[-1][0]):g} s, "
            f"a take ends at {float(seconds):g} s (--take-seconds)"
        )
    for option, count in (("--kits", music.kits), ("--one-shots", music.one_shots)):
        if count and not music.loop_kinds:
            kinds = ", ".join(music.kinds)
            raise refused(option, count, f"{kinds} has none, allowed is 0 (--kind techno has them)")
    if music.asked_key is not None and music.take_key is not None:
        raise refused("--key", music.asked_key, "cannot be combined with --take-key, allowed is one of them")
    if music.take_key is not None and not set(music.kinds) - set(music.loop_kinds):
        raise refused("--take-key", music.take_key, f"{', '.join(music.kinds)} has no takes (--kind piano has them)")
    counts = music.kinds, music.loop_kinds, music.loops_per_bpm, music.takes, music.kits + music.one_shots
    check_counts(*counts, density=density, density_curve=curve)
    return music
