"""Small songs for tests: clicks and tones on an exact grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from musika_daw.score.parts import DRUMS
from musika_daw.score.roll import ROLES, Notes
from training.corpus import CorpusWriter, SongLabels
from training.corpus.store import NO_NOTES

RATE_HZ = 44_100


def click_song(bpm: float, seconds: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Audio float32 `[frames, 2]` with a decaying tone on every beat, and its onset frames."""
    rng = np.random.default_rng(seed)
    frames = int(seconds * RATE_HZ)
    audio = np.zeros((frames, 2), np.float32)
    onsets = np.round(np.arange(0, seconds - 0.1, 60 / bpm) * RATE_HZ).astype(np.int64)
    time = np.arange(int(0.2 * RATE_HZ)) / RATE_HZ
    for number, onset in enumerate(onsets):
        pitch_hz = 60 if number % 2 == 0 else rng.uniform(200, 2000)
        hit = 0.5 * np.sin(2 * np.pi * pitch_hz * time) * np.exp(-time / 0.05)
        part = audio[onset : onset + len(hit)]
        part += (hit[: len(part), None] * rng.uniform(0.5, 1, 2)).astype(np.float32)
    return audio + rng.normal(0, 1e-3, audio.shape).astype(np.float32), onsets


def notes_at(onsets: np.ndarray) -> Notes:
    """A note of 0.2 s on every onset."""
    return Notes(onsets * 1.0, onsets + 0.2 * RATE_HZ, np.full(len(onsets), 50), np.full(len(onsets), 0.5))


def parts_at(onsets: np.ndarray) -> Notes:
    """Kicks and notes of a bass in turn."""
    kicks = np.arange(len(onsets)) % 2 == 0
    end = onsets + np.where(kicks, 0, 0.2 * RATE_HZ)
    role = np.where(kicks, ROLES.index("drums"), ROLES.index("bass"))
    return Notes(onsets * 1.0, end * 1.0, np.where(kicks, DRUMS["kick"], 40), np.full(len(onsets), 0.9), role)


def _notes(grid: bool, parts: bool, onsets: np.ndarray) -> Notes:
    if parts:
        return parts_at(onsets)
    return NO_NOTES if grid else notes_at(onsets)


def write_corpus(
    folder: Path, kind: str = "techno", songs: int = 6, seconds: float = 12.0, parts: bool = False
) -> Path:
    """A corpus whose songs fall into all three splits; of `parts`, the notes of all but the first are known."""
    splits = ("train", "train", "train", "train", "valid", "test")
    with CorpusWriter(folder, kind, 0) as writer:
        for index in range(songs):
            bpm = 120.0 + 5 * index
            audio, onsets = click_song(bpm, seconds, index)
            grid = kind == "techno"
            writer.append(
                audio,
                SongLabels(
                    f"song-{index}",
                    splits[index % 6],
                    "CC0-1.0",
                    bpm if grid else None,
                    0.0 if grid else None,
                    onsets,
                    notes=_notes(grid, parts and index > 0, onsets),
                ),
            )
    return folder
