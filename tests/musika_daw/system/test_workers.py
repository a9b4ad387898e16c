"""Worker processes: order, what is sent once, and an end that waits for nothing."""

from __future__ import annotations

import itertools
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np
import pytest

from musika_daw.system.workers import Workers, await_end, told_end, was_killed

_base = 0


def begin(base: int) -> None:
    global _base
    _base = base


def late(number: int) -> int:
    time.sleep(0.05 if number % 2 else 0)
    return _base + number


def large(number: int) -> np.ndarray:
    return np.full(4_000_000, number, np.float32)


def fail(number: int) -> int:
    if number == 3:
        raise ValueError("number: 3, must be another")
    return number


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_come_in_the_order_of_the_calls_also_without_end(jobs: int) -> None:
    with Workers(jobs, begin, (100,)) as workers:
        results = workers.in_order(late, ((number,) for number in itertools.count()))
        assert list(itertools.islice(results, 6)) == [100, 101, 102, 103, 104, 105]
        workers.drop()


@pytest.mark.parametrize("jobs", [1, 2])
def test_no_more_calls_are_taken_than_are_under_way(jobs: int) -> None:
    taken: list[int] = []

    def calls() -> Iterator[tuple[Any, ...]]:
        for number in range(20):
            taken.append(number)
            yield (number,)

    with Workers(jobs, begin, (0,)) as workers:
        for result in workers.in_order(late, calls(), ahead=jobs):
            assert len(taken) <= result + jobs
    assert taken == list(range(20))


def test_the_end_does_not_hang_on_a_result_that_is_torn_in_the_pipe() -> None:
    for wait_s in (0.0, 0.02, 0.05):
        began = time.monotonic()
        with Workers(2) as workers:
            results = workers.in_order(large, ((number,) for number in itertools.count()))
            assert next(results)[0] == 0
            time.sleep(wait_s)
            workers.drop()
        assert time.monotonic() - began < 30


def test_an_error_of_a_call_comes_out_where_its_result_would() -> None:
    with pytest.raises(ValueError, match="number: 3"), Workers(2) as workers:  # noqa: PT012
        for number, result in enumerate(workers.in_order(fail, ((n,) for n in range(9)))):
            assert result == number < 3


def test_only_a_process_that_was_killed_is_taken_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    killed = get_context("fork").Process(target=time.sleep, args=(60,))
    killed.start()
    killed.kill()
    await_end(killed)
    assert was_killed(killed.exitcode)
    assert told_end(killed.exitcode) == "was ended by SIGKILL"
    assert not any(was_killed(code) for code in (None, 0, 1, 9, -signal.SIGTERM))
    monkeypatch.delattr(signal, "SIGKILL")  # as on Windows
    assert not any(was_killed(code) for code in (None, 0, 9, -9))


def test_the_end_of_a_process_that_others_wait_for_too_is_told_with_its_code() -> None:
    def heard(_: int) -> int | None:
        await_end(child)
        return child.exitcode

    context = get_context("fork")
    with ThreadPoolExecutor(4) as waiting:
        for _ in range(20):
            child = context.Process(target=os._exit, args=(9,))
            child.start()
            assert set(waiting.map(heard, range(4))) == {9}
