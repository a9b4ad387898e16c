"""`ChordsIn`: the harmony follows the keys that are held, from the next bar or beat on.

```
MIDI thread --feed--> held keys --gesture--> control thread --chord, beat--> live controls --> a piece to render
```
A chord that is struck just after a bar line is meant for that bar; it sounds as soon as it is rendered. What was played
stays where it was played, so a bar that comes again has its chord again, unless another is held as it begins.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from musika_daw.host.control.held_keys import Gesture, HeldKeys
from musika_daw.host.control.live import LiveControls
from musika_daw.host.host import Host
from musika_daw.instrument.scores import SCORES
from musika_daw.score.chords import chord_name
from musika_daw.score.following.changes import change_at, changes_named
from musika_daw.score.following.held import chord_of
from musika_daw.score.following.lines import GRAIN_BEATS, LATE_BEATS, Line, Unit, line_before, to_grain
from musika_daw.score.harmony import key_named
from musika_daw.system.refusal import refused

Held = Literal["keep", "free"]
AHEAD_S = 0.9  # what `--ahead 1` can have
PATIENCE_S = 3.0


@dataclass(frozen=True)
class ChordOptions:
    """`port` is a MIDI input, None is none. Changes come `at` the next bar or beat; with no key down the last chord
    goes on (`held` keep) or the piece has its own again (free)."""

    port: str | None = None
    at: Unit = "bar"
    held: Held = "keep"


class ChordsIn:
    """Follows held keys for a model of these `facts`; one that plays no score follows nothing, and a port is refused.

    `feed` is for a MIDI thread, `step` for the control thread. Raises ValueError for a port that cannot be followed.
    """

    def __init__(self, host: Host, live: LiveControls, facts: Mapping[str, str], options: ChordOptions) -> None:
        self._host, self._live, self._options = host, live, options
        self._score, self._model = SCORES.get(facts["score"]), facts["name"]
        self.port: str | None = None
        self._keys = HeldKeys()
        self._answered = 0
        self._held: str | None = None
        self._asked_s = -math.inf
        self._seen: tuple[float, int] | None = None
        self.check(options.port)
        host.on_step.append(self.step)

    def check(self, port: str | None) -> None:
        """Raises ValueError for a port where the model plays no score."""
        if port is not None and self._score is None:
            raise refused("--chords-in", port, f"but {self._model} plays no score, which would follow its chords")

    def begin(self, port: str | None) -> None:
        """The keys of another port are heard from here on."""
        self.port = port
        self._keys.clear()

    def lose(self) -> None:
        """The keyboard has gone: its keys are let go."""
        if self._keys.keys:
            self._keys.clear()

    def feed(self, message: Sequence[int], time_s: float) -> None:
        """Take a MIDI message and its host time."""
        self._keys.feed(message, time_s)

    def status(self) -> dict[str, object]:
        """What a view shows, for any thread: the chord that sounds, the `keys` that are down, the chord that they are,
        and the input that they come from."""
        keys = self._keys.keys
        return {"heard": self.heard, "held": self._held if keys else None, "keys": keys, "port": self.port}

    @property
    def heard(self) -> str | None:
        """Name of the chord where the song is; None without a score."""
        if self._score is None:
            return None
        return chord_name(self._score.chord(self._live.controls(), self._host.beat))

    def step(self) -> None:
        """Answer the last gesture, once the one before is in the sound; a millisecond at most."""
        if self._score is None:
            return
        now_s = self._host.clock()
        arrived = self._arrived()
        gesture = self._keys.gesture(now_s)
        if gesture is None:
            return
        if gesture.number != self._answered:
            if self._is_ready(now_s):
                self._answered = gesture.number
                self._take(gesture, now_s)
        elif gesture.keys and arrived is not None:
            self._hold(arrived)

    def _is_ready(self, now_s: float) -> bool:
        """Whether the change before is played, and lasts until the next can be: else an arpeggio would starve both."""
        host, playing = self._host, self._host.player.generation
        if playing is None or not host.grid.playing or now_s - self._asked_s > PATIENCE_S:
            return True
        done = playing.piece.controls.changes == self._live.changes
        return done and host.scheduler.ahead(host.beat, host.grid) >= AHEAD_S

    def _take(self, gesture: Gesture, now_s: float) -> None:
        if not gesture.keys and self._options.held == "keep":
            return
        grid = self._host.grid
        since = (now_s - gesture.at_s) * grid.beats_per_s if grid.playing else 0.0
        beat = self._next(self._host.beat - since)
        name = None
        if gesture.keys:
            assert self._score is not None
            before = tuple(change for change in self._live.changes if change[0] < beat)
            key = key_named(self._score.key(replace(self._live.controls(), changes=before)))
            chord = chord_of(gesture.keys, key)
            name = None if chord is None else chord_name(chord)
        self._held = name
        self._ask(beat, name)

    def _ask(self, beat: float, name: str | None) -> None:
        self._live.change_chord(beat, name)
        self._asked_s = self._host.clock()

    def _arrived(self) -> float | None:
        """The beat that a bar begins on which play has just come into, once nothing more can be meant for it."""
        begins, within, _ = self._bar(self._host.beat)
        seen = begins, self._host.grid.jumps
        if not self._host.grid.playing or within <= LATE_BEATS[self._options.at] or seen == self._seen:
            return None
        self._seen = seen
        return begins

    def _hold(self, begins: float) -> None:
        """A chord that is held as a bar begins is that bar's, also where something else was played there before."""
        there = change_at(changes_named(self._live.changes), begins)
        if self._held is not None and (there is None or there.chord is None or chord_name(there.chord) != self._held):
            self._ask(begins, self._held)

    def _bar(self, beat: float) -> Line:
        return line_before(beat, self._options.at, *self._host.bars)

    def _next(self, beat: float) -> float:
        """Where a chord that is struck at a beat begins."""
        begins, within, length = self._bar(beat)
        grid = self._host.grid
        if not grid.playing or within <= LATE_BEATS[self._options.at]:
            return begins
        following = to_grain(begins + length)
        looping = grid.loop_end > grid.loop_start and beat < grid.loop_end
        return to_grain(grid.loop_start) if looping and following >= grid.loop_end - GRAIN_BEATS / 2 else following
