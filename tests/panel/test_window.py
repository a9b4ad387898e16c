"""The window and a host: what is shown, what is asked, and what happens when the host goes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from musika_daw.panel.link.host_link import with_option
from musika_daw.panel.window.app import PanelOptions, make_window
from musika_daw.panel.window.window import PanelWindow
from tests.panel.conftest import StandIn, end, status, write_loop

Until = Callable[..., bool]
LEFT = Qt.MouseButton.LeftButton


def test_what_the_host_says_is_shown(window: PanelWindow, host: StandIn, until: Until) -> None:
    strip = window.strip
    assert until(lambda: strip.tempo.text() == "128.00")
    assert (strip.place.text(), strip.lamp.state, strip.error.text()) == ("3 . 2", "locked", "+0.02 ms")
    assert (strip.ahead.text(), strip.holes.text()) == ("5.5 s ahead", "0")
    assert strip.play.accessibleName() == "Stop"
    assert not window.host_notice.isVisible()
    host.status = status(transport={"playing": False}, lock={"locked": False, "error_ms": None}, sound={"underruns": 4})
    assert until(lambda: strip.lamp.state == "stopped" and strip.holes.text() == "4")
    assert strip.play.accessibleName() == "Play"


def redness(widget: QWidget) -> int:
    """How many pixels of its picture are clearly red."""
    image = widget.grab().toImage()
    colours = [image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height())]
    return sum(colour.red() > max(colour.green(), colour.blue()) + 60 for colour in colours)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_clipping_lights_up_until_a_click_clears_it(
    window: PanelWindow, host: StandIn, until: Until, theme: str
) -> None:
    clip = window.strip.clip
    window.set_theme(theme)
    assert until(lambda: window.strip.holes.text() == "0")
    assert (clip.text(), clip.isEnabled(), redness(clip)) == ("no clip", False, 0)
    host.status = status(sound={"clipped": 3})
    assert until(lambda: clip.text() == "CLIP 3")
    assert clip.accessibleName() == "Clipping: 3 blocks"
    assert redness(clip) > 30
    QTest.mouseClick(clip, LEFT)
    assert (clip.text(), redness(clip)) == ("no clip", 0)
    host.status = status(sound={"clipped": 5}, transport={"bar": 9})
    assert until(lambda: clip.text() == "CLIP 2")
    host.status = status(sound={"clipped": 1})  # another host, which has counted anew
    assert until(lambda: clip.text() == "CLIP 1")


def test_the_level_is_shown_and_falls_slowly(window: PanelWindow, host: StandIn, until: Until) -> None:
    level = window.strip.level
    host.status = status(sound={"peak_db": -1.0})
    assert until(lambda: level.level_db == -1.0)
    assert level.accessibleName() == "Level: -1 dBFS"
    host.status = status(sound={"peak_db": None})
    assert until(lambda: level.level_db < -2)
    assert level.level_db > -60
    assert until(lambda: level.accessibleName() == "Level: silent")
    assert redness(level) == 0
    level.set_level(3.0)
    assert (level.level_db, level.accessibleName()) == (0.0, "Level: 0 dBFS")
    assert redness(level) > 100
    window.strip.show_nothing()  # once: nobody would call again to let it fall
    assert (level.level_db, level.accessibleName(), redness(level)) == (-60.0, "Level: silent", 0)


def test_no_lock_error_is_minus_nothing(window: PanelWindow, host: StandIn, until: Until) -> None:
    for error_ms, text in ((-0.002, "+0.00 ms"), (-0.006, "-0.01 ms"), (0.004, "+0.00 ms")):
        host.status = status(lock={"locked": True, "error_ms": error_ms})
        assert until(lambda text=text: window.strip.error.text() == text)


def test_a_cleared_light_stays_dark_where_the_same_host_comes_back(window: PanelWindow, until: Until) -> None:
    clip = window.strip.clip
    clip.set_told(4)
    clip.clear()
    window.strip.show_nothing()
    clip.set_told(4)
    assert clip.text() == "no clip"


def test_a_source_that_says_nothing_is_explained_and_the_offer_is_one_click(
    window: PanelWindow, host: StandIn, until: Until
) -> None:
    offer = {"label": "Use the host's own clock", "message": {"kind": "source", "name": "internal"}}
    host.status = status(
        source={
            "name": "midi:X",
            "state": "waiting",
            "reason": "no MIDI clock arrives",
            "fix": "Switch it on.",
            "offers": [offer],
            "steers": False,
        }
    )
    assert until(lambda: window.host_notice.text == "midi:X: No MIDI clock arrives. Switch it on.")
    assert window.strip.lamp.state == "no source"
    assert not window.strip.play.isEnabled()
    QTest.mouseClick(window.host_notice.buttons[0], LEFT)
    assert until(lambda: host.asked("source") == [{"name": "internal", "bpm": None}])
    host.status = status()
    assert until(lambda: not window.host_notice.isVisible())


def test_a_control_is_set_undone_and_redone(window: PanelWindow, host: StandIn, until: Until) -> None:
    density = window.steering.sliders["density"]
    density.slider.setValue(700)
    assert until(lambda: host.asked("set") == [{"values": {"density": 0.7}}])
    assert until(lambda: density.value == pytest.approx(0.7))
    window.undo.undo()
    assert until(lambda: density.auto.isChecked() and host.status["values"]["density"] is None)
    window.undo.redo()
    assert until(lambda: host.status["values"]["density"] == 0.7 and density.number.value() == 0.7)


def test_one_drag_is_one_step_back_and_controls_do_not_mix(window: PanelWindow, host: StandIn, until: Until) -> None:
    energy, variety = window.steering.sliders["energy"], window.steering.sliders["truncation"]
    for place in range(100, 900, 100):
        energy.slider.setValue(place)
    variety.slider.setValue(300)
    assert until(lambda: host.status["values"]["truncation"] == 0.3)
    window.undo.undo()
    assert until(lambda: host.status["values"]["truncation"] == 1)
    assert host.status["values"]["energy"] == 0.8
    window.undo.undo()
    assert until(lambda: host.status["values"]["energy"] is None)


def test_a_double_click_goes_back_to_the_start(window: PanelWindow, host: StandIn, until: Until) -> None:
    gain = window.steering.sliders["gain_db"]
    gain.number.setValue(-20)
    assert until(lambda: host.status["values"]["gain_db"] == -20)
    QTest.mouseDClick(gain.slider, LEFT)
    assert until(lambda: host.status["values"]["gain_db"] == 0)


def test_dice_pad_effects_and_seeds(window: PanelWindow, host: StandIn, until: Until) -> None:
    steering = window.steering
    assert not steering.pad.isEnabled()
    QTest.mouseClick(steering.seeds["morph_seed"].dice, LEFT)
    assert until(lambda: isinstance(host.status["values"]["morph_seed"], int) and steering.pad.isEnabled())
    QTest.mouseClick(steering.pad, LEFT, pos=QPoint(steering.pad.width() // 2, 20))
    assert until(lambda: host.status["values"]["morph"] == pytest.approx(0.5, abs=0.02))
    steering.pad.setFocus()
    QTest.keyClick(steering.pad, Qt.Key.Key_End)
    assert until(lambda: host.status["values"]["morph"] == 1)
    field = steering.seeds["seed"].field
    field.setFocus()
    field.selectAll()
    QTest.keyClicks(field, str(2**64 - 1))
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert until(lambda: host.status["values"]["seed"] == 2**64 - 1)
    field.selectAll()
    QTest.keyClicks(field, "no number")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert field.text() == str(2**64 - 1)
    QTest.mouseClick(steering.effects_box, LEFT, pos=QPoint(8, steering.effects_box.height() // 2))
    assert until(lambda: host.asked("effects") == [{"on": False}])


def test_parts_are_muted_by_a_click_and_soloed_by_one_with_alt(
    window: PanelWindow, host: StandIn, until: Until
) -> None:
    parts = window.steering.parts
    assert not parts.isVisible(), "a model without parts"
    heard = {"mute": False, "solo": False, "heard": True}
    host.status = status(parts=dict.fromkeys(("drums", "bass", "lead", "chords"), heard))
    assert until(parts.isVisible)
    QTest.mouseClick(parts.buttons["bass"], LEFT)
    QTest.mouseClick(parts.buttons["drums"], LEFT, Qt.KeyboardModifier.AltModifier)
    QTest.mouseClick(parts.buttons["lead"], LEFT, Qt.KeyboardModifier.ShiftModifier)
    asked = [{"action": action} for action in ("mute_bass", "solo_drums", "solo_lead")]
    assert until(lambda: host.asked("act") == asked)
    assert parts.buttons["bass"].isChecked(), "until the host says that it is not"
    host.status["parts"] = {**host.status["parts"], "bass": {"mute": True, "solo": False, "heard": False}}
    assert until(lambda: not parts.buttons["bass"].isChecked())
    assert parts.buttons["bass"].accessibleName() == "Bass: not heard, muted"
    assert parts.buttons["bass"].text() == "Bass M"
    QTest.mouseClick(window.steering.learn_mode, LEFT)
    QTest.mouseClick(parts.learns["solo_chords"], LEFT)
    assert until(lambda: host.asked("learn") == [{"name": "solo_chords"}])
    malformed = window.client.malformed
    host.status["parts"] = {"bass": {"mute": 1}}
    assert until(lambda: window.client.malformed > malformed)


def test_a_controller_is_learnt(window: PanelWindow, host: StandIn, until: Until) -> None:
    button = window.steering.sliders["density"].learn
    assert not button.isVisible()
    QTest.mouseClick(window.steering.learn_mode, LEFT)
    assert button.isVisible()
    QTest.mouseClick(button, LEFT)
    assert until(lambda: host.asked("learn") == [{"name": "density"}])
    host.status = status(midi={"learning": "density"})
    assert until(lambda: button.text() == "move" and button.isChecked())
    QTest.mouseClick(button, LEFT)
    assert until(lambda: host.asked("learn")[-1] == {"name": None})
    host.status = status(midi={"bindings": {"density": 21}})
    assert until(lambda: button.text() == "CC 21" and not button.isChecked())
    host.status = status(midi={"learning": "density"})
    assert until(lambda: button.isChecked())
    QTest.mouseClick(window.steering.learn_mode, LEFT)
    assert not button.isVisible()
    assert until(lambda: host.asked("learn")[-1] == {"name": None}), "nothing waits out of sight"


def test_the_tempo_is_set_where_the_clock_is_the_hosts_own(window: PanelWindow, host: StandIn, until: Until) -> None:
    strip = window.strip
    assert until(lambda: strip.own_tempo.isVisible() and not strip.tempo.isVisible())
    assert until(lambda: strip.own_tempo.value() == 128)
    assert host.asked("source") == []
    strip.own_tempo.setFocus()
    strip.own_tempo.selectAll()
    QTest.keyClicks(strip.own_tempo, "93.5")
    QTest.keyClick(strip.own_tempo, Qt.Key.Key_Return)
    assert until(lambda: host.asked("source") == [{"name": "internal", "bpm": 93.5}])
    host.status = status(transport={"bpm": 93.5})
    assert until(lambda: strip.tempo.text() == "93.50")
    assert strip.own_tempo.value() == 93.5
    host.status = status(source={"name": "jack", "steers": False})
    assert until(lambda: strip.tempo.isVisible() and not strip.own_tempo.isVisible())
    assert host.asked("source") == [{"name": "internal", "bpm": 93.5}]


def test_a_capture_is_seen_even_while_a_search_is_set(
    window: PanelWindow, host: StandIn, tmp_path: Path, until: Until
) -> None:
    window.shelf.search.setText("nothing like it")
    window.shelf.stars.setChecked(True)
    kept = write_loop(tmp_path / "kept" / "Loops" / "MSK_Live_128bpm_slate.wav", 128, 16)
    host.say(b'{"musika":1,"kind":"kept","file":"%s"}\n' % str(kept).encode())
    assert until(lambda: window.model.row_of(kept) is not None)
    assert (window.shelf.search.text(), window.shelf.stars.isChecked()) == ("", False)


def test_a_capture_that_takes_long_is_told_until_it_is_there(window: PanelWindow, host: StandIn, until: Until) -> None:
    bar = window.messages
    assert until(lambda: window.strip.holes.text() == "0")
    assert bar.currentMessage() == ""
    host.status = status(keeping=1)
    assert until(lambda: bar.currentMessage() == "Capturing…")
    bar.clearMessage()  # as time does
    assert until(lambda: bar.currentMessage() == "Capturing…")
    host.status = status(transport={"bar": 9})
    assert until(lambda: window.strip.place.text().startswith("9"))
    bar.clearMessage()
    assert not until(lambda: bar.currentMessage() != "", 0.5)


def test_spaces_in_names_of_packs_are_allowed(window: PanelWindow) -> None:
    window.make.texts["--name"].setText(" Late  Night Set ")
    assert "--name=Late_Night_Set" in window.make.arguments()
    assert not any("Late " in argument for argument in window.make.arguments())


@pytest.mark.parametrize("kind", ["techno", "piano"])
def test_a_pack_of_one_kind_asks_for_nothing_of_the_other(window: PanelWindow, kind: str) -> None:
    for name, box in window.make.kinds.items():
        box.setChecked(name == kind)
    arguments = window.make.arguments()
    assert [a for a in arguments if a.startswith("--kind")] == [f"--kind={kind}"]
    assert any(a.startswith("--density") for a in arguments) == (kind == "piano")


def test_an_option_of_the_host_is_set_whatever_it_was() -> None:
    assert with_option(["internal", "--model", "techno", "--x"], "--model", "piano") == [
        "internal",
        "--model",
        "piano",
        "--x",
    ]
    assert with_option(["internal"], "--model", "piano") == ["internal", "--model", "piano"]


def test_models_are_listed_and_not_chosen_for_a_host_of_others(window: PanelWindow, until: Until) -> None:
    found: list[list[str]] = []
    window.menus.names.found.connect(found.append)
    window.menus.names.ask()
    assert until(lambda: found, 60)
    assert {"piano", "techno"} <= set(found[0])
    assert window.link.model
    with pytest.raises(ValueError, match="started elsewhere"):
        window.link.use_model("piano")


def test_captured_bars_come_onto_the_shelf(window: PanelWindow, host: StandIn, tmp_path: Path, until: Until) -> None:
    QTest.mouseClick(window.steering.keep_buttons[4], LEFT)
    assert until(lambda: host.asked("act") == [{"action": "keep_4"}])
    kept = write_loop(tmp_path / "kept" / "Loops" / "MSK_Live_128bpm_slate.wav", 128, 16)
    host.say(b'{"musika":1,"kind":"kept","file":"%s"}\n' % str(kept).encode())
    assert until(lambda: window.model.row_of(kept) == 0)
    assert window.model.sound(window.model.index(0)).labels.bars == 4


def test_a_tile_is_heard_and_silenced(window: PanelWindow, host: StandIn, until: Until) -> None:
    view = window.shelf.view
    view.setCurrentIndex(window.model.index(1))
    sound = window.model.sound(window.model.index(1))
    QTest.keyClick(view, Qt.Key.Key_Return)
    assert until(lambda: host.asked("audition") == [{"file": str(sound.path), "gain_db": 0.0}])
    host.status = status(audition={"file": str(sound.path), "state": "waiting"})
    assert until(lambda: window.model.audition == sound.path)
    QTest.keyClick(view, Qt.Key.Key_Space)
    assert until(lambda: host.asked("audition")[-1]["file"] is None)


def test_an_error_of_the_host_is_told(window: PanelWindow, host: StandIn, until: Until) -> None:
    host.errors["audition"] = "a.wav: not a RIFF/WAVE file"
    window.shelf.auditioned.emit(window.model.sound(window.model.index(0)))
    assert until(lambda: window.notice.text == "A.wav: not a RIFF/WAVE file")
    QTest.mouseClick(window.notice.buttons[0], LEFT)
    assert not window.notice.isVisible()


def test_a_host_that_goes_and_comes_back_is_joined_again(window: PanelWindow, host: StandIn, until: Until) -> None:
    port, before = host.port, len(host.asked("hello"))
    host.server.close()
    assert until(lambda: window.strip.lamp.state == "no host")
    assert window.steering.chords.heard.text() == ""
    assert "No host answers" in window.host_notice.text
    again = StandIn(Path("kept"), port, pid=2)
    try:
        assert until(lambda: window.strip.lamp.state == "locked")
        assert before == 1
        assert len(again.asked("hello")) == 1
        assert not window.host_notice.isVisible()
        assert again.asked("set") == []  # a host that others started is not told what it should be
    finally:
        again.server.close()


def test_what_no_host_would_say_is_counted_and_survived(window: PanelWindow, host: StandIn, until: Until) -> None:
    host.say(
        b"\xff\n{}\n[]\n" + b'{"musika":1,"kind":"status"}\n{"musika":1,"kind":"kept","file":7}\n' + b"[" * 9000 + b"\n"
    )
    assert until(lambda: window.client.malformed >= 5)
    host.say(b"x" * (3 << 20))
    assert until(lambda: len(host.asked("hello")) == 2)
    assert until(lambda: window.client.is_welcome)


def test_window_folders_and_theme_are_remembered(
    window: PanelWindow, host: StandIn, tmp_path: Path, app: QApplication, until: Until
) -> None:
    window.resize(770, 640)
    window.set_theme("light")
    window.shelf.order.setCurrentIndex(2)
    window.tabs.setCurrentIndex(1)
    app.processEvents()
    window.close()
    again = make_window(PanelOptions(host.port, None, (), None, tmp_path / "panel.ini", tmp_path / "music"))
    again.show()
    try:
        assert (again.width(), again.height(), again.theme) == (770, 640, "light")
        assert (again.shelf.order.currentIndex(), again.tabs.currentIndex()) == (2, 1)
        assert until(lambda: again.model.rowCount() == 3)
        again.set_theme("dark")
    finally:
        end(again)


def test_a_folder_that_is_dropped_goes_on_the_shelf_and_a_text_file_is_refused(
    window: PanelWindow, host: StandIn, tmp_path: Path, until: Until
) -> None:
    other = write_loop(tmp_path / "mine" / "mine_99bpm.wav", 99).parent
    (tmp_path / "a.txt").write_text("a")
    drop(window, other)
    assert until(lambda: window.model.rowCount() == 4)
    assert "musika-train corpus folder" in window.notice.text
    drop(window, other / "mine_99bpm.wav")
    assert until(lambda: host.asked("audition") == [{"file": str(other / "mine_99bpm.wav"), "gain_db": 0.0}])
    drop(window, tmp_path / "a.txt")
    assert until(lambda: window.notice.text.startswith("A.txt: neither a folder nor a sound"))


def drop(window: PanelWindow, path: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    enter = QDragEnterEvent(QPoint(5, 5), Qt.DropAction.CopyAction, data, LEFT, Qt.KeyboardModifier.NoModifier)
    window.dragEnterEvent(enter)
    assert enter.isAccepted()
    window.dropEvent(QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, data, LEFT, Qt.KeyboardModifier.NoModifier))
