"""Measures of stems on sound of which the answer is known, and a whole evaluation of a model of parts."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from musika_daw.score.parts import DRUMS
from musika_daw.score.roll import ROLES, Notes, sorted_notes
from training.cli import main
from training.evaluate.measures.pitch import cents_off
from training.evaluate.measures.stems import drum_onsets_s, heard_onsets_s, kick_agreement, leaks_db, onset_f
from training.evaluate.parts import PartsFacts, rows_of

RATE_HZ = 44_100
KICK, BASS = ROLES.index("drums"), ROLES.index("bass")


def kicks(count: int = 8, apart_s: float = 0.5) -> Notes:
    return sorted_notes([(n * apart_s, n * apart_s + 0.1, DRUMS["kick"], 1.0, KICK) for n in range(count)])


def struck(notes: Notes, hit: np.ndarray, seconds: float = 4.0) -> np.ndarray:
    out = np.zeros(round(seconds * RATE_HZ))
    for onset in notes.onset:
        first = round(onset * RATE_HZ)
        out[first : first + len(hit)] += hit[: len(out) - first]
    return np.repeat(out[:, None], 2, 1)


def kick(pitch_hz: float = 50.0) -> np.ndarray:
    time_s = np.arange(round(0.2 * RATE_HZ)) / RATE_HZ
    return np.sin(2 * np.pi * pitch_hz * time_s) * np.exp(-time_s / 0.06)


def click_at(amplitude: float) -> np.ndarray:
    return amplitude * np.random.default_rng(5).normal(size=900) * np.exp(-np.arange(900) / 200)


@given(st.lists(st.floats(0, 10), max_size=30, unique=True))
def test_onsets_found_as_told_are_all_right_and_far_ones_all_wrong(seconds: list[float]) -> None:
    told = np.array(sorted(seconds))
    if not len(told):
        assert np.isnan(onset_f(told, told))
        return
    assert onset_f(told, told) == 1
    assert onset_f(told + 20, told) == 0
    assert onset_f(told[:0], told) == 0


def test_one_extra_and_one_missing_of_four_are_three_quarters() -> None:
    assert onset_f(np.array([0.0, 1, 2, 5]), np.array([0.01, 1.02, 2, 3])) == pytest.approx(0.75)


def test_kicks_of_a_loop_are_found_where_they_are_struck() -> None:
    notes = kicks()
    heard = heard_onsets_s(struck(notes, click_at(0.3)).astype(np.float32), RATE_HZ)
    assert onset_f(heard, drum_onsets_s(notes)) == 1


def test_two_hits_at_once_are_one_onset() -> None:
    both = sorted_notes([(0.0, 0.1, DRUMS["kick"], 1.0, KICK), (0.01, 0.1, 42, 1.0, KICK), (1.0, 1.1, 42, 1.0, KICK)])
    assert drum_onsets_s(both).tolist() == [0.0, 1.0]


def test_the_same_kick_agrees_with_itself_and_a_bass_under_it_does_not() -> None:
    notes = kicks()
    loop = struck(notes, kick())
    assert kick_agreement(loop, notes, RATE_HZ) == pytest.approx(1, abs=1e-3)
    other = np.random.default_rng(2).normal(0, 1, (len(loop), 1))  # of low waves that are never the same
    assert kick_agreement(loop + 5 * other, notes, RATE_HZ) < 0.8
    assert np.isnan(kick_agreement(loop, kicks(1), RATE_HZ))


@pytest.mark.parametrize("share_db", [-12.0, -30.0])
def test_drums_that_bleed_into_a_line_are_told_in_decibels(share_db: float) -> None:
    notes = kicks()
    drums = struck(notes, click_at(0.5))
    leaks = leaks_db(10 ** (share_db / 20) * drums, drums, notes, "bass", RATE_HZ)
    assert len(leaks) == 8
    assert leaks == pytest.approx(np.full(8, share_db), abs=0.5)
    assert leaks_db(np.zeros_like(drums), drums, notes, "bass", RATE_HZ).max() < -60


def test_where_a_line_strikes_itself_nothing_leaks() -> None:
    notes = kicks()
    own = sorted_notes([*((n * 0.5, n * 0.5 + 0.2, 40, 1.0, BASS) for n in range(8)), *rows(notes)])
    drums = struck(notes, click_at(0.5))
    assert len(leaks_db(drums, drums, own, "bass", RATE_HZ)) == 0


def rows(notes: Notes) -> list[tuple[float, float, int, float, int]]:
    columns = (notes.onset, notes.off, notes.key, notes.velocity, notes.roles)
    return [(float(a), float(b), int(k), float(v), int(r)) for a, b, k, v, r in zip(*columns)]


def test_rows_count_a_relative_key_as_right_and_silence_as_nothing() -> None:
    def fact(heard: str) -> PartsFacts:
        cents, found = (4.0, -40.0), {"edma": "Amin" if heard == "Amaj" else heard}
        return PartsFacts(
            "loop", 10.0, 0.99, -10.0, "Amin", heard, "Amin", {"mix": 0.5}, cents, {}, {}, found, float("nan"), 2.0
        )

    table = {row.name: row for row in rows_of([fact("Amin"), fact("Cmaj"), fact("Emin"), fact("Amaj")])}
    key = table["key heard is the key meant or its relative"]
    assert (key.measured, key.reference, key.met) == (50.0, 100.0, False)
    assert table["key heard is the key meant or its relative, essentia's edma"].measured == 75
    assert not [name for name in table if "bgate" in name]
    assert table["low notes of the bass within 30 cents"].measured == 50
    assert table["drum onsets found, F, median"].measured is None
    assert table["drums heard in bass, loudest"].measured is None


@given(st.integers(28, 49), st.floats(-150, 150))
@settings(max_examples=25, deadline=None)
def test_a_bass_that_is_out_of_tune_is_heard_by_how_much(key: int, cents: float) -> None:
    time_s = np.arange(RATE_HZ) / RATE_HZ
    hertz = 440 * 2 ** ((key - 69) / 12 + cents / 1200)
    wave = np.sin(2 * np.pi * hertz * time_s) + 0.5 * np.sin(4 * np.pi * hertz * time_s)
    notes = sorted_notes([(0.1, 0.5, key, 1.0, BASS), (0.6, 0.65, key, 1.0, BASS)])
    found = cents_off(np.repeat(wave[:, None], 2, 1), notes, RATE_HZ)
    assert found == pytest.approx([cents], abs=12)


def test_a_bass_that_rests_is_neither_in_tune_nor_out_of_it() -> None:
    notes = sorted_notes([(0.1, 0.5, 36, 1.0, BASS), (0.1, 0.5, 72, 1.0, BASS)])
    assert not len(cents_off(np.zeros((RATE_HZ, 2)), notes, RATE_HZ))


def test_a_loop_of_the_model_of_parts_is_held_against_its_score(tmp_path: Path) -> None:
    words = [
        "evaluate",
        "parts",
        "parts",
        "--out",
        str(tmp_path / "out"),
        "--seeds",
        "2",
        "--bars",
        "2",
        "--threads",
        "1",
    ]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    told = json.loads((tmp_path / "out" / "results.json").read_text())
    assert [loop["name"] for loop in told["loops"]] == ["124 bpm, seed 3000", "128 bpm, seed 3001"]
    measured = {row["name"]: row["measured"] for row in told["rows"]}
    without_drums = {row["name"]: row["reference"] for row in told["rows"]}
    for role in ("bass", "lead", "chords"):
        name = f"drums heard in {role}, loudest"
        assert (without_drums[name] is None) == (measured[name] is None)
        assert measured[name] is None or (measured[name] < 0 and without_drums[name] < 0)
    assert measured["30..120 Hz waves of any two kicks, median of loops"] > 0.9
    assert measured["crest, median"] < 16
    assert (tmp_path / "out" / "spectrograms.png").stat().st_size > 10_000


def test_without_essentia_its_keys_are_refused_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "essentia", None)
    result = CliRunner().invoke(main, ["evaluate", "parts", "parts", "--essentia", "--out", str(tmp_path / "out")])
    assert result.exit_code != 0
    assert "essentia is not installed; it comes with: pip install 'essentia'" in result.output.splitlines()[-1]
    assert not (tmp_path / "out").exists()


def test_a_model_without_parts_is_refused_in_one_line(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["evaluate", "parts", "techno", "--out", str(tmp_path / "out")])
    assert result.exit_code != 0
    assert result.output.splitlines()[-1].endswith("'techno', must play a score of parts")
    assert not (tmp_path / "out").exists()
