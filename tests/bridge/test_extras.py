"""Sources that need an extra, without it; and Link with a stand-in that behaves like its library."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

import bridge.link
from bridge import JackMidiClockSource, JackSource, LinkSource, MidiClockSource, SourceError, Valid, list_ports
from bridge.midi.port import open_input, open_output
from tests.waiting import wait_for


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


def test_without_rtmidi_every_midi_port_says_so_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rtmidi", None)
    for attempt in (list_ports, lambda: open_input("x", print), lambda: open_output("x"), MidiClockSource("x").start):
        with pytest.raises(
            SourceError, match=r"MIDI ports need python-rtmidi: pip install 'musika-daw\[midi\]'"
        ) as error:
            attempt()
        assert "\n" not in str(error.value)


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
            tempo=lambda: self.bpm,
            isPlaying=lambda: self.playing,
            setTempo=self._tempo,
            setIsPlaying=self._play,
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
    monkeypatch.setattr(bridge.link, "JOIN_S", 0.05)
    monkeypatch.setitem(sys.modules, "link", SimpleNamespace(Link=Session))
    return sessions


def test_link_gives_tempo_phase_and_play_but_no_position(link: list[Session]) -> None:
    source = LinkSource(quantum_beats=4, latency_s=0.25, clock=lambda: 3.0)
    with source:
        session = link[0]
        assert source.latest().known() == {"host_time_s": 3.0}  # nobody else is there
        assert wait_for(lambda: source.is_joined)
        session.peer_count, session.playing = 1, True
        assert source.latest().known() == {
            "playing": True,
            "tempo_bpm": 120,
            "phase_beats": 2.5,
            "quantum_beats": 4,
            "host_time_s": 3.0,
        }
        assert source.peers == 1
        assert session.commits == 0  # joining changes nobody's tempo
        source.set_tempo(130)
        source.set_playing(False)
        assert (session.bpm, session.playing, session.commits) == (130, False, 2)
    assert not session.enabled
    assert source.peers == 0


def test_link_is_enabled_some_time_after_it_was_made_and_not_after_it_was_left(link: list[Session]) -> None:
    source = LinkSource()
    source.start()
    assert not link[0].enabled
    with pytest.raises(SourceError, match="being joined"):
        source.set_tempo(130)
    assert link[0].bpm == 120
    source.stop()
    source.start()
    assert wait_for(lambda: source.is_joined)
    time.sleep(0.1)
    assert [session.enabled for session in link] == [False, True]
    source.stop()
    assert not any(session.enabled for session in link)


def test_link_goes_on_alone_when_the_last_peer_leaves(link: list[Session]) -> None:
    with LinkSource(clock=lambda: 3.0) as source:
        link[0].peer_count, link[0].playing, link[0].bpm = 1, True, 97.0
        there = source.latest()
        link[0].peer_count = 0
        assert source.latest() == there
        assert source.warnings == ("the last peer has left the Link session, which goes on",)
        link[0].peer_count = 1
        assert source.warnings == ()
        source.stop()
        source.start()
        assert not source.latest().knows(Valid.TEMPO_BPM), "another session, in which nobody was met yet"


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
