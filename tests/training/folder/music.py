"""Generates a folder of mixed music files, some of them broken in different ways."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import soundfile

from tests.training.songs import click_song

RATE_HZ = 44_100
FORMATS = (
    ("wav", "WAV", "PCM_16", 44_100, 2),
    ("flac", "FLAC", "PCM_16", 48_000, 2),
    ("mp3", "MP3", None, 44_100, 2),
    ("ogg", "OGG", "VORBIS", 44_100, 2),
    ("aiff", "AIFF", "PCM_24", 96_000, 2),
    ("WAV", "WAV", "FLOAT", 22_050, 1),
    ("opus", "OGG", "OPUS", 48_000, 2),
    ("mp3", "MP3", None, 32_000, 1),
    ("w64", "W64", "PCM_16", 8_000, 1),
    ("wav", "WAVEX", "PCM_16", 44_100, 6),
    ("m4a", "M4A", None, 44_100, 2),
)


def beat_song(bpm: float, seconds: float, seed: int, rate_hz: int = RATE_HZ) -> np.ndarray:
    """Kicks on every beat, claps on two and four, a bass note that changes each bar: float32 `[frames, 2]`."""
    rng = np.random.default_rng(seed)
    frames = int(seconds * rate_hz)
    out = np.zeros(frames, np.float32)
    time = np.arange(int(0.25 * rate_hz)) / rate_hz
    kick = np.sin(2 * np.pi * (45 * time + 8 * (1 - np.exp(-time / 0.03)))) * np.exp(-time / 0.08)
    clap = rng.normal(0, 1, len(time)) * np.exp(-time / 0.03)
    notes_hz = rng.uniform(60, 400, 4)
    colour = rng.uniform(0.05, 0.3)
    for beat in range(int(seconds * bpm / 60)):
        at = round(beat * 60 / bpm * rate_hz)
        hit = 0.6 * kick + (0.25 * clap if beat % 2 else 0)
        note = colour * np.sin(2 * np.pi * notes_hz[beat // 4 % 4] * time) * np.exp(-time / 0.06)
        part = out[at : at + len(time)]
        part += ((hit + note) * (1 - time / 0.25))[: len(part)].astype(np.float32)
    return np.clip(np.stack([out, out], 1) + rng.normal(0, 1e-3, (frames, 2)), -1, 1).astype(np.float32)


def drifting_song(seconds: float, seed: int) -> np.ndarray:
    """Notes at irregular times: no tempo fits them."""
    rng = np.random.default_rng(seed)
    audio = np.zeros((int(seconds * RATE_HZ), 2), np.float32)
    hit, _ = click_song(60, 0.3, seed)
    at = 0.0
    while at < seconds - 0.4:
        start = int(at * RATE_HZ)
        audio[start : start + len(hit)] += hit * rng.uniform(0.4, 1)
        at += rng.uniform(0.15, 0.9)
    return audio + rng.normal(0, 1e-3, audio.shape).astype(np.float32)


def write(path: Path, audio: np.ndarray, form: tuple[str, str, str | None, int, int]) -> Path:
    """One file in a format of `FORMATS`; `audio` `[frames, 2]` is at the format's own rate."""
    _, container, subtype, rate_hz, channels = form
    shaped = audio[:, :1] if channels == 1 else np.concatenate([audio] * (channels // 2), 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    if container == "M4A":
        return _write_m4a(path, shaped, rate_hz)
    soundfile.write(path, shaped, rate_hz, subtype=subtype, format=container)
    return path


def _write_m4a(path: Path, audio: np.ndarray, rate_hz: int) -> Path:
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-y",
        "-f",
        "f32le",
        "-ar",
        str(rate_hz),
        "-ac",
        str(audio.shape[1]),
        "-i",
        "-",
        "-c:a",
        "aac",
        "-b:a",
        "128k",
        str(path),
    ]
    subprocess.run(command, input=audio.astype("<f4").tobytes(), check=True)
    return path


def write_good(folder: Path, count: int, seconds: float = 12.0) -> dict[str, float | None]:
    """`count` usable files in every format and below several folders; returns their tempi (None: unsteady)."""
    tempi: dict[str, float | None] = {}
    for number in range(count):
        form = FORMATS[number % len(FORMATS)]
        name = f"album {number // 9}/{number:02d} track.{form[0]}"
        bpm = None if number % 13 == 12 else 100.0 + 1.75 * number
        if bpm is None:
            audio = drifting_song(seconds * max(1, form[3] / RATE_HZ), number)[:: max(1, RATE_HZ // form[3])]
        else:
            audio = beat_song(bpm, seconds, number, form[3])
        write(folder / name, audio, form)
        tempi[name] = bpm
    return tempi


def write_broken(folder: Path) -> dict[str, str]:
    """Eleven files that cannot be used, each in another way, and words of the reason each must be given; with them one
    that can, `again.mp3`."""
    good = beat_song(131, 12, 900)
    write(folder / "source.flac", good, FORMATS[1])
    (folder / "empty.wav").write_bytes(b"")
    (folder / "text.mp3").write_text("this is no music\n" * 100)
    flac = (folder / "source.flac").read_bytes()
    (folder / "cut.flac").write_bytes(flac[: len(flac) // 2])
    write(
        folder / "silent.wav", np.tile(np.array([0, 0.3], np.float32), (12 * RATE_HZ, 1)), FORMATS[0]
    )  # neither is heard
    write(folder / "short.ogg", good[: 2 * RATE_HZ], FORMATS[3])
    shutil.copy(folder / "source.flac", folder / "twin of source.flac")
    write(
        folder / "again.mp3",
        soundfile.read(folder / "source.flac", dtype="float32")[0],
        ("mp3", "MP3", None, 48_000, 2),
    )
    (folder / "locked.m4p").write_bytes(b"\0\0\0\x20ftypM4P \0\0\0\0" + b"\0" * 500)
    (folder / "shop.m4a").write_bytes(b"\0\0\0\x20ftypM4A \0\0\0\0moov stsd drms" + b"\0" * 500)
    broken = good.copy()
    broken[1000] = np.nan
    soundfile.write(folder / "nan.wav", broken, RATE_HZ, subtype="FLOAT")
    os.symlink(folder / "nowhere.wav", folder / "dangling.wav")
    return {
        "empty.wav": "empty",
        "text.mp3": "not a sound file",
        "cut.flac": "damaged",
        "silent.wav": "silent",
        "short.ogg": "too short: 2.0 s",
        "twin of source.flac": "duplicate of",
        "source.flac": "duplicate of again.mp3",
        "locked.m4p": "DRM",
        "shop.m4a": "DRM",
        "nan.wav": "not finite",
        "dangling.wav": "not readable",
    }
