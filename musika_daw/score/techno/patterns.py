"""Drum patterns: a one-bar motif a voice, four-bar phrases, fills, polyrhythm, ghosts and chance."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from musika_daw.score.techno.grid import STEPS, Hit

Rng = np.random.Generator
Bar = list[tuple[float, float]]  # (step in sixteenths, velocity)

BROKEN_KICKS = (
    (0, 6, 10),
    (0, 10),
    (0, 3, 10),
    (0, 7, 10),
    (0, 6, 11),
    (0, 2, 10, 13),
    (0, 5, 10),
    (0, 3, 6, 10),
    (0, 8, 11),
)
HATS = ("sixteenths", "eighths", "offbeat", "holes", "euclid", "accents", "triplet")


def euclid(hits: int, steps: int = STEPS, turn: int = 0) -> list[int]:
    """`hits` spread as evenly as they go over `steps`."""
    return sorted(((i * steps) // hits + turn) % steps for i in range(hits))


def kick_bar(rng: Rng, four_floor: bool, broken: Sequence[tuple[int, ...]] = BROKEN_KICKS) -> Bar:
    """Kick motif: four on the floor, or one of the broken ones, with a downbeat."""
    if four_floor:
        return [(s, 1.0) for s in (0, 4, 8, 12)]
    return [(s, 1.0 if s in (0, 10) else 0.9) for s in broken[int(rng.integers(len(broken)))]]


def hat_bar(rng: Rng, kinds: Sequence[str] = HATS) -> Bar:
    """Closed-hat motif, of one of the kinds."""
    kind = kinds[int(rng.integers(len(kinds)))]
    soft = rng.uniform(0.25, 0.8)
    if kind == "sixteenths":
        return [(s, 1.0 if s % 4 == 2 else soft) for s in range(16)]
    if kind == "eighths":
        return [(s, 1.0 if s % 4 == 2 else soft) for s in range(0, 16, 2)]
    if kind == "offbeat":
        return [(s, 1.0) for s in (2, 6, 10, 14)]
    if kind == "holes":
        hole = int(rng.integers(4))
        return [(s, 1.0 if s % 4 == 2 else soft) for s in range(16) if s % 4 != hole]
    if kind == "euclid":
        return [(s, rng.uniform(0.6, 1)) for s in euclid(int(rng.integers(5, 12)), 16, int(rng.integers(4)))]
    if kind == "triplet" and rng.random() < 0.4:
        return [(i * 4 / 3, 1.0 if i % 3 == 0 else soft) for i in range(12)]
    return [(s, float(rng.choice([1.0, 0.7, soft]))) for s in range(16) if rng.random() < 0.85]


def open_bar(rng: Rng) -> Bar:
    """Open-hat motif: the off-beats, or fewer."""
    choice = rng.random()
    if choice < 0.65:
        return [(s, 1.0) for s in (2, 6, 10, 14)]
    if choice < 0.8:
        return [(s, 1.0) for s in (6, 14)]
    return [(float(rng.choice([2, 6, 10, 14])), 1.0)]


def ride_bar(rng: Rng) -> Bar:
    """Ride motif: quarters, off-beats, eighths or sixteenths."""
    step, first = [(4, 0), (4, 2), (2, 0), (1, 0)][int(rng.choice(4, p=[0.3, 0.4, 0.2, 0.1]))]
    return [(s, 1.0 if s % 4 == first else 0.6) for s in range(first, 16, step)]


def shaker_bar(rng: Rng) -> Bar:
    """Shaker motif: sixteenths with a push on the off-beats."""
    a, b = rng.uniform(0.3, 0.8, 2)
    return [(s, (a, b, 1.0, b)[s % 4]) for s in range(16)]


def percussion_phrase(rng: Rng) -> Callable[[int], Bar]:
    """Percussion by bar of the phrase: a motif, three against four, a dotted cycle, or single hits."""
    kind = rng.random()
    if kind < 0.3:
        steps = [(float(s), float(rng.uniform(0.5, 1))) for s in range(16) if rng.random() < rng.uniform(0.1, 0.5)]
        return lambda bar: steps
    if kind < 0.5:
        turn = int(rng.integers(4))
        hits = euclid(int(rng.choice([3, 5, 7, 9])), 16, turn)
        return lambda bar: [(float(s), 0.9) for s in hits]
    if kind < 0.72:  # every three sixteenths, restarted each phrase, so that it drifts against the bar
        cycle, first = int(rng.choice([3, 3, 5, 6, 7])), int(rng.integers(3))
        return lambda bar: [
            (float(s - bar % 4 * 16), 0.85) for s in range(first, 64, cycle) if bar % 4 * 16 <= s < bar % 4 * 16 + 16
        ]
    if kind < 0.8:  # three even hits over a bar or over half of one
        parts = int(rng.choice([3, 6]))
        return lambda bar: [(i * 16 / parts, 0.85) for i in range(parts)]
    spots = [(int(rng.integers(4)), float(rng.choice([3, 6, 7, 10, 11, 13, 14, 15]))) for _ in range(4)]
    return lambda bar: [(s, 0.9) for b, s in spots if b == bar % 4]


def vary(rng: Rng, bar: Bar, amount: float = 0.15) -> Bar:
    """A motif changed for the last bar of a phrase: some hits dropped, some ghosts added."""
    out = [(s, v) for s, v in bar if s == 0 or rng.random() > amount]
    taken = {s for s, _ in out}
    for s in (7, 11, 13, 14, 15):
        if s not in taken and rng.random() < amount * 1.5:
            out.append((float(s), float(rng.uniform(0.3, 0.7))))
    return sorted(out)


def ghosts(rng: Rng, amount: float) -> Bar:
    """Quiet hits on odd sixteenths."""
    return [(float(s), float(rng.uniform(0.12, 0.35))) for s in range(1, 16, 2) if rng.random() < amount]


def played(rng: Rng, bar: int, motif: Bar, chance: float = 1.0, human_s: float = 0.0) -> list[Hit]:
    """Hits of one bar of a motif: `chance` that one off the beat sounds, small lateness off the eighths."""
    out: list[Hit] = []
    for step, velocity in motif:
        if step % 4 and rng.random() > chance:
            continue
        level = velocity * (1.0 if step % 4 == 0 else float(rng.uniform(0.88, 1.0)))
        late = float(np.clip(rng.normal(0, human_s), -0.006, 0.006)) if human_s else 0.0
        out.append(Hit(bar, step, level, late))
    return out


FILLS = ("roll", "toms", "stutter", "cut", "claps", "crescendo", "triplets")


def fill_bar(rng: Rng, kind: str) -> dict[str, Bar]:
    """Extra hits of a fill in the last bar of a phrase, by voice (`snare`, `tom`, `clap`)."""
    if kind == "roll":
        return {"snare": [(s, 0.4 + 0.6 * (s - 12) / 4) for s in (12, 13, 14, 15)]}
    if kind == "toms":
        return {"tom": [(float(s), 0.9) for s in (10, 11, 12, 13, 14, 15) if rng.random() < 0.75]}
    if kind == "stutter":
        return {"snare": [(s, 0.7) for s in (14, 14.5, 15, 15.5)]}
    if kind == "claps":
        return {"clap": [(13.0, 0.6), (15.0, 0.8)]}
    if kind == "crescendo":
        return {"snare": [(float(s), 0.2 + 0.8 * s / 16) for s in range(0, 16, 2)] + [(15.0, 1.0)]}
    if kind == "triplets":
        return {"tom": [(8 + i * 4 / 3, 0.8) for i in range(6)]}
    return {}
