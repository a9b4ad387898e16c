"""A loop as it repeats."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from musika_daw.sound.wrap import wrapped


@given(st.integers(1, 20), st.integers(0, 50), st.integers(0, 50), st.booleans())
def test_what_lies_around_a_loop_is_the_loop(frames: int, before: int, after: int, stereo: bool) -> None:
    loop = np.arange(2 * frames).reshape(2, frames) if stereo else np.arange(frames)
    around = wrapped(loop, before, after)
    assert around.shape[-1] == before + frames + after
    for place in range(around.shape[-1]):
        assert np.array_equal(around[..., place], loop[..., (place - before) % frames])
