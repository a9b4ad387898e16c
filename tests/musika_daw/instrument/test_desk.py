"""The desk: what makes way for kicks, what is let through, and a limiter that any stretch can be cut from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from musika_daw.instrument.desk import MARGIN, Desk, limiter
from musika_daw.score.parts import DRUMS
from musika_daw.score.roll import ROLES, sorted_notes
from musika_daw.score.techno.piece import Ducking

RATE_HZ = 44_100
BASS, KICK = ROLES.index("bass"), ROLES.index("drums")
CEILING = 0.89


def desk(*rows: tuple[float, float, int, float, int], depth: float = 0.8) -> Desk:
    return Desk(sorted_notes(rows), Ducking(depth, 0.5, 1.0), lambda _second: 0.5, RATE_HZ)


@given(st.integers(0, 1 << 30), st.floats(0.01, 30))
def test_nothing_passes_the_ceiling(seed: int, loud: float) -> None:
    rng = np.random.default_rng(seed)
    mix = rng.normal(size=(3000, 2)) * rng.choice([0.01, 1.0], (3000, 1), p=[0.95, 0.05]) * loud
    gain = limiter(mix)
    assert np.abs(mix * gain[:, None]).max() <= CEILING + 1e-9
    assert ((gain > 0) & (gain <= 1 + 1e-12)).all()


def test_what_is_quiet_is_left_as_it_is() -> None:
    assert np.allclose(limiter(np.full((5000, 2), 0.5)), 1, atol=1e-12)


@given(st.integers(MARGIN, 6000), st.integers(1, 2000))
def test_any_stretch_can_be_cut_out_with_its_margin(first: int, count: int) -> None:
    mix = np.random.default_rng(1).normal(size=(10_000, 2))
    part = limiter(mix[first - MARGIN : first + count + MARGIN])[MARGIN:-MARGIN]
    assert np.allclose(part, limiter(mix)[first : first + count], atol=1e-12)


def test_a_bass_is_all_but_gone_by_the_time_a_kick_comes() -> None:
    tone = np.full((2 * RATE_HZ, 2), 0.01, np.float32)
    played = desk((0.0, 2.0, 40, 1.0, BASS), (1.0, 1.0, DRUMS["kick"], 1.0, KICK))
    bass = played.stems({"bass": tone, "drums": np.zeros_like(tone)}, 0)["bass"][:, 0]
    full = bass[RATE_HZ // 2]
    assert bass[RATE_HZ - 200] == pytest.approx(full, rel=0.01)
    # the tone rings over 3 ms
    assert 0 < bass[RATE_HZ] < 0.06 * full
    assert bass[round(1.125 * RATE_HZ)] == pytest.approx((1 - 0.95 * 0.5) * full, rel=0.01)
    assert bass[round(1.26 * RATE_HZ)] == pytest.approx(full, rel=0.01)
    # where no drums play there is nothing to make way for
    alone = played.stems({"bass": tone}, 0)["bass"][:, 0]
    assert alone[RATE_HZ] == pytest.approx(full, rel=0.01)


def test_a_part_is_let_through_around_its_notes_only() -> None:
    played = desk((2.0, 2.5, 40, 1.0, BASS))
    hiss = np.full((8 * RATE_HZ, 2), 0.01, np.float32)
    bass = np.abs(played.stems({"bass": hiss}, 0)["bass"][:, 0])
    assert bass[: round(1.96 * RATE_HZ)].max() < 1e-9
    assert (bass[2 * RATE_HZ : round(4.8 * RATE_HZ)] > 0.01).all()
    assert bass[round(5.6 * RATE_HZ) :].max() < 1e-9
    assert not played.sounds("bass", 0, RATE_HZ)
    assert played.sounds("bass", 2 * RATE_HZ, 3 * RATE_HZ)
    assert not played.sounds("bass", 6 * RATE_HZ, 7 * RATE_HZ)
    assert not played.sounds("drums", 0, 8 * RATE_HZ)
