"""What renders jobs: a pool of workers, wherever they are."""

from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Protocol, Self

from pack_builder.plan.jobs import Job
from pack_builder.plan.options import BuildOptions
from pack_builder.render.source import EngineSource
from pack_builder.render.write import Made

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

    def each(self, function: Callable[..., Any], calls: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
        """The results of calls, in the order in which they are done."""

    def render(self, calls: Iterable[Call]) -> Iterator[Made]:
        """Make files and put them into the pack; what came of them, in the order in which they are done."""
