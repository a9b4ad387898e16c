"""Chords that are held on a keyboard, through the whole host: what is heard in which bar is what was played."""

from __future__ import annotations

import random
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge import FakeTransport
from musika_daw.host.capture import Take, heard_loop
from musika_daw.host.control.chords_in import ChordOptions, ChordsIn
from musika_daw.host.control.held_keys import LET_GO_S, OVERLAP_S, STRUCK_S, HeldKeys
from musika_daw.host.control.live import LiveControls
from musika_daw.host.host import Host
from musika_daw.host.offline import Played
from musika_daw.host.play.piece import Piece
from musika_daw.instrument.scores import SCORES
from musika_daw.score.chords import chord_named
from musika_daw.score.controls import Controls
from musika_daw.score.tempo import Beats, TempoMap, exact
from tests.host.playing import RATE, play

BEAT_S = 0.5
FACTS = {"name": "sines", "score": "parts"}
KEYS = {"C": (60, 64, 67), "Am": (57, 60, 64), "F": (53, 57, 60), "G7": (55, 59, 62, 65), "Dm/F": (53, 57, 62)}


class Sines:
    """Plays the chord of a score's every quarter beat as sines, so that a spectrum says which it was."""

    name, kind, weights_hash, sample_rate_hz = "sines", "techno", "2" * 64, RATE

    def render(
        self, start_beat: Beats, beats: Beats, tempo_map: TempoMap, controls: Controls | None = None
    ) -> np.ndarray:
        start = exact(start_beat)
        frames = np.arange(tempo_map.frame(start, RATE), tempo_map.frame(start + exact(beats), RATE))
        quarters = np.floor(tempo_map.beat_at_seconds((frames + 0.5) / RATE) * 4).astype(int)
        wave = np.zeros(len(frames))
        for quarter in np.unique(quarters):
            here = quarters == quarter
            for tone in SCORES["parts"].chord(controls or Controls(), quarter / 4).tones:
                wave[here] += 0.1 * np.sin(2 * np.pi * 440 * 2 ** ((tone - 9) / 12) * frames[here] / RATE)
        return np.repeat(wave[:, None], 2, 1).astype(np.float32)


class Keyboard:
    """A keyboard whose hands move at given times, and the host that follows it."""

    def __init__(self, options: ChordOptions | None = None, **written: str) -> None:
        self.live = LiveControls()
        self.live.write(written)
        self._options = options or ChordOptions()
        self._script: list[tuple[float, bytes]] = []
        self.chords: ChordsIn | None = None

    def press(self, at_s: float, chord: str) -> None:
        self._script += [(at_s + 0.004 * i, bytes((0x90, key, 90))) for i, key in enumerate(KEYS[chord])]

    def let_go(self, at_s: float, chord: str) -> None:
        self._script += [(at_s + 0.006 * i, bytes((0x80, key, 0))) for i, key in enumerate(KEYS[chord])]

    def unplug(self, at_s: float) -> None:
        self._script.append((at_s, b""))

    def each_block(self, now_s: float, host: Host) -> None:
        if self.chords is None:
            self.chords = ChordsIn(host, self.live, FACTS, self._options)
        for message in [entry for entry in self._script if entry[0] <= now_s]:
            self._script.remove(message)
            if message[1]:
                self.chords.feed(message[1], message[0])
            else:
                self.chords.lose()

    def play(self, fake: FakeTransport, seconds: float, render_s: float = 0.1) -> Played:
        return play(fake, seconds, Sines(), live=self.live, each_block=self.each_block, render_s=render_s)


def tones(audio: np.ndarray, at_s: float) -> set[int]:
    """Pitch classes of the sines that sound for 0.35 s from a time on."""
    part = audio[round(at_s * RATE) :][: round(0.35 * RATE), 0]
    spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part)), 1 << 17))
    level = [spectrum[round(440 * 2 ** ((tone - 9) / 12) * (1 << 17) / RATE)] for tone in range(12)]
    return {tone for tone in range(12) if level[tone] > 0.5 * max(level)}


