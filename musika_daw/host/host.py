"""`Host`: a source of transport, a renderer and a player, tied together by one thread.

```
source --record--> follower --grid--> player (in the audio callback)
                       |                 ^ generation
                       +--> scheduler ---+--> worker (a process) --> shared memory
```
"""

from __future__ import annotations

import logging
import queue
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from bridge import SourceError, Transport, TransportSource, Valid, host_time
from musika_daw.host.ahead.behind import Behind
from musika_daw.host.ahead.scheduler import Scheduler
from musika_daw.host.ahead.worker import Worker, WorkerError
from musika_daw.host.audition import Audition
from musika_daw.host.capture import HeardBars
from musika_daw.host.control.live import LiveControls
from musika_daw.host.play.cache import ChunkCache
from musika_daw.host.play.grid import Grid
from musika_daw.host.play.meter import Meter
from musika_daw.host.play.piece import Piece
from musika_daw.host.play.player import Player
from musika_daw.host.play.timeline import TempoChoice, Timeline
from musika_daw.system.memory import settle

STEP_S = 0.004
REVIVE_S = 1.0
# Python hands its lock over every 5 ms at most; the callback cannot wait that long
SWITCH_S = 0.0005
logger = logging.getLogger("musika_daw")


class Follows(Protocol):
    """Makes a grid of a source's records: `Follower`, or `JackFollower` on the server's frames."""

    timeline: Timeline
    bpm: float

    def update(self, record: Transport, now_s: float) -> Grid:
        """Take the newest record."""

    def here(self, now_s: float) -> float:
        """Beat at a host time."""


class Revivable(Protocol):
    """What can be lost and come back: a source or a sink."""

    def revive(self) -> object:
        """Open again what was lost, if it was; raises a RuntimeError for what is still away."""


@dataclass(frozen=True)
class Status:
    """What the terminal view shows."""

    record: Transport
    bpm: float
    piece_bpm: float
    meter: Meter
    ahead_s: float
    render_share: float
    problem: str | None
    source_errors: int
    fill_errors: int


