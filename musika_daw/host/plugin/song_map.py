"""What a plugin's song is like, learned as it plays: which piece sounds at which frame of the DAW's timeline.

```
DAW frames   0 ............... 960000 ............ 1440000 .......
tempo        |  120 bpm, shift 0 |  140 bpm, shift -68571      |   beats = (frame + shift) / frames a beat
controls     |  density 40              |  density 70                  steps where the DAW automates them
chords       |  its own |  Am      |  Am, F      |  Am, F, G          steps where keys of a chord track were met
```
A plugin cannot see ahead, so a region's sound depends on its own line alone: what is played at a frame is the same
whether what comes later is known or not, and two bounces of a song are equal.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from bridge.plugin_link.codes import Flag, Known
from bridge.plugin_link.keys import KeyEvent
from bridge.plugin_link.wire import CONTROL_RANGES, PluginTransport
from musika_daw.host.play.piece import Piece
from musika_daw.host.plugin.chord_track import ChordManner, ChordTrack
from musika_daw.host.plugin.steps import REGIONS_MAX, Steps
from musika_daw.instrument.scores import SCORES
from musika_daw.score.chords import chord_name
from musika_daw.score.controls import Controls
from musika_daw.score.following.changes import Changes
from musika_daw.score.following.held import chord_of
from musika_daw.score.harmony import key_named

# DAWs round their beats to 1/1920
SAME_BEATS = 1 / 960
SAME_BPM = 1e-6
RAMP_BPM = 0.02
RAMP_S = 0.1
_NAMES = tuple(CONTROL_RANGES)
_ALONG = _NAMES.index("chords_at")  # those before it may change along the song, those from it on hold for all of it
_AT_FIRST = tuple(-1 if low < 0 else 0 for low, _ in list(CONTROL_RANGES.values())[:_ALONG])
_SEEDS = slice(_NAMES.index("style"), _NAMES.index("seed") + 1)
_MUTES = {name.removeprefix("mute_"): index for index, name in enumerate(_NAMES) if name.startswith("mute_")}


@dataclass(frozen=True)
class TempoLine:
    """A tempo that holds, and how many frames the DAW's timeline is behind one that had it from the start."""

    bpm: Fraction = Fraction(120)
    shift_frames: int = 0

    def beat(self, frame: int, sample_rate_hz: int) -> float:
        """Beat at a frame of the DAW's timeline."""
        return float((frame + self.shift_frames) * self.bpm / (60 * sample_rate_hz))


@dataclass(frozen=True)
class Place:
    """What sounds at a frame: frame + `shift_frames` of a piece."""

    piece: Piece
    shift_frames: int


