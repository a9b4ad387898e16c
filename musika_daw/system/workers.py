"""Run calls one after another here, or side by side in worker processes."""

import os
import signal
from collections import deque
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


def _start_worker(start: Callable[..., Any] | None, arguments: tuple[Any, ...]) -> None:
    """Let a worker end when it is told to, and when the main process is killed."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    end_with_parent()
    # all that a worker made is in place or sent: what libraries clean up when a process ends would only take time
    util.Finalize(None, os._exit, args=(0,), exitpriority=0)
    if start is not None:
        start(*arguments)


class Workers:
    """`jobs` processes (1: this one). As a context manager it leaves no process behind, also when interrupted.

    Each begins with `start(*arguments)`, a module-level function: what every call needs is sent once.
    """

    def __init__(self, jobs: int, start: Callable[..., Any] | None = None, arguments: tuple[Any, ...] = ()) -> None:
        self.jobs = jobs
        self._dropped = False
        self._before = set(active_children())
        self._done: SimpleQueue[Future[Any]] = SimpleQueue()
        # spawned, not forked: torch's threads do not survive a fork
        self._pool = None
        if jobs > 1:
            self._pool = ProcessPoolExecutor(jobs, get_context("spawn"), _start_worker, (start, arguments))
        elif start is not None:
            start(*arguments)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is None:
            return
        with _interrupts_held():
            if kind is not None or self._dropped:
                # do not wait for what is being made; unfinished files are not in place yet
                for child in set(active_children()) - self._before:
                    child.kill()
                # a result that is torn in the pipe would be waited for, as this process could still write the rest
                results: Any = self._pool._result_queue
                results._writer.close()
            self._pool.shutdown(wait=True, cancel_futures=True)

    def drop(self) -> None:
        """Do not wait at the end for what is under way: nobody wants it."""
        self._dropped = True

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

    def in_order(
        self, function: Callable[..., Any], calls: Iterable[tuple[Any, ...]], ahead: int | None = None
    ) -> Iterator[Any]:
        """Results of many calls, which may have no end, in the order of the calls; at most `ahead` (two more than
        there are processes) are under way or wait to be taken."""
        if self._pool is None:
            for values in calls:
                yield function(*values)
            return
        waiting: deque[Future[Any]] = deque()
        for values in calls:
            waiting.append(self._submitted(function, values))
            if len(waiting) >= (self.jobs + 2 if ahead is None else ahead):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def _submit(self, function: Callable[..., Any], values: tuple[Any, ...]) -> None:
        self._submitted(function, values).add_done_callback(self._done.put)

    def _submitted(self, function: Callable[..., Any], values: tuple[Any, ...]) -> Future[Any]:
        assert self._pool is not None
        with _interrupts_held():
            return self._pool.submit(function, *values)