def of(chord: str) -> set[int]:
    found = chord_named(chord)
    assert found is not None
    return set(found.tones)


def heard(played: Played, bar: int, beat: float = 1.0) -> set[int]:
    return tones(played.audio, (4 * bar + beat) * BEAT_S)


def test_a_chord_comes_on_the_next_bar_and_stays_where_it_was_played() -> None:
    hands = Keyboard(chords="C")
    for bar, chord in enumerate(["Am", "F", "G7", "Dm/F"]):
        hands.press(2.0 * (bar + 1) - 0.7, chord)
        hands.let_go(2.0 * (bar + 2) - 0.8, chord)
    played = hands.play(FakeTransport(120).play(0), 12)
    assert [heard(played, bar) for bar in range(5)] == [of(chord) for chord in ("C", "Am", "F", "G7", "Dm/F")]
    # the last beat before a change is still the chord before, the first after it is the new one
    assert heard(played, 1, 3.2) == of("Am")
    assert heard(played, 2, 0.05) == of("F")
    assert hands.live.changes == ((4.0, "Am"), (8.0, "F"), (12.0, "G7"), (16.0, "Dm/F"))
    assert played.host.player.underruns == 0


def test_a_chord_that_is_a_little_late_is_meant_for_its_bar() -> None:
    hands = Keyboard(chords="C")
    hands.press(2.0 + 0.2, "F")
    hands.press(6.0 + 0.3, "Am")
    played = hands.play(FakeTransport(120).play(0), 10)
    assert [change[0] for change in hands.live.changes] == [4.0, 16.0]
    assert heard(played, 1, 1.0) == of("F")
    assert heard(played, 3, 2.0) == of("F")


def test_chords_change_by_beat_where_that_is_asked() -> None:
    hands = Keyboard(ChordOptions(at="beat"), chords="C")
    hands.press(2.0 + 0.3, "F")
    played = hands.play(FakeTransport(120).play(0), 5)
    assert hands.live.changes == ((5.0, "F"),)
    assert heard(played, 1, 0.1) == of("C")
    assert heard(played, 1, 1.05) == of("F")


@pytest.mark.parametrize(("held", "then"), [("keep", "F"), ("free", "C")])
def test_with_no_key_down_the_chord_is_kept_or_the_piece_is_free(held: str, then: str) -> None:
    hands = Keyboard(ChordOptions(held=held), chords="C")  # type: ignore[arg-type]
    hands.press(1.5, "F")
    hands.let_go(3.2, "F")
    played = hands.play(FakeTransport(120).play(0), 7)
    assert heard(played, 1) == of("F")
    assert heard(played, 2) == of(then)


@pytest.mark.parametrize(("held", "then"), [("keep", "F"), ("free", "C")])
def test_the_keys_of_a_keyboard_that_has_gone_are_let_go(held: str, then: str) -> None:
    hands = Keyboard(ChordOptions(held=held), chords="C")  # type: ignore[arg-type]
    hands.press(1.5, "F")
    hands.unplug(3.2)
    hands.unplug(4.2)
    hands.press(5.4, "Am")
    played = hands.play(FakeTransport(120).play(0), 8)
    assert heard(played, 1) == of("F")
    assert heard(played, 2) == of(then)
    assert heard(played, 3) == of("Am")


def test_what_was_played_is_played_again_after_a_locate_until_something_else_is() -> None:
    hands = Keyboard(chords="C")
    hands.press(1.5, "Am")
    hands.let_go(1.9, "Am")
    hands.press(3.5, "F")
    hands.let_go(3.9, "F")
    hands.press(10.5, "G7")
    played = hands.play(FakeTransport(120).play(0).locate(6, beats=0), 13)
    first, again = (played.audio[round(s * RATE) :][: round(1.9 * RATE)] for s in (2.1, 8.1))
    assert np.abs(first[: len(again)] - again).max() < 1e-3
    assert tones(played.audio, 6.5) == of("C")
    assert tones(played.audio, 8.5) == of("Am")
    assert tones(played.audio, 10.6) == of("F")
    assert tones(played.audio, 12.3) == of("G7")
    assert hands.live.changes == ((4.0, "Am"), (8.0, "F"), (12.0, "G7"))


