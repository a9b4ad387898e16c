"""Where jobs are rendered: in this process, in worker processes, or on a Ray cluster."""

from collections.abc import Iterable, Iterator

from musika_daw.system.workers import Workers
from pack_builder.plan.options import Place
from pack_builder.render.render import render_job
from pack_builder.render.write import Made
from pack_builder.run.cluster import ClusterPool
from pack_builder.run.pool import Call, Pool


class LocalPool(Workers):
    """Worker processes of this machine, or this process where `jobs` is 1."""

    def render(self, calls: Iterable[Call]) -> Iterator[Made]:
        """Each worker writes the files it made."""
        yield from self.each(render_job, calls)


def pool_for(place: Place, files: int) -> Pool:
    """The pool that a place asks for, with no more processes than files.

    Raises ValueError where a cluster cannot be reached.
    """
    if place.cluster is not None:
        return ClusterPool(place.cluster)
    return LocalPool(min(place.jobs, files))
