"""A virtual MIDI cable from a scripted transport, and patience for sockets."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import pytest

from bridge import ClockGenerator, FakeTransport
from bridge.source import host_time

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


def wait_until(condition: Callable[[], bool], limit_s: float = 5.0) -> bool:
    """Wait for another thread; whether the condition came true."""
    end_s = host_time() + limit_s
    while not condition():
        if host_time() > end_s:
            return False
        time.sleep(0.005)
    return True


@pytest.fixture(name="midi_of")
def midi_of_fixture() -> Callable[..., list[Timed]]:
    return midi_of


@pytest.fixture(name="quantised")
def quantised_fixture() -> Callable[..., list[Timed]]:
    return quantised


@pytest.fixture(name="wait_until")
def wait_until_fixture() -> Callable[..., bool]:
    return wait_until
