"""A keyboard in JACK leads the harmony of the real model: every bar has the chroma of the chord that was held."""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from bridge import SourceError
from musika_daw.hearing.key import chroma
from musika_daw.host.control.chords_in import ChordOptions
from musika_daw.score.chords import chord_named
from tests.peers.recorder import RATE, STARTED, Recorder
from tests.peers.server import Jack
from tests.waiting import wait_for

BAR = 2 * RATE
# no two of them share more than one tone, so that a bar is told from another by its chroma
KEYS = {"Am": (57, 60, 64), "G": (55, 59, 62), "Bb/D": (50, 58, 65), "E7": (52, 56, 59, 62), "F#m": (54, 57, 61)}
SONG = ["Am", "G", "Bb/D", "E7", "F#m", "Am", "Bb/D", "G"]  # of bar 2 and those after it
EARLY = RATE * 12 // 10


class Keyboard:
    """A JACK client whose keys go down and up at frames of the transport."""

    def __init__(self, server: str, script: list[tuple[int, bytes]]) -> None:
        jack = importlib.import_module("jack")
        self.client = jack.Client("keyboard", no_start_server=True, servername=server)
        self._port = self.client.midi_outports.register("out")
        self._script = sorted(script)
        self.client.set_process_callback(self._process)
        self.client.activate()

    def _process(self, frames: int) -> None:
        self._port.clear_buffer()
        state, position = self.client.transport_query_struct()
        while state == STARTED and self._script and self._script[0][0] < position.frame + frames:
            at, message = self._script.pop(0)
            self._port.write_midi_event(min(max(at - position.frame, 0), frames - 1), message)


@contextmanager
def keyboard(jack: Jack, script: list[tuple[int, bytes]]) -> Iterator[Any]:
    made = Keyboard(jack.name, script)
    try:
        yield made
    finally:
        made.client.deactivate()
        made.client.close()


def played(song: list[str]) -> list[tuple[int, bytes]]:
    """Keys of chords, each struck before its bar and let go before the next is."""
    script = []
    for bar, name in enumerate(song, 1):
        at = bar * BAR - EARLY
        for number, key in enumerate(KEYS[name]):
            script += [(at + 300 * number, bytes((0x90, key, 96))), (at + BAR - 4800, bytes((0x80, key, 0)))]
    return script


def bars(recorder: Recorder, count: int) -> list[np.ndarray]:
    """What was heard of each bar of the transport, from a moment after its line to a moment before the next."""
    audio = np.zeros(count * BAR, np.float32)
    for cycle in recorder.rolling():
        end = min(cycle.frame + len(cycle.audio), len(audio))
        if end > cycle.frame:
            audio[cycle.frame : end] = cycle.audio[: end - cycle.frame]
    return [audio[bar * BAR + RATE // 20 : (bar + 1) * BAR - RATE // 20] for bar in range(count)]


@pytest.mark.limit_s(300)
def test_every_bar_is_in_the_chord_that_was_held_for_it(jack: Jack) -> None:
    recorder = jack.record()
    jack.timebase(120.0)
    with keyboard(jack, played(SONG)) as hands:
        session = jack.play(
            "jack",
            recorder,
            "parts",
            chords=ChordOptions("jack-midi:keyboard:out"),
            values={"energy": 1.0, "gain_db": 0.0},
            written={"parts": "chords, bass", "chords": "Eb"},
        )
        recorder.connect("musika-daw out:right")  # added to the left: what is wide has other notes in one ear
        assert session.chords.port == "jack-midi:keyboard:out"
        assert wait_for(lambda: session.host.scheduler.ahead(0.0, session.host.grid) > 4, 120)
        hands.client.transport_start()
        time.sleep(2.0 * (len(SONG) + 1) + 1)
        hands.client.transport_stop()
        assert [name for _, name in session.live.changes] == SONG
        assert [beat for beat, _ in session.live.changes] == [4.0 * bar for bar in range(1, len(SONG) + 1)]
    wrong = []
    for sound, asked in zip(bars(recorder, len(SONG) + 1), ["Eb", *SONG], strict=True):
        heard, _ = chroma(np.stack([sound, sound], 1), RATE)
        fits = {name: _share(heard, name) for name in ("Eb", *KEYS)}
        if (nearest := max(fits, key=lambda name: fits[name])) != asked:
            wrong.append((asked, nearest))
    assert len(wrong) <= 0.1 * len(SONG), wrong


def _share(heard: np.ndarray, name: str) -> float:
    """How well a chord's tones fit a chroma, as a correlation."""
    chord = chord_named(name)
    assert chord is not None
    return float(np.corrcoef(heard, np.isin(np.arange(12), chord.tones))[0, 1])


def test_a_keyboard_that_is_not_there_is_named(jack: Jack) -> None:
    with pytest.raises(SourceError, match="JACK MIDI port 'nobody:out'"):
        jack.play("internal", model="parts", chords=ChordOptions("jack-midi:nobody:out"))
