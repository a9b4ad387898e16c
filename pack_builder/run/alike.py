"""`alike`: the options that make techno sound like a recording."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from musika_daw.commands.like import heard_like
from musika_daw.instrument.engine import Engine
from musika_daw.score.controls import Controls
from musika_daw.score.parts import voices_text
from musika_daw.system.refusal import refused
from pack_builder.plan.families import FAMILIES


def alike(path: Path, texts: Mapping[str, Any], *, bpm_given: bool) -> dict[str, str]:
    """Voices that sound like a recording, and its tempo and key where the `texts` of the other options ask for none.

    Raises ValueError where voices are given, no model plays a score of parts, or the recording has no beat.
    """
    if texts["voices"] is not None:
        raise refused("--voices", texts["voices"], "cannot be combined with --like, which finds them")
    models = [Engine.load(name) for name in texts["models"] or FAMILIES["techno"].models[:1]]
    engine = next((model for model in models if model.parts), None)
    if engine is None:
        raise refused("--like", path, f"{', '.join(model.name for model in models)} plays no score of parts")
    heard = heard_like(path, engine, Controls())
    found = {"voices": voices_text(heard.likeness.controls.voices)}
    if not bpm_given:
        found["bpm"] = f"{heard.bpm:.2f}"
    if heard.key is not None and not any(texts[name] is not None for name in ("asked_key", "take_key", "chords")):
        found["asked_key"] = heard.key
    spelled = {"asked_key": "key"}
    shown = " ".join(f"--{spelled.get(name, name)} {text}" for name, text in found.items())
    click.echo(f"like {path.name}: {shown}", err=True)
    return found