class Host:
    """Ties a source to a player. `fill` is for the audio callback, everything else for one control thread.

    `noisy` says that the source's tempo trembles. `new_worker` makes another worker when one has died; `revived`
    are the things that are asked once a second whether they lost their server or port, `revived_here` those that
    may only be asked in the thread that uses them (libjack takes its memory away with a client). What is put into
    `soon` is called once by the control thread, before it looks at the source; it must not raise.
    """

    def __init__(
        self,
        source: TransportSource,
        follower: Follows,
        live: LiveControls,
        cache: ChunkCache,
        worker: Worker,
        player: Player,
        *,
        noisy: bool = False,
        effects: tuple[str, ...] = (),
        ahead_s: float = 6.0,
        clock: Callable[[], float] = host_time,
        new_worker: Callable[[], Worker] | None = None,
    ) -> None:
        self.source, self.follower, self.live, self.player = source, follower, live, player
        self.cache, self.clock = cache, clock
        # how far the times that `fill` is given are ahead of those of the source
        self.shift_s: Callable[[], float] = lambda: 0.0
        # by blocks that are asked for faster than they are heard: no machine is to blame
        self.is_outrun: Callable[[], bool] = lambda: False
        self.effects = effects
        self.scheduler = Scheduler(cache, worker, player, ahead_s)
        self.audition = Audition(player.sample_rate_hz)
        self.bars = 0.0, 4.0  # where one begins, and how long they are
        self.grid = Grid()
        self.soon: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self.on_step: list[Callable[[], None]] = []
        self.on_fill: list[Callable[[], None]] = []  # by the audio callback, once a block is filled
        self.revived: list[Revivable] = []
        self.revived_here: list[Revivable] = []
        self._revive_s = clock() + REVIVE_S
        self.source_errors = 0
        self.fill_errors = 0
        self.worker_deaths = 0
        self.piece: Piece | None = None
        self._choice = TempoChoice(noisy)
        self._new_worker = new_worker
        self._fresh: Worker | None = None
        self._worker_lost = False
        self._record = Transport()
        self._beat = 0.0
        self.heard = HeardBars()
        self._behind = Behind()
        self._halt = threading.Event()
        self._threads: list[threading.Thread] = []
        self._cpu = (clock(), 0.0)
        self._share = 0.0

    def step(self, now_s: float | None = None) -> None:
        """Look at the source once and do what follows from it; takes well below a millisecond."""
        now_s = self.clock() if now_s is None else now_s
        if now_s >= self._revive_s:
            self._revive_s = now_s + REVIVE_S
            _each(thing.revive for thing in self.revived_here)
        while not self.soon.empty():
            self.soon.get()()
        for prepare in self.on_step:
            prepare()
        try:
            self._record = self.source.latest()
        except (SourceError, OSError, RuntimeError):
            self.source_errors += 1
            self._record = Transport()
        record = self._record
        self.bars = record.bar_start_beats, record.signature_numerator * 4 / record.signature_denominator
        shift_s, record = self.shift_s(), self._record
        if shift_s and record.knows(Valid.HOST_TIME_S):
            record = record.replace(host_time_s=record.host_time_s + shift_s)
        self.grid = grid = self.follower.update(record, now_s + shift_s)
        self.audition.step()
        self.player.gain = self.live.gain
        bpm = self._choice.update(grid.bpm, now_s)
        self.piece = Piece(bpm, self.live.controls(), self.player.sample_rate_hz, self.effects)
        self._beat = self.follower.here(now_s + shift_s)
        player, sounding = self.player, self.player.generation
        piece = self.piece if sounding is None else sounding.piece
        judged = grid.playing and not self.is_outrun()
        self._behind.see(now_s, grid.jumps, player.underruns, playing=judged, sounds=player.sounding)
        self.heard.play(self._beat, grid.playing, grid.jumps, piece, sounds=player.sounding)
        try:
            self.scheduler.step(self.piece, grid, self._beat, now_s, self.follower.timeline)
        except WorkerError as error:
            self._worker_died(error)

    def fill(self, out: np.ndarray, at_s: float, playing: bool | None = None) -> None:
        """Fill float32 `[2, n]` with what is heard from `at_s` on; silence if that goes wrong. Errors are counted."""
        try:
            grid = self.grid
            self.player.process(out, grid, at_s, playing)
            self.audition.add(out, grid, at_s, grid.playing if playing is None else playing, self.bars)
        except Exception:  # an exception that leaves an audio callback ends it for good
            out.fill(0)
            self._fill_failed()
            return
        try:
            for call in self.on_fill:
                call()
        except Exception:  # the sound goes on without what is made of it
            self._fill_failed()

    def _fill_failed(self) -> None:
        self.fill_errors += 1
        if self.fill_errors == 1:
            logger.exception("the audio callback failed")

    def is_ready(self, at_s: float) -> bool:
        """Whether play could begin at once at a time of the grid; asked by JACK before it rolls."""
        grid = self.grid
        return self.scheduler.is_ready(grid.fold(grid.beat + (at_s - grid.at_s) * grid.beats_per_s))

    def play_at(self, sample_rate_hz: int) -> None:
        """The sink has another rate: what is rendered is read faster or slower until there is some at the new one.

        For the control thread.
        """
        if sample_rate_hz != self.player.sample_rate_hz:
            self.player.sample_rate_hz = sample_rate_hz
            self.audition = Audition(sample_rate_hz)

    def follow(self, source: TransportSource, follower: Follows, noisy: bool) -> None:
        """Follow another source from here on; the old one is the caller's. For the control thread (see `soon`)."""
        self.source, self.follower = source, follower
        self._choice = TempoChoice(noisy)
        self._record = Transport()

    def start(self) -> None:
        """Start the control thread."""
        sys.setswitchinterval(SWITCH_S)
        settle()  # a collection in the wrong moment would be heard
        self._halt.clear()
        jobs = [("host-control", self._run, STEP_S), ("host-revive", self._revive, REVIVE_S)]
        for name, target, every_s in jobs:
            thread = threading.Thread(target=self._loop, args=(target, every_s), name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Stop the control thread; source, worker and cache are the caller's."""
        self._halt.set()
        for thread in self._threads:
            thread.join(2)
        self._threads.clear()

    def status(self) -> Status:
        """A snapshot for a view."""
        now_s, scheduler = self.clock(), self.scheduler
        since_s, cpu_s = self._cpu
        if now_s - since_s > 1:
            self._share = (scheduler.cpu_s - cpu_s) / (now_s - since_s)
            self._cpu = (now_s, scheduler.cpu_s)
        return Status(
            self._record,
            self.grid.bpm,
            float(self.piece.bpm) if self.piece else 0.0,
            self.player.meter(),
            scheduler.ahead(self._beat, self.grid),
            self._share,
            scheduler.problem or self._behind.problem,
            self.source_errors,
            self.fill_errors,
        )

    def here(self) -> float:
        """Where the song is at this moment. For the control thread."""
        return self.follower.here(self.clock() + self.shift_s())

    @property
    def beat(self) -> float:
        """Where the song is, as of the last step."""
        return self._beat

    def _worker_died(self, error: WorkerError) -> None:
        """Play on with what is rendered; the next worker is made in another thread, since that takes seconds."""
        self.scheduler.problem = str(error)
        fresh, self._fresh = self._fresh, None
        if fresh is not None:
            self.scheduler.replace_worker(fresh)
        else:
            self._worker_lost = True

    def _revive_worker(self) -> None:
        if self._worker_lost and self._fresh is None and self._new_worker is not None:
            self.worker_deaths += 1
            self._fresh = self._new_worker()
            self._worker_lost = False

    def _run(self) -> None:
        try:
            self.step()
        except Exception:  # the sound goes on with what is rendered; the log says what happened
            self.source_errors += 1
            if self.source_errors == 1:
                logger.exception("a step of the host failed")

    def _revive(self) -> None:
        _each((self._revive_worker, *(thing.revive for thing in self.revived)))

    def _loop(self, target: Callable[[], None], every_s: float) -> None:
        while not self._halt.wait(every_s):
            target()


def _each(revives: Iterable[Callable[[], object]]) -> None:
    for revive in revives:
        try:
            revive()
        except (SourceError, OSError, RuntimeError):
            continue  # still away; tried again in a second
