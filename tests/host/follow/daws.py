"""Scripted DAWs that speak each protocol: what `FakeTransport` does, as messages, and the source that reads them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

from bridge import (
    ClockGenerator,
    CombinedSource,
    FakeTransport,
    JackSource,
    LinkSource,
    MidiClock,
    Mtc,
    OscSource,
    Transport,
    UdpSource,
    own_messages,
)
from bridge.clock.fake import Bar
from bridge.clock.motion import expected
from bridge.clock.priority import combine
from bridge.osc.codec import encode_bundle
from bridge.sockets.wire import WireMessage, encode
from musika_daw.host.follow.sources import SourceOptions, make_source
from tests.bridge.jack_stand_in import POSITION, JackClient

RATE = 48_000
SENDER = ("127.0.0.1", 1)
Timed = tuple[float, Any]
Hears = Callable[[float], Transport]  # the record at a time; asked with times that only grow


def _arriving(sent: Iterator[Timed], fake: FakeTransport, jitter_s: float) -> list[Timed]:
    """What of the messages arrives, and when: none while the DAW is silent, none before its time."""
    chance = random.Random(3)
    there = [(at_s + chance.uniform(0, jitter_s), data) for at_s, data in sent if fake.report(at_s) is not None]
    return sorted(there, key=lambda message: message[0])


def _heard(messages: list[Timed], take: Callable[[Any, float], object], latest: Hears) -> Hears:
    waiting = iter(messages)
    following = next(waiting, None)

    def hear(now_s: float) -> Transport:
        nonlocal following
        while following is not None and following[0] <= now_s:
            take(following[1], following[0])
            following = next(waiting, None)
        return latest(now_s)

    return hear


def _every(period_s: float, until_s: float) -> Iterator[float]:
    return (step * period_s for step in range(int(until_s / period_s) + 1))


def midi_clock(fake: FakeTransport, until_s: float, jitter_s: float) -> Hears:
    """MIDI beat clock with song positions."""
    generator, machine = ClockGenerator(), MidiClock(jitter_s=max(jitter_s, 0.001))

    def sent() -> Iterator[Timed]:
        for at_s in _every(0.005, until_s):
            yield from generator.update(fake.truth(at_s), at_s + 0.005)

    return _heard(_arriving(sent(), fake, jitter_s), machine.feed, machine.transport)


def time_code(fake: FakeTransport, until_s: float, jitter_s: float) -> Hears:
    """MIDI time code of 25 frames a second: a full frame where it jumps, quarter frames while it plays."""
    machine = Mtc(jitter_s=max(jitter_s, 0.001))

    def code(frames: int) -> tuple[int, int, int, int]:
        return frames // 90_000 % 24 | 1 << 5, frames // 1500 % 60, frames // 25 % 60, frames % 25

    def sent() -> Iterator[Timed]:
        before = fake.truth(0)
        quarter: int | None = None
        piece, frames = 0, 0
        for at_s in _every(0.005, until_s):
            now = fake.truth(at_s)
            if abs(now.position_s - expected(before, at_s).position_s) > 1e-6:
                quarter, piece = None, 0
                yield at_s, bytes((0xF0, 0x7F, 0x7F, 1, 1, *code(int(now.position_s * 25)), 0xF7))
            reached = int(now.position_s * 100 + 1e-6)
            if now.playing and quarter is not None and reached > quarter:
                if piece == 0:
                    frames = reached // 4
                if piece or reached % 4 == 0:  # a code is the frame that begins now
                    hours, minutes, seconds, frame = code(frames)
                    nibbles = [n for value in (frame, seconds, minutes, hours) for n in (value & 15, value >> 4)]
                    yield at_s - (now.position_s - reached / 100), bytes((0xF1, piece << 4 | nibbles[piece]))
                    piece = (piece + 1) % 8
            quarter = reached if now.playing else None
            piece = piece if now.playing else 0
            before = now

    return _heard(_arriving(sent(), fake, jitter_s), machine.feed, machine.transport)


def _bar_text(truth: Transport, bar: Bar, ticks_a_beat: int, form: str, in_quarters: bool = False) -> str:
    """Beats of the signature; `in_quarters`: as Ardour 7 has it, an eighth has half the ticks of a quarter."""
    unit = 4 / bar.denominator
    within = truth.position_beats - bar.start_beats + 1e-9
    beat = int(within / unit)
    part = within - beat * unit if in_quarters else within / unit - beat
    return form.format(bar.number, beat + 1, int(part * ticks_a_beat + 1e-6))


def _ableton(truth: Transport, bar: Bar) -> bytes:
    get = "/live/song/get/"
    return encode_bundle(
        [
            (get + "tempo", [("f", truth.tempo_bpm)]),
            (get + "is_playing", [("T" if truth.playing else "F", True)]),
            (get + "loop", [("T" if truth.loop_on else "F", True)]),
            (get + "loop_start", [("f", truth.loop_start_beats)]),
            (get + "loop_length", [("f", truth.loop_end_beats - truth.loop_start_beats)]),
            (get + "current_song_time", [("f", truth.position_beats)]),
        ]
    )


def _reaper(truth: Transport, bar: Bar) -> bytes:
    return encode_bundle(
        [
            ("/time", [("f", truth.position_s)]),
            ("/beat/str", [("s", _bar_text(truth, bar, 100, "{}.{}.{:02}"))]),
            ("/tempo/raw", [("f", truth.tempo_bpm)]),
            ("/play", [("f", float(truth.playing))]),
            ("/stop", [("f", float(not truth.playing))]),
            ("/repeat", [("f", float(truth.loop_on))]),
            ("/loop/start/time", [("f", truth.loop_start_beats * 60 / truth.tempo_bpm)]),
            ("/loop/end/time", [("f", truth.loop_end_beats * 60 / truth.tempo_bpm)]),
        ]
    )


def _reaper_without_time(truth: Transport, bar: Bar) -> bytes:
    return encode_bundle(
        [
            ("/beat/str", [("s", _bar_text(truth, bar, 100, "{}.{}.{:02}"))]),
            ("/tempo/raw", [("f", truth.tempo_bpm)]),
            ("/play", [("f", float(truth.playing))]),
        ]
    )


def _ardour(truth: Transport, bar: Bar) -> bytes:
    ms = int(truth.position_s * 1000 + 1e-6)
    text = f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}.{ms % 1000:03}"
    return encode_bundle(
        [
            ("/position/bbt", [("s", _bar_text(truth, bar, 1920, "{:03}|{:02}|{:04}", True))]),
            ("/position/time", [("s", text)]),
            ("/transport_play", [("i", int(truth.playing))]),
            ("/loop_toggle", [("i", int(truth.loop_on))]),
        ]
    )


def _bitwig(truth: Transport, bar: Bar) -> bytes:
    # bars are counted in the signature of the moment, from the start of the song
    quarters = 4 * bar.numerator // bar.denominator
    hundredths = int(truth.position_beats * 400 + 1e-6)  # of a sixteenth
    quarter, rest = divmod(hundredths, 400)
    bars = f"{quarter // quarters + 1}.{quarter % quarters + 1}.{rest // 100 + 1}:{rest % 100:02}"
    return encode_bundle(
        [
            ("/play", [("i", int(truth.playing))]),
            ("/tempo/raw", [("f", truth.tempo_bpm)]),
            ("/repeat", [("i", int(truth.loop_on))]),
            ("/beat/str", [("s", bars)]),
            ("/time/signature", [("s", f"{bar.numerator} / {bar.denominator}")]),
        ]
    )


def _musika(truth: Transport, bar: Bar) -> bytes:
    return own_messages(truth)


def osc(dialect: str, say: Callable[[Transport, Bar], bytes], period_s: float) -> Callable[..., Hears]:
    """A dialect of OSC, in which everything is told every so often."""

    def daw(fake: FakeTransport, until_s: float, jitter_s: float) -> Hears:
        source = OscSource(dialect)
        truths = ((at_s, fake.truth(at_s)) for at_s in _every(period_s, until_s))
        sent = ((at_s, say(truth, fake.meters.at(truth.position_beats))) for at_s, truth in truths)
        arriving = _arriving(sent, fake, jitter_s)
        return _heard(arriving, lambda data, at_s: source.packet(data, SENDER, at_s), lambda _: source.latest())

    return daw


def udp(fake: FakeTransport, until_s: float, jitter_s: float) -> Hears:
    """The bridge protocol; TCP carries the same lines."""
    source = UdpSource()
    sent = ((at_s, encode(WireMessage("transport", fake.truth(at_s)))) for at_s in _every(0.05, until_s))
    arriving = _arriving(sent, fake, jitter_s)
    return _heard(arriving, lambda data, at_s: source._packet(data, SENDER, at_s), lambda _: source.latest())


def jack(fake: FakeTransport, until_s: float, jitter_s: float, tells_ticks: bool = True) -> Hears:
    """A JACK transport with a timebase master; asked, so that nothing arrives late."""
    now = [0.0]
    source = JackSource(clock=lambda: now[0])
    client = JackClient("daw", True, None)
    source._client = client

    def hear(now_s: float) -> Transport:
        now[0] = now_s
        source._lost = fake.report(now_s) is None
        truth = fake.truth(now_s)
        bar = fake.meters.at(truth.position_beats)
        beats = (truth.position_beats - bar.start_beats) * bar.denominator / 4
        client.state = int(truth.playing)
        client.position = POSITION | {
            "frame": round(truth.position_s * RATE),
            "bar": bar.number,
            "beat": int(beats + 1e-9) + 1,
            "tick": max(beats - int(beats + 1e-9), 0) * 1920,
            # that have gone by: an eighth has as many as a quarter
            "bar_start_tick": fake.meters.beats_before(bar.number) * 1920.0 if tells_ticks else 0.0,
            "beats_per_bar": float(bar.numerator),
            "beat_type": float(bar.denominator),
            "beats_per_minute": truth.tempo_bpm,
        }
        return source.latest()

    return hear


def link(fake: FakeTransport, until_s: float, jitter_s: float) -> Hears:
    """A Link session with a peer; asked, so that nothing arrives late."""
    now = [0.0]
    source = LinkSource(clock=lambda: now[0])
    source._clock = SimpleNamespace(micros=lambda: 0)

    def state() -> SimpleNamespace:
        truth = fake.truth(now[0])
        return SimpleNamespace(
            tempo=lambda: truth.tempo_bpm,
            isPlaying=lambda: truth.playing,
            phaseAtTime=lambda _micros, quantum: truth.position_beats % quantum,
        )

    source._link = SimpleNamespace(
        numPeers=lambda: int(fake.report(now[0]) is not None), captureAppSessionState=state, enabled=True
    )

    def hear(now_s: float) -> Transport:
        now[0] = now_s
        return source.latest()

    return hear


def link_and_ableton(fake: FakeTransport, until_s: float, jitter_s: float) -> Hears:
    """Tempo and phase from a Link session, position over OSC, as `musika-daw run link+osc:ableton` joins them."""
    parts = {"link": link(fake, until_s, jitter_s), "osc-ableton": DAWS["osc:ableton"](fake, until_s, jitter_s)}
    joined = make_source("link+osc:ableton", SourceOptions())
    assert isinstance(joined, CombinedSource)
    return lambda now_s: combine({name: hear(now_s) for name, hear in parts.items()}, joined.priority, now_s)[0]


DAWS: dict[str, Callable[..., Hears]] = {
    "jack": jack,
    "jack without ticks": partial(jack, tells_ticks=False),
    "midi": midi_clock,
    "mtc": time_code,
    "link": link,
    "udp": udp,
    "osc:ableton": osc("ableton", _ableton, 0.1),
    "osc:reaper": osc("reaper", _reaper, 0.033),
    "osc:reaper without seconds": osc("reaper", _reaper_without_time, 0.033),
    "osc:ardour": osc("ardour", _ardour, 0.1),
    "osc:bitwig": osc("bitwig", _bitwig, 0.05),
    "osc:musika": osc("musika", _musika, 0.05),
    "link+osc:ableton": link_and_ableton,
}
# how exactly a DAW tells where it is, where that is coarse: the last digit of its text, in beats
DIGIT_BEATS = {"osc:reaper": 1 / 100, "osc:reaper without seconds": 1 / 100, "osc:bitwig": 1 / 400}
# whose signature is not told: the length of a beat is learned in the first half second of its bar
UNTOLD = ("osc:reaper", "osc:reaper without seconds", "osc:ardour")
