"""Tempo, beats and bars as they are heard in pieces whose grid is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training.folder.music import RATE_HZ, beat_song, drifting_song
from training.corpus.folder.grid import hear, straight_line
from training.corpus.folder.likeness import alike, from_text, likeness, to_text


@pytest.mark.parametrize(("bpm", "lead_s"), [(128.0, 0.0), (93.5, 0.71)])
def test_a_steady_piece_is_heard_exactly(bpm: float, lead_s: float) -> None:
    song = beat_song(bpm, 24, 3)
    lead = round(lead_s * RATE_HZ)
    grid = hear(np.concatenate([np.zeros((lead, 2), np.float32), song]), RATE_HZ)
    assert grid.confidence > 0.9
    assert grid.bpm == pytest.approx(bpm, rel=5e-4)
    assert grid.beat0_s is not None
    beats = (lead / RATE_HZ - grid.beat0_s) * bpm / 60
    assert abs(beats - round(beats)) * 60 / bpm < 0.006
    assert round(beats) % 4 == 0
    # a kick on every beat
    assert len(grid.onset_s) == pytest.approx(24 * bpm / 60, rel=0.3)


def test_a_piece_of_opposite_channels_has_its_grid() -> None:
    song = beat_song(143.0, 24, 3)
    usual = hear(song, RATE_HZ)
    opposite = hear(song * np.array([1, -1], np.float32), RATE_HZ)
    assert usual.bpm == pytest.approx(143, rel=1e-3)
    assert opposite.bpm == pytest.approx(143, rel=1e-3)


def test_a_piece_without_tempo_has_no_grid() -> None:
    grid = hear(drifting_song(24, 4), RATE_HZ)
    assert (grid.bpm, grid.beat0_s) == (None, None)
    assert grid.confidence < 0.8


def test_silence_has_no_grid() -> None:
    grid = hear(np.zeros((RATE_HZ * 5, 2), np.float32), RATE_HZ)
    assert (grid.bpm, len(grid.onset_s)) == (None, 0)


@given(
    st.floats(0.3, 1.0),
    st.floats(0, 5),
    st.lists(st.floats(-0.003, 0.003), min_size=24, max_size=60),
    st.lists(st.integers(1, 20), max_size=3),
)
def test_the_line_survives_missed_beats(period: float, first: float, noise: list[float], missed: list[int]) -> None:
    numbers = np.array([i for i in range(len(noise)) if i not in missed])
    beats = first + numbers * period + np.array(noise)[numbers]
    got_first, got_period, share = straight_line(beats, np.ones(len(beats)))
    assert got_period == pytest.approx(period, abs=0.001)
    assert got_first == pytest.approx(first, abs=0.008)
    assert share == 1


def test_likeness_survives_text_and_tells_songs_apart() -> None:
    first, second = (likeness(beat_song(119 + seed, 12, seed)) for seed in (1, 2))
    np.testing.assert_allclose(from_text(to_text(first)), first, atol=0.26)
    assert alike(first, from_text(to_text(first)))
    assert not alike(first, second)
    assert not alike(first, first[:60])
    assert not alike(first[:0], first[:0])
