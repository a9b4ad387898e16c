"""A renderer whose every sample tells where it is, and a reader of clicks, as fixtures."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from musika_daw.host.offline import Played
from tests.host.playing import NoiseRenderer, clicks, errors_ms, largest_step, play


@pytest.fixture(name="play")
def play_fixture() -> Callable[..., Played]:
    return play


@pytest.fixture(name="errors_ms")
def errors_fixture() -> Callable[..., np.ndarray]:
    return errors_ms


@pytest.fixture(name="noise")
def noise_fixture() -> NoiseRenderer:
    return NoiseRenderer()


@pytest.fixture(name="clicks")
def clicks_fixture() -> Callable[..., np.ndarray]:
    return clicks


@pytest.fixture(name="largest_step")
def largest_step_fixture() -> Callable[..., float]:
    return largest_step
