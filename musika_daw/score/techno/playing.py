"""What a piece of techno plays in a stretch of the timeline."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

from musika_daw.score.chords import asked_key, progression_named
from musika_daw.score.controls import Controls, Curve, sample_curve
from musika_daw.score.density import rate_of_density
from musika_daw.score.following.changes import Changes, changes_named
from musika_daw.score.harmony import Chord, Key
from musika_daw.score.parts import DRUMS
from musika_daw.score.roll import ROLES, Notes, sorted_notes
from musika_daw.score.techno.catalogue import start_named
from musika_daw.score.techno.grid import is_odd, swung_beats
from musika_daw.score.techno.harmony import Harmony
from musika_daw.score.techno.piece import PITCHED, BarScore, Piece, draw_piece
from musika_daw.score.tempo import TempoMap

BEATS_PER_BAR = 4


def piece_of(controls: Controls) -> Piece:
    """The piece of these controls: style and harmony of its style seed, all else of its seed too."""
    style_seed = controls.seed if controls.style_seed is None else controls.style_seed
    if controls.morph_seed is not None and controls.morph >= 0.5:  # a morph changes style and key half-way
        style_seed = controls.morph_seed
    return _piece(style_seed, controls.seed, controls.key, controls.chords, controls.changes, controls.style)


@lru_cache(maxsize=64)
def _piece(
    style_seed: int, seed: int, key: str | None, chords: str | None, changes: Changes, style: str | None
) -> Piece:
    if changes:
        piece = _piece(style_seed, seed, key, chords, (), style)
        return replace(piece, changes=_led(piece.harmony, key, changes))
    manner = draw_piece(style_seed, 0, None if style is None else start_named(style).score)
    harmony, asked = manner.harmony, asked_key(key, chords)
    if asked is not None:
        harmony = harmony.in_key(asked)
    if chords is not None:
        harmony = harmony.with_chords(progression_named(chords))
    return draw_piece(style_seed, seed, manner.style, harmony)


def _led(own: Harmony, key: str | None, changes: Changes) -> tuple[tuple[float, Harmony], ...]:
    """What holds from which beat on: the chords that were played, in the key that was asked or that which fits them."""
    return tuple(
        (change.beat, own if change.chord is None else _over(own, change.key if key is None else None, change.chord))
        for change in changes_named(changes)
    )


@lru_cache(maxsize=1024)
def _over(own: Harmony, key: Key | None, chord: Chord) -> Harmony:
    return (own if key is None else own.in_key(key)).with_chords((chord,))


def written_key(controls: Controls) -> str:
    """Name of the key that the piece of these controls is in, like `Amin`: after changes, that of the last."""
    piece = piece_of(controls)
    harmony = piece.changes[-1][1] if piece.changes else piece.harmony
    return harmony.key.name


def chord_at(controls: Controls, beat: float) -> Chord:
    """The chord that is played at a beat of the timeline."""
    return piece_of(controls).harmony_at(beat).sounding(int(beat // BEATS_PER_BAR))


def span_notes(
    first_s: float, stop_s: float, tempo_map: TempoMap, controls: Controls, turn: tuple[int, int] | None = None
) -> Notes:
    """Notes of all parts that sound between two seconds of the timeline, onset and end in seconds.

    `turn` (first bar, bars) makes them those of a loop, as in `score.playing.span_notes`.
    """
    beats = tempo_map.beat_at_seconds(np.array([first_s, stop_s]))
    first, last = (int(np.floor(beat / BEATS_PER_BAR)) for beat in beats)
    piece, rows = piece_of(controls), []
    for bar in range(first - 1, last + 1):  # what a bar holds may last into the next
        number = bar if turn is None else turn[0] + bar % turn[1]
        begins_s, ends_s = (float(tempo_map.seconds(BEATS_PER_BAR * edge)) for edge in (bar, bar + 1))
        told_s = begins_s if turn is None else begins_s % float(tempo_map.seconds(turn[1] * BEATS_PER_BAR))
        density, energy = (_at(curve, told_s) for curve in (controls.density, controls.energy))
        onsets = None if density is None else float(rate_of_density(density)) * (ends_s - begins_s)
        rows += _rows(piece.bar(number, energy, onsets), bar, piece.swing)
    played = sorted_notes(rows)
    onset, off = (tempo_map.seconds_at_beats(part) for part in (played.onset, played.off))
    late_s = np.array([row[5] for row in sorted(rows)])
    return Notes(onset + late_s, off, played.key, played.velocity, played.role)


def _at(curve: Curve | None, second: float) -> float | None:
    values = sample_curve(curve, np.array([second]))
    return None if values is None else float(values[0])


def _rows(score: BarScore, bar: int, swing: float) -> list[tuple[float, float, int, float, int, float]]:
    """Onset and end in beats, key, velocity, role and lateness in seconds of all that a bar plays."""
    start = bar * BEATS_PER_BAR
    rows = []
    for voice, hits in score.hits.items():
        for hit in hits:
            beat = start + swung_beats(hit.step, swing)
            late_s = hit.late_s if is_odd(hit.step) else 0.0
            rows.append((beat, beat, DRUMS[voice], min(hit.velocity, 1.0), ROLES.index("drums"), late_s))
    for bus, tones in score.tones.items():
        for tone in tones:
            beat = start + swung_beats(tone.step, swing)
            end = beat + tone.length / BEATS_PER_BAR
            rows.append((beat, end, round(tone.pitch), min(tone.velocity, 1.0), ROLES.index(PITCHED[bus]), 0.0))
    return rows