def test_a_loop_begins_with_the_chord_that_is_held_as_it_comes_round() -> None:
    hands = Keyboard(chords="C")
    hands.press(1.5, "F")
    played = hands.play(FakeTransport(120).loop(0, 0, 8).play(0), 9)
    assert tones(played.audio, 2.5) == of("F")
    assert tones(played.audio, 4.0 + 1.0) == of("F")
    assert hands.live.changes == ((0.0, "F"),)


def test_a_chord_for_the_bar_after_a_loop_is_for_its_first() -> None:
    hands = Keyboard(chords="C")
    hands.press(3.0, "F")
    hands.let_go(3.4, "F")
    played = hands.play(FakeTransport(120).loop(0, 0, 8).play(0), 6)
    assert hands.live.changes == ((0.0, "F"),)
    assert tones(played.audio, 4.4) == of("F")


def test_bars_of_other_meters_begin_where_the_source_says() -> None:
    hands = Keyboard(chords="C")
    hands.press(1.3, "F")
    played = hands.play(
        FakeTransport(120, meters=[(1, 3, 4)]).set(0, signature_numerator=3, bar_start_beats=0.0).play(0), 4
    )
    assert hands.live.changes[0][0] % 3 == 0
    assert tones(played.audio, hands.live.changes[0][0] * BEAT_S + 0.05) == of("F")


def test_a_chord_at_rest_holds_from_the_bar_where_the_song_stands() -> None:
    hands = Keyboard(chords="C")
    hands.press(0.2, "Am")
    played = hands.play(FakeTransport(120).play(1), 3)
    assert tones(played.audio, 1.1) == of("Am")


def test_kept_bars_are_as_they_were_heard() -> None:
    hands = Keyboard(chords="C")
    hands.press(1.5, "F")
    hands.let_go(1.9, "F")
    hands.press(5.5, "G7")
    hands.play(FakeTransport(120).play(0), 8)
    loop = heard_loop(Sines(), Take(0, 4, Piece(Fraction(120), hands.live.controls(), RATE)), RATE)
    assert [tones(loop, 2.0 * bar + 0.6) for bar in range(4)] == [of(chord) for chord in ("C", "F", "F", "G7")]


def test_an_arpeggio_does_not_starve_what_plays() -> None:
    hands = Keyboard(chords="C")
    rng = random.Random(3)
    for number in range(120):
        chord = rng.choice(list(KEYS))
        hands.press(1 + 0.09 * number, chord)
        hands.let_go(1 + 0.09 * number + 0.05, chord)
    played = hands.play(FakeTransport(120).play(0), 13, render_s=0.2)
    assert played.host.player.underruns == 0
    assert played.host.player.holes_frames == 0
    assert len(hands.live.changes) <= 8


def test_typed_chords_take_the_place_of_those_that_were_played() -> None:
    live = LiveControls()
    live.change_chord(4.0, "F")
    live.write({"key": "Am"})
    assert live.controls().changes == ((4.0, "F"),)
    live.write({"chords": "Am | G"})
    assert (live.controls().chords, live.controls().changes) == ("Am | G", ())


def test_a_chord_that_does_not_parse_keeps_the_last_and_is_named() -> None:
    live = LiveControls()
    live.write({"chords": "Am | G"})
    with pytest.raises(ValueError, match="'H', in bar 1"):
        live.write({"chords": "H"})
    assert live.controls().chords == "Am | G"
    assert live.problem is not None
    assert live.problem.startswith("chords: 'H', in bar 1, must be a chord")
    live.write({"chords": "F"})
    assert live.problem is None


def on(key: int, channel: int = 0) -> bytes:
    return bytes((0x90 | channel, key, 80))


