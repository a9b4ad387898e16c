"""Whether a pack's one-shots are rendered or cut, which hangs on its models."""

from collections.abc import Mapping

from pack_builder.plan.options import BuildOptions
from pack_builder.record.rows import Model
from pack_builder.render.render import renders_shots
from pack_builder.render.source import EngineSource
from pack_builder.run.pool import Pool


def scored_kinds(
    options: BuildOptions, workers: Pool, source: EngineSource, models: Mapping[str, tuple[str, Model]]
) -> tuple[str, ...]:
    """The kinds whose models render one-shots from a score; of a pack without any nobody asks."""
    if not (options.music.one_shots or options.music.kits):
        return ()
    return tuple(kind for kind in options.music.kit_kinds if workers.call(renders_shots, source, models[kind][0]))
