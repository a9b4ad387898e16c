"""Run calls one after another here, or side by side in worker processes."""

import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from multiprocessing import active_children, get_context, parent_process
from types import TracebackType
from typing import Any


@contextmanager
def _interrupt_held() -> Iterator[None]:
    # a process started meanwhile inherits the blocked Ctrl-C for good: the terminal sends it to the whole group,
    # and only the main process should answer it
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_with_parent() -> None:
    """Let this worker end when the main process is killed: it would wait for work for ever otherwise."""
    parent = parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


class Workers:
    """`jobs` processes (1: this one). As a context manager it leaves no process behind, also when interrupted."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs
        self._before = set(active_children())
        # spawned, not forked: torch's threads do not survive a fork
        self._pool = (
            ProcessPoolExecutor(jobs, get_context("spawn"), initializer=_end_with_parent) if jobs > 1 else None
        )

    def __enter__(self) -> "Workers":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is None:
            return
        if kind is not None:  # do not wait for what is being rendered; unfinished files are not in place yet
            for child in set(active_children()) - self._before:
                child.terminate()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def call(self, function: Callable[..., Any], *values: Any) -> Any:
        """The result of one call."""
        if self._pool is None:
            return function(*values)
        return self._submit(function, values).result()

    def each(self, function: Callable[..., Any], calls: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
        """Results of many calls in the order in which they finish; only a few wait in the queue at a time."""
        if self._pool is None:
            for values in calls:
                yield function(*values)
            return
        waiting: set[Future[Any]] = set()
        for values in calls:
            waiting.add(self._submit(function, values))
            if len(waiting) >= 2 * self.jobs:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)

    def _submit(self, function: Callable[..., Any], values: tuple[Any, ...]) -> Future[Any]:
        assert self._pool is not None
        with _interrupt_held():
            return self._pool.submit(function, *values)
