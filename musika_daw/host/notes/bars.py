"""`NoteBars`: what a score plays, bar by bar, worked out before the audio callback comes to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from musika_daw.host.play.cache import Generation
from musika_daw.host.play.grid import Grid
from musika_daw.host.play.piece import Piece
from musika_daw.instrument.played import Bars
from musika_daw.instrument.scores import Score
from musika_daw.score.roll import ROLES
from musika_daw.score.tempo import TempoMap

CHANNELS = {"piano": 1, "bass": 1, "lead": 2, "chords": 3, "drums": 10}
"""MIDI channel of every role, 1..16."""
BEATS_PER_BAR = 4
HIT_BEATS = 1 / 8  # a drum has no end of its own
LEAST_BEATS = 1 / 64  # of a note, and between two strikes of one key: 8 ms at 120 bpm
BARS_AHEAD = 3
BARS_KEPT = 64


@dataclass(frozen=True, slots=True)
class Note:
    """A key struck and let go, in beats of the song; `channel` 0..15, `velocity` 1..127."""

    beat: float
    off_beat: float
    channel: int
    key: int
    velocity: int


def bar_of_notes(score: Score, piece: Piece, bar: int) -> tuple[Note, ...]:
    """Notes that begin in a bar of a piece, in order; of two at once on one key the louder one."""
    tempo_map = TempoMap.constant(piece.bpm)
    played = Bars(bar * BEATS_PER_BAR, BEATS_PER_BAR, tempo_map).notes(score, piece.controls, Fraction(1))
    beats_per_s, start = float(piece.bpm) / 60, bar * BEATS_PER_BAR
    found: dict[tuple[int, int], list[Note]] = {}
    columns = (played.onset, played.off, played.key, played.velocity, played.roles)
    for on_s, off_s, key, velocity, number in zip(*(column.tolist() for column in columns), strict=True):
        role = ROLES[number]
        key = key % 12 if key < 0 else 116 + (key - 116) % 12 if key > 127 else key  # as in the file
        beat = start + on_s * beats_per_s
        off = beat + HIT_BEATS if role == "drums" else max(start + off_s * beats_per_s, beat + LEAST_BEATS)
        note = Note(beat, off, CHANNELS[role] - 1, key, min(max(round(velocity * 127), 1), 127))
        of_key = found.setdefault((note.channel, key), [])
        if not of_key or beat - of_key[-1].beat >= LEAST_BEATS:
            of_key.append(note)
        elif note.velocity > of_key[-1].velocity:
            of_key[-1] = note
    return tuple(sorted((note for notes in found.values() for note in notes), key=lambda note: (note.beat, note.key)))


class NoteBars:
    """Bars of notes by the generation that plays them.

    `step` is for the control thread, which has time; `of` for the audio callback, which only looks.
    """

    def __init__(self, score: Score) -> None:
        self._score = score
        self._bars: dict[Generation, dict[int, tuple[Note, ...]]] = {}

    def of(self, generation: Generation, bar: int) -> tuple[Note, ...] | None:
        """Notes that begin in a bar; None where they are not known yet."""
        bars = self._bars.get(generation)
        return None if bars is None else bars.get(bar)

    def step(self, generations: list[Generation], grid: Grid, beat: float, uses: Callable[[Generation], bool]) -> None:
        """Work out one bar that is missing, nearest first, of generations that play or will; forget what is over."""
        for known in list(self._bars):
            if known not in generations and not uses(known):
                self._bars = {other: bars for other, bars in self._bars.items() if other is not known}
        for generation in generations:
            bars = self._bars.setdefault(generation, {})
            for bar in _path(grid, beat):
                if bar not in bars:
                    if len(bars) >= BARS_KEPT:
                        del bars[next(iter(bars))]
                    bars[bar] = bar_of_notes(self._score, generation.piece, bar)
                    return


def _path(grid: Grid, beat: float) -> Iterator[int]:
    """Bars that play comes through next, what began in the one before included."""
    here = int(beat // BEATS_PER_BAR)
    yield here
    yield here + 1
    if grid.loops:
        yield int(grid.loop_start // BEATS_PER_BAR)
        yield int(grid.loop_start // BEATS_PER_BAR) + 1
    if not grid.playing:
        yield 0
    yield here - 1
    yield from range(here + 2, here + BARS_AHEAD)
