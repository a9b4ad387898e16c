"""Run calls one after another here, or side by side in worker processes."""

import os
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import active_children, get_context, util
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Self

from musika_daw.system.orphans import end_with_parent


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Put Ctrl-C and SIGTERM off until the block ends.

    An interrupt in the middle of the executor could leave one of its locks taken for good. And a process started
    meanwhile keeps Ctrl-C blocked: the terminal sends it to the whole group, only the main process should answer.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_worker() -> None:
    """Let a worker end when it is told to, and when the main process is killed."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    end_with_parent()
    # all that a worker made is in place or sent: what libraries clean up when a process ends would only take time
    util.Finalize(None, os._exit, args=(0,), exitpriority=0)


class Workers:
    """`jobs` processes (1: this one). As a context manager it leaves no process behind, also when interrupted."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs
        self._before = set(active_children())
        self._done: SimpleQueue[Future[Any]] = SimpleQueue()
        # spawned, not forked: torch's threads do not survive a fork
        self._pool = ProcessPoolExecutor(jobs, get_context("spawn"), initializer=_start_worker) if jobs > 1 else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is None:
            return
        with _interrupts_held():
            if kind is not None:  # do not wait for what is being rendered; unfinished files are not in place yet
                for child in set(active_children()) - self._before:
                    child.kill()
            self._pool.shutdown(wait=True, cancel_futures=True)

    def call(self, function: Callable[..., Any], *values: Any) -> Any:
        """The result of one call. Every process makes it, so that all of them have started when work begins."""
        if self._pool is None:
            return function(*values)
        with _interrupts_held():
            calls = [self._pool.submit(function, *values) for _ in range(self.jobs)]
        return calls[0].result()

    def each(self, function: Callable[..., Any], calls: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
        """Results of many calls in the order in which they finish; only a few wait in the queue at a time."""
        if self._pool is None:
            for values in calls:
                yield function(*values)
            return
        waiting = 0
        for values in calls:
            self._submit(function, values)
            waiting += 1
            if waiting >= 2 * self.jobs:
                yield self._done.get().result()
                waiting -= 1
        for _ in range(waiting):
            yield self._done.get().result()

    def _submit(self, function: Callable[..., Any], values: tuple[Any, ...]) -> None:
        assert self._pool is not None
        with _interrupts_held():
            self._pool.submit(function, *values).add_done_callback(self._done.put)
