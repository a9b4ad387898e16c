"""Packs made from the panel: the form, progress, pause, cancel, failure, and the pack on the shelf."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from musika_daw.panel.make import builder
from musika_daw.panel.make.builder import PackBuild
from musika_daw.panel.make.form import MakeForm
from musika_daw.panel.window.window import PanelWindow

Until = Callable[..., bool]
STAND_IN = (sys.executable, str(Path(__file__).parent / "builder_stand_in.py"))


@pytest.fixture
def build(app: QApplication) -> Iterator[PackBuild]:
    made = PackBuild(command=STAND_IN)
    yield made
    made.close()


@pytest.fixture
def form(build: PackBuild, tmp_path: Path) -> Iterator[MakeForm]:
    made = MakeForm(build, tmp_path / "packs")
    made.show()
    yield made
    made.close()
    made.deleteLater()


def click(button: object) -> None:
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)  # type: ignore[call-overload]


def test_a_pack_is_made_with_progress_and_time_left(
    form: MakeForm, build: PackBuild, tmp_path: Path, until: Until
) -> None:
    finished: list[str] = []
    form.finished.connect(finished.append)
    click(form.start_button)
    assert build.state == "starting"
    assert until(lambda: build.progress.done >= 2)
    assert form.bar.isVisible()
    assert form.bar.text() == f"{build.progress.done} of 6"
    assert form.left.text().endswith(" left")
    assert not form.start_button.isEnabled()
    assert until(lambda: build.state == "done")
    assert form.notice.text == f"5 files in {tmp_path / 'packs' / 'first'}. 1 were given up, none kept to the limits."
    assert finished == [str(tmp_path / "packs" / "first")]
    assert form.start_button.isEnabled()


def test_a_pause_holds_the_build_and_its_clock(form: MakeForm, build: PackBuild, until: Until) -> None:
    click(form.start_button)
    assert until(lambda: build.progress.done >= 1)
    click(form.pause_button)
    assert (build.state, form.pause_button.text(), form.left.text()) == ("paused", "Go on", "paused")
    until(lambda: False, 0.5)  # what was on its way arrives
    held = build.progress.done
    assert not until(lambda: build.progress.done > held, 1.0)
    click(form.pause_button)
    assert until(lambda: build.state == "done")
    assert build.progress.done == 6


def test_where_nothing_can_be_frozen_a_pause_ends_the_build_and_resumes(
    form: MakeForm, build: PackBuild, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builder, "CAN_FREEZE", False)
    click(form.start_button)
    assert until(lambda: build.progress.done >= 2)
    click(form.pause_button)
    assert until(lambda: build.state == "paused")
    click(form.pause_button)
    assert until(lambda: build.state == "done")
    assert build.progress.kept >= 2
    click(form.start_button)
    assert until(lambda: build.progress.done >= 1)
    click(form.pause_button)
    assert until(lambda: build.state == "paused")
    click(form.cancel_button)
    assert build.state == "cancelled"


@pytest.mark.parametrize("paused", [False, True])
def test_a_cancelled_build_goes_on_from_there(form: MakeForm, build: PackBuild, until: Until, paused: bool) -> None:
    click(form.start_button)
    assert until(lambda: build.progress.done >= 2)
    if paused:
        click(form.pause_button)
    click(form.cancel_button)
    assert until(lambda: build.state == "cancelled")
    assert form.notice.text.startswith("Cancelled.")
    click(form.start_button)
    assert until(lambda: build.state == "done")
    assert build.progress.kept >= 2


def test_what_is_wrong_is_told_in_the_words_of_the_builder(form: MakeForm, build: PackBuild, until: Until) -> None:
    form.texts["--name"].setText("Wrong")
    click(form.start_button)
    assert until(lambda: build.state == "failed")
    assert form.notice.text == "The pack was not made: --bpm: 59, must be within 60..200"
    form.texts["--name"].setText("Killed")
    click(form.start_button)
    assert until(lambda: build.state == "failed" and "code -9" in form.notice.text)
    for box in form.kinds.values():
        box.setChecked(False)
    click(form.start_button)
    assert form.notice.text == "Choose techno, piano or both."
    assert not build.is_active


def test_lines_that_no_builder_writes_change_nothing(form: MakeForm, build: PackBuild, until: Until) -> None:
    form.texts["--name"].setText("Hostile")
    click(form.start_button)
    assert until(lambda: build.state == "done")
    assert (build.progress.files, build.progress.done) == (6, 6)


def test_a_builder_that_is_not_there_is_told(app: QApplication, tmp_path: Path) -> None:
    build = PackBuild(command=(str(tmp_path / "nothing"),))
    build.start(["--out=x"])
    assert (build.state, build.text) == ("failed", "musika-pack: No such file or directory")


def test_the_real_builder_takes_the_arguments_of_the_form(app: QApplication, tmp_path: Path, until: Until) -> None:
    build = PackBuild()
    form = MakeForm(build, tmp_path)
    form.texts["--bpm"].setText("59")
    click(form.start_button)
    assert until(lambda: build.state == "failed", 60)
    assert build.text == "--bpm: 59, must be within 60..200"
    form.texts["--bpm"].setText("120")
    form.texts["--density"].setText("2")
    click(form.start_button)
    assert until(lambda: build.state == "failed", 60)
    assert build.text.startswith("--density: 2")
    form.deleteLater()


def test_a_finished_pack_opens_on_the_shelf(window: PanelWindow, tmp_path: Path, until: Until) -> None:
    from tests.panel.conftest import write_loop

    window.tabs.setCurrentIndex(1)
    pack = tmp_path / "packs" / "fresh"
    write_loop(pack / "a_120bpm.wav")
    window.make.finished.emit(str(pack))
    assert window.tabs.currentWidget() is window.shelf
    assert until(lambda: window.model.rowCount() == 4)


def test_a_window_that_closes_ends_its_build(window: PanelWindow, tmp_path: Path, until: Until) -> None:
    window.build._command = list(STAND_IN)
    window.make.start_button.click()
    assert until(lambda: window.build.state == "building")
    process = window.build._process
    assert process is not None
    window.close()
    end_s = time.monotonic() + 10
    while process.poll() is None:
        assert time.monotonic() < end_s
        time.sleep(0.01)


def test_a_pack_is_called_after_its_folder_unless_named(form: MakeForm, tmp_path: Path) -> None:
    assert not any(argument.startswith("--name") for argument in form.arguments())
    assert Path(form.folder.text()).name == "first"
    QTest.keyClicks(form.texts["--name"], "Late Set")
    assert Path(form.folder.text()).name == "late-set"
    assert "--name=Late_Set" in form.arguments()
    form.folder.setText(str(tmp_path / "night"))
    form.folder.setModified(True)
    form.texts["--name"].clear()
    assert f"--out={tmp_path / 'night'}" in form.arguments()
    assert not any(argument.startswith("--name") for argument in form.arguments())
