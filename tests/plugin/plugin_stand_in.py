"""A renderer whose every sample tells where it is, for the plugin's host to load in its process."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from fractions import Fraction
from types import SimpleNamespace
from zlib import crc32

import numpy as np

from musika_daw.host.play.render import Renderer, load_renderer
from musika_daw.score.controls import Controls
from musika_daw.score.tempo import Beats, TempoMap, exact

PERIOD = 1 << 20


class FrameRenderer:
    """Left is the frame of the timeline modulo 2**20, right a number of tempo and controls; both exact in float32.

    `slowness` is how many seconds a second of audio takes, `rate_hz` its sample rate, `score` the kind that it plays.
    """

    name, kind, weights_hash = "frames", "techno", "2" * 64

    def __init__(self, rate_hz: int = 48_000, slowness: float = 0.0, score: str = "") -> None:
        self.sample_rate_hz, self.slowness = rate_hz, slowness
        self.config = SimpleNamespace(score=score)
        self._watcher: Callable[[], None] = lambda: None

    def watch(self, call: Callable[[], None]) -> None:
        """Have `call` called as the audio takes its time."""
        self._watcher = call

    def render(
        self, start_beat: Beats, beats: Beats, tempo_map: TempoMap, controls: Controls | None = None
    ) -> np.ndarray:
        """Audio of a stretch of the timeline, float32 `[n, 2]`."""
        first = tempo_map.frame(exact(start_beat), self.sample_rate_hz)
        last = tempo_map.frame(exact(start_beat) + exact(beats), self.sample_rate_hz)
        end_s = time.perf_counter() + (last - first) / self.sample_rate_hz * self.slowness
        while (left_s := end_s - time.perf_counter()) > 0:
            self._watcher()
            time.sleep(min(left_s, 0.005))
        left = left_at(np.arange(first, last))
        bpm, asked = tempo_map.points[0].bpm, controls or Controls()
        right = np.full(last - first, code_of(bpm, asked), np.float32)
        for beat, chord in asked.changes:
            right[max(tempo_map.frame(exact(beat), self.sample_rate_hz) - first, 0) :] = code_of(bpm, asked, chord)
        return np.stack([left, right], 1)


def left_at(frames: np.ndarray) -> np.ndarray:
    """What is heard on the left at frames of the piece: within -1..1, each frame its own value."""
    return (np.mod(frames, PERIOD) / np.float32(PERIOD) * 2 - 1).astype(np.float32)


def code_of(bpm: Fraction, controls: Controls, chord: str | None = None) -> np.float32:
    """What is heard on the right: within 0..1, another value for other tempos, controls, chords and parts."""
    density = 0.5 if controls.density is None else float(controls.density)  # type: ignore[arg-type]
    mixed = float(bpm) * 37 + controls.seed * 11 + (controls.style_seed or 0) * 5 + controls.morph * 100 + density * 300
    mixed += (crc32(chord.encode()) % 997 if chord else 0) + sum(1000 + 7 * len(part) for part in controls.muted)
    return np.float32(mixed % 8192 / 8192)


class SlowedRenderer:
    """A real model that takes `slowness` seconds more for a second of audio."""

    def __init__(self, model: str, slowness: float) -> None:
        self._renderer, self._slowness = load_renderer(model), slowness
        self.name, self.kind, self.weights_hash = self._renderer.name, self._renderer.kind, self._renderer.weights_hash
        self.sample_rate_hz = self._renderer.sample_rate_hz

    def render(
        self, start_beat: Beats, beats: Beats, tempo_map: TempoMap, controls: Controls | None = None
    ) -> np.ndarray:
        """What the model renders, later."""
        audio = self._renderer.render(start_beat, beats, tempo_map, controls)
        time.sleep(len(audio) / self.sample_rate_hz * self._slowness)
        return audio


def load(model: str) -> Renderer:
    """`frames:RATE:SLOWNESS`, `parts:RATE:SLOWNESS` or `slowed:MODEL:SLOWNESS`, loaded in the renderer's process; the
    variable PLUGIN_TEST_SLOWNESS overrules it."""
    kind, what, slowness = model.split(":")
    slow = float(os.environ.get("PLUGIN_TEST_SLOWNESS", slowness))
    if kind == "slowed":
        return SlowedRenderer(what, slow)
    return FrameRenderer(int(what), slow, "parts" if kind == "parts" else "")
