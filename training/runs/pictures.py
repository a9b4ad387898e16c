"""Spectrograms as PNG files, with nothing but numpy and zlib."""

from __future__ import annotations

import struct
import zlib

import numpy as np

# dark blue, purple, red, orange, pale yellow: brightness rises all the way
_COLOURS = np.array([(4, 5, 25), (75, 20, 110), (180, 50, 90), (250, 140, 40), (252, 252, 190)], float)
BANDS = 128
_RANGE_DB = 80.0


def png(values: np.ndarray) -> bytes:
    """A picture of `values` 0..1, `[rows, columns]`, first row at the top."""
    at = np.clip(np.nan_to_num(values), 0, 1) * (len(_COLOURS) - 1)
    low = np.minimum(at.astype(int), len(_COLOURS) - 2)
    share = (at - low)[..., None]
    pixels = np.round(_COLOURS[low] * (1 - share) + _COLOURS[low + 1] * share).astype(np.uint8)
    rows, columns = values.shape
    lines = np.concatenate([np.zeros((rows, 1), np.uint8), pixels.reshape(rows, columns * 3)], 1)
    head = struct.pack(">IIBBBBB", columns, rows, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(lines.tobytes(), 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*c) for c in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def spectrogram(audio: np.ndarray, sample_rate_hz: int, columns: int = 480) -> np.ndarray:
    """Levels 0..1 (80 dB below full scale to full scale) of `[frames, channels]`, low notes below, `[128, columns]`."""
    mono = audio.mean(1)
    fft = 2048
    padded = np.pad(mono, fft // 2)
    starts = np.linspace(0, max(0, len(padded) - fft), columns).astype(int)
    frames = np.stack([padded[s : s + fft] for s in starts if s + fft <= len(padded)])
    power = np.abs(np.fft.rfft(frames * np.hanning(fft))) ** 2 / (fft / 4) ** 2
    edges_hz = np.geomspace(40, sample_rate_hz / 2, BANDS + 1)
    bins = np.clip(np.round(edges_hz * fft / sample_rate_hz).astype(int), 1, fft // 2)
    sums = np.concatenate([np.zeros((len(power), 1)), np.cumsum(power, 1)], 1)
    stop = np.maximum(bins[1:], bins[:-1] + 1)
    level_db = 10 * np.log10((sums[:, stop] - sums[:, bins[:-1]]) / (stop - bins[:-1]) + 1e-12)
    return np.asarray(np.clip(1 + level_db / _RANGE_DB, 0, 1).T[::-1])


def latents_picture(latents: np.ndarray) -> np.ndarray:
    """Normalised latents `[time, channels]` as 0..1, `[channels, time]`, three deviations a side."""
    return np.asarray(np.clip(latents.T / 6 + 0.5, 0, 1))
