"""The notes that fall into a stretch of the timeline, and their piano roll."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from musika_daw.score import score
from musika_daw.score.chords import asked_key, progression_named
from musika_daw.score.controls import Controls, Curve, sample_curve
from musika_daw.score.coordinates import stream
from musika_daw.score.following.changes import changes_named
from musika_daw.score.harmony import Chord
from musika_daw.score.parts import PIANO_PARTS
from musika_daw.score.roll import LONGEST_S, Notes, roll
from musika_daw.score.tempo import TempoMap

_WANDER, _WANDER_STEP_S = 7, 6.0  # a stream of random numbers beside those of `score`
LOOP_FREEDOM = 0.25
"""How far from the grid a loop's notes are, of a take's: they are heard beside other loops, again and again."""


def wandering_density(seed: int, seconds: np.ndarray) -> np.ndarray:
    """Density 0..1 at seconds `[T]` of a take of which none was asked: it moves about as performed music does."""
    place = np.asarray(seconds, np.float64) / _WANDER_STEP_S
    index = np.floor(place).astype(np.int64)
    knots = {int(i): float(stream(seed, _WANDER, int(i)).normal()) for i in np.unique(np.r_[index, index + 1])}
    left, right = (np.array([knots[int(i)] for i in at]) for at in (index, index + 1))
    share = place - index
    return np.clip(0.6 + 0.14 * ((1 - share) * left + share * right), 0.2, 0.9)


def asked_density(controls: Controls) -> Curve:
    """The density curve of the controls, or one that wanders where they leave it open."""
    return partial(wandering_density, controls.seed) if controls.density is None else controls.density


def written_key(controls: Controls) -> str:
    """Name of the key that the score of these controls is in, like `Amin`: after changes, that of the last."""
    piece = _piece(controls)
    last = piece.changes[-1] if piece.changes else None
    key = last.key if last is not None and last.chord is not None else None
    return (key or piece.key).name


def chord_at(controls: Controls, beat: float) -> Chord:
    """The chord that is played at a beat of the timeline."""
    return score.chord_at(controls.seed, _piece(controls), beat)


def span_notes(
    first_s: float, stop_s: float, tempo_map: TempoMap, controls: Controls, turn: tuple[int, int] | None = None
) -> Notes:
    """Notes that sound between two seconds of the timeline, onset and end in seconds.

    `turn` (first bar, bars) makes them those of a loop: second 0 is the start of its first bar, and before and after
    it the same bars come again.
    """
    bar_beats = score.BEATS_PER_BAR
    beats = tempo_map.beat_at_seconds(np.array([first_s - LONGEST_S, stop_s]))
    first_bar, last_bar = int(np.floor(beats[0] / bar_beats)), int(np.floor(beats[1] / bar_beats))
    number: Callable[[int], int] = int
    if turn is not None:
        start, bars = turn
        first_bar -= 1  # what a bar holds longer than itself
        number = lambda bar: start + bar % bars  # noqa: E731
    piece, opening = _piece(controls), 0 if turn is None else turn[0]
    sounding = [part for part in PIANO_PARTS if controls.hears(part)]
    parts = []
    for bar in range(first_bar, last_bar + 1):
        edges_s = tempo_map.seconds_at_beats(np.array([bar, bar + 1]) * float(bar_beats))
        bar_s = float(edges_s[1] - edges_s[0])
        slots = score.slots_per_bar(bar_s)
        slot_beats = bar * bar_beats + np.arange(slots) * bar_beats / slots
        curve_s = tempo_map.seconds_at_beats(slot_beats)
        if turn is not None:
            curve_s = np.mod(curve_s, float(tempo_map.seconds(turn[1] * bar_beats)))
        density = sample_curve(asked_density(controls), curve_s)
        assert density is not None
        made = score.bar_notes(
            controls.seed,
            piece,
            number(bar),
            bar_s,
            density=density,
            energy=sample_curve(controls.energy, curve_s),
            parts=sounding,
            opens=number(bar) == opening,
            freedom=1.0 if turn is None else LOOP_FREEDOM,
        )
        onset, off = (tempo_map.seconds_at_beats(bar * bar_beats + part) for part in (made.onset, made.off))
        parts.append(replace(made, onset=onset, off=off))
    fields = ("onset", "off", "key", "velocity")
    return Notes(*(np.concatenate([getattr(part, name) for part in parts]) for name in fields))


def in_frames(notes: Notes, index: np.ndarray, frame_s: float) -> Notes:
    """Notes in seconds as notes in latent frames, counted from the first of consecutive frames `index` `[T]`."""
    first = int(index[0])
    return replace(notes, onset=notes.onset / frame_s - first, off=notes.off / frame_s - first)


def span_roll(notes: Notes, index: np.ndarray, frame_s: float) -> np.ndarray:
    """Piano roll of consecutive latent frames number `index` `[T]`, from notes in seconds, float32 `[T, C]`."""
    return roll(in_frames(notes, index, frame_s), len(index), frame_s)


def _piece(controls: Controls) -> score.Piece:
    piece, key = score.piece_of(_style_seed(controls)), asked_key(controls.key, controls.chords)
    if controls.chords is not None:
        piece = replace(piece, chords=progression_named(controls.chords))
    piece = piece if key is None else replace(piece, key=key)
    if not controls.changes:
        return piece
    changes = changes_named(controls.changes)
    if controls.key is not None:
        changes = tuple(replace(change, key=piece.key) for change in changes)
    return replace(piece, changes=changes)


def _style_seed(controls: Controls) -> int:
    """A morph changes its key half-way."""
    if controls.morph_seed is not None and controls.morph >= 0.5:
        return controls.morph_seed
    return controls.seed if controls.style_seed is None else controls.style_seed
