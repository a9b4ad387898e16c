"""What a piano plays: notes drawn bar by bar, each bar a pure function of (seed, bar, controls).

A latent frame lasts 46 ms, but its coordinates move over seconds, so they cannot say which of the next fifty notes
fall where; left to itself a generator plays their average, a blur. So the notes are drawn here, as the coordinates
are, from counters keyed by position, and the generator is told them as a piano roll.

How many: the slots of about a second (thirty-seconds, or finer) are ranked by metre and chance, and as many are played
as density asks of onsets per second. More density adds notes to those that were there. Which: the chords of `harmony`,
a bass that holds them, a melody that wanders, and figures between.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from musika_daw.score import harmony
from musika_daw.score.chords import is_named
from musika_daw.score.coordinates import stream
from musika_daw.score.density import rate_of_density
from musika_daw.score.following.changes import Change
from musika_daw.score.following.held import chord_of
from musika_daw.score.parts import PIANO_PARTS
from musika_daw.score.roll import Notes

BEATS_PER_BAR, BARS_PER_PHRASE = 4, 4
FINEST_RATE_HZ = 16.0
SILENT_BELOW = 0.005  # a density this low asks for silence, not for one note in two seconds
_BAR, _PHRASE, _PIECE, _PULSE = 4, 5, 6, 8  # streams of random numbers
_PART_S = 1.1
_LOWEST, _HIGHEST = 28, 98
# chances of 1, 2, ... notes at one onset, at densities 0.3, 0.6 and 0.9, as counted in performed music
_NOTES_AT = np.array(
    [[0.38, 0.24, 0.13, 0.12, 0.08, 0.05], [0.49, 0.25, 0.13, 0.08, 0.04, 0.01], [0.65, 0.24, 0.07, 0.03, 0.01, 0.0]]
)
_NOTES_AT_DENSITY = (0.3, 0.6, 0.9)


@dataclass(frozen=True)
class Piece:
    """What stays the same in a piece: its key and manner, from the style seed alone.

    `melody_key` and `bass_key` are the middles of the two hands, `colour` how rich chords are, `pedal` how much is
    held, `lean` (0..1) from broken chords to melody; `chords` that were asked, one a bar, take the place of drawn ones,
    and `changes` that of both, each from its beat on.
    """

    key: harmony.Key
    melody_key: float
    bass_key: float
    colour: float
    pedal: float
    lean: float
    chords: tuple[harmony.Chord, ...] = ()
    changes: tuple[Change, ...] = ()


class _Place(NamedTuple):
    """A chord of a phrase from a half bar 0..8 on, and the key that runs go through over it."""

    start: float
    chord: harmony.Chord
    key: harmony.Key


def piece_of(style_seed: int) -> Piece:
    """The piece of a style seed."""
    rng = stream(style_seed, _PIECE, 0)
    return Piece(
        harmony.draw_key(rng),
        rng.uniform(68, 77),
        rng.uniform(38, 46),
        rng.uniform(0, 0.7),
        rng.uniform(0.5, 1.0),
        rng.uniform(0.3, 0.8),
    )


def pulse_bpm(seed: int) -> float:
    """Tempo of a take of which none was asked, 66..126."""
    return float(stream(seed, _PULSE, 0).uniform(66, 126))


def slots_per_bar(bar_s: float) -> int:
    """Slots of a bar that lasts `bar_s` seconds: thirty-seconds, or finer so that the densest bar has room."""
    slots = 32
    while slots < FINEST_RATE_HZ * bar_s:
        slots *= 2
    return slots


def chord_at(seed: int, piece: Piece, beat: float) -> harmony.Chord:
    """The chord that is played at a beat of the timeline; one that has no name as the nearest that has."""
    phrase, within = divmod(beat, BARS_PER_PHRASE * BEATS_PER_BAR)
    places = _progression(piece, int(phrase), _drawn(stream(seed, _PHRASE, int(phrase)), piece))
    _, chord, key = max((place for place in places if place.start <= within / 2), key=lambda place: place.start)
    if is_named(chord):
        return chord
    nearest = chord_of([chord.low, *(12 + tone for tone in chord.tones)], key)
    assert nearest is not None
    return nearest


def bar_notes(
    seed: int,
    piece: Piece,
    bar: int,
    bar_s: float,
    *,
    density: np.ndarray,
    energy: np.ndarray | None,
    parts: Collection[str] = PIANO_PARTS,
    opens: bool = False,
    freedom: float = 1.0,
) -> Notes:
    """Notes of one bar in beats from its start; `density` and `energy` (None: middling) at its slots `[n]`.

    Of its `parts` some may be left out. A bar that `opens` a piece begins with a note, unless it is silent; `freedom`
    is how far notes are from their place in the bar, 1 as they are played without a grid.
    """
    slots = len(density)
    phrase, place = divmod(bar, BARS_PER_PHRASE)
    of_phrase, rng = stream(seed, _PHRASE, phrase), stream(seed, _BAR, bar)
    progression = _progression(piece, phrase, _drawn(of_phrase, piece))
    rhythm = of_phrase.gumbel(size=(2, 128))[place % 2]
    turns = of_phrase.normal(size=2 * BARS_PER_PHRASE + 2)
    rising = of_phrase.random() < 0.5
    level = _metre(slots)
    chance = rng.gumbel(size=slots)
    # half of a bar's rhythm is the phrase's own, so that it is heard again; the rest is the bar's
    rank_by = 1.1 * level + 0.75 * rhythm[np.arange(slots) * (128 // slots) % 128] + 0.5 * chance
    # each second or so has its own share of onsets, what is left over taking turns, so that curves are followed
    turns_of_parts = _turns(bar_s)
    if opens:
        rank_by[0] = np.inf
    of_parts = rank_by.reshape(len(turns_of_parts), -1)
    rank = np.argsort(np.argsort(-of_parts, axis=1, kind="stable"), axis=1, kind="stable")
    first = rng.random()
    left_over = ((0.0 if opens else first) + turns_of_parts[:, None]) % 1
    wanted = np.where(density < SILENT_BELOW, 0, rate_of_density(density)) * bar_s / len(of_parts)
    played = np.nonzero((rank + left_over).ravel() < wanted)[0]
    beats_of_s = freedom * BEATS_PER_BAR / bar_s
    late_beats = np.clip(rng.normal(0, 0.006, slots), -0.012, 0.02) * beats_of_s
    draws = rng.random((slots, 6))
    hand = _Hand(piece, progression, place, slots, turns=turns, rising=rising)
    onset: list[float] = []
    off: list[float] = []
    keys: list[int] = []
    velocity: list[float] = []
    for i, slot in enumerate(played.tolist()):
        beat = slot * BEATS_PER_BAR / slots
        following = played[i + 1] * BEATS_PER_BAR / slots if i + 1 < len(played) else float(BEATS_PER_BAR)
        count = 1 + int(np.searchsorted(_chances(float(density[slot])), draws[slot, 0]))
        chord_end = hand.chord_end(beat)
        held = draws[slot, 1] < piece.pedal * (1.1 - 0.6 * density[slot])
        strength = 0.5 if energy is None else float(energy[slot])
        for number, (key, voice) in enumerate(hand.strike(slot, count, int(level[slot]), draws[slot])):
            end = chord_end if held or voice == "bass" else min(following + 0.05, chord_end)
            touch = 0.30 + 0.55 * strength + 0.012 * level[slot] + 0.08 * (draws[slot, 4] - 0.5)
            if voice not in parts:
                continue
            touch += {"melody": 0.09, "bass": 0.0, "chords": -0.07}[voice]
            begin = max(0.0, beat + late_beats[slot] + number * 0.004 * beats_of_s)
            onset.append(begin)
            off.append(max(end, begin + 0.12 * BEATS_PER_BAR / bar_s))
            keys.append(key)
            velocity.append(min(max(touch, 0.12), 0.95))
    order = np.argsort(onset, kind="stable")
    return Notes(
        np.array(onset)[order], np.array(off)[order], np.array(keys, np.int64)[order], np.array(velocity)[order]
    )


def _drawn(of_phrase: np.random.Generator, piece: Piece) -> list[tuple[int, harmony.Chord]]:
    """A phrase's own harmony, the first thing that is drawn of it."""
    return harmony.draw_progression(of_phrase, piece.key, piece.colour)


