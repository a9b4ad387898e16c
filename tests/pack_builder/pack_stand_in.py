"""A small engine with the interface of the real one: kicks, hats and chords, or struck notes. No weights.

A module of its own, so that worker processes can import it.
"""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from musika_daw.instrument.played import Loop, Stretch, Take
from musika_daw.score.roll import ROLES, Notes, sorted_notes
from musika_daw.system.refusal import refused
from pack_builder.render.source import EngineSource


@dataclass(frozen=True)
class StandInControls:
    seed: int = 0
    style_seed: int | None = None
    density: Any = None
    energy: float | None = None
    key: str | None = None
    chords: str | None = None
    voices: tuple[tuple[str, int], ...] = ()
    style: str | None = None


def struck(frequency_hz: float, seconds: float, decay_s: float, rate_hz: int) -> np.ndarray:
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    tone = sum(np.sin(2 * np.pi * frequency_hz * h * t) / h**1.5 for h in (1, 2, 3) if frequency_hz * h < rate_hz / 2)
    return np.minimum(1, t / 0.001) * np.exp(-t / decay_s) * tone


def techno(
    bpm: float, bars: int, rate_hz: int = 44100, seed: int = 0, late_s: float = 0.0, speed: float = 1.0
) -> np.ndarray:
    """A loop that is seamless by construction: everything is added on a circle. `speed` spoils its tempo."""
    random = np.random.default_rng(seed)
    frames = round(bars * 240 * rate_hz / float(bpm))
    wave = np.zeros(frames)

    def add(beat: float, sound: np.ndarray) -> None:
        start = round((beat * 60 / float(bpm) / speed + late_s) * rate_hz)
        np.add.at(wave, (start + np.arange(len(sound))) % frames, sound)

    t = np.arange(round(0.35 * rate_hz)) / rate_hz
    phase = np.cumsum(45 + 180 * np.exp(-t / 0.02)) / rate_hz
    kick = np.sin(2 * np.pi * phase) * np.exp(-t / 0.12) * np.minimum(1, t / 0.0005)
    hat = random.standard_normal(round(0.05 * rate_hz)) * np.exp(-np.arange(round(0.05 * rate_hz)) / rate_hz / 0.012)
    for beat in range(bars * 4):
        add(beat, kick)
        for part, level in ((0.25, 0.1), (0.5, 0.25), (0.75, 0.1)):
            add(beat + part, hat * level)
    seconds = frames / rate_hz
    for frequency_hz in 110 * random.choice([1, 1.2, 1.5, 1.8], 2):
        wave += 0.1 * np.sin(2 * np.pi * round(frequency_hz * seconds) * np.arange(frames) / frames)
    return np.stack([wave, 0.9 * wave], axis=1).astype(np.float32) * 0.5


