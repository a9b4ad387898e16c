"""A renderer whose every sample tells where it is, and a reader of clicks."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from bridge import FakeTransport
from musika_daw.host.offline import Played, VirtualClock, play_offline
from musika_daw.host.play.click import ClickRenderer
from musika_daw.score.controls import Controls
from musika_daw.score.tempo import Beats, TempoMap, exact

RATE = 48_000


class NoiseRenderer:
    """Soft noise that is a function of the frame, the seed and the style: equal places sound equal, others do not."""

    name, kind, weights_hash = "noise", "techno", "1" * 64

    def __init__(self, sample_rate_hz: int = RATE) -> None:
        self.sample_rate_hz = sample_rate_hz
        self.calls: list[tuple[Fraction, Fraction, Controls]] = []

    def render(
        self, start_beat: Beats, beats: Beats, tempo_map: TempoMap, controls: Controls | None = None
    ) -> np.ndarray:
        start, controls = exact(start_beat), controls or Controls()
        self.calls.append((start, exact(beats), controls))
        first = tempo_map.frame(start, self.sample_rate_hz)
        last = tempo_map.frame(start + exact(beats), self.sample_rate_hz)
        place = np.arange(first, last, dtype=np.float64)
        shade = 1 + 0.1 * controls.seed
        wave = 0.3 * np.sin(place * 0.0137 * shade) + 0.2 * np.sin(place * place * 1e-7 * shade + 0.3)
        return np.repeat(wave[:, None], 2, 1).astype(np.float32)


def clicks(audio: np.ndarray, level: float = 0.2, apart: int = 600) -> np.ndarray:
    """First frame of every click in audio `[n, 2]`; a click rises from silence."""
    loud = np.flatnonzero(np.abs(audio[:, 0]) > level)
    return loud[np.diff(loud, prepend=-(10**9)) > apart]


def errors_ms(played: Played, fake: FakeTransport, after_s: float = 0.0, until_s: float = 1e9) -> np.ndarray:
    """How late each click is against the beat of the script's truth that is nearest, in milliseconds."""
    found = []
    for frame in clicks(played.audio):
        at_s = frame / RATE
        if after_s <= at_s < until_s:
            truth = fake.truth(at_s)
            off = truth.position_beats - round(truth.position_beats)
            found.append(off * 60 / truth.tempo_bpm * 1000)
    return np.array(found)


def largest_step(audio: np.ndarray) -> float:
    """Largest difference between neighbouring samples."""
    return float(np.abs(np.diff(audio[:, 0])).max())


def play(fake: FakeTransport, seconds: float, renderer: object = None, **options: object) -> Played:
    """Play a script through the whole host, on a clock of its own."""
    clock = VirtualClock()
    fake.clock = clock
    return play_offline(fake, clock, renderer or ClickRenderer(RATE), seconds, **options)  # type: ignore[arg-type]
