"""Measures of harmony and punch, on sound of which the answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from musika_daw.score.roll import Notes
from training.evaluate.measures.harmony import agreement, chroma, told_chroma
from training.evaluate.measures.punch import crest_db, low_band_agreement

RATE_HZ = 44_100
TRIAD = (60, 64, 67)


def chord(keys: tuple[int, ...], seconds: float = 2.0) -> np.ndarray:
    time_s = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    mono = sum(np.sin(2 * math.pi * 440 * 2 ** ((key - 69) / 12) * n * time_s) / n for key in keys for n in range(1, 6))
    return np.repeat(0.1 * np.asarray(mono)[:, None], 2, 1).astype(np.float32)


def notes(keys: tuple[int, ...], seconds: float = 2.0) -> Notes:
    count = len(keys)
    return Notes(np.zeros(count), np.full(count, seconds * RATE_HZ), np.array(keys), np.ones(count))


def test_a_chord_agrees_with_itself_and_with_its_notes() -> None:
    heard = chroma(chord(TRIAD), RATE_HZ)
    assert agreement(heard, heard) == pytest.approx(1)
    assert agreement(told_chroma(notes(TRIAD), 2 * RATE_HZ, RATE_HZ), heard) > 0.8


def test_another_chord_does_not_agree() -> None:
    other = chroma(chord((61, 65, 68)), RATE_HZ)
    assert agreement(chroma(chord(TRIAD), RATE_HZ), other) < 0.2


def test_level_does_not_matter() -> None:
    assert agreement(chroma(chord(TRIAD), RATE_HZ), chroma(0.1 * chord(TRIAD), RATE_HZ)) > 0.99


def test_silence_agrees_with_nothing() -> None:
    assert math.isnan(agreement(np.zeros((12, 5)), np.ones((12, 5))))


def test_crest_of_a_sine_and_of_a_square() -> None:
    sine = np.sin(2 * math.pi * 100 * np.arange(RATE_HZ) / RATE_HZ)[:, None]
    assert crest_db(sine) == pytest.approx(3.01, abs=0.01)
    assert crest_db(np.sign(sine + 1e-9)) == pytest.approx(0, abs=0.01)
    assert crest_db(np.zeros((100, 2))) == 0


def test_the_low_band_hears_a_turned_phase_and_nothing_above() -> None:
    time_s = np.arange(2 * RATE_HZ) / RATE_HZ
    low = np.sin(2 * math.pi * 55 * time_s)[:, None]
    turned = np.cos(2 * math.pi * 55 * time_s)[:, None]
    hiss = np.random.default_rng(1).standard_normal((len(time_s), 1)) * (time_s[:, None] > 9)
    assert low_band_agreement(low, low + hiss, RATE_HZ) > 0.999
    assert abs(low_band_agreement(low, turned, RATE_HZ)) < 0.05
    assert math.isnan(low_band_agreement(low, np.zeros_like(low), RATE_HZ))
