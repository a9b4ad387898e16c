"""In which order runs are rendered for plugins, and what is given up for what."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from bridge.plugin_link.codes import Flag, Known
from bridge.plugin_link.instance import PluginInstance
from bridge.plugin_link.wire import Hello, PluginTransport
from musika_daw.host.ahead.worker import Done, Job, ProcessWorker
from musika_daw.host.play.cache import ChunkCache
from musika_daw.host.play.piece import CHUNK_FRAMES, Piece
from musika_daw.host.plugin.feed import run_chunks
from musika_daw.host.plugin.host import RENDER_S, PluginHost
from musika_daw.score.controls import Controls
from tests.plugin import plugin_stand_in
from tests.plugin.plugin_stand_in import left_at
from tests.waiting import wait_for

RATE = 48_000
RUN_CHUNKS = run_chunks(RATE)
RUN_FRAMES = RUN_CHUNKS * CHUNK_FRAMES
KNOWN = Known.FRAME | Known.BEAT | Known.BPM
NEWS = PluginTransport(1, 0, 0, 0.0, 120.0, 0, 0, 0, KNOWN, Flag.PLAYING, 1, 512, 1, 4, 4, (-1, -1, -1, *[0] * 8))


class HeldWorker:
    """Takes jobs, and ends them when a test says so."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self._done: list[Done] = []

    def submit(self, job: Job) -> None:
        self.jobs.append(job)

    def end(self, given_up: bool = False) -> Job:
        job = self.jobs.pop(0)
        self._done.append(Done(job.number, RENDER_S, RENDER_S, given_up=given_up))
        return job

    def finished(self) -> list[Done]:
        done, self._done = self._done, []
        return done

    def close(self) -> None:
        pass


