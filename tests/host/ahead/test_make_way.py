"""A changed piece is rendered at once: what is rendered for the one before makes way, and no slot is lost by it."""

from __future__ import annotations

from fractions import Fraction

import pytest

from musika_daw.host.ahead.scheduler import Scheduler
from musika_daw.host.ahead.worker import Done, Job
from musika_daw.host.play.cache import ChunkCache
from musika_daw.host.play.grid import Grid
from musika_daw.host.play.piece import Piece
from musika_daw.host.play.player import Player
from musika_daw.score.controls import Controls

RATE = 48_000


class ByHand:
    """A worker whose jobs end when a test says so."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self._done: list[Done] = []

    def submit(self, job: Job) -> None:
        self.jobs.append(job)

    def end(self, job: Job, given_up: bool = False) -> None:
        self._done.append(Done(job.number, 0.1, 0.1, None, given_up))

    def finished(self) -> list[Done]:
        done, self._done = self._done, []
        return done

    def close(self) -> None:
        pass


@pytest.mark.parametrize("given_up", [True, False])
def test_a_job_of_the_piece_before_makes_way_once(given_up: bool) -> None:
    cache, worker, player = ChunkCache(64), ByHand(), Player(RATE)
    scheduler = Scheduler(cache, worker, player)
    old, new, newest = (Piece(Fraction(120), Controls(seed=seed), RATE) for seed in range(3))
    rolling = Grid(playing=True, at_s=0.0, beat=0.0, beats_per_s=2.0)
    scheduler.step(old, rolling, 0.0, 0.0)
    first = worker.jobs[-1]
    worker.end(first)
    scheduler.step(old, rolling, 0.0, 0.1)
    running = worker.jobs[-1]
    scheduler.step(new, rolling, 0.0, 0.2)
    asked = worker.jobs[-1]
    assert (running.piece, asked.piece, asked.urgent) == (old, new, True)
    scheduler.step(newest, rolling, 0.0, 0.3)  # only one at a time makes way, or each would be given up for the next
    assert worker.jobs[-1] is asked
    worker.end(running, given_up)
    scheduler.step(new, rolling, 0.0, 0.4)
    generation = cache.find(old)
    assert generation is not None
    assert all((running.first_chunk + i in generation.chunks) != given_up for i in range(len(running.slots)))
    worker.end(asked)
    scheduler.step(new, rolling, 0.0, 0.5)
    assert player.generation is cache.find(new)
    held = {slot for generation in cache.generations for slot in generation.slots.values()} | set(worker.jobs[-1].slots)
    assert len(cache.claim(64, lambda _generation, _chunk: 1.0)) == 64 - len(held)


def test_another_worker_leaves_no_slot_behind() -> None:
    cache, worker, player = ChunkCache(64), ByHand(), Player(RATE)
    scheduler = Scheduler(cache, worker, player)
    rolling = Grid(playing=True, at_s=0.0, beat=0.0, beats_per_s=2.0)
    for seed in range(2):
        scheduler.step(Piece(Fraction(120), Controls(seed=seed), RATE), rolling, 0.0, 0.0)
        worker.end(worker.jobs[0])
    scheduler.step(Piece(Fraction(120), Controls(seed=2), RATE), rolling, 0.0, 0.0)
    scheduler.step(Piece(Fraction(120), Controls(seed=3), RATE), rolling, 0.0, 0.0)
    scheduler.replace_worker(ByHand())
    held = {slot for generation in cache.generations for slot in generation.slots.values()}
    assert len(cache.claim(64, lambda _generation, _chunk: 1.0)) == 64 - len(held)
