"""What to render: an ordered list of jobs, each complete in itself and independent of all the others.

A job's seed comes from the pack's seed and the job's own key (kind, tempo, number), not from its place in the
list: the loop `techno/loop/130/1` of seed 7 is the same in every pack, whatever else is rendered around it, in
any order and on any number of workers.
"""

import hashlib
from dataclasses import dataclass
from fractions import Fraction

from pack_builder.names import file_stem, tempo_folder, word_names
from pack_builder.options import FAMILIES, BuildOptions

DENSITY_CLASSES = ("sparse", "medium", "dense")


@dataclass(frozen=True)
class Job:
    """One file to render; `bpm` and `bars` are set for loops, `seconds` and maybe `density` for takes."""

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

    @property
    def beats(self) -> int | None:
        return None if self.bars is None else self.bars * 4

    def seed(self, attempt: int = 0) -> int:
        """Seed of one attempt at this job, 0..2^53-1 (exact in every JSON reader)."""
        return derived_seed(self.pack_seed, f"{self.key}/{attempt}")

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
    """The jobs of a pack in the order of its manifest: by kind, then tempo or density, then number."""
    words = word_names(options.seed)
    jobs: list[Job] = []
    for kind in options.kinds:
        shape = FAMILIES[kind].shape
        for key, values in _loops(options) if shape == "loop" else _takes(options):
            full = f"{kind}/{shape}/{key}"
            style = derived_seed(options.seed, f"{full}/style")
            jobs.append(Job(full, kind, shape, next(words), options.seed, style, **values))
    return jobs


def _loops(options: BuildOptions) -> list[tuple[str, dict]]:
    return [
        (f"{bpm}/{index}", {"bpm": bpm, "bars": options.bars})
        for bpm in options.bpm
        for index in range(options.loops_per_bpm)
    ]


def _takes(options: BuildOptions) -> list[tuple[str, dict]]:
    densities: list[Fraction | None] = [None] * options.takes
    if options.density is not None:
        densities = list(spread(*options.density, options.takes)) if options.takes else []
    return [
        (str(index), {"seconds": options.take_seconds, "density": value}) for index, value in enumerate(densities)
    ]


def density_class(density: float) -> str:
    """`sparse`, `medium` or `dense`: thirds of the density scale 0..1."""
    return DENSITY_CLASSES[min(2, int(3 * max(0.0, density)))]


def file_of(job: Job, options: BuildOptions, measured_density: float | None = None) -> str:
    """Path of a job's file inside the pack; takes are filed by what they turned out to be, not by what was asked."""
    group = density_class(measured_density or 0.0) if job.shape == "take" else ""
    folder = group if job.bpm is None else tempo_folder(job.bpm)
    stem = file_stem(
        options.naming, job.shape, label=options.label, pack=options.name, kind=job.kind, name=job.word,
        bpm=job.bpm, density=group,
    )  # fmt: skip
    return f"{FAMILIES[job.kind].folder}/{folder}/{stem}.wav"
