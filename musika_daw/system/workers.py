"""Run calls one after another here, or side by side in worker processes."""

import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import active_children, get_context, util
from multiprocessing.process import BaseProcess
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Self

from musika_daw.system.orphans import end_with_parent
from musika_daw.system.threads import one_thread_each

_ENDED_BY_US = (0, -signal.SIGTERM)
_at_work: Any = None  # of a worker: the table that says which call every worker is at


class WorkerDiedError(RuntimeError):
    """A worker process that ended by itself: its exit `code` (None: not known), `how` that reads, and the values of the
    call that it was at (None: of none)."""

    def __init__(self, code: int | None, values: tuple[Any, ...] | None) -> None:
        self.code, self.how, self.values = code, told_end(code), values
        self.was_killed = was_killed(code)
        super().__init__(f"a worker {self.how}")


def was_killed(code: int | None) -> bool:
    """Whether a process with this exit code was killed, as systems do that lack memory; Windows has no such end."""
    kill = getattr(signal, "SIGKILL", None)
    return kill is not None and code == -kill


def told_end(code: int | None) -> str:
    """What became of a process with this exit code, as the end of a sentence."""
    if code is None or code >= 0:
        return f"ended with code {code}" if code else "ended"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"


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


def _start_worker(at_work: Any, start: Callable[..., Any] | None, arguments: tuple[Any, ...]) -> None:
    """Let a worker end when it is told to, and when the main process is killed."""
    global _at_work
    _at_work = at_work
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    end_with_parent()
    # all that a worker made is in place or sent: what libraries clean up when a process ends would only take time
    util.Finalize(None, os._exit, args=(0,), exitpriority=0)
    if start is not None:
        start(*arguments)


def _call(number: int, function: Callable[..., Any], values: tuple[Any, ...]) -> Any:
    """One call in a worker, which says meanwhile what it is at: a pair of process and call in a place of its own."""
    mine = os.getpid()
    with _at_work.get_lock():
        place = next(i for i in range(0, len(_at_work), 2) if _at_work[i] in (0, mine))
        _at_work[place], _at_work[place + 1] = mine, number
    try:
        return function(*values)
    finally:
        with _at_work.get_lock():
            _at_work[place + 1] = 0


def await_end(child: BaseProcess, patience_s: float = 10.0) -> None:
    """Wait until the exit code of a process is known.

    `join` alone may return before: the executor's own thread waits for the same process, and of two who ask the system
    only one is told the code; it reaches the other a moment later.
    """
    until = time.monotonic() + patience_s
    child.join(patience_s)
    while child.exitcode is None and time.monotonic() < until:
        time.sleep(0.005)


class Workers:
    """`jobs` processes (1: this one, unless `apart`). As a context manager it leaves none behind, if interrupted too.

    Each begins with `start(*arguments)`, a module-level function: what every call needs is sent once.
    """

    def __init__(
        self,
        jobs: int,
        start: Callable[..., Any] | None = None,
        arguments: tuple[Any, ...] = (),
        *,
        apart: bool = False,
    ) -> None:
        self.jobs = jobs
        self._dropped = False
        self._before = set(active_children())
        self._done: SimpleQueue[tuple[int, Future[Any]]] = SimpleQueue()
        self._children: set[BaseProcess] = set()
        self._calls: dict[int, tuple[Any, ...]] = {}  # those under way, by number from 1
        self._number = 0
        # spawned, not forked: torch's threads do not survive a fork
        self._pool = None
        if jobs > 1 or apart:
            context = get_context("spawn")
            self._at_work = context.Array("q", 2 * jobs)
            self._pool = ProcessPoolExecutor(jobs, context, _start_worker, (self._at_work, start, arguments))
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
            try:
                with one_thread_each():
                    calls = [self._pool.submit(function, *values) for _ in range(self.jobs)]
            except BrokenProcessPool:
                raise self._death(values) from None
            self._children |= set(active_children()) - self._before
        try:
            return calls[0].result()
        except BrokenProcessPool:
            raise self._death(values) from None

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
                yield self._result_of(*self._done.get())
                waiting -= 1
        for _ in range(waiting):
            yield self._result_of(*self._done.get())

    def in_order(
        self, function: Callable[..., Any], calls: Iterable[tuple[Any, ...]], ahead: int | None = None
    ) -> Iterator[Any]:
        """Results of many calls, which may have no end, in the order of the calls; at most `ahead` (two more than
        there are processes) are under way or wait to be taken."""
        if self._pool is None:
            for values in calls:
                yield function(*values)
            return
        waiting: deque[tuple[int, Future[Any]]] = deque()
        for values in calls:
            waiting.append(self._submitted(function, values))
            if len(waiting) >= (self.jobs + 2 if ahead is None else ahead):
                yield self._result_of(*waiting.popleft())
        while waiting:
            yield self._result_of(*waiting.popleft())

    def _submit(self, function: Callable[..., Any], values: tuple[Any, ...]) -> None:
        number, future = self._submitted(function, values)
        future.add_done_callback(lambda done: self._done.put((number, done)))

    def _submitted(self, function: Callable[..., Any], values: tuple[Any, ...]) -> tuple[int, Future[Any]]:
        assert self._pool is not None
        self._number += 1
        number = self._number
        self._calls[number] = values
        with _interrupts_held():
            try:
                with one_thread_each():
                    future = self._pool.submit(_call, number, function, values)
            except BrokenProcessPool:
                raise self._death() from None
            self._children |= set(active_children()) - self._before
        return number, future

    def _result_of(self, number: int, future: Future[Any]) -> Any:
        try:
            result = future.result()
        except BrokenProcessPool:
            raise self._death() from None
        del self._calls[number]
        return result

    def _death(self, at_all: tuple[Any, ...] | None = None) -> WorkerDiedError:
        """Why the pool broke: the worker that ended otherwise than by the pool, which ends all others.

        `at_all` are the values of a call that every worker made.
        """
        table: Any = self._at_work.get_obj()  # without its lock, which the dead worker may hold
        at: dict[int, int] = {int(table[i]): int(table[i + 1]) for i in range(0, len(table), 2)}
        for child in self._children:
            await_end(child)
        died = [child for child in self._children if child.exitcode not in _ENDED_BY_US]
        busy = [child for child in died if at.get(child.pid or 0)]
        if not died:
            return WorkerDiedError(None, at_all)
        child = (busy or died)[0]
        return WorkerDiedError(child.exitcode, self._calls.get(at.get(child.pid or 0, 0), at_all))
