"""Link and JACK: what holds without their libraries, and with stand-ins that behave like them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from bridge import JackMidiClockSource, JackSource, LinkSource, SourceError, Transport, Valid
from bridge.jack import transport_of

POSITION = {
    "usecs": 7_000_000, "frame_rate": 48000, "frame": 96000, "bar": 2, "beat": 1, "tick": 960.0 * 0,
    "bar_start_tick": 7680.0, "beats_per_bar": 4.0, "beat_type": 4.0, "ticks_per_beat": 1920.0,
    "beats_per_minute": 120.0,
}


@pytest.mark.parametrize(
    ("make", "extra", "library"),
    [(LinkSource, "link", "link"), (JackSource, "jack", "jack"), (JackMidiClockSource, "jack", "jack")],
)
def test_a_missing_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, make: Callable[[], LinkSource], extra: str, library: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    source = make()
    with pytest.raises(SourceError, match=rf"pip install 'musika-daw\[{extra}\]'"):
        source.start()
    source.stop()
    assert not source.latest().knows(Valid.POSITION_BEATS)


# JACK


def test_a_jack_position_with_bars() -> None:
    record = transport_of(1, {**POSITION, "beat": 3, "tick": 960.0}, 7.01)
    assert record.known() == {
        "playing": True, "tempo_bpm": 120, "position_beats": 6.5, "position_s": 2, "position_frames": 96000,
        "bar_start_beats": 4, "signature_numerator": 4, "signature_denominator": 4, "host_time_s": 7.01,
        "sample_rate_hz": 48000,
    }


def test_a_jack_position_without_a_timebase_master() -> None:
    record = transport_of(0, {"usecs": 7_000_000, "frame_rate": 44100, "frame": 44100}, 7.0)
    assert record.known() == {
        "playing": False, "position_s": 1, "position_frames": 44100, "host_time_s": 7,
        "sample_rate_hz": 44100,
    }


def test_jack_starting_is_not_playing() -> None:
    assert not transport_of(3, POSITION, 7.0).playing


def test_jack_eighths_bar_starts_and_offsets() -> None:
    eight = {**POSITION, "beats_per_bar": 6.0, "beat_type": 8.0, "bar_start_tick": 0.0, "beat": 2}
    assert transport_of(1, eight, 7).position_beats == 3.5
    # a signature changed on the way: the master's count of ticks is nearer to the truth than ours of bars
    assert transport_of(1, {**POSITION, "bar_start_tick": 5760.0}, 7).bar_start_beats == 3
    assert transport_of(1, {**POSITION, "bar_start_tick": 1e9}, 7).bar_start_beats == 4
    assert transport_of(1, {**POSITION, "bbt_offset": 12000}, 7).position_beats == 4.5


def test_nonsense_of_a_master_stays_unknown() -> None:
    for tempo in (0.0, float("nan")):
        record = transport_of(1, {**POSITION, "beats_per_minute": tempo}, 7)
        assert not record.knows(Valid.TEMPO_BPM)
        assert record.knows(Valid.POSITION_BEATS | Valid.POSITION_FRAMES)
    for wrong in ({"ticks_per_beat": 0.0}, {"beat": -1011064008}, {"tick": 32766}, {"bar": 0}):
        assert not transport_of(1, {**POSITION, **wrong}, 7).knows(Valid.POSITION_BEATS)
    assert not transport_of(1, {**POSITION, "beat_type": 3.0}, 7).knows(Valid.SIGNATURE_DENOMINATOR)


class JackClient:
    """Does what JACK-Client does, as far as the sources ask it to."""

    samplerate = 48000

    def __init__(self, name: str, no_start_server: bool, servername: str | None) -> None:
        assert no_start_server
        if servername == "nowhere":
            raise JackError("server not found")
        self.log: list[Any] = []
        self.state, self.position = 0, dict(POSITION)
        self.events: list[tuple[int, bytes]] = []
        self.since = [0]
        self.last_frame_time = self.frame_time = 0
        self.midi_inports = SimpleNamespace(register=lambda name: self)
        self.torn = False
        clients.append(self)

    def set_shutdown_callback(self, callback: Callable[..., None]) -> None:
        self.shut_down = callback

    def set_process_callback(self, callback: Callable[[int], None]) -> None:
        self.process = callback

    @property
    def frames_since_cycle_start(self) -> int:
        return self.since.pop(0) if len(self.since) > 1 else self.since[0]

    def transport_query(self) -> tuple[int, dict[str, Any]]:
        if self.torn:
            raise AssertionError
        return self.state, self.position

    def incoming_midi_events(self) -> list[tuple[int, memoryview]]:
        return [(offset, memoryview(data)) for offset, data in self.events]

    def connect(self, source: str, target: object) -> None:
        if source == "no:port":
            raise JackError("no such port")
        self.log.append(("connect", source))

    def transport_locate(self, frames: int) -> None:
        self.log.append(("locate", frames))

    def __getattr__(self, name: str) -> Callable[[], None]:
        return lambda: self.log.append(name)


class JackError(Exception):
    pass


clients: list[JackClient] = []


@pytest.fixture
def jack(monkeypatch: pytest.MonkeyPatch) -> list[JackClient]:
    clients.clear()
    monkeypatch.setitem(sys.modules, "jack", SimpleNamespace(Client=JackClient, JackError=JackError))
    return clients


def test_the_jack_source_asks_steers_and_notices_a_server_that_goes(jack: list[JackClient]) -> None:
    source = JackSource(clock=lambda: 7.0)
    with pytest.raises(SourceError, match="not connected"):
        source.play()
    with source:
        jack[0].state = 1
        assert source.latest().position_beats == 4
        assert source.latest().playing
        jack[0].since = [250, 2, 24, 48]  # the first pair straddles a new cycle
        assert source.latest().host_time_s == pytest.approx(7 - 0.001)
        jack[0].torn = True
        assert source.latest().position_beats == 4
        assert source.counts.dropped == 1
        source.play()
        source.halt()
        source.locate_frames(480)
        assert jack[0].log == ["activate", "transport_start", "transport_stop", ("locate", 480)]
        jack[0].shut_down(0, "gone")
        assert not source.is_connected
        assert source.latest() == Transport.of(host_time_s=7.0)
        source.start()
        assert source.is_connected
        assert len(jack) == 2
    assert not source.is_connected


def test_a_jack_server_that_is_not_there(jack: list[JackClient]) -> None:
    with pytest.raises(SourceError, match="JACK server 'nowhere' does not answer: server not found"):
        JackSource(server="nowhere").start()


def test_jack_midi_clock_is_stamped_by_frames(jack: list[JackClient]) -> None:
    source = JackMidiClockSource("daw:clock")
    now = [100.0]
    source.clock = lambda: now[0]
    source.start()
    client = jack[0]
    assert ("connect", "daw:clock") in client.log
    due = [b"\xfa", *[b"\xf8"] * 400]
    for cycle in range(0, 8 * 48000, 256):
        client.last_frame_time = (2**32 - 96000 + cycle) % 2**32  # over the wrap of the counter
        now[0] += 0.1 if cycle % 7 == 0 else 0.001  # the host's clock does not matter
        client.events = []
        while due and (frame := max(0, 400 - len(due)) * 1000) < cycle + 256 and frame >= cycle:
            client.events.append((frame - cycle, due.pop(0)))
        client.process(256)
    client.frame_time = (client.last_frame_time + 100) % 2**32
    record = source.latest()
    assert source.counts.received == 385
    assert record.tempo_bpm == pytest.approx(120, abs=0.001)
    assert record.position_beats == pytest.approx((8 * 48000 - 156) / 24000, abs=1e-4)
    assert record.host_time_s == now[0]
    source.stop()
    client.process(256)
    assert not source.latest().knows(Valid.PLAYING)


def test_a_jack_midi_port_that_is_not_there(jack: list[JackClient]) -> None:
    source = JackMidiClockSource("no:port")
    with pytest.raises(SourceError, match="JACK MIDI port 'no:port': no such port"):
        source.start()
    assert "close" in jack[0].log


# Link


class Session:
    """Does what LinkPython-extern's Link does, as far as the source asks it to."""

    def __init__(self, bpm: float) -> None:
        self.bpm, self.playing, self.peer_count, self.micros_now = bpm, False, 0, 5_000_000
        self.commits = 0
        self.enabled = False
        sessions.append(self)

    def clock(self) -> Any:
        return SimpleNamespace(micros=lambda: self.micros_now)

    def numPeers(self) -> int:
        return self.peer_count

    def captureAppSessionState(self) -> Any:
        return SimpleNamespace(
            tempo=lambda: self.bpm, isPlaying=lambda: self.playing,
            setTempo=self._tempo, setIsPlaying=self._play,
            phaseAtTime=lambda micros, quantum: micros / 1e6 * self.bpm / 60 % quantum,
        )

    def commitAppSessionState(self, _: object) -> None:
        self.commits += 1

    def _tempo(self, bpm: float, micros: int) -> None:
        self.bpm = bpm

    def _play(self, playing: bool, micros: int) -> None:
        self.playing = playing


