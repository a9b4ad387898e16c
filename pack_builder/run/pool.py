"""Where jobs are rendered: in this process, in worker processes, or on a Ray cluster."""

from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from pack_builder.plan.jobs import Job
from pack_builder.plan.options import BuildOptions
from pack_builder.render.source import EngineSource
from pack_builder.run.workers import Workers

if TYPE_CHECKING:
    from pack_builder.render.render import Made

Call = tuple[EngineSource, str, Job, BuildOptions, bool]


class Pool(Protocol):
    """A context manager that renders jobs; `jobs` is how many at a time."""

    jobs: int

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def call(self, function: Callable[..., Any], *values: Any) -> Any:
        """The result of one call."""

    def render(self, calls: Iterable[Call]) -> Iterator["Made"]:
        """Make files and put them into the pack; what came of them, in the order in which they are done."""


class LocalPool(Workers):
    """Worker processes of this machine, or this process where `jobs` is 1."""

    def render(self, calls: Iterable[Call]) -> Iterator["Made"]:
        """Each worker writes the files it made."""
        from pack_builder.render.render import render_job

        yield from self.each(render_job, calls)


def pool_for(options: BuildOptions) -> Pool:
    """The pool that the options ask for; raises ValueError where a cluster cannot be reached."""
    if options.cluster is not None:
        from pack_builder.run.cluster import ClusterPool

        return ClusterPool(options.cluster)
    return LocalPool(min(options.jobs, options.files))
