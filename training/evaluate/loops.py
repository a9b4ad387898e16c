"""What is measured on one loop or excerpt of techno, and the rows of a table that many of them make."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from musika_daw.hearing.bar import downbeat, shifted_profile
from musika_daw.hearing.check import check_loop, clipped_frames, silent
from musika_daw.hearing.limits import broken
from musika_daw.hearing.spectra import mono, peak_db, rms_db
from musika_daw.score.roll import Notes
from training.evaluate.measures.beats import BeatFit, fit_beats
from training.evaluate.measures.tools import Tracker
from training.evaluate.report import Row

RATE_HZ = 44_100
LISTEN_S = 24.0


@dataclass(frozen=True)
class LoopFacts:
    """Everything measured on one file; None where there was nothing to measure it on."""

    name: str
    bpm: float
    bars: int
    beats: BeatFit | None
    bar_shift: int | None
    seam: float | None
    seam_flux: float | None
    gate_faults: float | None
    peak_db: float
    rms_db: float
    clipped_frames: int
    silent: bool
    seed: int | None = None


def tiled(loop: np.ndarray, sample_rate_hz: int, seconds: float = LISTEN_S) -> np.ndarray:
    """As many whole rounds of a loop `[frames, channels]` as are needed for at least `seconds`."""
    return np.tile(loop, (max(1, int(np.ceil(seconds * sample_rate_hz / len(loop)))), 1))


def measure_loop(
    name: str,
    audio: np.ndarray,
    bpm: float,
    bars: int,
    *,
    track: Tracker,
    offset_s: float,
    template: np.ndarray | None,
    looped: bool,
    seed: int | None = None,
    heard_from: int = 0,
    notes: Notes | None = None,
) -> LoopFacts:
    """Measure one file `[frames, 2]` of `bars` at `bpm`; a song's excerpt (`looped` False) has no seam.

    `heard_from` is the beat of the bar from which the bar phase is heard; `notes` in seconds are those of the score,
    where there is one.
    """
    mute = silent(audio)
    heard = tiled(audio, RATE_HZ) if looped else audio
    fit = None if mute else fit_beats(track(mono(heard), RATE_HZ), bpm, offset_s)
    played = None if notes is None else notes.scaled(bpm / 60)
    findings = check_loop(audio, RATE_HZ, bpm, bars * 4, played) if looped else None
    shift = None
    if template is not None:
        shift = -1 if mute else downbeat(shifted_profile(audio, RATE_HZ, bpm, bars, beat=heard_from), template)
    return LoopFacts(
        name,
        bpm,
        bars,
        fit,
        shift,
        seam=findings.seam if findings else None,
        seam_flux=findings.seam_flux_ratio if findings else None,
        gate_faults=sum(broken(findings).values()) if findings else None,
        peak_db=peak_db(audio),
        rms_db=rms_db(audio),
        clipped_frames=clipped_frames(audio),
        silent=mute,
        seed=seed,
    )


def loop_rows(loops: Sequence[LoopFacts], songs: Sequence[LoopFacts], bars: Sequence[int]) -> list[Row]:
    """Rows of tempo, grid, bar, seam, level and gate; a file without beats or with silence is a failure."""
    longest = max(bars)
    lengths = sorted(set(bars)) if len(set(bars)) > 1 else []

    def row(
        name: str,
        unit: str,
        of: Callable[[list[LoopFacts]], float | None],
        target: tuple[str, float] | None = None,
        note: str = "",
    ) -> Row:
        known = list(songs) if isinstance(of, partial) else [f for f in songs if f.bars == longest]
        return Row(name, of(list(loops)), unit, of(known) if known else None, target, note)

    rows = [
        row("tempo within 1 %", "%", lambda s: _share(s, lambda f: _tempo(f) <= 1)),
        row("tempo within 0.1 %", "%", lambda s: _share(s, lambda f: _tempo(f) <= 0.1), (">=", 95)),
    ]
    for length in lengths:
        inside = _share([f for f in loops if f.bars == length], lambda f: _tempo(f) <= 0.1)
        rows.append(Row("tempo within 0.1 %", inside, "%", None, (">=", 95), f"{length} bars"))
    rows += [
        row("tempo error, median", "%", lambda s: _median([_tempo(f) for f in s])),
        row("tempo error, worst", "%", lambda s: max(_tempo(f) for f in s), ("<=", 0.5)),
        row("beat grid, anchored error, median", "ms", lambda s: _median(_grid(s, "anchored_mae_ms")), ("<=", 4)),
        row("beat grid, anchored error, worst file", "ms", lambda s: max(_grid(s, "anchored_mae_ms")), ("<", 10)),
        row(
            "beat grid, files below 10 ms",
            "%",
            lambda s: _share(s, lambda f: f.beats is not None and f.beats.anchored_mae_ms < 10),
        ),
        row("beat grid, phase-free error, median", "ms", lambda s: _median(_grid(s, "phase_free_mae_ms"))),
        row(
            "beat grid, error against eighths, worst file",
            "ms",
            lambda s: max(_grid(s, "folded_mae_ms")),
            note="off-beat counting forgiven",
        ),
        row(
            "beats counted on the off-beat",
            "%",
            lambda s: _share(s, lambda f: bool(f.beats and f.beats.off_beat)),
            note="the tracker's own slips are in the second column",
        ),
        row("beats not found", "%", lambda s: _share(s, lambda f: f.beats is None)),
    ]
    if any(f.bar_shift is not None for f in loops):
        for length in sorted(set(bars), reverse=True):
            # in few bars there is too little to hear: the second column is what can be had
            rows.append(
                row(
                    "bar phase right",
                    "%",
                    partial(_share_of_length, length, lambda f: f.bar_shift == 0),
                    (">=", 95) if length == longest else None,
                    f"{length} bars",
                )
            )
    seams = [f.seam if f.seam is not None else 1.0 for f in loops]
    faults = [f.gate_faults if f.gate_faults is not None else 1.0 for f in loops]
    rows += [
        Row("loop seam <= 0.3", 100 * float(np.mean(np.array(seams) <= 0.3)), "%", None, (">=", 95)),
        Row("loop seam, median", float(np.median(seams))),
        Row("fails the pack's gate", 100 * float(np.mean(np.array(faults) > 0)), "%", None, ("<=", 10)),
        row("level, median", "dBFS RMS", lambda s: _median([f.rms_db for f in s])),
        row("level, deviation", "dB", lambda s: float(np.std([f.rms_db for f in s]))),
        row("peak, largest", "dBFS", lambda s: max(f.peak_db for f in s)),
        row("peak above full scale", "%", lambda s: _share(s, lambda f: f.peak_db > 0)),
        row("flat tops", "%", lambda s: _share(s, lambda f: f.clipped_frames > 0), note="three or more equal samples"),
        row("silent", "%", lambda s: _share(s, lambda f: f.silent), ("<=", 0)),
    ]
    return rows


def _tempo(fact: LoopFacts) -> float:
    return abs(fact.beats.tempo_error_pct) if fact.beats else 100.0


def _grid(facts: Sequence[LoopFacts], name: str) -> list[float]:
    """Errors in ms; a file without beats counts as a quarter of its beat, what chance would give."""
    return [getattr(f.beats, name) if f.beats else 15_000 / f.bpm for f in facts]


def _median(values: Sequence[float]) -> float:
    return float(np.median(values))


def _share(facts: Sequence[LoopFacts], test: Callable[[LoopFacts], bool]) -> float | None:
    return 100 * float(np.mean([test(f) for f in facts])) if facts else None


def _share_of_length(bars: int, test: Callable[[LoopFacts], bool], facts: Sequence[LoopFacts]) -> float | None:
    return _share([f for f in facts if f.bars == bars], test)
