"""What to render: an ordered row of jobs, each complete in itself and independent of all the others.

A job's seed comes from the pack's seed and the job's own key (kind, tempo, number), not from its place in the
list: the loop `techno/loop/130/1` of seed 7 is the same in every pack, whatever else is rendered around it, in
any order and on any number of workers.

A kit is one style: the same piece at up to three tempi (`main`), the style with other anchors (`variation`), the
piece at three energies (`low`, `mid`, `high`), one-bar fills, and its one-shots.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from musika_daw.sound.sounds import FORMATS
from pack_builder.plan.curve import Points
from pack_builder.plan.families import FAMILIES, INTENSITIES, shots_of
from pack_builder.plan.music import Music
from pack_builder.plan.names import file_stem, tempo_folder, word_names
from pack_builder.plan.options import BuildOptions

DRAWS = 4
"""Draws of each loop of which one is chosen with those of the others."""
DENSITY_CLASSES = ("sparse", "medium", "dense")
OUTSIDE_FOLDER = "outside_limits"
_KIT_TEMPI, _VARIATIONS, _FILLS = 3, 2, 2
_FILL_BEAT = 12  # a fill is the last bar of a phrase of four


@dataclass(frozen=True)
class Job:
    """One file to render; `bpm` and `bars` are set for loops, `seconds` and maybe `curve` for takes, maybe `density`
    for both.

    `shape` is `loop`, `fill`, `take` or `shot`; `role` says more about a file of a kit, or which sound a shot is.
    `anchors` names the seeds where several jobs share theirs, `drawn` is which of `DRAWS` draws comes first where loops
    were chosen together, `written_in` the key and
    `chords` the chords that were asked for, `voices` the styles of single voices, `start` the named style that its own
    is drawn near.
    """

    key: str
    kind: str
    shape: str
    word: str
    pack_seed: int
    style_seed: int
    bpm: Fraction | None = None
    bars: int | None = None
    seconds: Fraction | None = None
    density: Fraction | None = None
    start_beat: int = 0
    role: str = ""
    kit: str | None = None
    energy: Fraction | None = None
    curve: Points | None = None
    anchors: str = ""
    drawn: int | None = None
    written_in: str | None = None
    chords: str | None = None
    voices: str | None = None
    start: str | None = None

    @property
    def beats(self) -> int | None:
        return None if self.bars is None or self.bpm is None else self.bars * 4

    @property
    def rendered(self) -> bool:
        """Whether it is a one-shot from a score of its own, which no loop is drawn for."""
        return self.shape == "shot" and self.bpm is None

    @property
    def loops(self) -> bool:
        """Whether the file is made to repeat."""
        return self.shape in ("loop", "fill")

    def seed(self, attempt: int = 0) -> int:
        """Seed of one attempt at this job, 0..2^53-1 (exact in every JSON reader)."""
        return derived_seed(self.pack_seed, f"{self.anchors or self.key}/{self._number(attempt)}")

    def style(self, attempt: int = 0) -> int:
        """Style seed of one attempt: a style that failed is given up, unless others share it."""
        number = self._number(attempt)
        if not number or self.kit is not None or self.anchors:
            return self.style_seed
        return derived_seed(self.pack_seed, f"{self.key}/style/{number}")

    def _number(self, attempt: int) -> int:
        """The draw of an attempt: the chosen one first, then those that nobody has looked at yet."""
        if self.drawn is None:
            return attempt
        return DRAWS - 1 + attempt if attempt else self.drawn

    @property
    def take_bpm(self) -> Fraction | None:
        """Tempo of a take that was asked for in bars."""
        return None if self.shape != "take" or not self.bars or not self.seconds else self.bars * 240 / self.seconds

    def frames_exact(self, sample_rate_hz: int) -> Fraction:
        """Length before it is rounded, once, to whole frames; for takes the length that was asked for."""
        if self.bpm is not None and self.bars is not None:
            return Fraction(self.bars * 4 * 60 * sample_rate_hz) / self.bpm
        assert self.seconds is not None
        return self.seconds * sample_rate_hz


def derived_seed(pack_seed: int, key: str) -> int:
    """A seed of 53 bits for a key within a pack: SeedSequence mixes both, Philox draws the number."""
    from numpy.random import Philox, SeedSequence

    entropy = [pack_seed, int.from_bytes(hashlib.sha256(key.encode()).digest()[:16])]
    return int(Philox(SeedSequence(entropy)).random_raw()) >> 11


def spread(low: Fraction, high: Fraction, count: int) -> list[Fraction]:
    """`count` values from low to high in equal steps; one value lies in the middle."""
    if count == 1:
        return [(low + high) / 2]
    return [low + (high - low) * Fraction(index, count - 1) for index in range(count)]


def plan(options: BuildOptions) -> list[Job]:
    """All of `jobs_of` as a list."""
    return list(jobs_of(options.music))


def jobs_of(music: Music) -> Iterator[Job]:
    """The jobs of a pack in the order of its manifest: by kind, then tempo or density, then number; then what
    extensions added. With `only`, those whose key or word is named there."""
    words = word_names(music.seed)
    named = set(music.only)
    for job in _wordless(music):
        word = next(words)
        if not named or named & {job.key, word}:
            yield replace(job, word=word)


def _wordless(music: Music) -> Iterator[Job]:
    for kind in music.kinds:
        if kind in music.loop_kinds:
            yield from _loops(music, kind, 0, music.loops_per_bpm * len(music.cells(kind)), by_tempo=True)
        if not FAMILIES[kind].takes:
            yield from _kits(music, kind)
            for sound in shots_of(kind, music.scored):
                for index in range(music.one_shots):
                    source = {"start": music.style_of(kind, index)} | _source(music, kind)
                    yield _job(music, f"{kind}/shot/{sound}/{index}", kind, "shot", role=sound, **source)
        else:
            densities: list[Fraction | None] = [None] * music.takes
            if music.density is not None and music.takes:
                densities = list(spread(*music.density, music.takes))
            yield from _takes(music, kind, 0, densities)
    added, takes = 0, music.takes
    for extra in music.extensions:
        for kind in music.kinds:
            if kind in music.loop_kinds:
                before = music.loops_per_bpm * len(music.cells(kind)) + added
                yield from _loops(music, kind, before, extra.loops, by_tempo=False)
            if FAMILIES[kind].takes:
                middle = None if music.density is None else sum(music.density) / 2
                more = list(spread(*music.density, extra.takes)) if music.density and extra.takes else []
                yield from _takes(music, kind, takes, more or [middle] * extra.takes)
        added, takes = added + extra.loops, takes + extra.takes


def _job(music: Music, key: str, kind: str, shape: str, style: str = "", **values: Any) -> Job:
    style_seed = derived_seed(music.seed, f"{style or key}/style")
    asked = {
        "written_in": music.asked_key,
        "chords": music.chords,
        "voices": music.voices if kind in music.kit_kinds else None,
    }
    return Job(key, kind, shape, "", music.seed, style_seed, **asked | values)


def _loops(music: Music, kind: str, first: int, count: int, *, by_tempo: bool) -> Iterator[Job]:
    """Loops number `first` and on. A pack begins tempo by tempo, style by style; what is added goes round them. Those
    of a kind of takes are spread over the density at each tempo, as its takes are."""
    cells = music.cells(kind)
    densities: list[Fraction | None] = [None]
    if FAMILIES[kind].takes and music.density is not None:
        densities = list(spread(*music.density, music.loops_per_bpm))
    chosen = dict(music.spread.draws) if music.spread else {}
    for number in range(first, first + count):
        place, index = divmod(number, music.loops_per_bpm) if by_tempo else (number % len(cells), number // len(cells))
        start, bpm = cells[place]
        key, density = f"{kind}/loop/{f'{start}/' if start else ''}{bpm}/{index}", densities[index % len(densities)]
        whole: dict[str, Any] = {"bpm": bpm, "bars": music.bars, "start": start, "drawn": chosen.get(key)}
        yield _job(music, key, kind, "loop", density=density, **whole)


def _takes(music: Music, kind: str, first: int, densities: list[Any]) -> Iterator[Job]:
    for index, density in enumerate(densities, first):
        yield _job(
            music,
            f"{kind}/take/{index}",
            kind,
            "take",
            seconds=music.take_seconds,
            density=density,
            curve=music.density_curve,
            bars=music.take_bars,
            written_in=music.take_key or music.asked_key,
        )


def _source(music: Music, kind: str) -> dict[str, Any]:
    """The loop that a one-shot is cut from; one that is rendered has none."""
    if kind in (music.scored or ()):
        return {}
    return {"bpm": music.bpm[len(music.bpm) // 2], "bars": music.bars}


def _kits(music: Music, kind: str) -> Iterator[Job]:
    names = word_names(derived_seed(music.seed, "kits"))
    for number in range(music.kits):
        base, name, start = f"{kind}/kit/{number}", next(names), music.style_of(kind, number)
        own = dict(music.styles).get(start or "", music.bpm)
        tempi = sorted({own[round((len(own) - 1) * step / (_KIT_TEMPI - 1))] for step in range(_KIT_TEMPI)})
        common: dict[str, Any] = {"bpm": own[len(own) // 2], "bars": music.bars, "start": start}

        def job(
            role: str,
            tail: str = "",
            shape: str = "loop",
            base: str = base,
            name: str = name,
            common: dict[str, Any] = common,
            **values: Any,
        ) -> Job:
            whole = common | values
            return _job(music, f"{base}/{role}{tail}", kind, shape, style=base, role=role, kit=name, **whole)

        for bpm in tempi:
            yield job("main", f"/{bpm}", bpm=bpm, anchors=f"{base}/main")
        for index in range(_VARIATIONS):
            yield job("variation", f"/{index}")
        for role, energy in INTENSITIES.items():
            yield job(role, energy=Fraction(energy), anchors=f"{base}/main")
        for index in range(_FILLS):
            yield job("fill", f"/{index}", "fill", bars=1, start_beat=_FILL_BEAT)
        for sound in shots_of(kind, music.scored):
            source = {"bpm": None, "bars": None} | _source(music, kind)
            yield job(sound, shape="shot", **source)


def density_class(density: float) -> str:
    """`sparse`, `medium` or `dense`: thirds of the density scale 0..1."""
    return DENSITY_CLASSES[min(2, int(3 * max(0.0, density)))]


def file_of(
    job: Job, options: BuildOptions, density: float | None = None, key: str | None = None, inside_limits: bool = True
) -> str:
    """Path of a job's file inside the pack.

    Takes are filed by the class of their `density`, see `record.density`; a key is in the name where one was heard;
    a file beyond the limits, kept as the best of many, lies in a folder that says so.
    """
    group = density_class(density or 0.0) if job.shape == "take" else ""
    family = FAMILIES[job.kind]
    if job.shape == "shot":
        folder = f"One_Shots/{family.genre}/{job.role.title()}"
    elif job.kit:
        folder = f"Kits/{family.genre}/{job.kit.title()}"
    else:
        of_tempo = None if job.bpm is None else tempo_folder(job.bpm, options.label.exact_tempo)
        of_style = f"{job.start.title()}/" if job.start else ""
        folder = f"{family.folder(job.shape)}/{of_style}{of_tempo or group}"
    stem = file_stem(
        options.label.naming,
        "kit" if job.kit and job.shape != "shot" else job.shape,
        label=options.label.label,
        pack=options.label.name,
        kind=f"{job.kind}_{job.start}" if job.start else job.kind,
        name=job.word if not job.kit else f"{job.kit}_{job.word}",
        bpm=job.bpm,
        density=group,
        role=job.role,
        exact_tempo=options.label.exact_tempo,
    )
    stem += f"_{key}" if key else ""
    if not inside_limits:
        folder, stem = f"{folder}/{OUTSIDE_FOLDER}", f"{stem}_outside"
    return f"{folder}/{stem}{FORMATS[options.finish.format].suffix}"
