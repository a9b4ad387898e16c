"""A decoder that ends its process costs the file that it was at, by name."""

from __future__ import annotations

import os
import signal
import time

import pytest

from musika_daw.system.workers import WorkerDiedError
from training.corpus.folder.apart import in_order_apart


def read(number: int, end: int | None) -> int:
    if end is not None:
        time.sleep(0.05)
        os.kill(os.getpid(), end)
        time.sleep(10)
    return number


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("crashes", [{0: signal.SIGSEGV}, {1: signal.SIGABRT, 2: signal.SIGSEGV, 5: signal.SIGFPE}])
def test_a_crash_costs_its_own_result(jobs: int, crashes: dict[int, int]) -> None:
    results = list(in_order_apart(read, ((n, crashes.get(n)) for n in range(6)), jobs))
    assert [n if isinstance(r, WorkerDiedError) else r for n, r in enumerate(results)] == list(range(6))
    ends = {n: r.how for n, r in enumerate(results) if isinstance(r, WorkerDiedError)}
    assert ends == {n: f"was ended by {signal.Signals(end).name}" for n, end in crashes.items()}


def test_a_process_that_was_killed_from_outside_ends_the_work() -> None:
    with pytest.raises(WorkerDiedError, match="SIGKILL"):
        list(in_order_apart(read, [(0, None), (1, signal.SIGKILL), (2, None)], 2))


def test_work_may_be_left_at_any_time() -> None:
    results = in_order_apart(read, ((n, None) for n in range(100)), 2)
    assert next(results) == 0
    results.close()  # type: ignore[attr-defined]
