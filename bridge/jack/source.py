"""JACK's transport: `JackSource`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from bridge.clock.bars import BarCount
from bridge.clock.source import Action, SourceError, TransportSource, host_time
from bridge.clock.transport import Sight, Transport
from bridge.jack.client import STALLED_S, CycleWatch, has_woken, leave, open_client
from bridge.jack.frames import ROLLING
from bridge.midi.port import CLIENT_NAME

SAME_BEATS = 0.01  # a few ticks


def transport_of(state: int, position: Mapping[str, Any], host_s: float, bars: BarCount | None = None) -> Transport:
    """A JACK transport state and position (as from `Client.transport_query`) as a `Transport`.

    `host_s` is the host time of the position; its own `usecs` are of a clock that is not ours. Bars, beats
    and tempo are known only with a timebase master that fills them in. Masters disagree about
    `bar_start_tick`: it is believed where it fits the frame at the present tempo, or the bar number in the present
    signature to the bar. Else `bars` knows the bars that were played, or they are counted.
    """
    frame, rate = int(position["frame"]), float(position["frame_rate"])
    record = Transport.of(
        playing=state == ROLLING,
        host_time_s=host_s,
        position_frames=frame,
        position_s=frame / rate,
        sample_rate_hz=rate,
    )
    needed = ("bar", "beat", "tick", "beats_per_bar", "beat_type", "ticks_per_beat", "beats_per_minute")
    if not all(name in position for name in needed):
        return record
    # while the transport is starting, jack_transport as master leaves garbage in these
    ordered = position["bar"] >= 1 and 1 <= position["beat"] <= max(1, position["beats_per_bar"] + 1)
    if min(position["ticks_per_beat"], position["beat_type"]) <= 0 or not ordered:
        return record
    if not 0 <= position["tick"] <= position["ticks_per_beat"]:
        return record
    tempo, a_bar, beat_type = position["beats_per_minute"], position["beats_per_bar"], position["beat_type"]
    quarter = 4 / beat_type
    bar_start = (position["bar"] - 1) * a_bar * quarter
    within = (position["beat"] - 1 + position["tick"] / position["ticks_per_beat"]) * quarter
    told = position.get("bar_start_tick", 0) / position["ticks_per_beat"] * quarter
    if position.get("bbt_offset"):  # the bar position is that of a moment this many frames earlier
        within += position["bbt_offset"] / rate * tempo / 60
    held = frame / rate * tempo / 60 - within
    exact = told > 0 and abs(told - held) < SAME_BEATS
    near = told > 0 and abs(told - bar_start) < a_bar * quarter
    if bars is not None and math.isfinite(held) and tempo > 0:
        beats = within / quarter
        whole, at_s, bar_beats = int(beats), frame / rate, a_bar * quarter
        playing = state == ROLLING
        sight = Sight(int(position["bar"]), whole, beats - whole, host_s, playing, at_s, quarter, bar_beats)
        bars.see(sight, tempo)
        # nobody knows of which beats the ticks are, where eighths and quarters were mixed
        near = near and not bars.heard(sight.bar)
        bar_start = bars.place()[0]
    if exact or near:
        bar_start = told
    fields = {
        "tempo_bpm": tempo,
        "position_beats": bar_start + within,
        "bar_start_beats": bar_start,
        "signature_numerator": a_bar,
        "signature_denominator": int(beat_type),
    }
    for name, value in fields.items():
        try:
            record = record.replace(**{name: value})
        except ValueError:  # a master that fills in nonsense: that field stays unknown
            continue
    return record


class JackSource(TransportSource):
    """The transport of a JACK server, polled: no listener, `latest()` asks the server, which never waits.

    Can also steer it: `play`, `halt`, `locate_frames`. `start` raises SourceError without extra or server.
    When the server goes away, or runs no more cycles for two seconds, nothing is known any more, until `start` or
    `revive` is called.
    """

    in_jack = True

    def __init__(
        self, *, client_name: str = CLIENT_NAME, server: str | None = None, clock: Callable[[], float] = host_time
    ) -> None:
        super().__init__("jack", clock=clock)
        self._client_name, self._server = client_name, server
        self._client: Any = None
        self._lost = self._stalled = False
        self._bars = BarCount()
        self._watch = CycleWatch(clock)

    def start(self) -> None:
        """Connect. Raises SourceError."""
        if self._lost:
            self.stop()
        if self._client is None:
            client = open_client(self._client_name, self._server)
            self._lost = self._stalled = False
            self._bars = BarCount()
            client.set_shutdown_callback(self._shutdown)
            client.activate()
            self._client, self._watch = client, CycleWatch(self.clock)

    def stop(self) -> None:
        """Disconnect."""
        client, self._client = self._client, None
        if client is not None:
            leave(client, self._lost)

    def revive(self) -> None:
        """Connect again after the server was restarted. Raises SourceError while it is away."""
        client = self._client
        if self._stalled and not self._lost and client is not None:
            if has_woken(client, self._client_name, self._server):
                self._stalled, self._watch = False, CycleWatch(self.clock)
            else:
                self._lost = True
        if self._lost:
            self.start()

    def _shutdown(self, *_: object) -> None:
        self._lost = True

    @property
    def is_connected(self) -> bool:
        """Whether there is a server to ask."""
        return self._client is not None and not self._lost and not self._stalled

    def latest(self) -> Transport:
        """What the server says now."""
        client, now_s = self._client, self.clock()
        if client is None or self._lost or self._stalled:
            return Transport.of(host_time_s=now_s)
        for _ in range(3):
            since = client.frames_since_cycle_start
            try:
                state, position = client.transport_query()
            except AssertionError:  # the server was writing it
                continue
            now_s, after = self.clock(), client.frames_since_cycle_start
            self._watch.cycles += after < STALLED_S * position["frame_rate"]
            if self._watch.is_stalled():
                self._stalled = True
                return Transport.of(host_time_s=now_s)
            if after >= since:  # else a new cycle has begun, and the position is of which?
                self._count(received=1)
                cycle_s = now_s - after / float(position["frame_rate"])
                self._latest = transport_of(ROLLING if state == ROLLING else 0, position, cycle_s, self._bars)
                return self._latest
        self._count(dropped=1)  # the record of a moment ago is as good
        return self._latest

    @property
    def steers(self) -> bool:
        """Always, as long as there is a server."""
        return True

    def steer(self, action: Action) -> None:
        """Start or stop the server's transport. Raises SourceError if not connected."""
        self.play() if action == "play" else self.halt()

    def play(self) -> None:
        """Start the server's transport. Raises SourceError if not connected."""
        self._connected().transport_start()

    def halt(self) -> None:
        """Stop the server's transport. Raises SourceError if not connected."""
        self._connected().transport_stop()

    def locate_frames(self, frames: int) -> None:
        """Send the server's transport to a frame. Raises SourceError if not connected."""
        self._connected().transport_locate(frames)

    def _connected(self) -> Any:
        if not self.is_connected:
            raise SourceError("JACK is not connected")
        return self._client
