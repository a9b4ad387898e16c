"""A sound file that the music is to sound like, in the window."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog

from musika_daw.panel.score.like_row import LikeRow
from musika_daw.panel.window.window import PanelWindow
from tests.panel.conftest import StandIn, status, write_loop

Until = Callable[..., bool]
STAND_IN = (sys.executable, str(Path(__file__).parent / "like_stand_in.py"))
PARTS = {part: {"mute": False, "solo": False, "heard": True} for part in ("drums", "bass", "lead", "chords")}
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def row(window: PanelWindow, host: StandIn, until: Until) -> LikeRow:
    """The row of a window whose host plays parts."""
    host.status = status(parts=PARTS)
    made = window.steering.like
    made.search.command = STAND_IN
    assert until(lambda: made.plays)
    return made


def test_a_file_is_chosen_by_keyboard_looked_through_told_to_the_host_and_emptied(
    row: LikeRow, host: StandIn, loops: Path, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_loop(loops / "drop.wav")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(file), ""))
    assert row.button.accessibleName() == "Sounds like: choose a sound"
    assert not row.empty.isEnabled()
    row.button.setFocus()
    QTest.keyClick(row.button, Qt.Key.Key_Space)
    assert row.search.is_active
    assert row.bar.isVisibleTo(row)
    assert row.button.accessibleName() == "Cancel the search for styles like drop.wav"
    assert until(lambda: row.bar.text() == "2 of 4 styles")
    assert until(lambda: host.asked("score") == [{"values": {"voices": "drums=8,bass=3"}}])
    assert until(lambda: row.button.text() == "drop.wav")
    assert row.bar.isHidden()
    assert row.button.toolTip() == "drop.wav: drums=8,bass=3. Click to choose another"
    QTest.keyClick(row.empty, Qt.Key.Key_Space)
    assert until(lambda: host.asked("score")[-1] == {"values": {"voices": None}})
    assert until(lambda: row.button.accessibleName() == "Sounds like: choose a sound")


def test_voices_that_others_asked_for_are_shown_as_they_are(row: LikeRow, host: StandIn, until: Until) -> None:
    host.status = status(parts=PARTS, score={"voices": "kick=12"})
    assert until(lambda: row.button.text() == "kick=12")
    assert row.empty.isEnabled()


def test_a_file_dropped_on_the_row_is_looked_for(row: LikeRow, host: StandIn, loops: Path, until: Until) -> None:
    drop(row, write_loop(loops / "odd.wav"))
    assert until(lambda: host.asked("score") == [{"values": {"voices": "drums=7,bass=3"}}])


def test_a_file_dropped_on_the_window_is_played_like_at_a_click(
    window: PanelWindow, row: LikeRow, host: StandIn, tmp_path: Path, until: Until
) -> None:
    window.take_dropped([write_loop(tmp_path / "mine" / "drop.wav")])
    assert window.notice.text == "drop.wav was put on the shelf, and is heard with the music."
    assert [button.text() for button in window.notice.buttons] == ["Play like it", "Close"]
    QTest.mouseClick(window.notice.buttons[0], LEFT)
    assert until(lambda: host.asked("score") == [{"values": {"voices": "drums=8,bass=3"}}])


def test_a_search_is_cancelled_and_its_process_is_gone(row: LikeRow, host: StandIn, loops: Path, until: Until) -> None:
    row.take(write_loop(loops / "slow.wav"))
    assert until(lambda: row.search.done == 4)
    pid = row.search.pid
    QTest.mouseClick(row.button, LEFT)
    assert not row.search.is_active
    assert until(lambda: not is_alive(pid))
    assert (row.bar.isHidden(), host.asked("score")) == (True, [])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("hiss.wav", "Like: hiss.wav: no steady beat is heard, must have one of 60 to 200 bpm, or --bpm"),
        ("whole.wav", "Like: the search ended with code 0 and found no voices"),
    ],
)
def test_why_nothing_is_found_is_said_in_the_notice(
    window: PanelWindow, row: LikeRow, host: StandIn, loops: Path, until: Until, name: str, said: str
) -> None:
    row.take(write_loop(loops / name))
    assert until(lambda: window.notice.text == said)
    assert (row.search.is_active, host.asked("score")) == (False, [])


def test_what_the_host_refuses_is_said_in_the_notice(
    window: PanelWindow, row: LikeRow, host: StandIn, loops: Path, until: Until
) -> None:
    host.errors["score"] = "voices: 'drums=8,bass=3', but stand-in plays no parts"
    row.take(write_loop(loops / "drop.wav"))
    assert until(lambda: window.notice.text == "Voices: 'drums=8,bass=3', but stand-in plays no parts")


def test_a_program_that_is_not_there_is_said(window: PanelWindow, row: LikeRow, loops: Path, until: Until) -> None:
    row.search.command = (str(loops / "none"),)
    row.take(write_loop(loops / "drop.wav"))
    assert until(lambda: window.notice.text == f"Like: {loops / 'none'} could not be started")
    assert not row.search.is_active


def test_a_model_without_parts_says_so_and_ends_a_search(
    window: PanelWindow, row: LikeRow, host: StandIn, loops: Path, until: Until
) -> None:
    row.take(write_loop(loops / "slow.wav"))
    host.status = status()
    assert until(lambda: not row.button.isEnabled())
    assert not row.search.is_active
    assert row.button.text() == "plays no parts"
    assert row.button.toolTip().startswith("This model plays no parts")
    data = mime(loops / "slow.wav")  # which an event does not hold
    enter = QDragEnterEvent(QPoint(5, 5), Qt.DropAction.CopyAction, data, LEFT, Qt.KeyboardModifier.NoModifier)
    enter.ignore()
    row.dragEnterEvent(enter)
    assert not enter.isAccepted()
    window.take_dropped([write_loop(loops / "drop.wav")])
    assert window.notice.text.endswith("To play like it, choose a model that plays parts: Host, Model, parts.")


def test_a_search_ends_with_the_window_and_with_the_host(
    window: PanelWindow, row: LikeRow, host: StandIn, loops: Path, until: Until
) -> None:
    row.take(write_loop(loops / "slow.wav"))
    assert until(lambda: row.search.done == 4)
    pid = row.search.pid
    window.client.lost.emit()
    assert not is_alive(pid)
    row.take(loops / "slow.wav")
    pid = row.search.pid
    window.close()
    assert not is_alive(pid)


@pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGKILL to end a panel by")
def test_a_search_ends_soon_after_a_panel_that_was_killed(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from PySide6.QtCore import QCoreApplication\n"
        "from musika_daw.panel.score.like_search import LikeSearch\n"
        "app = QCoreApplication([]); search = LikeSearch(); search.command = sys.argv[1:3]\n"
        "search.changed.connect(lambda: search.done and print(search.pid, flush=True))\n"
        "search.start(Path('slow.wav'), 'stand-in'); app.exec()\n"
    )
    panel = subprocess.Popen([sys.executable, "-c", code, *STAND_IN], stdout=subprocess.PIPE, text=True)
    assert panel.stdout is not None
    pid = int(panel.stdout.readline())
    panel.kill()
    panel.wait(10)
    panel.stdout.close()
    end_s = time.monotonic() + 10
    while is_alive(pid) and time.monotonic() < end_s:
        time.sleep(0.05)
    assert not is_alive(pid)


def is_alive(pid: int) -> bool:
    """Whether a process runs, where it is none that only waits to be asked how it ended."""
    try:
        os.kill(pid, 0 if os.name == "posix" else signal.SIGTERM)
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def mime(path: Path) -> QMimeData:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    return data


def drop(row: LikeRow, path: Path) -> None:
    data, none = mime(path), Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(5, 5), Qt.DropAction.CopyAction, data, LEFT, none)
    row.dragEnterEvent(enter)
    assert enter.isAccepted()
    row.dropEvent(QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, data, LEFT, none))
