"""Styles: what a song of each kind tends to be made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from musika_daw.score.techno.harmony import SCALE_WEIGHTS
from musika_daw.score.techno.patterns import BROKEN_KICKS, HATS

TEMPO_MIN_BPM, TEMPO_MAX_BPM = 100.0, 180.0


@dataclass(frozen=True)
class Style:
    """Tendencies of one style; shares are probabilities 0..1 that a song has the voice.

    From `hats` on: which motifs, broken kicks and rhythms of stabs (none: any) there are, how long a stab is, the share
    of leads that are arpeggios, the range of how much room the groove has, the weights of `SCALES`, and the intensity
    of every bar (None: it moves as a track's does).
    """

    name: str
    weight: float
    bpm: float
    bpm_spread: float
    kicks: tuple[str, ...]
    backbeats: tuple[str, ...]  # clap, snare, rim, none
    basses: tuple[str, ...]  # sub, rolling, offbeat, groove, reese, none
    four_floor: bool = True
    acid: float = 0.2
    stab: float = 0.4
    pad: float = 0.4
    lead: float = 0.3
    ride: float = 0.4
    loop: float = 0.4
    swing: tuple[float, float] = (0.0, 0.15)
    drive: tuple[float, float] = (0.5, 2.0)
    wet: tuple[float, float] = (0.1, 0.4)
    loud_lufs: tuple[float, float] = (-12.0, -8.0)
    percussion: int = 3
    hats: tuple[str, ...] = HATS
    broken: tuple[tuple[int, ...], ...] = BROKEN_KICKS
    stabs: tuple[tuple[int, ...], ...] = ()
    stab_s: tuple[float, float] = (0.15, 0.7)
    arpeggios: float = 0.6
    busy: tuple[float, float] = (0.08, 1.15)
    scales: tuple[float, ...] = SCALE_WEIGHTS
    energy: float | None = None


STYLES = (
    Style(
        "techno",
        1.6,
        132,
        4,
        ("909", "soft", "rumble"),
        ("clap", "clap", "none"),
        ("rolling", "sub", "groove"),
        stab=0.5,
        lead=0.3,
        ride=0.5,
    ),
    Style(
        "house",
        1.3,
        124,
        3,
        ("909", "808", "soft"),
        ("clap", "snare"),
        ("offbeat", "groove"),
        stab=0.8,
        pad=0.5,
        swing=(0.05, 0.3),
        loud_lufs=(-13, -9),
    ),
    Style(
        "deep house",
        1.0,
        121,
        3,
        ("soft", "808", "606"),
        ("clap", "rim"),
        ("groove", "sub", "offbeat"),
        stab=0.7,
        pad=0.8,
        lead=0.2,
        swing=(0.08, 0.32),
        wet=(0.2, 0.5),
        loud_lufs=(-15, -10),
    ),
    Style(
        "tech house",
        1.0,
        127,
        3,
        ("909", "606"),
        ("clap", "snare"),
        ("groove", "offbeat", "rolling"),
        stab=0.4,
        pad=0.2,
        loop=0.7,
        swing=(0.05, 0.25),
        percussion=4,
    ),
    Style(
        "acid",
        1.3,
        131,
        8,
        ("909", "606", "808"),
        ("clap", "snare"),
        ("none", "sub", "offbeat"),
        acid=1.0,
        stab=0.25,
        pad=0.3,
        drive=(1.0, 4.0),
    ),
    Style(
        "minimal",
        1.0,
        126,
        4,
        ("606", "soft", "909"),
        ("rim", "clap", "none"),
        ("groove", "sub", "none"),
        stab=0.3,
        pad=0.2,
        lead=0.3,
        loop=0.6,
        swing=(0.0, 0.25),
        loud_lufs=(-16, -10),
        percussion=5,
    ),
    Style(
        "hard techno",
        1.2,
        150,
        7,
        ("hard", "909"),
        ("clap", "none", "snare"),
        ("rolling", "sub", "offbeat"),
        acid=0.4,
        stab=0.4,
        pad=0.15,
        lead=0.4,
        ride=0.7,
        drive=(2.0, 6.0),
        loud_lufs=(-9.5, -7),
    ),
    Style(
        "dub techno",
        1.1,
        123,
        4,
        ("soft", "909", "808"),
        ("rim", "clap", "none"),
        ("sub", "groove"),
        stab=1.0,
        pad=0.6,
        lead=0.1,
        wet=(0.4, 0.9),
        drive=(0.3, 1.0),
        loud_lufs=(-16, -11),
    ),
    Style(
        "trance",
        0.9,
        138,
        4,
        ("909", "hard"),
        ("clap", "snare"),
        ("offbeat", "rolling"),
        acid=0.3,
        stab=0.6,
        pad=0.8,
        lead=0.9,
        swing=(0, 0.03),
        wet=(0.2, 0.6),
    ),
    Style(
        "hypnotic",
        1.0,
        134,
        5,
        ("rumble", "909", "soft"),
        ("none", "clap", "rim"),
        ("rolling", "sub"),
        stab=0.3,
        pad=0.5,
        lead=0.7,
        loop=0.6,
        percussion=4,
    ),
    Style(
        "industrial",
        0.7,
        141,
        9,
        ("hard", "rumble"),
        ("snare", "none", "clap"),
        ("rolling", "reese", "sub"),
        stab=0.3,
        pad=0.3,
        loop=0.9,
        drive=(2.0, 7.0),
        loud_lufs=(-10, -7),
        percussion=4,
    ),
    Style(
        "hardcore",
        0.4,
        168,
        7,
        ("hard",),
        ("clap", "snare"),
        ("offbeat", "reese", "none"),
        acid=0.3,
        stab=0.7,
        lead=0.6,
        drive=(3.0, 8.0),
        loud_lufs=(-9, -7),
    ),
    Style(
        "electro",
        0.9,
        129,
        7,
        ("808", "606"),
        ("clap", "snare"),
        ("groove", "reese", "sub"),
        four_floor=False,
        acid=0.3,
        stab=0.5,
        lead=0.5,
        swing=(0, 0.08),
    ),
    Style(
        "breaks",
        0.7,
        136,
        9,
        ("909", "606", "soft"),
        ("snare",),
        ("reese", "groove", "sub"),
        four_floor=False,
        stab=0.6,
        pad=0.5,
        lead=0.4,
        swing=(0.0, 0.2),
    ),
    Style(
        "two-step",
        0.4,
        131,
        3,
        ("soft", "606"),
        ("rim", "snare", "clap"),
        ("groove", "reese"),
        four_floor=False,
        stab=0.7,
        pad=0.5,
        swing=(0.2, 0.36),
    ),
)


def style_named(name: str) -> Style:
    """A style by its name; ValueError for another."""
    for style in STYLES:
        if style.name == name:
            return style
    raise ValueError(f"style: {name!r}, must be one of {', '.join(s.name for s in STYLES)}")


def draw_style(rng: np.random.Generator) -> Style:
    """A style by weight."""
    weights = np.array([s.weight for s in STYLES])
    return STYLES[int(rng.choice(len(STYLES), p=weights / weights.sum()))]


def draw_bpm(rng: np.random.Generator, style: Style) -> float:
    """A tempo in 100..180 bpm, integer, half or to a thousandth; one in six ignores the style."""
    if rng.random() < 0.17:
        bpm = rng.uniform(TEMPO_MIN_BPM, TEMPO_MAX_BPM)
    else:
        bpm = rng.normal(style.bpm, style.bpm_spread)
    bpm = float(np.clip(bpm, TEMPO_MIN_BPM, TEMPO_MAX_BPM))
    kind = rng.random()
    return float(round(bpm)) if kind < 0.5 else round(bpm * 2) / 2 if kind < 0.65 else round(bpm, 3)
