"""JACK: joining a server, and its transport (`JackSource`).

Needs the extra `jack` (JACK-Client) and a running server, which is never started from here.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping
from typing import Any

from bridge.clock.bars import BarCount
from bridge.clock.source import Action, SourceError, TransportSource, host_time
from bridge.clock.transport import Sight, Transport
from bridge.jack.frames import ROLLING
from bridge.midi.port import CLIENT_NAME

SAME_BEATS = 0.01  # a few ticks
STALLED_S = 2.0


class CycleWatch:
    """Whether a server still runs cycles: PipeWire's clients are told nothing when it ends."""

    def __init__(self, clock: Callable[[], float] = host_time) -> None:
        self._clock = clock
        self._seen, self._since_s = 0, clock()
        self.cycles = 0  # counted by the callback

    def is_stalled(self) -> bool:
        """Whether none was run for two seconds, as far as who asks about once a second can tell."""
        now_s = self._clock()
        if self.cycles != self._seen:
            self._seen, self._since_s = self.cycles, now_s
        return now_s - self._since_s > STALLED_S


def open_client(name: str, server: str | None) -> Any:
    """A JACK client. Raises SourceError without the extra, the library or a server."""
    try:
        jack = importlib.import_module("jack")
    except ImportError as error:
        raise SourceError(f"JACK needs an extra: pip install 'musika-daw[jack]' ({error})") from error
    except OSError as error:
        raise SourceError(f"JACK's library is missing, `musika-daw doctor` names its package ({error})") from error
    try:
        return jack.Client(name, no_start_server=True, servername=server)
    except jack.JackError as error:
        raise SourceError(f"JACK server {server or 'default'!r} does not answer: {error}") from error


_LOST: list[Any] = []


def leave(client: Any, lost: bool) -> None:
    """Close a client. One whose server is gone is only laid aside: libjack crashes when it is closed after
    another client has met the next server, and its memory is gone with the old one anyway."""
    if lost:
        _LOST.append(client)  # its callbacks must stay where libjack's threads may still look for them
    else:
        client.close()


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
        self._lost = False
        self._bars = BarCount()
        self._watch = CycleWatch(clock)

    def start(self) -> None:
        """Connect. Raises SourceError."""
        if self._lost:
            self.stop()
        if self._client is None:
            client = open_client(self._client_name, self._server)
            self._lost = False
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
        if self._lost:
            self.start()

    def _shutdown(self, *_: object) -> None:
        self._lost = True

    @property
    def is_connected(self) -> bool:
        """Whether there is a server to ask."""
        return self._client is not None and not self._lost

    def latest(self) -> Transport:
        """What the server says now."""
        client, now_s = self._client, self.clock()
        if client is None or self._lost:
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
                self._lost = True
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
        if self._client is None or self._lost:
            raise SourceError("JACK is not connected")
        return self._client
