from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.clock.transport import BITS, CHECKS, NOTHING, Transport, Valid

FIELDS = [f.name for f in dataclasses.fields(Transport) if f.name != "valid"]


def test_every_field_has_one_bit_and_every_bit_one_field() -> None:
    assert list(BITS) == FIELDS == list(CHECKS)
    assert sorted(BITS.values()) == sorted(Valid)
    assert len({int(bit) for bit in BITS.values()}) == len(FIELDS)


def test_an_empty_record_knows_nothing() -> None:
    assert Transport().valid == NOTHING
    assert Transport().known() == {}


def test_zero_is_a_value_and_not_a_sentinel() -> None:
    record = Transport.of(position_beats=0, playing=False)
    assert record.known() == {"playing": False, "position_beats": 0.0}
    assert record != Transport()


def test_forgetting_restores_the_default() -> None:
    record = Transport.of(tempo_bpm=99, playing=True)
    assert record.without(Valid.TEMPO_BPM) == Transport.of(playing=True)
    assert record.without(Valid.RECORDING) is record


@given(st.sampled_from([n for n in FIELDS if n not in ("signature_denominator",)]), st.integers(1, 60))
def test_replace_sets_exactly_the_bit_of_the_field(name: str, value: int) -> None:
    if name in ("playing", "recording", "loop_on"):
        value = value % 2
    if name == "sample_rate_hz":
        value *= 1000
    record = Transport().replace(**{name: value})
    assert record.valid == BITS[name]
    assert getattr(record, name) == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tempo_bpm", 0.5),
        ("tempo_bpm", 1001),
        ("tempo_bpm", math.nan),
        ("tempo_bpm", "120"),
        ("tempo_bpm", True),
        ("position_beats", math.inf),
        ("position_frames", 2**63),
        ("position_frames", 0.5),
        ("playing", 2),
        ("playing", "yes"),
        ("signature_denominator", 3),
        ("signature_numerator", 0),
        ("sample_rate_hz", 0),
        ("bars", 1),
    ],
)
def test_a_value_out_of_range_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"^{name}: |'{name}'"):
        Transport.of(**{name: value})


def test_frames_are_exact_beyond_what_a_double_holds() -> None:
    assert Transport.of(position_frames=2**62 + 1).position_frames == 2**62 + 1


def test_rolling_means_known_to_play() -> None:
    assert Transport.of(playing=True).is_rolling
    assert not Transport(playing=True).is_rolling
