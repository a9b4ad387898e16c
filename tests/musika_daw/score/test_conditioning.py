"""What the generator is told about a frame."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from musika_daw.score.conditioning import CHANNELS, GROUPS, Conditions, group_slices


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_that_is_not_given_is_all_zeros(group: str) -> None:
    given_all = {"beat": np.arange(5.0), "bpm": np.full(5, 130.0), "density": np.full(5, 0.3), "energy": np.ones(5)}
    field = {"phase": "beat", "tempo": "bpm"}.get(group, group)
    features = Conditions(5, **{k: v for k, v in given_all.items() if k != field}).features()
    for name, channels in group_slices().items():
        assert np.any(features[:, channels]) == (name != group)
        assert np.all(features[:, channels][:, -1] == (name != group))


def test_without_anything_given_all_is_zero() -> None:
    features = Conditions(3).features()
    assert features.shape == (3, CHANNELS)
    assert not features.any()


@given(st.integers(0, 10_000), st.floats(0, 16))
def test_phases_repeat_every_phrase_even_far_into_a_song(phrase: int, beat: float) -> None:
    here = Conditions(1, beat=np.array([beat])).features()
    later = Conditions(1, beat=np.array([beat + 16.0 * phrase])).features()
    np.testing.assert_allclose(here, later, atol=1e-5)


def test_bars_of_a_phrase_differ() -> None:
    features = Conditions(4, beat=np.array([0.0, 4.0, 8.0, 12.0])).features()
    assert len(np.unique(features.round(4), axis=0)) == 4