def off(key: int, channel: int = 0) -> bytes:
    return bytes((0x90 | channel, key, 0))


def test_the_fingers_of_a_hand_are_one_gesture_and_leaving_fingers_are_none() -> None:
    keys = HeldKeys()
    for number, key in enumerate((60, 64, 67)):
        keys.feed(on(key), 0.01 * number)
    assert keys.gesture(0.02 + STRUCK_S / 2) is None
    gesture = keys.gesture(0.02 + STRUCK_S)
    assert gesture is not None
    assert (gesture.keys, gesture.at_s) == ((60, 64, 67), 0.02)
    keys.feed(off(67), 1.0)
    later = keys.gesture(1.0 + LET_GO_S)
    assert later is not None
    assert later.number == gesture.number
    keys.feed(off(60), 1.1)
    keys.feed(off(64), 1.2)
    gone = keys.gesture(1.2 + LET_GO_S)
    assert gone is not None
    assert (gone.keys, gone.number) == ((), gesture.number + 1)


def test_keys_of_the_chord_before_that_leave_late_are_not_of_the_next() -> None:
    keys = HeldKeys()
    keys.feed(on(60), 0.0)
    first = keys.gesture(0.1)
    keys.feed(on(65), 1.0)
    keys.feed(off(60), 1.0 + OVERLAP_S / 2)
    assert keys.gesture(1.0 + OVERLAP_S / 2) is None
    second = keys.gesture(1.0 + OVERLAP_S / 2 + LET_GO_S)
    assert first is not None
    assert second is not None
    assert (second.keys, second.at_s) == ((65,), 1.0)
    assert second.number > first.number


def test_the_pedal_holds_keys_until_it_is_up() -> None:
    keys = HeldKeys()
    keys.feed((0xB0, 64, 127), 0.0)
    keys.feed(on(60), 0.1)
    keys.feed(off(60), 0.2)
    keys.feed(on(64), 0.3)
    assert keys.keys == (60, 64)
    keys.feed((0xB0, 64, 0), 0.4)
    assert keys.keys == (64,)
    keys.feed((0xB0, 123, 0), 0.5)
    assert keys.keys == ()


MESSAGES = st.lists(st.integers(-3, 300), max_size=5) | st.tuples(
    st.sampled_from([0x80, 0x90, 0x95, 0xB0, 0xE0, 0xF8]), st.integers(0, 127), st.integers(0, 127)
)


@given(st.lists(st.tuples(MESSAGES, st.floats(0, 0.2)), max_size=60))
@settings(max_examples=200)
def test_any_bytes_leave_a_keyboard_that_is_one(messages: list[tuple[list[int], float]]) -> None:
    keys, now_s = HeldKeys(), 0.0
    for message, after_s in messages:
        now_s += after_s
        keys.feed(message, now_s)
        assert set(keys.keys) <= set(range(128))
    gesture = keys.gesture(now_s + 1)
    assert gesture is not None
    assert gesture.keys == keys.keys
    for channel in range(16):
        keys.feed((0xB0 | channel, 120, 0), now_s)
    assert keys.keys == ()


def test_a_flood_of_notes_is_answered_by_nothing_until_it_rests() -> None:
    rng, keys = random.Random(1), HeldKeys()
    for number in range(20_000):
        keys.feed(on(rng.randrange(128), rng.randrange(16)), number * 0.0005)
        assert keys.gesture(number * 0.0005) is None
    assert len(keys.keys) == 128


def test_a_model_without_a_score_follows_no_port() -> None:
    live = LiveControls()
    facts = {"name": "click", "score": ""}

    def each_block(_now_s: float, host: Host) -> None:
        with pytest.raises(ValueError, match="--chords-in: 'Keys', but click plays no score, which would follow its"):
            ChordsIn(host, live, facts, ChordOptions("Keys"))
        assert ChordsIn(host, live, facts, ChordOptions()).status()["heard"] is None

    play(FakeTransport(120).play(0), 0.02, live=live, each_block=each_block)
