"""`PluginHost`: renders for all the plugins that are connected, what is needed soonest first.

```
plugin --TRANSPORT--> SongMap --place--> PluginFeed --wants--> worker (a process) --> shared memory
   ^---------------------AUDIO, FLUSH--------+---------------------chunks-------------------+
```
An offline bounce that waits comes first, then what plays, then what may be played next. What plays or is waited for
does not wait for the others: a run that is being rendered for later is given up for it, and rendered again.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable

import numpy as np

from bridge.plugin_link.codes import Ability, HostState
from bridge.plugin_link.instance import PluginInstance
from bridge.plugin_link.keys import Keys
from bridge.plugin_link.wire import PluginTransport
from musika_daw.host.ahead.worker import Job, Worker, WorkerError
from musika_daw.host.play.cache import ChunkCache, Generation
from musika_daw.host.play.piece import CHUNK_FRAMES, Piece
from musika_daw.host.plugin.feed import PluginFeed, Urgency, Want, run_chunks
from musika_daw.host.plugin.played import PlayedBars
from musika_daw.host.plugin.song_map import SongMap
from musika_daw.score.controls import Controls

SESSIONS_MAX = 64
RETRY_S = 0.5
AGAIN_S = 5.0
BUSY_FOR_S = 5.0
RENDER_S = 0.1  # until the first run was timed
# After a seek either the run that plays is rendered first, and what is left of it sounds before a gap, or the next one,
# and all before it is silent. Both are silent for as long where 1.5 times the time of a run is left: at most that long.
LATE = 1.5
logger = logging.getLogger("musika_daw")


class PluginHost:
    """The attendant of a plugin server, in whose thread everything but `close` runs.

    `controls` say what plugins do not: truncation, key, chords and parts. `score` is the kind that the model plays
    ("": none, and it follows no keys). `new_worker` makes another worker when one
    has died, which may take seconds: it is called in a thread of its own.
    """

    def __init__(
        self,
        cache: ChunkCache,
        worker: Worker,
        *,
        controls: Controls | None = None,
        effects: tuple[str, ...] = (),
        ahead_s: float = 6.0,
        score: str = "",
        new_worker: Callable[[], Worker] | None = None,
    ) -> None:
        self.cache, self.worker = cache, worker
        self._chosen, self._effects, self._ahead_s = controls, effects, ahead_s
        self._score = score
        self._bars = PlayedBars(score) if score else None
        self._new_worker = new_worker
        self._fresh: Worker | None = None
        self._halt = threading.Event()
        self._lost = False
        self.feeds: dict[PluginInstance, PluginFeed] = {}
        # what the songs of plugins that are gone were like: one that comes back, or is made active again, finds its own
        self._songs: OrderedDict[tuple[int, int], list[SongMap]] = OrderedDict()
        # under way; the last is being rendered, those before it are being given up
        self._jobs: dict[int, tuple[Job, Generation]] = {}
        self._submitted = 0
        self._finished = 0
        self._render_s = RENDER_S
        self._used: dict[tuple[int, int], int] = {}
        self._uses = 0
        self._retry_s = 0.0
        self._active_s = 0.0
        self.problem: str | None = None
        self.deaths = 0
        self.cpu_s = 0.0
        self.rendered_s = 0.0

    def joined(self, instance: PluginInstance) -> None:
        """A plugin was welcomed."""
        # a session is an identity that is copied with its track: where several were of it, nobody knows whose is whose
        gone = self._songs.pop(_key(instance), [])
        song = gone[0] if len(gone) == 1 else self._new_song(instance)
        song.rejoin()
        self.feeds[instance] = PluginFeed(instance, song, self._read, self._ahead_s, bars=self._bars)
        if self._lost:
            instance.tell(HostState.RESTARTING)

    def left(self, instance: PluginInstance) -> None:
        """A plugin is gone."""
        feed = self.feeds.pop(instance, None)
        if feed is not None:
            gone = self._songs.pop(_key(instance), [])
            self._songs[_key(instance)] = [*gone[-1:], feed.song]
            if len(self._songs) > SESSIONS_MAX:
                self._songs.popitem(last=False)

    def moved(self, instance: PluginInstance, news: PluginTransport, now_s: float) -> None:
        """A plugin told where it is."""
        self._active_s = now_s
        self.feeds[instance].moved(news)

    @property
    def abilities(self) -> Ability:
        """What the model can follow."""
        parts = Ability.HAS_PARTS if self._score == "parts" else Ability(0)
        return parts | (Ability.FOLLOWS_CHORDS if self._score else Ability(0))

    def played(self, instance: PluginInstance, keys: Keys) -> None:
        """A plugin met keys of a chord track."""
        self.feeds[instance].play(keys)

    def step(self, now_s: float) -> bool:
        """Collect what is rendered, send it, ask for what is missing."""
        try:
            self._collect(now_s)
            late_s = LATE * self._render_s
            wants = [want for feed in self.feeds.values() for want in feed.feed(self._finished, late_s)]
            if now_s >= self._retry_s and not self._lost:
                self._ask(wants)
                for feed in self.feeds.values():
                    feed.prepare()
        except WorkerError as error:
            self._worker_died(error)
        return self.is_rendering or (bool(self.feeds) and now_s - self._active_s < BUSY_FOR_S)

    def close(self) -> None:
        """Make no more workers; worker and cache are the caller's."""
        self._halt.set()

    @property
    def is_rendering(self) -> bool:
        """Whether a job is under way."""
        return bool(self._jobs)

    def _new_song(self, instance: PluginInstance) -> SongMap:
        return SongMap(instance.sample_rate_hz, self._chosen, self._effects, self._score)

    def _read(self, piece: Piece, first: int, last: int) -> np.ndarray | None:
        """Frames of a piece from the cache, float32 `[2, last - first]`, or None if one is missing."""
        generation = self.cache.find(piece)
        if generation is None:
            return None
        parts = []
        for chunk in range(first // CHUNK_FRAMES, -(-last // CHUNK_FRAMES)):
            audio = generation.chunks.get(chunk)
            if audio is None:
                return None
            self._uses += 1
            self._used[generation.number, chunk] = self._uses
            start = chunk * CHUNK_FRAMES
            parts.append(audio[:, max(first - start, 0) : last - start])
        return parts[0] if len(parts) == 1 else np.concatenate(parts, 1)

    def _ask(self, wants: list[Want]) -> None:
        """Give the worker the most urgent run."""
        wants = [want for want in wants if not self._is_rendered(want)]
        if not wants:
            return
        want = min(wants, key=lambda w: w.urgency)
        if self._jobs and not self._makes_way(want, wants):
            return
        wanted = {(w.piece, w.run) for w in wants}
        generation = self.cache.generation(want.piece)
        count = run_chunks(want.piece.sample_rate_hz)
        first = want.run * count
        slots = self.cache.claim(count, lambda g, c: self._worth(g, c, wanted))
        if len(slots) < count:
            self.cache.release(slots)
            return
        self._tidy(generation)
        self._submitted += 1
        job = Job(self._submitted, want.piece, first, tuple(slots), want.urgency is Urgency.PLAYING)
        self._jobs[job.number] = job, generation
        self.worker.submit(job)

    def _makes_way(self, want: Want, wants: list[Want]) -> bool:
        """Whether what is being rendered is given up for something else."""
        if want.urgency > Urgency.PLAYING:
            return False
        job, _ = next(reversed(self._jobs.values()))
        run = job.first_chunk // run_chunks(job.piece.sample_rate_hz)
        needs = (w.urgency for w in wants if (w.piece, w.run) == (job.piece, run))
        # what is late now was not when it was begun, and is nearly done
        return min(needs, default=Urgency.AHEAD) in (
            Urgency.LANDING,
            Urgency.STANDING,
            Urgency.BOUNCED_NEXT,
            Urgency.AHEAD,
        )

    def _is_rendered(self, want: Want) -> bool:
        """A chunk may need two pieces, one of which is there."""
        generation = self.cache.find(want.piece)
        count = run_chunks(want.piece.sample_rate_hz)
        first = want.run * count
        return generation is not None and generation.has(first, first + count - 1)

    def _worth(self, generation: Generation, chunk: int, wanted: set[tuple[Piece, int]]) -> float:
        """How much a chunk is worth keeping: what was used last, the most; what is asked for, at any price."""
        if (generation.piece, chunk // run_chunks(generation.piece.sample_rate_hz)) in wanted:
            return 1.0
        return 0.9 * self._used.get((generation.number, chunk), 0) / (self._uses + 1)

    def _collect(self, now_s: float) -> None:
        fresh, self._fresh = self._fresh, None
        if fresh is not None:
            self.worker, self._lost, self.problem = fresh, False, None
            self._tell(HostState.RENDERING)
        if self._lost:
            return
        for done in self.worker.finished():
            self.cpu_s += done.cpu_s
            if done.number not in self._jobs:
                continue
            job, generation = self._jobs.pop(done.number)
            if done.given_up:
                self.cache.release(job.slots)
                continue
            self.problem = done.problem
            self._finished += 1
            self._render_s += 0.3 * (done.seconds - self._render_s)
            if done.problem is not None:
                self.cache.release(job.slots)
                self._retry_s = now_s + RETRY_S
                continue
            self.rendered_s += len(job.slots) * CHUNK_FRAMES / job.piece.sample_rate_hz
            for index, slot in enumerate(job.slots):
                self.cache.publish(generation, job.first_chunk + index, slot)
                self._uses += 1
                self._used[generation.number, job.first_chunk + index] = self._uses

    def _tidy(self, keep: Generation) -> None:
        """Forget pieces of which nothing is left, and when their chunks were used."""
        for generation in list(self.cache.generations):
            if generation is not keep and not generation.chunks:
                self.cache.drop(generation)
        if len(self._used) > 8 * self.cache.slots:
            there = {(g.number, chunk) for g in self.cache.generations for chunk in g.chunks}
            self._used = {key: use for key, use in self._used.items() if key in there}

    def _tell(self, state: HostState) -> None:
        for instance in self.feeds:
            instance.tell(state)

    def _worker_died(self, error: WorkerError) -> None:
        """Plugins play on with what they have; the next worker is made in another thread."""
        self.problem = str(error)
        self.deaths += 1
        for job, _ in self._jobs.values():
            self.cache.release(job.slots)
        self._jobs.clear()
        self._lost = True
        self._tell(HostState.RESTARTING)
        if self._new_worker is not None:
            threading.Thread(target=self._revive, name="plugin-revive", daemon=True).start()

    def _revive(self) -> None:
        assert self._new_worker is not None
        while not self._halt.is_set():
            try:
                self._fresh = self._new_worker()
                return
            except WorkerError as error:
                self.problem = str(error)
                logger.error("the renderer does not start again: %s", error)
            self._halt.wait(AGAIN_S)


def _key(instance: PluginInstance) -> tuple[int, int]:
    return instance.hello.session, instance.sample_rate_hz
