"""What a pack is asked to play, and whether those wishes go together."""

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from musika_daw.system.refusal import refused
from pack_builder.plan.declared import Option, declared, values_for
from pack_builder.plan.families import FAMILIES
from pack_builder.plan.parse import (
    chord_progression,
    music_key,
    named_styles,
    one_of,
    parse_bpm,
    parse_density,
    take_length,
    voice_styles,
    whole_among,
    whole_in,
)

if TYPE_CHECKING:
    from pack_builder.plan.curve import Points

BARS = (1, 2, 4, 8, 16)
LOOPS_PER_BPM = 2
BPM, BPM_STEP = "120-160", "5"
SEED_LIMIT = (1 << 32) - 1


def _kinds(option: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """Kinds in the order of `FAMILIES`; none given are all."""
    for name in names:
        one_of(lambda: FAMILIES)(option, name)
    return tuple(kind for kind in FAMILIES if not names or kind in names)


@dataclass(frozen=True)
class Extension:
    """Loops and takes added to a finished pack."""

    loops: int
    takes: int


@dataclass(frozen=True)
class Spread:
    """Which of several draws each loop is, by its job, so that loops are far from each other; and the mean distance of
    a loop to the nearest of its kind, of first draws and of these."""

    draws: tuple[tuple[str, int], ...]
    before: float
    after: float


@dataclass(frozen=True, kw_only=True)
class Music:
    """What is played. `styles` are names, each with its tempi; `loop_kinds` are the kinds that have plain loops; `only`
    holds the jobs to make (none: all), `scored` the kinds whose one-shots are rendered from a score (None: not known
    yet, the models decide)."""

    bpm: tuple[Fraction, ...] = declared(
        Option("bpm", "128, 120,128.5 or 120-160 (60..200).  [default: 120-160, with --styles their own]", None, "BPM"),
        Option("bpm_step", "Step through a range of tempi.", BPM_STEP, "BPM"),
    )
    loops_per_bpm: int = declared(
        Option(
            "loops_per_bpm",
            "Loops of each kind and tempo; of piano with --kind piano.  [default: 2, of techno]",
            None,
            "N",
            whole_in(0, 100_000),
        )
    )
    bars: int = declared(Option("bars", "Bars of a loop: 1, 2, 4, 8 or 16.", "4", "N", whole_among(*BARS)))
    kinds: tuple[str, ...] = declared(
        Option(
            "kinds", "techno or piano, repeatable.  [default: both]", None, "KIND", _kinds, many=True, spelled="--kind"
        )
    )
    takes: int = declared(Option("takes", "Free takes of each kind that has them.", "9", "N", whole_in(0, 100_000)))
    density: tuple[Fraction, Fraction] | None = declared(
        Option("density", "Notes of piano takes and loops: 0..1, a range, or none.  [default: 0.1-0.9]", None, "D")
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
    voices: str | None = declared(
        Option("voices", "Styles of single voices of techno: kick=12,bass=7.", None, "V=SEED,...", voice_styles)
    )
    styles: tuple[tuple[str, tuple[Fraction, ...]], ...] = declared(
        Option(
            "styles",
            "Named styles of techno, each with loops of its own: dub,acid; all; see musika-pack styles.",
            None,
            "STYLE,...",
            named_styles,
        )
    )
    kits: int = declared(Option("kits", "Kits of each kind: one style, many files.", "0", "N", whole_in(0, 1000)))
    one_shots: int = declared(
        Option("one_shots", "One-shots of each sound: kick, hat, clap, stab ...", "0", "N", whole_in(0, 1000))
    )
    seed: int = declared(Option("seed", "Another seed, another music.", "7", "N", whole_in(0, SEED_LIMIT)))
    diverse: bool = declared(
        Option("diverse", "Draw loops far from each other: four draws each, chosen together.", switch=True)
    )
    loop_kinds: tuple[str, ...] = ()
    spread: Spread | None = None
    extensions: tuple[Extension, ...] = ()
    only: tuple[str, ...] = ()
    scored: tuple[str, ...] | None = None

    def cells(self, kind: str) -> list[tuple[str | None, Fraction]]:
        """Style and tempo of each group of `loops_per_bpm` loops of a kind."""
        if not self.styles or FAMILIES[kind].takes:
            return [(None, bpm) for bpm in self.bpm]
        return [(style, bpm) for style, tempi in self.styles for bpm in tempi]

    def style_of(self, kind: str, number: int) -> str | None:
        """The named style of a kit or one-shot by its number: they go round the styles."""
        return self.styles[number % len(self.styles)][0] if self.styles and not FAMILIES[kind].takes else None

    @property
    def kit_kinds(self) -> tuple[str, ...]:
        """Kinds that have kits, one-shots and stems."""
        return tuple(kind for kind in self.kinds if not FAMILIES[kind].takes)

    @property
    def take_kinds(self) -> tuple[str, ...]:
        """Kinds that have takes."""
        return tuple(kind for kind in self.kinds if FAMILIES[kind].takes)


def music_of(read: dict[str, Any], named: tuple[str, ...]) -> Music:
    """The music of values that were read one by one; raises ValueError for those that cannot be combined.

    `named` are the kinds that were asked for by name: only of these takes are joined by loops.
    """
    density, curve = read["density"], read["density_curve"]
    if density is not None and curve is not None and density.strip().lower() != "none":
        raise refused("--density", density, "cannot be combined with --density-curve, allowed is one of them")
    points = None
    if curve is not None:
        from pack_builder.plan.curve import parse_curve

        points = parse_curve(curve)
    seconds, take_bars = take_length(read["take_seconds"], read["take_bars"], read["take_bpm"])
    kinds, loops = read["kinds"], read["loops_per_bpm"]
    bpm, styles = _tempi(read)
    values = values_for(Music, read) | {
        "bpm": bpm,
        "styles": styles,
        "density": None if points is not None else parse_density(density or "0.1-0.9"),
        "density_curve": points,
        "take_seconds": seconds,
        "take_bars": take_bars,
        "loops_per_bpm": LOOPS_PER_BPM if loops is None else loops,
        "loop_kinds": tuple(kind for kind in kinds if not FAMILIES[kind].takes or (loops and kind in named)),
    }
    music = Music(**values)
    if points and points[-1][0] > seconds:
        raise ValueError(
            f"--density-curve: its last point is at {float(points[-1][0]):g} s, "
            f"a take ends at {float(seconds):g} s (--take-seconds)"
        )
    for option, count in (("--kits", music.kits), ("--one-shots", music.one_shots)):
        if count and not music.kit_kinds:
            raise refused(option, count, f"{', '.join(kinds)} has none, allowed is 0 (--kind techno has them)")
    if music.asked_key is not None and music.take_key is not None:
        raise refused("--key", music.asked_key, "cannot be combined with --take-key, allowed is one of them")
    if music.take_key is not None and not music.take_kinds:
        raise refused("--take-key", music.take_key, f"{', '.join(kinds)} has no takes (--kind piano has them)")
    if music.voices is not None and not music.kit_kinds:
        raise refused("--voices", music.voices, f"{', '.join(kinds)} has none (--kind techno has them)")
    if music.styles and not music.kit_kinds:
        raise refused("--styles", read["styles"], f"{', '.join(kinds)} has none (--kind techno has them)")
    if music.diverse and all(music.loops_per_bpm * len(music.cells(kind)) < 2 for kind in music.loop_kinds):
        raise ValueError("--diverse: needs at least two loops of a kind (--loops-per-bpm, --bpm)")
    _check_counts(music, density=density, density_curve=curve)
    _check_length(music, take_seconds=read["take_seconds"], take_bars=read["take_bars"], take_bpm=read["take_bpm"])
    if not music.takes:
        _check_no_takes(music, density, curve)
    return music


def _tempi(read: dict[str, Any]) -> tuple[tuple[Fraction, ...], tuple[tuple[str, tuple[Fraction, ...]], ...]]:
    """Tempi of a pack, and names of its styles with theirs: all that are asked, or where none are, their own."""
    names = read["styles"] or ""
    if not names or read["bpm"] is not None:
        bpm = parse_bpm(read["bpm"] or BPM, read["bpm_step"])
        return bpm, tuple((name, bpm) for name in names.split(",") if name)
    if read["bpm_step"] != BPM_STEP:
        raise refused(
            "--bpm-step", read["bpm_step"], "with --styles needs --bpm, without it they have tempi of their own"
        )
    from musika_daw.score.techno.catalogue import start_named

    styles = tuple((name, tuple(map(Fraction, start_named(name).bpm))) for name in names.split(","))
    return tuple(sorted({bpm for _, tempi in styles for bpm in tempi})), styles


def _check_length(music: Music, **lengths: str | None) -> None:
    """Raises ValueError for a length of takes where there is none; its texts are by their options."""
    if music.takes and music.take_kinds:
        return
    why = "with --takes 0 there is no take that would be so long"
    if not music.take_kinds:
        why = f"{', '.join(music.kinds)} has no takes (--kind piano has them)"
    for name, text in lengths.items():
        if text is not None:
            raise refused("--" + name.replace("_", "-"), text, why)


def _check_no_takes(music: Music, density: str | None, curve: str | None) -> None:
    """Raises ValueError for an option that nothing of a pack without takes would heed."""
    if music.take_key is not None:
        raise refused("--take-key", music.take_key, "with --takes 0 there is no take that would be in it")
    if curve is not None:
        raise refused("--density-curve", curve, "with --takes 0 there is no take that would follow it")
    dense_loops = music.loops_per_bpm and any(kind in music.take_kinds for kind in music.loop_kinds)
    if density is not None and music.density is not None and not dense_loops:
        raise refused("--density", density, "with --takes 0 and no piano loops nothing would heed it")


def _check_counts(music: Music, **densities: str | None) -> None:
    """Raises ValueError naming the option that has to ask for more, or a density that nothing would heed; the texts of
    `densities` are by their options."""
    named = ", ".join(music.kinds)
    for name, text in densities.items():
        if not music.take_kinds and text is not None and text.strip().lower() != "none":
            raise refused("--" + name.replace("_", "-"), text, f"{named} has no takes (--kind piano has them)")
    looped = music.loops_per_bpm and music.loop_kinds
    if looped or (music.takes and music.take_kinds) or music.kits or music.one_shots:
        return
    if not music.take_kinds:
        raise refused("--loops-per-bpm", music.loops_per_bpm, f"must be 1 or more, {named} has loops and no takes")
    if not music.loop_kinds:
        why = f"must be 1 or more, {named} has takes and no loops (--loops-per-bpm gives it some)"
        raise refused("--takes", music.takes, why)
    raise refused(
        "--loops-per-bpm", music.loops_per_bpm, f"with --takes {music.takes} at least one loop or take must be left"
    )
