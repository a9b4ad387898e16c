"""Rendering on a Ray cluster: one task a manifest row, the same bytes as a local build.

The workers give back a file's row and bytes, and this process writes them, so that the machines need no folder in
common and the journal stays the one record of what is finished. A worker that dies costs nothing but its task,
which Ray gives to another; where this process dies, `--resume` goes on from the journal.
"""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from musika_daw.system.refusal import refused
from pack_builder.render.draw import RenderError
from pack_builder.render.render import make
from pack_builder.render.write import Made, write_made
from pack_builder.run.pool import Call

_IN_FLIGHT = 3  # tasks a core: one at work, two waiting, so that no worker waits for this process
_STARTS = 3
# of a cluster on this machine: on a busy one its processes start and answer later than Ray allows by itself
_PATIENCE = {
    "RAY_worker_register_timeout_seconds": "600",
    "RAY_agent_register_timeout_ms": "600000",
    "RAY_health_check_failure_threshold": "100",
}


def start(address: str | None, **options: Any) -> Any:
    """Ray, connected to the cluster at an address (None: a new one on this machine); `options` are those of `ray.init`.

    Raises ValueError in one line where Ray is not installed or nothing answers. Ray gives a new cluster 30 s to start,
    which a busy machine may need for reading it from the disk alone: then it is started again.
    """
    try:
        ray = import_module("ray")
    except ImportError:
        raise ValueError("--cluster: needs ray, install musika-daw[cluster]") from None
    if address is None:
        for name, value in _PATIENCE.items():
            os.environ.setdefault(name, value)
    starts = 0
    while True:
        starts += 1
        try:
            ray.init(address, log_to_driver=False, logging_level="error", **options)
            return ray
        except Exception as error:  # which is the class that Ray raises for one of its processes being late
            if starts == _STARTS or "timed out during startup" not in str(error):
                raise refused("--cluster", address or "local", " ".join(str(error).split())[:200]) from None
            ray.shutdown()


class ClusterPool:
    """A Ray cluster at an address: `auto` (the one that runs on this machine), `local` (start one) or host:port.

    Raises ValueError where Ray is not installed or nothing answers at the address.
    """

    def __init__(self, address: str) -> None:
        running = sys.modules.get("ray")
        self._started_here = running is None or not running.is_initialized()
        if not self._started_here:
            self._ray: Any = running
        elif address == "local":
            self._ray = start(None, include_dashboard=False)
        else:
            self._ray = start(address)
        self.jobs = max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._started_here:
            self._ray.shutdown()

    def call(self, function: Callable[..., Any], *values: Any) -> Any:
        """The result of one call on some worker."""
        return self._result(self._task(function).remote(*values))

    def render(self, calls: Iterable[Call]) -> Iterator[Made]:
        """What came of the jobs as they are done; at most three files a core are under way, so memory stays flat."""
        task = self._task(make)
        waiting: dict[Any, Path] = {}
        for source, model, job, options, heard in calls:
            waiting[task.remote(source, model, job, options, heard)] = options.place.out
            if len(waiting) >= _IN_FLIGHT * self.jobs:
                yield self._next(waiting, write_made)
        while waiting:
            yield self._next(waiting, write_made)

    def each(self, function: Callable[..., Any], calls: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
        """The results of calls as they are done."""
        task, waiting = self._task(function), []
        for values in calls:
            waiting.append(task.remote(*values))
            if len(waiting) >= _IN_FLIGHT * self.jobs:
                [done], waiting = self._ray.wait(waiting, num_returns=1)
                yield self._result(done)
        for left in waiting:
            yield self._result(left)

    def _task(self, function: Callable[..., Any]) -> Any:
        # -1: a task is given to another worker however often one dies; errors of ours are not tried again
        return self._ray.remote(num_cpus=1, max_retries=-1, retry_exceptions=False)(function)

    def _next(self, waiting: dict[Any, Path], write: Callable[[Path, Any], None]) -> Made:
        [done], _ = self._ray.wait(list(waiting), num_returns=1)
        folder = waiting.pop(done)
        made: Made = self._result(done)
        write(folder, made)
        return made

    def _result(self, reference: Any) -> Any:
        try:
            return self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:
            raise (error.cause if isinstance(error.cause, Exception) else error) from None
        except self._ray.exceptions.RayError as error:
            what = str(error).split(".")[0].strip().lower()[:200]
            raise RenderError(f"--cluster: lost ({what}), go on with --resume") from None
