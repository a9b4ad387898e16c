"""The score of techno as numbers of every latent frame, each part apart, each told or left open."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from musika_daw.score.parts import DRUMS, PARTS
from musika_daw.score.roll import Notes

LOWEST_KEY, KEYS = 12, 96
PITCHED = PARTS[1:]
# where in its frame a note begins: a wave of 150 Hz turns by 160 degrees between two of these
PLACES = 16
# latents since a strike that a style tells apart: from one edge to the next; what sounds after the last is the rest
TIMES = (0, 1, 2, 3, 4, 6, 9, 14, 21, 33)
_COLUMNS = {key: column for column, key in enumerate(DRUMS.values())}
# drums struck early and late in the frame; keys of the pitched struck early, late and still sounding, and the places
# where any begins; one flag each: it is told
WIDTHS = {part: 1 + (2 * len(DRUMS) if part == "drums" else 3 * KEYS + PLACES) for part in PARTS}
CHANNELS = sum(WIDTHS.values())
# what a reader reads back: drums as they are, of each pitched part the twelve pitch classes that sound
DIGEST = 2 * len(DRUMS) + 12 * len(PITCHED)


def slices() -> dict[str, slice]:
    """Where each part lies among the channels of `part_roll`, its flag last."""
    out, at = {}, 0
    for part in PARTS:
        out[part] = slice(at, at + WIDTHS[part])
        at += WIDTHS[part]
    return out


def part_roll(notes: Notes, frames: int, told: Collection[str] = PARTS) -> np.ndarray:
    """Float32 `[frames, CHANNELS]` of notes in frames (0: the start of the first).

    A part that is not `told` is all zeros and may play what it likes; one that is told and has no notes is silent. A
    strike is shared between the two places, or between early and late, that it lies between, so that it is known more
    closely than by them. Keys outside of the eight octaves from C0 are moved into them.
    """
    out = np.zeros((frames, CHANNELS), np.float32)
    for part, where in slices().items():
        if part not in told:
            continue
        here = out[:, where]
        here[:, -1] = 1
        own = notes.of(part)
        if part == "drums":
            columns = np.array([_COLUMNS[key] for key in own.key.tolist()], np.int64)
            _strike(here, own, columns, len(DRUMS), 2)
        else:
            columns = _folded(own.key) - LOWEST_KEY
            _strike(here, own, columns, KEYS, 2)
            _hold(here[:, 2 * KEYS : 3 * KEYS], own, columns)
            _strike(here[:, 3 * KEYS :], own, np.zeros_like(columns), 1, PLACES)
    return out


def _folded(key: np.ndarray) -> np.ndarray:
    low = np.where(key < LOWEST_KEY, LOWEST_KEY + (key - LOWEST_KEY) % 12, key)
    high = LOWEST_KEY + KEYS - 12
    return np.where(low >= LOWEST_KEY + KEYS, high + (low - high) % 12, low)


def _strike(out: np.ndarray, notes: Notes, columns: np.ndarray, count: int, places: int) -> None:
    """Strikes of `count` voices at `places` within each frame (0: its start), all voices of a place side by side."""
    at = notes.onset * places
    first = np.floor(at).astype(np.int64)
    late = at - first
    for place, share in ((first, 1 - late), (first + 1, late)):
        frame, number = place // places, place % places
        inside = (frame >= 0) & (frame < len(out))
        where = frame[inside], (columns + number * count)[inside]
        np.maximum.at(out, where, (notes.velocity * share)[inside].astype(np.float32))


def _hold(out: np.ndarray, notes: Notes, columns: np.ndarray) -> None:
    """What sounds in a frame after the one of its strike, by its velocity and the share of the frame that it fills."""
    rows = zip(notes.onset.tolist(), notes.off.tolist(), columns.tolist(), notes.velocity.tolist())
    for on, off, column, velocity in rows:
        lo, hi = max(int(np.floor(on)) + 1, 0), min(int(np.ceil(off)), len(out))
        if lo < hi:
            share = np.clip(off - np.arange(lo, hi), 0, 1)
            out[lo:hi, column] = np.maximum(out[lo:hi, column], velocity * share)
