"""`InternalClock`: a transport of our own, for playing without a DAW or for leading one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from bridge.clock.motion import expected
from bridge.clock.source import Action, Listener, TransportSource, host_time
from bridge.clock.transport import Transport


class InternalClock(TransportSource):
    """A clock that plays when told to; every change is exact at the moment it is made.

    Between changes nothing is stepped: the position is worked out from the last change, so nothing drifts.
    Raises ValueError for values that no Transport may have.
    """

    def __init__(
        self,
        tempo_bpm: float = 120.0,
        *,
        signature: tuple[int, int] = (4, 4),
        sample_rate_hz: float = 48000.0,
        listener: Listener | None = None,
        clock: Callable[[], float] = host_time,
    ) -> None:
        super().__init__("internal", listener, clock)
        self._lock = threading.Lock()
        self._state = Transport.of(
            playing=False,
            recording=False,
            loop_on=False,
            loop_start_beats=0.0,
            loop_end_beats=16.0,
            tempo_bpm=tempo_bpm,
            position_beats=0.0,
            position_s=0.0,
            position_frames=0,
            bar_start_beats=0.0,
            signature_numerator=signature[0],
            signature_denominator=signature[1],
            sample_rate_hz=sample_rate_hz,
            host_time_s=clock(),
        )

    def start(self) -> None:
        """Nothing to open; `play` makes it move."""

    def stop(self) -> None:
        """Stop playing."""
        self.halt()

    @property
    def steers(self) -> bool:
        """Always: it is our own."""
        return True

    def steer(self, action: Action) -> None:
        """Play or stop."""
        self.play() if action == "play" else self.halt()

    def take_over(self, beats: float, playing: bool) -> None:
        """Go to where the song is, and play there if it was `playing`."""
        self.locate(beats)
        if playing:
            self.play()

    def play(self) -> None:
        """Play from where it stands."""
        self._change(playing=True)

    def halt(self) -> None:
        """Stop where it stands."""
        self._change(playing=False)

    def tempo(self, bpm: float) -> None:
        """Change the tempo from here on."""
        self._change(tempo_bpm=bpm)

    def loop(self, start_beats: float, end_beats: float, on: bool = True) -> None:
        """Set the loop. Raises ValueError if it ends before it starts."""
        if not start_beats < end_beats:
            raise ValueError(f"end_beats: {end_beats}, must be more than start_beats {start_beats}")
        self._change(loop_start_beats=start_beats, loop_end_beats=end_beats, loop_on=on)

    def locate(self, beats: float) -> None:
        """Go to a position; seconds and frames are those at the present tempo."""
        state = self._state
        seconds = beats * 60 / state.tempo_bpm
        bar_beats = 4 * state.signature_numerator / state.signature_denominator
        self._change(
            position_beats=beats,
            position_s=seconds,
            bar_start_beats=beats // bar_beats * bar_beats,
            position_frames=round(seconds * state.sample_rate_hz),
        )

    def _change(self, **fields: Any) -> None:
        with self._lock:  # two threads that steer must not undo each other; readers never wait
            self._state = expected(self._state, self.clock()).replace(**fields)
        self._publish(self._state)

    def latest(self) -> Transport:
        """The transport of this moment."""
        return expected(self._state, self.clock())