class SongMap:
    """Learns where a song changes tempo, controls and chords, from what a plugin tells block by block.

    `score` is the kind that the model plays ("": none, and nothing follows chords).
    """

    def __init__(
        self, sample_rate_hz: int, controls: Controls | None = None, effects: tuple[str, ...] = (), score: str = ""
    ) -> None:
        self.sample_rate_hz = sample_rate_hz
        self._chosen, self._effects = controls or Controls(), effects
        self.tempo: Steps[TempoLine] = Steps(TempoLine())
        self.controls: Steps[tuple[int, ...]] = Steps(_AT_FIRST)
        self._score = score
        self.chords = ChordTrack(sample_rate_hz, self._chord)
        self._places: dict[tuple[TempoLine, tuple[int, ...], Changes], Place] = {}
        self._lines: dict[Fraction, list[TempoLine]] = {}
        self._last: PluginTransport | None = None
        self._ramp_frame: int | None = None

    def rejoin(self) -> None:
        """The plugin was away: what it tells next does not go on from what it told last."""
        self._last = None
        self.chords.rejoin()

    def play(self, events: tuple[KeyEvent, ...]) -> None:
        """Keys were met; where play is then is observed next."""
        if self._score:
            self.chords.play(events)

    def observe(self, news: PluginTransport) -> bool:
        """Take what a plugin told; returns whether anything that was known turned out to be otherwise."""
        last = self._last
        if last is not None and Flag.OFFLINE in news.flags and news.place == last.place and news.jumps == last.jumps:
            return False  # told again while it waits: the plugin itself sees to it that nothing is missed
        contiguous = self._is_contiguous(news)
        changed = False
        if Flag.OFFLINE in news.flags and Flag.PLAYING in news.flags:
            # within a block of a bounce nothing changes, whatever was met there at another time
            inside = news.frame + 1, news.frame + news.block_frames
            changed = self.tempo.forget(*inside) | self.controls.forget(*inside)
        changed |= self._observe_tempo(news, contiguous)
        changed |= self._observe_controls(news, contiguous)
        # keys are met where a block begins, and nowhere in it
        upto = news.frame + max(news.block_frames, 1) - 1
        changed |= self.chords.come_to(news.frame, upto, news.jumps, playing=Flag.PLAYING in news.flags)
        self._last = news
        return changed

    def place(self, frame: int) -> Place:
        """What sounds at a frame."""
        key = self.tempo.at(frame), self.controls.at(frame), self.chords.steps.at(frame)
        known = self._places.get(key)
        if known is None:
            if len(self._places) >= REGIONS_MAX:
                self._places.clear()
            piece = Piece(
                key[0].bpm, replace(self._controls(key[1]), changes=key[2]), self.sample_rate_hz, self._effects
            )
            known = self._places[key] = Place(piece, key[0].shift_frames)
        return known

    def boundaries(self, first: int, last: int) -> list[int]:
        """Frames in first..last (excluded) at which another place begins."""
        return sorted({start for steps in self._all for start in steps.starts(first, last)})

    def next_boundary(self, frame: int) -> int:
        """The first boundary after a frame; a frame that no song reaches if there is none."""
        return min(steps.start_after(frame) for steps in self._all)

    def boundary_before(self, frame: int) -> int | None:
        """The last boundary at or before a frame, or None."""
        found = (steps.start_before(frame) for steps in self._all)
        return max((start for start in found if start is not None), default=None)

    def beats_to_frames(self, frame: int, beat: float) -> int:
        """The frame of a beat, by the tempo at another frame."""
        line = self.tempo.at(frame)
        return round(beat * 60 * self.sample_rate_hz / float(line.bpm)) - line.shift_frames

    @property
    def _all(self) -> tuple[Steps[TempoLine], Steps[tuple[int, ...]], Steps[Changes]]:
        return self.tempo, self.controls, self.chords.steps

    def _is_contiguous(self, news: PluginTransport) -> bool:
        """Whether the DAW has played from what it last told to here."""
        last = self._last
        if last is None or news.jumps != last.jumps or Flag.PLAYING not in last.flags & news.flags:
            return False
        return news.frame >= last.frame

    def _observe_controls(self, news: PluginTransport, contiguous: bool) -> bool:
        along, (at, held) = news.controls[:_ALONG], news.controls[_ALONG:]
        self.chords.manner = ChordManner("bar" if at else "beat", "free" if held else "keep")
        before = self.controls.at(news.frame)
        if before == along:
            return False
        if contiguous:
            self.controls.step(news.frame, along)
        else:  # a knob that was turned while nothing played is meant for all of the song
            self.controls.everywhere(along)
        # another piece may have another key, which chords are read in; reading all keys anew takes its time
        if before[_SEEDS] != along[_SEEDS] and self._score and self._key(before) != self._key(along):
            self.chords.work_out_anew()
        return True

    def _key(self, values: tuple[int, ...]) -> str:
        return SCORES[self._score].key(self._controls(values))

    def _chord(self, keys: tuple[int, ...], frame: int, before: Changes) -> str | None:
        """Name of the chord of keys that are down at a frame, after other chords."""
        controls = replace(self._controls(self.controls.at(frame)), changes=before)
        chord = chord_of(keys, key_named(SCORES[self._score].key(controls)))
        return None if chord is None else chord_name(chord)

    def _observe_tempo(self, news: PluginTransport, contiguous: bool) -> bool:
        if Known.BPM not in news.known:
            return False
        line = self.tempo.at(news.frame)
        moved = abs(news.bpm / float(line.bpm) - 1)
        fits = Known.BEAT not in news.known or abs(line.beat(news.frame, self.sample_rate_hz) - news.beat) <= SAME_BEATS
        ramping = contiguous and self._is_ramping(news)
        if fits and (moved <= SAME_BPM or (ramping and moved <= RAMP_BPM)):
            return False
        new = self._line(news, line if contiguous else None)
        if new == line:
            return False
        if contiguous:
            self.tempo.step(news.frame, new)
        else:
            self.tempo.stretch(news.frame, new)
        return True

    def _is_ramping(self, news: PluginTransport) -> bool:
        """Whether the tempo has changed here and shortly before: then a line is kept while its beats still fit."""
        last = self._last
        if last is None or Known.BPM not in last.known or abs(news.bpm / last.bpm - 1) <= SAME_BPM:
            return False
        before, self._ramp_frame = self._ramp_frame, news.frame
        return before is not None and 0 <= news.frame - before <= RAMP_S * self.sample_rate_hz

    def _line(self, news: PluginTransport, going_on: TempoLine | None) -> TempoLine:
        """The line through what was told: one that is known if it fits, so that rounding does not make others."""
        bpm = exact_bpm(news.bpm)
        per_beat = float(60 * self.sample_rate_hz / bpm)
        if Known.BEAT in news.known:
            beat = news.beat
        elif going_on is not None:
            beat = going_on.beat(news.frame, self.sample_rate_hz)
        else:
            return TempoLine(bpm, 0)
        shift = beat * per_beat - news.frame
        known = [TempoLine(bpm, 0), *self._lines.get(bpm, ())]
        nearest = min(known, key=lambda line: abs(line.shift_frames - shift))
        for line in (known[0], nearest):
            if abs(line.shift_frames - shift) <= SAME_BEATS * per_beat:
                return line
        made = TempoLine(bpm, round(shift))
        if sum(map(len, self._lines.values())) >= REGIONS_MAX:
            self._lines.clear()
        self._lines.setdefault(bpm, []).append(made)
        return made

    def _controls(self, values: tuple[int, ...]) -> Controls:
        density, energy, style, morph, seed = values[: _SEEDS.stop]
        chosen = seed if style < 0 else style
        return replace(
            self._chosen,
            seed=seed,
            style_seed=chosen,
            morph_seed=chosen + 1,
            morph=morph / 100,
            density=None if density < 0 else density / 100,
            energy=None if energy < 0 else energy / 100,
            muted=tuple(part for part, at in _MUTES.items() if values[at]) if self._score == "parts" else (),
        )


def exact_bpm(bpm: float) -> Fraction:
    """The tempo that a DAW means: a multiple of 0.0001 where it is within its rounding of one."""
    near = Fraction(round(bpm * 10_000), 10_000)
    return near if abs(float(near) - bpm) <= SAME_BPM * bpm else Fraction(bpm)


def segments(song: SongMap, first: int, last: int) -> Iterator[tuple[int, int, Place]]:
    """The stretches of first..last (excluded) that each have one place, as (first, last, place)."""
    edges = [first, *song.boundaries(first + 1, last), last]
    for start, stop in itertools.pairwise(edges):
        yield start, stop, song.place(start)
