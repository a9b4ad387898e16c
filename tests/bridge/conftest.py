"""A virtual MIDI cable from a scripted transport, and a JACK library that is none."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from bridge import ClockGenerator, FakeTransport
from tests.bridge.jack_stand_in import JackClient, JackError, clients

Timed = tuple[float, bytes]


def midi_of(fake: FakeTransport, until_s: float, step_s: float = 0.005) -> list[Timed]:
    """What a DAW that does what `fake` does sends as MIDI clock, exactly on time."""
    generator = ClockGenerator()
    messages: list[Timed] = []
    for step in range(int(until_s / step_s)):
        at_s = step * step_s
        messages += generator.update(fake.truth(at_s), at_s + step_s)
    return messages


def quantised(messages: list[Timed], frames: int, phase_s: float = 0.0) -> list[Timed]:
    """The messages handed over at the next start of an audio period of 48 kHz."""
    period_s = frames / 48000
    return [(math.floor((t - phase_s) / period_s + 1) * period_s + phase_s, m) for t, m in messages]


@pytest.fixture(name="midi_of")
def midi_of_fixture() -> Callable[..., list[Timed]]:
    return midi_of


@pytest.fixture(name="quantised")
def quantised_fixture() -> Callable[..., list[Timed]]:
    return quantised


@pytest.fixture
def jack(monkeypatch: pytest.MonkeyPatch) -> list[JackClient]:
    """The clients that were made, oldest first."""
    clients.clear()
    monkeypatch.setitem(sys.modules, "jack", SimpleNamespace(Client=JackClient, JackError=JackError))
    return clients
