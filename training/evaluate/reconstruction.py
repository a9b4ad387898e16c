"""`evaluate autoencoder`: what a round trip changes, beside what 48 kbit/s MP3 changes in the same audio."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from musika_daw.hearing.spectra import mel_filters, mono, rms_db, stft
from training.evaluate.measures.beats import drum_track
from training.evaluate.measures.harmony import agreement, chroma
from training.evaluate.measures.mp3 import through_mp3
from training.evaluate.measures.onsets import Agreement, hits, level_errors_db, pre_echo_db
from training.evaluate.measures.punch import crest_db, low_band_agreement
from training.evaluate.measures.tools import Tracker
from training.evaluate.report import Row

RATE_HZ = 44_100
SIZES = (512, 1024, 2048, 4096)
# what lies deeper below the file's loudest bin is not heard beside it
_DEPTH_DB = 80.0
Roundtrip = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Fidelity:
    """What a round trip did to one file; arrays hold one value a hit. `chroma` and `low` are agreements, NaN where
    there is nothing to compare; `crest_db` is by how much peaks stand out more than they did."""

    name: str
    spectral_db: float
    mel_db: float
    level_db: float
    onsets: Agreement
    kick_db: np.ndarray
    hat_db: np.ndarray
    pre_echo_db: np.ndarray
    chroma: float
    crest_db: float
    low: float


@dataclass(frozen=True)
class ReconstructionResult:
    """Rows, facts of every file, and audio for the pictures."""

    rows: list[Row]
    details: dict[str, Any]
    inputs: list[tuple[str, np.ndarray]] = field(default_factory=list)
    outputs: list[tuple[str, np.ndarray]] = field(default_factory=list)


def spectral_distance_db(audio: np.ndarray, other: np.ndarray, sizes: Sequence[int] = SIZES) -> float:
    """Multi-resolution log-spectral distance of `[frames, channels]`, dB.

    For every FFT size (a quarter hop): root mean square over bins of the difference of log magnitudes, averaged
    over frames and channels; then the mean over sizes. Magnitudes are held 80 dB below the loudest of `audio`,
    so what is not heard is not counted. Differences of phase are not heard here; time is (hop 128 up).
    """
    values = []
    for size in sizes:
        for channel in range(audio.shape[1]):
            first, second = (stft(a[:, channel], size, size // 4) for a in (audio, other))
            floor = max(float(first.max()), 1e-6) * 10 ** (-_DEPTH_DB / 20)
            apart = 20 * np.log10(np.maximum(first, floor) / np.maximum(second, floor))
            values.append(float(np.sqrt((apart**2).mean(1)).mean()))
    return float(np.mean(values))


def mel_distance_db(audio: np.ndarray, other: np.ndarray) -> float:
    """Mean absolute difference of the log-mel spectrograms (96 bands, FFT 2048, hop 512) of the mono sums, dB."""
    filters = mel_filters(RATE_HZ, 2048, 96, False)
    first, second = (stft(mono(a), 2048, 512) ** 2 @ filters for a in (audio, other))
    floor = max(float(first.max()), 1e-12) * 10 ** (-_DEPTH_DB / 10)
    return float(np.abs(10 * np.log10(np.maximum(first, floor) / np.maximum(second, floor))).mean())


def fidelity(name: str, audio: np.ndarray, other: np.ndarray, detect: Tracker) -> Fidelity:
    """Compare a file `[frames, 2]` with what came back (cut to the shorter of the two)."""
    frames = min(len(audio), len(other))
    audio, other = audio[:frames], other[:frames]
    before, after = detect(mono(audio), RATE_HZ), detect(mono(other), RATE_HZ)
    kicks, hats = (hits(audio, RATE_HZ, before, kind) for kind in ("kick", "hat"))
    return Fidelity(
        name,
        spectral_distance_db(audio, other),
        mel_distance_db(audio, other),
        rms_db(other) - rms_db(audio),
        Agreement.of(before, after),
        level_errors_db(audio, other, RATE_HZ, kicks, kind="kick"),
        level_errors_db(audio, other, RATE_HZ, hats, kind="hat"),
        pre_echo_db(audio, other, RATE_HZ, kicks),
        agreement(chroma(audio, RATE_HZ), chroma(other, RATE_HZ)),
        crest_db(other) - crest_db(audio),
        low_band_agreement(audio, other, RATE_HZ),
    )


def evaluate_reconstruction(
    roundtrip: Roundtrip,
    sets: Mapping[str, Sequence[tuple[str, np.ndarray]]],
    detect: Tracker,
    drumless: Collection[str] = (),
    *,
    report: Callable[[str], None] | None = None,
) -> ReconstructionResult:
    """Measure named sets of (name, audio at 44.1 kHz), those of `drumless` names without rows of kicks and hats.

    The rows' second column is MP3 at 48 kbit/s.
    """
    if empty := [label for label, songs in sets.items() if not songs]:  # said before minutes of measuring
        raise ValueError(f"set: {', '.join(empty)} holds no songs of the test split, must hold at least one")
    rows, details = lone_kicks(roundtrip)
    inputs: list[tuple[str, np.ndarray]] = []
    outputs: list[tuple[str, np.ndarray]] = []
    for label, songs in sets.items():
        ours, coded = [], []
        for number, (name, audio) in enumerate(songs):
            made = roundtrip(audio)
            ours.append(fidelity(name, audio, made, detect))
            coded.append(fidelity(name, audio, through_mp3(audio, RATE_HZ), detect))
            if number < 3:
                inputs.append((name, audio))
                outputs.append((name, made))
            if report:
                report(f"{label}: {number + 1} of {len(songs)} songs measured")
        rows += fidelity_rows(label, ours, coded, drums=label not in drumless)
        details[label] = {"model": ours, "mp3": coded}
    return ReconstructionResult(rows, details, inputs, outputs)


def lone_kicks(roundtrip: Roundtrip) -> tuple[list[Row], dict[str, Any]]:
    """Pre-echo before twelve synthetic kicks a second apart, with nothing between them."""
    audio = np.repeat(drum_track(60, 13.5, "lone kicks", RATE_HZ)[:, None], 2, 1)
    frames = np.arange(1, 13) * RATE_HZ
    values = [pre_echo_db(audio, made, RATE_HZ, frames) for made in (roundtrip(audio), through_mp3(audio, RATE_HZ))]
    worst = [float(v.max()) if len(v) else None for v in values]
    row = Row("before a lone kick, worst of 12", worst[0], "dB", worst[1], ("<=", -40), "27 ms that end 3 ms before")
    return [row], {"lone_kicks_db": values}


def _largest(values: np.ndarray) -> float:
    """The value farthest from 0, with its sign."""
    return float(values[np.argmax(np.abs(values))])


def _middle(values: np.ndarray) -> float:
    return float(np.median(values))


def _middle_size(values: np.ndarray) -> float:
    return float(np.median(np.abs(values)))


# what each file says of harmony and punch: name, value of a file, summary of files, unit, target
_SHAPES: tuple[
    tuple[str, Callable[[Fidelity], float], Callable[[np.ndarray], float], str, tuple[str, float] | None], ...
] = (
    ("agreement of chroma, mean", lambda f: f.chroma, lambda v: float(np.mean(v)), "", (">=", 0.90)),
    ("crest against the song, median", lambda f: f.crest_db, _middle_size, "dB", ("<=", 1.0)),
    ("crest against the song, worst", lambda f: f.crest_db, _largest, "dB", None),
    ("agreement of 30..120 Hz, median", lambda f: f.low, _middle, "", (">=", 0.97)),
)


def fidelity_rows(label: str, ours: Sequence[Fidelity], coded: Sequence[Fidelity], *, drums: bool = True) -> list[Row]:
    """Rows of one set: the model's values and MP3's, which sets the target where the table says so."""

    def mean(of: Callable[[Fidelity], float]) -> tuple[float, float]:
        return float(np.mean([of(f) for f in ours])), float(np.mean([of(f) for f in coded]))

    def every(of: Callable[[Fidelity], np.ndarray], summary: Callable[[np.ndarray], float]) -> list[float | None]:
        values = [np.concatenate([of(f) for f in facts]) for facts in (ours, coded)]
        return [float(summary(v)) if len(v) else None for v in values]

    def absolute(values: np.ndarray) -> float:
        return float(np.median(np.abs(values)))

    spectral, mel, level = mean(lambda f: f.spectral_db), mean(lambda f: f.mel_db), mean(lambda f: f.level_db)
    scores = [sum((f.onsets for f in facts), Agreement()).f_measure for facts in (ours, coded)]
    kick, hat = every(lambda f: f.kick_db, absolute), every(lambda f: f.hat_db, absolute)
    bias = every(lambda f: f.kick_db, lambda v: float(np.median(v)))
    hat_bias = every(lambda f: f.hat_db, lambda v: float(np.median(v)))
    middle = every(lambda f: f.pre_echo_db, lambda v: float(np.median(v)))
    worst = every(lambda f: f.pre_echo_db, lambda v: float(np.quantile(v, 0.95)))
    counts = [sum(len(getattr(f, n)) for f in ours) for n in ("kick_db", "hat_db", "pre_echo_db")]
    rows = [
        Row(f"{label}: multi-resolution log-spectral distance", spectral[0], "dB", spectral[1], ("<", spectral[1])),
        Row(f"{label}: log-mel distance", mel[0], "dB", mel[1], ("<", mel[1])),
        Row(f"{label}: level", level[0], "dB", level[1]),
        Row(f"{label}: onset F-measure, 25 ms", scores[0], "", scores[1], (">=", max(0.95, scores[1]))),
    ]
    for name, of, summary, unit, target in _SHAPES:
        values = [np.array([of(f) for f in facts]) for facts in (ours, coded)]
        heard = [v[np.isfinite(v)] for v in values]
        if len(heard[0]):
            rows.append(
                Row(f"{label}: {name}", summary(heard[0]), unit, summary(heard[1]) if len(heard[1]) else None, target)
            )
    if not drums:
        return rows
    if kick[0] is not None:
        note = f"{counts[0]} kicks"
        rows.append(Row(f"{label}: kick level error, median", kick[0], "dB", kick[1], ("<=", 1.5), note))
        rows.append(Row(f"{label}: kick level, median difference", bias[0], "dB", bias[1]))
    if hat[0] is not None:
        note = f"{counts[1]} hats"
        rows.append(Row(f"{label}: hat level error, median", hat[0], "dB", hat[1], ("<=", 1.5), note))
        rows.append(Row(f"{label}: hat level, median difference", hat_bias[0], "dB", hat_bias[1]))
    if middle[0] is not None:
        note = f"{counts[2]} kicks that stand clear"
        rows.append(Row(f"{label}: before a kick, median", middle[0], "dB", middle[1], ("<=", -40), note))
        rows.append(Row(f"{label}: before a kick, 95 of 100", worst[0], "dB", worst[1], ("<=", -40), note))
    return rows