sessions: list[Session] = []


@pytest.fixture
def link(monkeypatch: pytest.MonkeyPatch) -> list[Session]:
    sessions.clear()
    monkeypatch.setitem(sys.modules, "link", SimpleNamespace(Link=Session))
    return sessions


def test_link_gives_tempo_phase_and_play_but_no_position(link: list[Session]) -> None:
    source = LinkSource(quantum_beats=4, latency_s=0.25, clock=lambda: 3.0)
    with source:
        session = link[0]
        assert source.latest().known() == {"host_time_s": 3.0}  # nobody else is there
        session.peer_count, session.playing = 1, True
        assert source.latest().known() == {
            "playing": True, "tempo_bpm": 120, "phase_beats": 2.5, "quantum_beats": 4, "host_time_s": 3.0,
        }
        assert source.peers == 1
        assert session.commits == 0  # joining changes nobody's tempo
        source.set_tempo(130)
        source.set_playing(False)
        assert (session.bpm, session.playing, session.commits) == (130, False, 2)
    assert not session.enabled
    assert source.peers == 0


def test_link_alone_counts_if_wanted(link: list[Session]) -> None:
    with LinkSource(99, alone_counts=True, start_stop=False) as source:
        record = source.latest()
        assert record.tempo_bpm == 99
        assert not record.knows(Valid.PLAYING)


def test_link_refuses_tempos_it_does_not_know(link: list[Session]) -> None:
    with pytest.raises(ValueError, match=r"tempo_bpm: 10, must be in 20\.\.999"):
        LinkSource(10)
    with LinkSource() as source, pytest.raises(ValueError, match="bpm: 1000"):
        source.set_tempo(1000)
    with pytest.raises(SourceError, match="not started"):
        LinkSource().set_playing(True)
