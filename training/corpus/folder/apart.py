"""Calls in processes of their own: one that takes its process down with it costs its own result and no other."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from musika_daw.system.workers import WorkerDiedError, Workers

# ends that somebody else may have given a process: a system short of memory, a user
_FROM_OUTSIDE = {-getattr(signal, name) for name in ("SIGKILL", "SIGTERM", "SIGINT", "SIGHUP") if hasattr(signal, name)}


@dataclass
class _Asked:
    values: tuple[Any, ...]
    end: WorkerDiedError | None = None


def in_order_apart(
    function: Callable[..., Any], calls: Iterable[tuple[Any, ...]], jobs: int, apart: bool = True
) -> Iterator[Any | WorkerDiedError]:
    """Results of the calls in their order, at most `jobs` under way; in place of one that ended its process, how.

    With one job that is not `apart` they are made in this process. Raises WorkerDiedError where a process was killed
    from outside, or ended between two calls.
    """
    waiting: deque[_Asked] = deque()
    rest = iter(calls)

    def asked() -> Iterator[tuple[Any, ...]]:
        for again in [one for one in waiting if one.end is None]:
            yield again.values
        for values in rest:
            waiting.append(_Asked(values))
            yield values

    while True:
        try:
            with Workers(jobs, apart=apart) as workers:
                for result in workers.in_order(function, asked(), ahead=jobs):
                    while (end := waiting[0].end) is not None:
                        waiting.popleft()
                        yield end
                    waiting.popleft()
                    yield result
            break
        except WorkerDiedError as death:
            guilty = next((one for one in waiting if one.values is death.values), None)
            if guilty is None or death.code is None or death.code in _FROM_OUTSIDE:
                raise
            guilty.end = death
    for left in waiting:
        assert left.end is not None
        yield left.end
