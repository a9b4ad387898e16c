"""`Scheduler`: renders ahead of play, what is needed soonest first.

```
            | playing here                      loop end |
  urgent ...|=====|                                      |      the next 0.7 s: small jobs, so a seek waits for none
  loop start|=====|                                              the first 0.7 s after the wrap
  soon      |     |==================|                           up to half of `ahead_s`, in larger jobs
  ahead     |     |                  |==================|        up to `ahead_s`, once a whole large job is missing:
                                                                 a job costs much the same whatever its size
```
A changed tempo, control or effect asks for another generation. The old one plays on until the new one holds the
next half second, then the player goes over, once: on the next beat where only other parts sound. What is being
rendered for the old one then makes way.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from enum import Enum
from fractions import Fraction

from musika_daw.host.ahead.worker import Job, Worker
from musika_daw.host.play.cache import ChunkCache, Generation
from musika_daw.host.play.grid import Grid
from musika_daw.host.play.piece import CHUNK_FRAMES, Piece, chunk_of
from musika_daw.host.play.player import CROSS_FRAMES, Player
from musika_daw.host.play.timeline import Timeline

URGENT_S = 0.7
URGENT_CHUNKS, AHEAD_CHUNKS = 3, 16  # of a job, at 48 kHz
SHORT_S = 2.0  # with less ahead a large job is urgent too: under load it may take as long as what is left
SPARE_JOBS = 2  # as many large ones' slots are kept free, so that a seek has where to render at once
RETRY_S = 0.5
LEAD_S = 0.03  # what is heard may be ahead of where the host is by this
GENERATIONS_MAX = 8


def chunks_of_job(sample_rate_hz: int, *, urgent: bool) -> int:
    """Chunks that are rendered at once. Those of a high sample rate are short: a job of three would cost more time than
    it gives."""
    at_48k = URGENT_CHUNKS if urgent else AHEAD_CHUNKS
    return max(at_48k, at_48k * sample_rate_hz // 48_000)


class Need(Enum):
    """How soon a chunk is played."""

    URGENT, SOON, AHEAD = range(3)


class Scheduler:
    """Fills the cache through a worker; `step` never waits. Raises ValueError for a lookahead outside 1..30 s."""

    def __init__(self, cache: ChunkCache, worker: Worker, player: Player, ahead_s: float = 6.0) -> None:
        if not 1 <= ahead_s <= 30:
            raise ValueError(f"ahead_s: {ahead_s:g}, must be in 1..30")
        self.cache, self.worker, self.player, self.ahead_s = cache, worker, player, ahead_s
        self.problem: str | None = None
        self.cpu_s = 0.0
        self.rendered_s = 0.0
        self._job: tuple[Job, Generation] | None = None
        self._left: dict[int, tuple[Job, Generation]] = {}  # told to make way, and not back yet
        self._jobs = 0
        self._retry_s = -math.inf
        self._render_s = 0.15

    def step(self, piece: Piece, grid: Grid, beat: float, now_s: float, timeline: Timeline | None = None) -> None:
        """Collect what is rendered, go over to a new generation that is ready, and ask for what is missing."""
        self._collect(now_s)
        wanted = self.cache.generation(piece)
        self._go_over(wanted, grid, beat)
        self._make_way(wanted)
        if self._job is None and now_s >= self._retry_s:
            self._ask(wanted, grid, beat, timeline)
        self._tidy(wanted)

    def replace_worker(self, worker: Worker) -> None:
        """Go on with another worker; what the old one was rendering is lost."""
        for job, _ in (*self._left.values(), *([self._job] if self._job is not None else [])):
            self.cache.release(job.slots)
        self._left.clear()
        self.worker, self._job = worker, None

    def ahead(self, beat: float, grid: Grid) -> float:
        """Seconds rendered ahead of a beat, in what is playing."""
        generation = self.player.generation
        if generation is None:
            return 0.0
        count = 0
        for chunk in self._path(generation, grid, beat, self.ahead_s):
            if chunk not in generation.chunks:
                break
            count += 1
        return count * CHUNK_FRAMES / generation.piece.sample_rate_hz

    def is_ready(self, beat: float) -> bool:
        """Whether play could begin at a beat at once."""
        generation = self.player.generation
        if generation is None:
            return False
        chunk = chunk_of(round(beat * generation.frames_per_beat))
        return generation.has(chunk, chunk + 1)

    def _collect(self, now_s: float) -> None:
        for done in self.worker.finished():
            self.cpu_s += done.cpu_s
            if done.number in self._left:
                job, generation = self._left.pop(done.number)
            elif self._job is not None and done.number == self._job[0].number:
                job, generation = self._job
                self._job, self.problem = None, done.problem
                if done.problem is not None:
                    self._retry_s = now_s + RETRY_S
            else:
                continue
            if done.given_up or done.problem is not None:
                self.cache.release(job.slots)
                continue
            self.rendered_s += len(job.slots) * CHUNK_FRAMES / job.piece.sample_rate_hz
            if len(job.slots) <= chunks_of_job(job.piece.sample_rate_hz, urgent=True):
                self._render_s += 0.3 * (done.seconds - self._render_s)
            for index, slot in enumerate(job.slots):
                self.cache.publish(generation, job.first_chunk + index, slot)

    def _go_over(self, wanted: Generation, grid: Grid, beat: float) -> None:
        player, before = self.player, self.player.generation
        if before is wanted or before is None or not grid.playing:
            player.generation, player.coming = wanted, None
            return
        here = chunk_of(beat * before.frames_per_beat)
        if not _differ_in_parts(before.piece, wanted.piece) or not before.has(here, here + 1):
            player.coming = None
            chunk = chunk_of(beat * wanted.frames_per_beat)
            if wanted.has(chunk, chunk + 1):
                player.generation = wanted
        elif player.coming is None or player.coming[0] is not wanted:
            next_beat = math.ceil(beat + grid.beats_per_s * LEAD_S)
            first_beat = min(next_beat, grid.loop_end) if grid.loops else float(next_beat)
            frame = first_beat * wanted.frames_per_beat
            if wanted.has(chunk_of(frame - CROSS_FRAMES), chunk_of(frame) + 1):
                player.coming = wanted, first_beat

    def _make_way(self, wanted: Generation) -> None:
        """Let a job for what is not wanted any more be given up by the next; its slots are free once it is back."""
        if self._job is None or self._left or wanted in (self._job[1], self.player.generation):
            return
        self._left[self._job[0].number] = self._job
        self._job = None

    def _path(self, generation: Generation, grid: Grid, beat: float, seconds: float) -> Iterator[int]:
        """Chunks that play will come through within some seconds, in order, round the loop."""
        piece = generation.piece
        left = seconds * piece.sample_rate_hz
        position = beat * generation.frames_per_beat
        start, end = grid.loop_start * generation.frames_per_beat, grid.loop_end * generation.frames_per_beat
        looping = grid.loop_end > grid.loop_start and beat < grid.loop_end and end - start > CHUNK_FRAMES / 4
        while left > 0:
            stop = min(position + left, end) if looping else position + left
            yield from range(chunk_of(position), chunk_of(math.ceil(stop) - 1) + 1)
            left -= max(stop - position, 1.0)
            position = start

    def _wants(
        self, wanted: Generation, grid: Grid, beat: float, timeline: Timeline | None
    ) -> Iterator[tuple[Generation, int, Need]]:
        """(generation, chunk, need) in the order of need."""
        if self.player.generation is not wanted:
            # what is rendered for here and now would be over by the time it is there
            beat += self._render_s * grid.beats_per_s if grid.playing else 0.0
        for chunk in self._path(wanted, grid, beat, URGENT_S):
            yield wanted, chunk, Need.URGENT
        if grid.loop_end > grid.loop_start:
            first = chunk_of(grid.loop_start * wanted.frames_per_beat)
            last = chunk_of(grid.loop_start * wanted.frames_per_beat + URGENT_S * wanted.piece.sample_rate_hz)
            yield from ((wanted, chunk, Need.URGENT) for chunk in range(first, last + 1))
        if not grid.playing:
            last = chunk_of(URGENT_S * wanted.piece.sample_rate_hz)
            yield from ((wanted, chunk, Need.SOON) for chunk in range(last + 1))
        for chunk in self._path(wanted, grid, beat, self.ahead_s / 2):
            yield wanted, chunk, Need.SOON
        step = timeline.next_step(beat) if timeline is not None and grid.playing else None
        if step is not None and step[0] - beat < self.ahead_s * grid.beats_per_s:
            yield from self._after_step(wanted.piece, *step)
        for chunk in self._path(wanted, grid, beat, self.ahead_s):
            yield wanted, chunk, Need.AHEAD

    def _after_step(self, piece: Piece, beat: float, bpm: float) -> Iterator[tuple[Generation, int, Need]]:
        """The first chunks after a tempo step that is known from an earlier pass."""
        later = Piece(_fraction(bpm), piece.controls, piece.sample_rate_hz, piece.effects)
        if later == piece:
            return
        generation = self.cache.generation(later)
        position = beat * generation.frames_per_beat
        for chunk in range(chunk_of(position), chunk_of(position + URGENT_S * piece.sample_rate_hz) + 1):
            yield generation, chunk, Need.SOON

    def _ask(self, wanted: Generation, grid: Grid, beat: float, timeline: Timeline | None) -> None:
        wants = list(self._wants(wanted, grid, beat, timeline))
        known = {(g.number, c) for g, c, _ in wants}
        large = chunks_of_job(wanted.piece.sample_rate_hz, urgent=False)
        self.cache.reserve(
            min(SPARE_JOBS * large, self.cache.slots // 8), lambda g, c: self._worth(g, c, known, wanted, beat)
        )
        missing = [want for want in wants if want[1] not in want[0].chunks]
        if not missing or (grid.playing and missing[0][2] is Need.AHEAD and len(missing) < large):
            return
        generation, chunk, need = missing[0]
        most = chunks_of_job(wanted.piece.sample_rate_hz, urgent=True) if need is Need.URGENT else large
        count = 1
        while count < most and (generation.number, chunk + count) in known and chunk + count not in generation.chunks:
            count += 1
        slots = self.cache.claim(count, lambda g, c: self._worth(g, c, known, wanted, beat))
        if not slots:
            return
        self._jobs += 1
        urgent = need is Need.URGENT or (grid.playing and self.ahead(beat, grid) < SHORT_S)
        job = Job(self._jobs, generation.piece, chunk, tuple(slots), urgent)
        self._job = job, generation
        self.worker.submit(job)

    def _worth(
        self, generation: Generation, chunk: int, known: set[tuple[int, int]], wanted: Generation, beat: float
    ) -> float:
        """How much a chunk is worth keeping: 1 is needed, 0 is not at all."""
        if (generation.number, chunk) in known:
            return 1.0
        away = abs(chunk - chunk_of(beat * generation.frames_per_beat))
        if generation is not wanted and self.player.uses(generation):
            return 1.0 if -1 <= chunk - chunk_of(beat * generation.frames_per_beat) <= 4 else 0.6 / (1 + away)
        return (0.5 if generation is wanted else 0.1) / (1 + away)

    def _tidy(self, wanted: Generation) -> None:
        """Forget the oldest generations beyond a handful."""
        if len(self.cache.generations) <= GENERATIONS_MAX:
            return
        rendering = self._job[1] if self._job else None
        for generation in list(self.cache.generations):
            if generation not in (wanted, rendering) and not self.player.uses(generation):
                self.cache.drop(generation)
                return


def _differ_in_parts(one: Piece, other: Piece) -> bool:
    """Whether two pieces are one but for the parts that sound."""
    asked = other.controls
    return one != other and replace(one, controls=replace(one.controls, parts=asked.parts, muted=asked.muted)) == other


def _fraction(bpm: float) -> Fraction:
    return Fraction(round(bpm * 10_000), 10_000)
