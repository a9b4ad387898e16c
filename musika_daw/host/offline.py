"""`play_offline`: the whole host against a clock of its own, as fast as it can: for files, tests and benchmarks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from bridge import TransportSource
from musika_daw.host.ahead.worker import Done, InlineWorker, Job
from musika_daw.host.control.live import LiveControls
from musika_daw.host.follow.follower import Follower
from musika_daw.host.host import Host
from musika_daw.host.play.cache import ChunkCache
from musika_daw.host.play.player import Player
from musika_daw.host.play.render import Renderer


class VirtualClock:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class LateWorker:
    """A worker whose jobs are done `delay_s` after they were given, by a clock that need not be real."""

    def __init__(self, worker: InlineWorker, clock: Callable[[], float], delay_s: float) -> None:
        self._worker, self._clock, self._delay_s = worker, clock, delay_s
        self._waiting: list[tuple[float, Done]] = []

    def submit(self, job: Job) -> None:
        """Render now, tell later."""
        self._worker.submit(job)
        at_s = self._clock() + self._delay_s
        self._waiting += [(at_s, replace(done, seconds=self._delay_s)) for done in self._worker.finished()]

    def finished(self) -> list[Done]:
        """Jobs whose time has come."""
        due = [done for when_s, done in self._waiting if when_s <= self._clock()]
        self._waiting = [(when_s, done) for when_s, done in self._waiting if when_s > self._clock()]
        return due

    def close(self) -> None:
        """Nothing to stop."""


@dataclass(frozen=True)
class Played:
    """What was heard, float32 `[frames, 2]`, and the host it was played with."""

    audio: np.ndarray
    host: Host


def play_offline(
    source: TransportSource,
    clock: VirtualClock,
    renderer: Renderer,
    seconds: float,
    *,
    sample_rate_hz: int = 48_000,
    block_frames: int = 512,
    bpm: float = 120.0,
    noisy: bool = False,
    render_s: float = 0.0,
    live: LiveControls | None = None,
    device_ppm: float = 0.0,
    each_block: Callable[[float, Host], None] | None = None,
) -> Played:
    """Play a source whose clock is `clock` for some seconds of that clock.

    `render_s` is how long each job takes, `device_ppm` how much faster than the clock the device runs;
    `each_block` is called before every block with the time, for turning knobs.
    """
    player = Player(sample_rate_hz)
    cache = ChunkCache(256, blocks_played=lambda: player.blocks)
    worker = LateWorker(InlineWorker(renderer, cache.views), clock, render_s)
    host = Host(source, Follower(bpm), live or LiveControls(), cache, worker, player, noisy=noisy, clock=clock)
    blocks = round(seconds * sample_rate_hz / block_frames)
    audio = np.zeros((2, blocks * block_frames), np.float32)
    block_s = block_frames / sample_rate_hz / (1 + device_ppm * 1e-6)
    start_s = clock.now_s
    for block in range(blocks):
        clock.now_s = start_s + block * block_s
        if each_block is not None:
            each_block(clock.now_s, host)
        host.step(clock.now_s)
        host.fill(audio[:, block * block_frames : (block + 1) * block_frames], clock.now_s)
    return Played(np.ascontiguousarray(audio.T), host)
