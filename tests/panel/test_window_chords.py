"""Chords that are typed in the window."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from musika_daw.panel.window.window import PanelWindow
from tests.panel.conftest import StandIn, status

Until = Callable[..., bool]


def test_chords_are_typed_while_it_plays_and_what_is_heard_is_shown(
    window: PanelWindow, host: StandIn, until: Until
) -> None:
    row = window.steering.chords
    assert until(lambda: row.heard.text() == "now Am")
    QTest.keyClicks(row.field, "Dm | G7")
    QTest.keyClick(row.field, Qt.Key.Key_Return)
    assert until(lambda: host.asked("score") == [{"values": {"chords": "Dm | G7"}}])
    assert until(lambda: host.status["score"]["chords"] == "Dm | G7")
    host.status = status(score={"chords": "Dm | G7"}, chords={"heard": "Dm", "held": "F/C"})
    assert until(lambda: row.heard.text() == "now Dm   held F/C")
    assert row.field.text() == "Dm | G7"
    assert row.error.isHidden()
    host.status = status(score={"chords": "C"})
    assert until(lambda: row.field.text() == "C")
    row.field.selectAll()
    QTest.keyClick(row.field, Qt.Key.Key_Delete)
    QTest.keyClick(row.field, Qt.Key.Key_Return)
    assert until(lambda: host.asked("score")[-1] == {"values": {"chords": None}})


def test_chords_that_are_refused_stay_with_the_reason_until_they_are_mended_or_put_back(
    window: PanelWindow, host: StandIn, until: Until
) -> None:
    row = window.steering.chords
    host.status = status(score={"chords": "Am"})
    assert until(lambda: row.field.text() == "Am")
    host.errors["score"] = "chords: 'H', in bar 2, must be a chord"
    QTest.keyClicks(row.field, " | H")
    QTest.keyClick(row.field, Qt.Key.Key_Return)
    assert until(lambda: row.error.text() == "chords: 'H', in bar 2, must be a chord")
    assert not row.error.isHidden()
    assert not until(lambda: row.field.text() != "Am | H", 0.3)
    QTest.keyClick(row.field, Qt.Key.Key_Escape)
    assert (row.field.text(), row.error.isHidden()) == ("Am", True)


def test_a_model_without_a_score_takes_no_chords(window: PanelWindow, host: StandIn, until: Until) -> None:
    row = window.steering.chords
    host.status = status(chords={"heard": None})
    assert until(lambda: not row.field.isEnabled())
    assert row.field.placeholderText() == "plays no score"
    assert not row.heard.isVisibleTo(row)
    assert not window.steering.key.field.isEnabled()


def test_a_key_is_typed_and_one_that_is_none_stays_with_the_reason(
    window: PanelWindow, host: StandIn, until: Until
) -> None:
    row = window.steering.key
    assert until(lambda: row.field.isEnabled())
    QTest.keyClicks(row.field, "F#m")
    QTest.keyClick(row.field, Qt.Key.Key_Return)
    assert until(lambda: host.asked("score") == [{"values": {"key": "F#m"}}])
    assert until(lambda: row.field.isEnabled() and host.status["score"]["key"] == "F#m")
    host.errors["score"] = "key: 'H', must be a key like Am, F#, Bbmin or 8A"
    row.field.selectAll()
    QTest.keyClicks(row.field, "H")
    QTest.keyClick(row.field, Qt.Key.Key_Return)
    assert until(lambda: row.error.text() == "key: 'H', must be a key like Am, F#, Bbmin or 8A")
    assert window.steering.chords.error.isHidden()
    QTest.keyClick(row.field, Qt.Key.Key_Escape)
    assert (row.field.text(), row.error.isHidden()) == ("F#m", True)


def test_an_answer_to_what_was_typed_over_since_changes_nothing(window: PanelWindow) -> None:
    row = window.steering.chords
    row.field.setText("Am | F")
    row.answer("Am |", "chords: 'Am |', must be chords")
    assert row.error.isHidden()
    row.answer("Am | F", "chords: 'Am | F', must be others")
    assert not row.error.isHidden()
