"""Which model makes what of a pack, and whether it can do what is asked of it."""

from musika_daw.system.refusal import refused
from pack_builder.plan.families import FAMILIES
from pack_builder.plan.options import BuildOptions
from pack_builder.record.rows import Model
from pack_builder.render.render import describe, plays_notes, plays_parts, plays_score
from pack_builder.render.source import EngineSource
from pack_builder.run.heeded import check_heeded
from pack_builder.run.pool import Pool


def choose_models(
    options: BuildOptions, workers: Pool, source: EngineSource, recorded: tuple[Model, ...] = ()
) -> dict[str, tuple[str, Model]]:
    """The model of each kind: the one given for it, else the one that ships for packs of it.

    A pack that is gone on with, extended or made again has `recorded` models or weights that it must have: of those
    that ship, it is the one with these. Models are loaded by a worker, so with several workers the main process never
    loads torch.
    """
    wanted = {model.kind: model.weights_sha256 for model in recorded} | dict(options.place.weights)
    chosen: dict[str, tuple[str, Model]] = {}
    for text in options.place.models:
        model = _described("--model", text, workers, source)
        if model.kind not in options.music.kinds:
            allowed = ", ".join(options.music.kinds)
            raise refused("--model", text, f"its weights are of kind {model.kind!r}, asked for is {allowed}")
        if model.kind in chosen:
            raise refused("--model", text, f"second model of kind {model.kind!r}, allowed is one a kind")
        chosen[model.kind] = text, model
    # a worker keeps the model that it loaded last, and files begin with the first kind
    for kind in reversed(options.music.kinds):
        if kind not in chosen:
            chosen[kind] = _shipped(kind, wanted.get(kind), workers, source)
        _check(options, kind, *chosen[kind], workers=workers, source=source)
    for kind, weights in options.place.weights:
        if kind in chosen and chosen[kind][1].weights_sha256 != weights:
            have = chosen[kind][1].weights_sha256
            raise ValueError(
                f"--model: the pack was made with {kind} weights {weights[:12]}, these are {have[:12]}; "
                "name the ones it was made with"
            )
    return {kind: chosen[kind] for kind in options.music.kinds}


def _check(options: BuildOptions, kind: str, text: str, model: Model, *, workers: Pool, source: EngineSource) -> None:
    """Raises ValueError where the model of a kind cannot do what is asked of it."""
    asked = [("--key", options.music.asked_key)]
    if FAMILIES[kind].takes:
        asked.append(("--take-key", options.music.take_key))
    for option, key in asked:
        if key is not None and not workers.call(plays_score, source, text):
            raise refused(option, key, f"the model {model.name} plays no score, which a key would be written in")
    check_heeded(options.music, kind, text, model.name, workers=workers, source=source)
    if options.label.midi and not workers.call(plays_notes, source, text):
        raise ValueError(f"--midi: the model {model.name} plays no score, which the notes would be taken from")
    if options.label.stems and kind in options.music.kit_kinds and not workers.call(plays_parts, source, text):
        why = "plays no score of parts, which the stems would be played from (--model parts does)"
        raise ValueError(f"--stems: the model {model.name} {why}")


def _shipped(kind: str, weights: str | None, workers: Pool, source: EngineSource) -> tuple[str, Model]:
    """The first of a kind's models that has certain weights, where there are any; else the first."""
    found: list[tuple[str, Model]] = []
    for name in FAMILIES[kind].models:
        found.append((name, _described("--kind", name, workers, source)))
        if found[-1][1].kind != kind:
            raise refused("--kind", kind, f"the model {name} is of kind {found[-1][1].kind!r}")
        if weights in (None, found[-1][1].weights_sha256):
            return found[-1]
    return found[0]


def _described(option: str, text: str, workers: Pool, source: EngineSource) -> Model:
    try:
        model = workers.call(describe, source, text)
    except (ValueError, OSError) as error:
        raise ValueError(f"{option}: {str(error).removeprefix('model: ')}") from None
    assert isinstance(model, Model)
    return model
