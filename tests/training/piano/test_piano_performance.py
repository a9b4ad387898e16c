"""MIDI becomes notes whose lengths hold the pedal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from training.corpus.piano import read_performance


def on_off(start_s: float, key: int, stop_s: float, velocity: int = 80) -> list[tuple[float, str, int, int]]:
    return [(start_s, "on", key, velocity), (stop_s, "off", key, 0)]


def test_notes_are_sorted_and_start_at_zero(midi: Callable[..., Path]) -> None:
    notes = read_performance(midi("a.mid", on_off(3, 64, 4) + on_off(1, 60, 2)))
    np.testing.assert_allclose(notes.onset_s, [0, 2], atol=1e-3)
    assert notes.key.tolist() == [60, 64]


def test_note_without_pedal_ends_with_its_key(midi: Callable[..., Path]) -> None:
    notes = read_performance(midi("a.mid", on_off(0, 60, 1)))
    np.testing.assert_allclose(notes.off_s, notes.key_off_s)


def test_pedal_holds_a_note_until_it_is_let_go(midi: Callable[..., Path]) -> None:
    pedal = [(0.5, "cc", 64, 127), (3.0, "cc", 64, 0)]
    notes = read_performance(midi("a.mid", on_off(0, 60, 1) + on_off(3.5, 62, 4) + pedal))
    np.testing.assert_allclose(notes.off_s, [3, 4], atol=1e-3)


@pytest.mark.parametrize(("value", "held"), [(63, False), (64, True)])
def test_half_pedal_counts_from_its_middle(midi: Callable[..., Path], value: int, held: float) -> None:
    pedal = [(0.5, "cc", 64, value), (3.0, "cc", 64, 0)]
    notes = read_performance(midi("a.mid", on_off(0, 60, 1) + pedal))
    assert notes.off_s[0] == pytest.approx(3 if held else 1, abs=1e-3)


def test_file_that_ends_with_the_pedal_down_ends(midi: Callable[..., Path]) -> None:
    notes = read_performance(midi("a.mid", [*on_off(0, 60, 1), *on_off(4, 62, 5), (0.1, "cc", 64, 127)]))
    np.testing.assert_allclose(notes.off_s, [7, 7], atol=1e-3)
    assert notes.duration_s == pytest.approx(7, abs=1e-3)


def test_key_never_let_go_ends(midi: Callable[..., Path]) -> None:
    notes = read_performance(midi("a.mid", [(0, "on", 60, 80), *on_off(1, 62, 2)]))
    np.testing.assert_allclose(notes.off_s, [4, 2], atol=1e-3)


def test_soft_pedal_softens(midi: Callable[..., Path]) -> None:
    notes = read_performance(midi("a.mid", [*on_off(0, 60, 1), (1.5, "cc", 67, 127), *on_off(2, 60, 3)]))
    assert notes.velocity[1] < notes.velocity[0]


def test_tempo_of_the_file_counts(midi: Callable[..., Path]) -> None:
    notes = read_performance(midi("a.mid", on_off(0, 60, 1) + on_off(2, 62, 3), bpm=97))
    np.testing.assert_allclose(notes.onset_s, [0, 2], atol=2e-3)


def test_corrupt_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "torn.mid"
    path.write_bytes(b"MThd\0\0\0\6\0\0\0\1\1\xe0MTrk\0\0\xff\xff\0")
    with pytest.raises(ValueError, match=r"torn\.mid"):
        read_performance(path)


def test_file_without_notes_is_named(midi: Callable[..., Path]) -> None:
    with pytest.raises(ValueError, match=r"empty\.mid', holds no notes"):
        read_performance(midi("empty.mid", [(0, "cc", 64, 127)]))
