"""Whether a model heeds what the music of a pack is asked to be: chords, voices, and the density of takes."""

from musika_daw.system.refusal import refused
from pack_builder.plan.music import Music
from pack_builder.render.render import knows_density, plays_parts, plays_score
from pack_builder.render.source import EngineSource
from pack_builder.run.pool import Pool


def check_heeded(music: Music, kind: str, text: str, name: str, *, workers: Pool, source: EngineSource) -> None:
    """Raises ValueError where the model of a kind, called `text` and named `name`, would not heed an option."""
    if music.chords is not None and not workers.call(plays_score, source, text):
        raise refused("--chords", music.chords, f"the model {name} plays no score, which would follow them")
    if music.voices is not None and kind in music.kit_kinds and not workers.call(plays_parts, source, text):
        raise refused("--voices", music.voices, f"the model {name} plays no score of parts")
    if music.styles and kind in music.kit_kinds and not workers.call(plays_parts, source, text):
        names = ",".join(style for style, _ in music.styles)
        raise refused("--styles", names, f"the model {name} plays no score of parts")
    if kind not in music.take_kinds or (music.density or music.density_curve) is None:
        return
    if not music.takes and (kind not in music.loop_kinds or music.density is None):
        return
    if workers.call(knows_density, source, text):
        return
    if music.density is None:
        raise ValueError(f"--density-curve: the model {name} knows no density")
    low, high = (f"{float(value):g}" for value in music.density)
    raise refused("--density", f"{low}-{high}", f"the model {name} knows no density, allowed is none")
