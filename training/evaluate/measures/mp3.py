"""The measure to beat: the same audio after MP3 at 48 kbit/s."""

from __future__ import annotations

import io

import numpy as np

_SEARCH = 4096


def through_mp3(audio: np.ndarray, sample_rate_hz: int, kbit_s: int = 48) -> np.ndarray:
    """Audio float32 `[frames, 2]` coded by LAME at a constant rate and decoded, in time with the input.

    The codec's delay is found by cross-correlation with the input and cut off.
    """
    from pedalboard.io import AudioFile

    file = io.BytesIO()
    file.name = "coded.mp3"
    with AudioFile(file, "w", sample_rate_hz, audio.shape[1], quality=kbit_s, format="mp3") as writer:
        writer.write(np.ascontiguousarray(np.clip(audio, -1, 1).T, np.float32))
    file.seek(0)
    with AudioFile(file) as reader:
        decoded = reader.read(reader.frames).T
    delay = delay_frames(audio, decoded)
    return aligned(decoded, delay, len(audio))


def delay_frames(audio: np.ndarray, later: np.ndarray, search: int = _SEARCH) -> int:
    """Frames by which `later` lags behind `audio` (negative: it leads), within `search`, by cross-correlation."""
    length = 1 << (len(audio) + len(later)).bit_length()
    spectrum = np.fft.rfft(later.mean(1), length) * np.conj(np.fft.rfft(audio.mean(1), length))
    match = np.fft.irfft(spectrum, length)
    lags = np.arange(-search, search + 1)
    return int(lags[np.argmax(match[lags % length])])


def aligned(audio: np.ndarray, delay: int, frames: int) -> np.ndarray:
    """`frames` of audio from `delay` on, zero outside."""
    out = np.zeros((frames, audio.shape[1]), np.float32)
    low, high = max(delay, 0), min(delay + frames, len(audio))
    if high > low:
        out[low - delay : high - delay] = audio[low:high]
    return out