def piano(seconds: float, onsets_per_s: float, rate_hz: int = 44100, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A take [frames, 2] of struck notes over all but the last quarter (at most 3 s), and their times in seconds."""
    notes = piano_notes(seconds, onsets_per_s, seed)
    return piano_sound(notes, seconds, rate_hz), notes.onset


def piano_notes(seconds: float, onsets_per_s: float, seed: int = 0) -> Notes:
    """The notes of `piano`, in seconds."""
    random = np.random.default_rng(seed)
    end_s = seconds - min(3.0, seconds / 4)
    onsets_s = np.arange(0.2, end_s, 1 / onsets_per_s)
    onsets_s = np.clip(onsets_s + random.uniform(-0.2, 0.2, len(onsets_s)) / onsets_per_s, 0.05, end_s)
    drawn = [(69 + int(random.integers(-24, 25)), float(random.uniform(0.3, 1))) for _ in onsets_s]
    rows = [(onset_s, onset_s + 0.4, *note, ROLES.index("piano")) for onset_s, note in zip(onsets_s, drawn)]
    return sorted_notes(rows)


def piano_sound(notes: Notes, seconds: float, rate_hz: int = 44100) -> np.ndarray:
    """Notes, in seconds, as a take [frames, 2] that dies away."""
    frames = round(seconds * rate_hz)
    wave = np.zeros(frames + 3 * rate_hz)
    for onset_s, key, level in zip(notes.onset, notes.key, notes.velocity):
        note = struck(440 * 2 ** ((key - 69) / 12), 2.5, 0.4, rate_hz) * level
        start = round(onset_s * rate_hz)
        wave[start : start + len(note)] += note
    wave = wave[:frames] * np.minimum(1, np.linspace(6, 0, frames) ** 2)
    return (np.stack([wave, wave], axis=1) * 0.2).astype(np.float32)


def piano_along(seconds: float, density: Any, rate_hz: int, seed: int) -> np.ndarray:
    """A take whose notes follow a density curve (the rate is 0.5 * 32^density notes a second)."""
    random = np.random.default_rng(seed)
    frames = round(seconds * rate_hz)
    wave = np.zeros(frames + 3 * rate_hz)
    at, end_s = 0.1, seconds - min(3.0, seconds / 4)
    while at < end_s:
        note = struck(440 * 2 ** (random.integers(-24, 25) / 12), 2.5, 0.4, rate_hz) * random.uniform(0.3, 1)
        start = round(at * rate_hz)
        wave[start : start + len(note)] += note
        at += 1 / float(0.5 * 32 ** density(np.array([at]))[0])
    wave = wave[:frames] * np.minimum(1, np.linspace(6, 0, frames) ** 2)
    return (np.stack([wave, wave], axis=1) * 0.2).astype(np.float32)


class StandIn:
    """Techno or piano; a model text like `techno:silent` or `piano:nan` spoils the result."""

    sample_rate_hz = 44100
    sounds: tuple[str, ...] = ()

    @property
    def knows(self) -> tuple[str, ...]:
        return () if self.fault == "free" else ("density", "energy")

    def __init__(self, kind: str, fault: str, precision: str = "32") -> None:
        self.kind, self.name, self.fault, self.precision = kind, kind, fault, precision
        self.weights_hash = (kind.encode().hex() * 64)[:64]

    def loop(
        self, bpm: float, bars: int, controls: Any, sample_rate_hz: int = 44100, start_beat: int = 0
    ) -> np.ndarray:
        return self._spoilt(techno(bpm, bars, sample_rate_hz, controls.seed), controls.seed)

    @property
    def parts(self) -> tuple[str, ...]:
        """With `parts` what is low in a loop can be had apart from the rest."""
        return ("drums", "bass", "chords") if self.fault == "parts" else ()

    def stems(
        self, bpm: float, bars: int, controls: Any, sample_rate_hz: int = 44100, start_beat: int = 0
    ) -> dict[str, np.ndarray]:
        """Most of what is low are the drums, all else the chords; the bass rests."""
        mix = techno(bpm, bars, sample_rate_hz, controls.seed)
        spectrum = np.fft.rfft(mix, axis=0)
        spectrum[round(len(mix) / sample_rate_hz * 100) :] = 0
        low = np.fft.irfft(spectrum, len(mix), axis=0).astype(np.float32)
        return {"chords": mix - low * np.float32(0.8), "drums": low * np.float32(0.8)}

    def take(
        self, seconds: float, controls: Any, sample_rate_hz: int = 44100, start_s: float = 0.0, bpm: Any = None
    ) -> np.ndarray:
        density = 0.5 if controls.density is None else controls.density
        if callable(density):
            return self._spoilt(piano_along(seconds, density, sample_rate_hz, controls.seed), controls.seed)
        return self._spoilt(piano(seconds, 0.5 * 32**density, sample_rate_hz, controls.seed)[0], controls.seed)

    def key(self, controls: Any) -> str | None:
        return None if self.fault == "free" else controls.key or ("Bbmin" if self.fault == "score" else None)

    def played(self, stretch: Stretch, controls: Any) -> Notes | None:
        """With `score` the kicks of a loop, or the notes of a take."""
        if self.fault != "score":
            return None
        if isinstance(stretch, Take):
            density = 0.5 if controls.density is None else controls.density
            return piano_notes(stretch.seconds, 0.5 * 32**density, controls.seed)
        assert isinstance(stretch, Loop)
        beat_s = 60 / float(stretch.bpm)
        kicks = [(beat * beat_s, beat * beat_s, 36, 1.0, ROLES.index("drums")) for beat in range(stretch.bars * 4)]
        bass = [(beat * beat_s, (beat + 1) * beat_s, 46, 0.6, ROLES.index("bass")) for beat in (0, 3)]
        return sorted_notes([*kicks, *bass])

    def _spoilt(self, samples: np.ndarray, seed: int) -> np.ndarray:
        if self.fault == "slow":
            time.sleep(0.2)
        if self.fault == "die":
            os._exit(9)
        if self.fault == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        if self.fault == "oom":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fault == "killed" and seed % 3 == 0:
            mark = Path(os.environ["STAND_IN_DEATHS"], str(seed))
            if not mark.exists():  # once for each seed
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        if self.fault == "short":
            return samples[:-1]
        if self.fault == "silent":
            return samples * 0
        if self.fault == "nan":
            samples[5] = np.nan
        if self.fault == "clicks" or (self.fault == "click" and seed % 2):
            samples[0] += 0.7 + 0.01 * (seed % 7)
        if self.fault == "rare" and seed % 3 == 0:
            return samples * 0
        return samples


def load(model: str, precision: str = "32") -> StandIn:
    kind, _, fault = model.partition(":")
    if kind == "parts":  # what ships for packs of techno
        kind = "techno"
    if kind not in ("techno", "piano", "violin"):
        raise refused("model", model, "is neither one of techno, piano nor a folder or file")
    return StandIn(kind, fault, precision)


SOURCE = EngineSource(load, StandInControls)  # type: ignore[arg-type]
