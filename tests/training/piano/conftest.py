"""A two-layer toy piano of decaying tones and small MIDI files, made on the spot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile

from training.corpus.piano import Sampler

RATE_HZ = 44_100
CENTERS = (36, 60, 84, 100)


def tone(key: int, bright: float, seconds: float = 1.5) -> np.ndarray:
    time_s = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    hz = 440 * 2 ** ((key - 69) / 12)
    wave = np.sin(2 * np.pi * hz * time_s) + bright * np.sin(4 * np.pi * hz * time_s)
    wave = 0.6 * wave * np.exp(-time_s / 0.4) * np.minimum(time_s / 0.0005, 1)
    return np.stack([wave, 0.7 * wave], axis=1)


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SFZ folder; the samples of the soft layer begin with 5 ms of silence."""
    root = tmp_path_factory.mktemp("toy piano")
    (root / "Samples").mkdir()
    for layer, bright in (("Soft", 0.1), ("Loud", 0.8)):
        lines = []
        for center, low, high in zip(CENTERS, (0, 48, 72, 91), (47, 71, 90, 127), strict=True):
            audio = tone(center, bright)
            if layer == "Soft":
                audio = np.vstack([np.zeros((220, 2)), audio])
            soundfile.write(root / "Samples" / f"{layer} key {center}.flac", audio, RATE_HZ)
            release = " ampeg_release=10" if center == 100 else ""
            lines.append(
                f"<region> lokey={low} hikey={high} pitch_keycenter={center}{release} sample=$NAME key {center}.$EXT"
            )
        (root / f"{layer}.txt").write_text("\n".join(lines))
    (root / "toy.sfz").write_text(
        "// a toy\n#define $EXT flac\n<control>\ndefault_path=Samples/\n<global>\nampeg_attack=0.001\n"
        '<group> locc64=65\n#define $NAME Soft\n#include "Soft.txt"\n'
        '<group>\nlovel=1\nhivel=64\ncutoff=8000\n#include "Soft.txt"\n'
        '<group>\nlovel=65\nhivel=127\n#define $NAME Loud\n#include "Loud.txt"\n'
    )
    (root / "README.md").write_text("Public Domain samples\n")
    return root


@pytest.fixture(scope="session")
def sampler(samples: Path) -> Sampler:
    return Sampler(samples)


Events = Sequence[tuple[float, str, int, int]]


def write_midi(path: Path, events: Events, bpm: float = 120) -> Path:
    """Events are (seconds, "on" | "off" | "cc", key or controller, velocity or value)."""
    ticks_per_s = 480 * bpm / 60
    track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(bpm), time=0)])
    now = 0
    for time_s, kind, number, value in sorted(events, key=lambda e: e[0]):
        tick = round(time_s * ticks_per_s)
        if kind == "cc":
            message = mido.Message("control_change", control=number, value=value, time=tick - now)
        else:
            message = mido.Message(f"note_{kind}", note=number, velocity=value, time=tick - now)
        track.append(message)
        now = tick
    path.parent.mkdir(parents=True, exist_ok=True)
    file = mido.MidiFile(type=0, ticks_per_beat=480)
    file.tracks.append(track)
    file.save(path)
    return path


def note(start_s: float, key: int, velocity: int = 80, length_s: float = 0.3) -> list[tuple[float, str, int, int]]:
    return [(start_s, "on", key, velocity), (start_s + length_s, "off", key, 0)]


@pytest.fixture
def midi(tmp_path: Path) -> Callable[..., Path]:
    """`midi(name, events)` writes a file into the test's own folder."""
    return lambda name, events, **how: write_midi(tmp_path / name, events, **how)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six pieces of about 11 s: two movements of one work, and four others."""
    root = tmp_path_factory.mktemp("midi") / "tunes_CC0"
    names = ("Sonata_abcdefghijk_cut_mov_1", "Sonata_abcdefghijk_cut_mov_2", "Waltz", "March", "Air", "Jig")
    rng = np.random.default_rng(5)
    for name in names:
        events = []
        for at in np.arange(0, 10, 0.25):
            events += note(float(at), int(rng.integers(40, 90)), int(rng.integers(30, 110)))
        write_midi(root / f"{name}.mid", [*events, (9.0, "cc", 64, 127)])
    return root
