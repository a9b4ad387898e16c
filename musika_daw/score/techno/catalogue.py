"""Named starting points, `dub` or `acid`: tempi, what is played, and which styles of the voices sound like it.

```
row of the table --> Style --------------> patterns, layers, intensity, scales (score.techno.piece)
                 --> seeds for each voice --> one of them, by the piece's style seed (Controls.voiced)
```
What is not narrowed down here is drawn as in any piece, so two loops of one name are two pieces. The seeds are in
`score.techno.timbres`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from musika_daw.score.techno.style import Style, style_named
from musika_daw.score.techno.timbres import TIMBRES
from musika_daw.system.refusal import refused

_MAJOR, _PHRYGIAN, _DORIAN = (0.2, 0.1, 0.0, 0.0, 0.7), (0.2, 0.0, 0.7, 0.1, 0.0), (0.3, 0.7, 0.0, 0.0, 0.0)
_MINOR = (0.85, 0.15, 0.0, 0.0, 0.0)
_OFFBEATS = ((2, 6, 10, 14), (2, 6, 10, 13), (2, 10))


@dataclass(frozen=True)
class Start:
    """One named starting point: what it is in a line, its genre as tags have it, tempi in bpm that it is played at
    where none is asked, and its score."""

    name: str
    says: str
    genre: str
    bpm: tuple[int, ...]
    score: Style

    def voiced(self, voice: str, style_seed: int) -> int | None:
        """Style seed of a voice in the piece of a style seed; None for one that is drawn as in any piece."""
        seeds = TIMBRES.get(self.name, {}).get(voice, ())
        return seeds[style_seed % len(seeds)] if seeds else None


def _score(base: str, layers: str, energy: float, **values: Any) -> Style:
    """A style of the corpus, of these layers alone, at one intensity."""
    shares = {name: float(name in layers.split()) for name in ("acid", "stab", "pad", "lead", "ride", "loop")}
    return replace(style_named(base), energy=energy, **shares | values)


STARTS = (
    Start(
        "acid",
        "a squelching 303 line over a plain kick",
        "Acid Techno",
        (128, 134),
        _score("acid", "acid", 0.9, backbeats=("clap",), basses=("none",), hats=("offbeat", "eighths"), percussion=1),
    ),
    Start(
        "breaks",
        "broken kicks under a snare, reese bass",
        "Breaks",
        (132, 138),
        _score(
            "breaks",
            "pad",
            0.9,
            basses=("reese",),
            hats=("sixteenths", "accents"),
            broken=((0, 2, 10, 13), (0, 7, 10), (0, 3, 10)),
            busy=(0.8, 1.15),
        ),
    ),
    Start(
        "deep",
        "soft kick, warm seventh chords and pads",
        "Deep House",
        (119, 122),
        _score("deep house", "stab pad", 0.8, hats=("offbeat", "eighths"), stab_s=(0.3, 0.6), scales=_DORIAN),
    ),
    Start(
        "dub",
        "one chord that echoes over a deep kick",
        "Dub Techno",
        (120, 124),
        _score(
            "dub techno",
            "stab",
            0.7,
            backbeats=("none", "rim"),
            basses=("sub",),
            hats=("offbeat",),
            stabs=((3,), (3, 11), (6,), (6, 14)),
            stab_s=(0.25, 0.5),
            busy=(0.3, 0.6),
            scales=_MINOR,
            percussion=1,
        ),
    ),
    Start(
        "electro",
        "a machine's broken kick and snare, stabbing bass",
        "Electro",
        (126, 131),
        _score(
            "electro",
            "lead",
            0.9,
            backbeats=("snare",),
            basses=("groove",),
            hats=("sixteenths", "eighths"),
            broken=((0, 6, 10), (0, 3, 6, 10), (0, 6, 11)),
            arpeggios=0.0,
            busy=(0.6, 1.0),
            percussion=1,
        ),
    ),
    Start(
        "garage",
        "two-step kicks that swing, chords between them",
        "UK Garage",
        (130, 134),
        _score(
            "two-step",
            "stab",
            0.9,
            backbeats=("rim", "snare"),
            basses=("groove",),
            hats=("holes", "euclid"),
            broken=((0, 10), (0, 5, 10), (0, 7, 10)),
            stab_s=(0.1, 0.3),
            swing=(0.25, 0.36),
            scales=_DORIAN,
        ),
    ),
    Start(
        "hard",
        "a long rough kick, rides, short dark stabs",
        "Hard Techno",
        (145, 150),
        _score(
            "hard techno",
            "stab ride",
            0.97,
            backbeats=("clap",),
            basses=("rolling",),
            hats=("offbeat",),
            scales=_PHRYGIAN,
            stab_s=(0.08, 0.15),
            stabs=((3, 6, 11, 14), (0, 3, 6, 9, 12), (3, 11)),
            percussion=1,
        ),
    ),
    Start(
        "hardcore",
        "as fast and distorted as it gets, stabs on top",
        "Hardcore",
        (165, 172),
        _score(
            "hardcore",
            "stab",
            0.97,
            basses=("offbeat",),
            hats=("offbeat",),
            stab_s=(0.1, 0.25),
            backbeats=("clap",),
            percussion=1,
        ),
    ),
    Start(
        "house",
        "claps, off-beat chords in major, a bass that answers",
        "House",
        (122, 125),
        _score(
            "house",
            "stab",
            0.9,
            backbeats=("clap",),
            basses=("offbeat",),
            hats=("offbeat",),
            stabs=_OFFBEATS,
            stab_s=(0.12, 0.25),
            scales=_MAJOR,
            percussion=2,
        ),
    ),
    Start(
        "hypnotic",
        "one turning line over a rumble",
        "Hypnotic Techno",
        (132, 136),
        _score(
            "hypnotic",
            "lead pad loop",
            0.85,
            backbeats=("none",),
            basses=("rolling",),
            hats=("euclid", "holes"),
            arpeggios=1.0,
            busy=(0.7, 1.1),
        ),
    ),
    Start(
        "industrial",
        "clanging percussion over a distorted kick",
        "Industrial Techno",
        (138, 142),
        _score(
            "industrial",
            "stab loop",
            0.95,
            backbeats=("snare",),
            basses=("reese",),
            hats=("accents",),
            busy=(0.7, 1.1),
            scales=_PHRYGIAN,
            stabs=((0,), (8,), (0, 10)),
            stab_s=(0.3, 0.6),
            percussion=5,
        ),
    ),
    Start(
        "minimal",
        "clicks and rims with much room between them",
        "Minimal Techno",
        (125, 128),
        _score(
            "minimal",
            "stab",
            0.6,
            backbeats=("rim",),
            basses=("groove",),
            hats=("holes", "euclid"),
            busy=(0.1, 0.45),
            stabs=((7,), (10,), (3, 13)),
            stab_s=(0.06, 0.12),
            percussion=4,
        ),
    ),
    Start(
        "peak",
        "full techno: rolling bass, ride, stabs",
        "Peak Time Techno",
        (134, 138),
        _score(
            "techno",
            "stab ride loop",
            0.97,
            backbeats=("clap",),
            basses=("rolling",),
            hats=("sixteenths", "offbeat"),
            stab_s=(0.1, 0.3),
            busy=(0.7, 1.15),
        ),
    ),
    Start(
        "trance",
        "arpeggios and wide pads over an off-beat bass",
        "Trance",
        (136, 140),
        _score(
            "trance",
            "pad lead",
            0.95,
            backbeats=("clap",),
            basses=("offbeat", "rolling"),
            hats=("offbeat",),
            arpeggios=1.0,
            busy=(1.0, 1.15),
            scales=_MINOR,
            percussion=1,
        ),
    ),
)
START_NAMES = tuple(start.name for start in STARTS)


def start_named(name: str) -> Start:
    """A starting point by its name; ValueError for another."""
    for start in STARTS:
        if start.name == name:
            return start
    raise refused("style", name, f"must be one of {', '.join(START_NAMES)}")