def _progression(piece: Piece, phrase: int, drawn: list[tuple[int, harmony.Chord]]) -> list[_Place]:
    """The harmony of a phrase, as it is drawn, as it was asked, or as it was changed on the way."""
    own = [_Place(start, chord, piece.key) for start, chord in drawn]
    if piece.chords:
        asked = (piece.chords[(BARS_PER_PHRASE * phrase + i) % len(piece.chords)] for i in range(BARS_PER_PHRASE))
        own = [_Place(2 * i, chord, piece.key) for i, chord in enumerate(asked)]
    places = own
    for change in piece.changes:
        start = max((change.beat - BEATS_PER_BAR * BARS_PER_PHRASE * phrase) / 2, 0.0)
        if start >= harmony.SLOTS_PER_PHRASE:
            break
        if change.chord is not None:
            after = [_Place(start, change.chord, change.key or piece.key)]
        else:
            back = max((place for place in own if place.start <= start), key=lambda place: place.start)
            after = [back._replace(start=start), *(place for place in own if place.start > start)]
        places = [*(place for place in places if place.start < start), *after]
    return places


class _Hand:
    """Chooses the keys of one bar."""

    def __init__(
        self, piece: Piece, progression: list[_Place], place: int, slots: int, *, turns: np.ndarray, rising: bool
    ) -> None:
        self.piece, self.progression, self.place, self.slots = piece, progression, place, slots
        self.turns, self.rising = turns, rising

    def _at(self, beat: float) -> int:
        half_bar = 2 * self.place + beat / 2
        return max(i for i, place in enumerate(self.progression) if place.start <= half_bar)

    def chord_end(self, beat: float) -> float:
        """Beat of this bar, or past its end, on which the chord of `beat` gives way."""
        after = self._at(beat) + 1
        end = self.progression[after].start if after < len(self.progression) else harmony.SLOTS_PER_PHRASE
        return float(2 * end - BEATS_PER_BAR * self.place)

    def strike(self, slot: int, count: int, level: int, draws: np.ndarray) -> list[tuple[int, str]]:
        """(key, part) of `count` notes, from the lowest up: bass where a chord begins, melody on top."""
        beat = slot * BEATS_PER_BAR / self.slots
        start, chord, key = self.progression[self._at(beat)]
        begins = abs(2 * start - (BEATS_PER_BAR * self.place + beat)) < 1e-9
        melody = self._melody(slot, beat, chord, key, level=level, draws=draws)
        bass = _nearest((chord.low,), self.piece.bass_key)
        if begins or (level >= 3 and draws[2] < 0.5):
            low = bass if begins or draws[3] < 0.4 else _nearest((chord.tones[2],), bass + 5)
            out = [(low, "bass")]
            if count > 1 or level >= 4:
                out += self._between(chord, low, melody, count - 2)
                out.append((melody, "melody"))
            return out
        if draws[2] < self.piece.lean or level >= 3:
            return [*self._between(chord, bass + 10, melody, count - 1), (melody, "melody")]
        figure = (self._figure(slot, chord, melody), "chords")
        return [figure, *self._between(chord, bass + 10, melody, count - 1)][:count]

    def _melody(
        self, slot: int, beat: float, chord: harmony.Chord, key: harmony.Key, *, level: int, draws: np.ndarray
    ) -> int:
        along = 2 * self.place + beat / 2
        index = int(along)
        smooth = (1 - (along - index)) * self.turns[index] + (along - index) * self.turns[index + 1]
        swing = 2.2 * np.sin(2 * np.pi * (beat if self.rising else -beat) / 2 + 3 * self.turns[0])
        goal = self.piece.melody_key + 4.5 * smooth + swing + 3 * (draws[5] - 0.5)
        tones = chord.tones if level >= 3 else tuple(key.scale.tolist())
        return _nearest(tones, goal)

    def _figure(self, slot: int, chord: harmony.Chord, melody: int) -> int:
        """The next step of a broken chord, up and down between the hands."""
        low = self.piece.bass_key + 9
        ladder = [k for k in range(int(low), max(melody - 1, int(low) + 9)) if k % 12 in chord.tones]
        turn = 2 * (len(ladder) - 1) or 1
        step = slot * 32 // self.slots // 2 % turn
        return ladder[min(step, turn - step) if self.rising else len(ladder) - 1 - min(step, turn - step)]

    def _between(self, chord: harmony.Chord, low: float, high: int, count: int) -> list[tuple[int, str]]:
        """Chord tones below the melody, spread downwards."""
        near = [k for k in range(high - 3, max(int(low), high - 20), -1) if k % 12 in chord.tones]
        return [(k, "chords") for k in sorted(near[: max(count, 0)])]


