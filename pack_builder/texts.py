"""The texts that go into a pack: README.txt and LICENSE.txt."""

from importlib import resources

from pack_builder.manifest import Manifest

LICENCE = "royalty-free, see LICENSE.txt"


def _data(name: str) -> str:
    return resources.files("pack_builder").joinpath(f"data/{name}").read_text("utf-8")


def licence_text(label: str, name: str) -> str:
    """Licence of the audio of one pack."""
    return _data("LICENSE.txt").format(label=label, name=name)


def readme_text(manifest: Manifest) -> str:
    """What is in the pack and how to use it, for the person who opens the folder."""
    loops = [row for row in manifest.rows if row.shape == "loop"]
    takes = [row for row in manifest.rows if row.shape == "take"]
    parts = []
    if loops:
        tempi = sorted({row.bpm for row in loops if row.bpm is not None})
        span = f"{tempi[0]:g} bpm" if len(tempi) == 1 else f"{tempi[0]:g} to {tempi[-1]:g} bpm"
        parts.append(f"  {len(loops)} loops of {loops[0].bars} bars in 4/4, {span}")
    if takes:
        parts.append(f"  {len(takes)} free takes, filed as sparse, medium or dense by their measured note density")
    models = "\n".join(f"  {model.kind}: {model.name} ({model.weights_sha256[:12]})" for model in manifest.models)
    first = manifest.rows[0]
    return _data("README.txt").format(
        label=manifest.label, name=manifest.name, contents="\n".join(parts), models=models,
        software=manifest.software, seed=manifest.recipe.get("seed"), bits=first.bits,
        rate=f"{first.sample_rate_hz / 1000:g}",
    )  # fmt: skip