class Daw:
    """Plugins of a host whose renderer waits for the test."""

    def __init__(self) -> None:
        self.worker = HeldWorker()
        self.cache = ChunkCache(64)
        self.host = PluginHost(self.cache, self.worker)
        self._now_s = 0.0
        self._told: dict[PluginInstance, PluginTransport] = {}

    def plugin(self, session: int = 1, rate_hz: int = RATE) -> PluginInstance:
        instance = PluginInstance(Hello(3, 1, bytes(16), session, float(rate_hz), 512, 0), 1)
        self.host.joined(instance)
        return instance

    def seek(self, instance: PluginInstance, frame: int, flags: Flag = Flag.PLAYING) -> None:
        last = self._told.get(instance, NEWS)
        news = dataclasses.replace(
            NEWS, frame=frame, beat=frame / 24_000, flags=flags, place=last.place + 1, jumps=last.jumps + 1
        )
        self._told[instance] = news
        self.host.moved(instance, news, self._now_s)
        self.step()

    def step(self) -> None:
        self._now_s += 0.002
        self.host.step(self._now_s)

    @property
    def runs(self) -> list[int]:
        """Runs that the worker was asked for and has not ended."""
        return [job.first_chunk // RUN_CHUNKS for job in self.worker.jobs]


@pytest.fixture
def daw() -> Daw:
    return Daw()


def test_a_seek_does_not_wait_for_what_is_rendered_ahead(daw: Daw) -> None:
    one = daw.plugin()
    daw.seek(one, 0)
    for run in range(3):
        assert daw.runs == [run]
        daw.worker.end()
        daw.step()
    assert daw.runs == [3]  # 2 s from now
    daw.seek(one, 100 * RUN_FRAMES)
    assert daw.runs == [3, 100]
    assert [job.urgent for job in daw.worker.jobs] == [False, True]
    daw.worker.end(given_up=True)
    daw.step()
    assert daw.runs == [100]
    daw.worker.end()
    daw.step()
    assert one.holds(100 * RUN_FRAMES // 1024)
    # what was given up is neither sent nor lost for good
    daw.seek(one, 3 * RUN_FRAMES)
    assert daw.runs[-1] == 3


@pytest.mark.parametrize(("rate_hz", "chunks"), [(44_100, 8), (48_000, 8), (96_000, 16), (192_000, 16)])
def test_a_run_is_as_long_at_every_rate(daw: Daw, rate_hz: int, chunks: int) -> None:
    """Where a run was shorter than it takes to render, nothing would ever come ahead."""
    daw.seek(daw.plugin(rate_hz=rate_hz), 0)
    jobs = [daw.worker.end()]
    daw.step()
    jobs.append(daw.worker.end())
    assert [(job.first_chunk, len(job.slots)) for job in jobs] == [(0, chunks), (chunks, chunks)]


def test_what_plays_is_never_given_up_for_what_plays(daw: Daw) -> None:
    one, other = daw.plugin(1), daw.plugin(2)
    daw.seek(one, 0)
    daw.seek(other, 50 * RUN_FRAMES)
    assert daw.runs == [0]
    daw.worker.end()
    daw.step()
    assert daw.runs[0] in (1, 50)
    assert len(daw.runs) == 1


def test_what_is_not_wanted_any_more_is_given_up_even_if_it_was_urgent(daw: Daw) -> None:
    one = daw.plugin()
    daw.seek(one, 0)
    daw.seek(one, 50 * RUN_FRAMES)
    daw.seek(one, 90 * RUN_FRAMES)
    assert daw.runs == [0, 50, 90]
    # one that was done before it heard of it is of use all the same
    daw.worker.end()
    daw.worker.end(given_up=True)
    daw.worker.end()
    daw.step()
    there = {chunk // RUN_CHUNKS for chunk in daw.host.cache.generations[0].chunks}
    assert there == {0, 90}


def test_a_run_that_is_late_while_it_is_rendered_is_finished(daw: Daw) -> None:
    one = daw.plugin()
    daw.seek(one, RUN_FRAMES - int(2 * RENDER_S * RATE))
    assert daw.runs == [0]
    last = daw._told[one]
    daw.host.moved(one, dataclasses.replace(last, frame=RUN_FRAMES - int(RENDER_S * RATE)), 0.1)
    daw.step()
    assert daw.runs == [0]
    daw.worker.end()
    daw.step()
    assert daw.runs == [1]


def test_after_a_seek_a_run_that_would_come_too_late_is_left_out(daw: Daw) -> None:
    one = daw.plugin()
    daw.seek(one, RUN_FRAMES - int(1.4 * RENDER_S * RATE))
    assert daw.runs == [1]


def test_a_bounce_that_waits_comes_before_what_is_rendered_ahead_and_not_before_what_plays(daw: Daw) -> None:
    playing, bouncing = daw.plugin(1), daw.plugin(2)
    daw.seek(playing, 0)
    daw.seek(bouncing, 200 * RUN_FRAMES, Flag.PLAYING | Flag.OFFLINE | Flag.WAITING)
    assert daw.runs == [0]
    daw.worker.end()
    daw.step()
    assert daw.runs == [200]


def test_a_song_is_inherited_from_a_plugin_that_is_gone_and_never_from_one_that_lives(daw: Daw) -> None:
    one, copy = daw.plugin(7), daw.plugin(7)
    songs = [daw.host.feeds[plugin].song for plugin in (one, copy)]
    assert songs[0] is not songs[1]
    daw.host.left(copy)
    back = daw.plugin(7)
    assert daw.host.feeds[back].song is songs[1]
    daw.host.left(one)
    daw.host.left(back)
    # whose is whose, nobody knows: both learn anew
    again = [daw.host.feeds[daw.plugin(7)].song for _ in range(2)]
    assert not any(song is known for song in again for known in songs)
    for session in range(200):
        daw.host.left(daw.plugin(session))
    assert len(daw.host._songs) <= 64


@pytest.mark.parametrize("ends", [0, 1, 2])
def test_slots_of_what_was_given_up_are_free_again(ends: int, daw: Daw) -> None:
    one = daw.plugin()
    for turn in range(200):
        daw.seek(one, turn * 10 * RUN_FRAMES)
        while len(daw.worker.jobs) > ends:
            daw.worker.end(given_up=True)
        daw.step()
    assert len(daw.worker.jobs) <= ends + 1
    used = sum(len(g.chunks) for g in daw.cache.generations) + RUN_CHUNKS * len(daw.worker.jobs)
    assert len(daw.cache.claim(64, lambda *_: 1.0)) == 64 - used


@pytest.fixture
def renderer() -> Iterator[Callable[..., tuple[ProcessWorker, ChunkCache]]]:
    made: list[ProcessWorker | ChunkCache] = []

    def start(slowness: float) -> tuple[ProcessWorker, ChunkCache]:
        cache = ChunkCache(16, shared=True)
        assert cache.memory_name is not None
        made.insert(0, cache)
        worker = ProcessWorker(f"frames:{RATE}:{slowness}", cache.memory_name, 16, plugin_stand_in.load)
        made.insert(0, worker)
        return worker, cache

    yield start
    for one in made:
        one.close()


def test_the_renderer_gives_up_what_it_renders_for_the_next_job_and_at_the_end(
    renderer: Callable[..., tuple[ProcessWorker, ChunkCache]],
) -> None:
    worker, cache = renderer(6.0)  # 4 s for a run
    piece = Piece(Fraction(120), Controls(), RATE)
    for number in (1, 2):
        worker.submit(Job(number, piece, 8 * number, (0, 1, 2, 3)))
    worker.submit(Job(3, piece, 0, (4,), urgent=True))
    done: list[Done] = []
    assert wait_for(lambda: done.extend(worker.finished()) or len(done) == 3, 20)
    assert [(d.number, d.given_up, d.problem) for d in done] == [(1, True, None), (2, True, None), (3, False, None)]
    assert np.array_equal(cache.views[4][0], left_at(np.arange(CHUNK_FRAMES)))
    worker.submit(Job(4, piece, 8, (0, 1, 2, 3)))
    worker.close()
    process: Any = worker._process
    assert process.exitcode == 0  # it left by itself, in mid-render