def _metre(slots: int) -> np.ndarray:
    """How strong each slot of a bar is: 5 its first, 4 its middle, 3 beats, 2 eighths, 1 sixteenths, 0 others."""
    level = np.zeros(slots)
    for strength, parts in ((1, 16), (2, 8), (3, 4), (4, 2), (5, 1)):
        level[:: slots // parts] = strength
    return level


def _turns(bar_s: float) -> np.ndarray:
    """Where in 0..1 the fraction of an onset that each part of a bar is left with begins, in van der Corput's order.

    Parts are halves, or halves of halves, of at most 1.1 s where slots allow.
    """
    parts = 2
    while bar_s / parts > _PART_S and parts < 16:
        parts *= 2
    bits = parts.bit_length() - 1
    return np.array([int(f"{part:0{bits}b}"[::-1], 2) / parts for part in range(parts)])


def _chances(density: float) -> np.ndarray:
    """Cumulative chances of 1, 2, ... notes at an onset."""
    rows = [np.interp(density, _NOTES_AT_DENSITY, _NOTES_AT[:, n]) for n in range(_NOTES_AT.shape[1])]
    return np.cumsum(rows)[:-1]


def _nearest(tones: tuple[int, ...], goal: float) -> int:
    """The key of one of these pitch classes that is nearest to `goal`, on the keyboard's singing range."""
    goal = min(max(goal, _LOWEST + 6), _HIGHEST - 6)
    keys = [int(t) + 12 * octave for t in tones for octave in range(1, 9)]
    return min((k for k in keys if _LOWEST <= k <= _HIGHEST), key=lambda k: (abs(k - goal), k))
