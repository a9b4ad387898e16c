"""The shelf: what is found, searched, heard, starred, renamed, deleted and dragged."""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QPainter, QPixmap
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QStyleOptionViewItem

from musika_daw.panel.shelf import files, library
from musika_daw.panel.shelf.library import Sound, scan, words_of
from musika_daw.panel.shelf.marks import Marks
from musika_daw.panel.shelf.model import ShelfModel
from musika_daw.panel.shelf.thumbnails import POINTS, Thumbnails
from musika_daw.panel.shelf.tile import HEIGHT, WIDTH
from musika_daw.panel.window.window import PanelWindow
from musika_daw.sound.labels import Labels
from tests.panel.conftest import RATE, StandIn, write_loop

Until = Callable[..., bool]


def names(window: PanelWindow) -> list[str]:
    model = window.model
    return [model.sound(model.index(row)).name for row in range(model.rowCount())]


def path_of(window: PanelWindow, word: str) -> Path:
    model = window.model
    found = (model.sound(model.index(row)) for row in range(model.rowCount()))
    return next(sound.path for sound in found if word in sound.name)


def choose(window: PanelWindow, *words: str) -> None:
    view = window.shelf.view
    selection = view.selectionModel()
    selection.clearSelection()
    for word in words:
        row = window.model.row_of(path_of(window, word))
        index = window.model.index(row)
        view.setCurrentIndex(index)
        selection.select(index, selection.SelectionFlag.Select)
    for word in words:
        index = window.model.index(window.model.row_of(path_of(window, word)))
        selection.select(index, selection.SelectionFlag.Select)


def test_packs_are_read_by_their_manifest_and_other_files_by_their_labels(tmp_path: Path) -> None:
    pack = tmp_path / "packs" / "first"
    inside = write_loop(pack / "Loops" / "130bpm" / "a_130bpm.wav", 130)
    write_loop(tmp_path / "packs" / "loose_100bpm.wav", 100, 4)
    (tmp_path / "packs" / "broken.wav").write_bytes(b"RIFF")
    (tmp_path / "packs" / "half.wav.part").write_bytes(b"RIFF")
    write_loop(tmp_path / "packs" / ".deleted" / "gone.wav")
    row = {
        "file": "Loops/130bpm/a_130bpm.wav",
        "frames": 100,
        "sample_rate_hz": 44_100,
        "bpm": 130.0,
        "beats": 4,
        "bars": 1,
        "key": "F#maj",
        "density_measured": 0.25,
        "kind": "techno",
        "shape": "loop",
    }
    gone = row | {"file": "Loops/130bpm/b_130bpm.wav"}
    (pack / "manifest.json").write_text(json.dumps({"files": [row, gone]}))
    found = scan(tmp_path / "packs")
    by_name = {sound.name: sound for sound in found.sounds}
    assert set(by_name) == {"a_130bpm", "loose_100bpm"}
    assert by_name["a_130bpm"].path == inside
    assert by_name["a_130bpm"].pack == "first"
    assert by_name["a_130bpm"].facts == ("130 bpm", "1 bar", "F# major", "density 0.25")
    assert by_name["loose_100bpm"].facts == ("100 bpm", "1 bar")
    assert len(found.problems) == 1
    assert "broken.wav" in found.problems[0]
    assert scan(tmp_path / "nowhere").problems == (f"{tmp_path / 'nowhere'}: no such folder",)


def test_a_damaged_manifest_is_told_and_the_files_are_found(tmp_path: Path) -> None:
    write_loop(tmp_path / "a_120bpm.wav")
    (tmp_path / "manifest.json").write_text("{")
    found = scan(tmp_path)
    assert [sound.name for sound in found.sounds] == ["a_120bpm"]
    assert "not valid json" in found.problems[0]


def test_linked_folders_are_looked_through_once(tmp_path: Path) -> None:
    music, elsewhere = tmp_path / "music", tmp_path / "elsewhere"
    for folder in (music, elsewhere):
        folder.mkdir()
        write_loop(folder / f"{folder.name}.wav")
    (music / "album").symlink_to(elsewhere)
    (elsewhere / "ring").symlink_to(music)
    found = scan(music)
    assert sorted(sound.name for sound in found.sounds) == ["elsewhere", "music"]
    assert found.problems == ()


def test_there_is_an_end_to_what_is_looked_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "FILES_MAX", 3)
    for index in range(5):
        write_loop(tmp_path / f"{index}_120bpm.wav", beats=1)
    found = scan(tmp_path)
    assert len(found.sounds) == 3
    assert "more than 3 files" in found.problems[0]


def test_search_and_order(window: PanelWindow) -> None:
    shelf = window.shelf
    shelf.order.setCurrentIndex(1)
    assert names(window) == ["MSK_120bpm_amber", "MSK_128bpm_birch", "MSK_130bpm_Amin_cobalt"]
    QTest.keyClicks(shelf.search, "loops a minor")
    assert names(window) == ["MSK_130bpm_Amin_cobalt"]
    assert shelf.count.text() == "1 of 3 sounds"
    shelf.search.setText("nothing like it")
    assert (names(window), shelf.view.empty_text) == ([], "Nothing matches the search.")
    shelf.search.clear()
    shelf.order.setCurrentIndex(2)
    assert [name[4:7] for name in names(window)] == ["120", "128", "130"]


def test_what_is_chosen_stays_chosen_when_something_is_captured(window: PanelWindow, loops: Path, until: Until) -> None:
    choose(window, "amber", "birch")
    write_loop(loops / "MSK_99bpm_new.wav", 99)
    assert until(lambda: window.model.rowCount() == 4)
    assert {sound.name for sound in window.shelf.view.chosen()} == {"MSK_120bpm_amber", "MSK_128bpm_birch"}
    assert window.shelf.view.currentIndex().isValid()


def test_stars_are_kept_and_undone(window: PanelWindow, tmp_path: Path) -> None:
    choose(window, "birch")
    QTest.keyClick(window.shelf.view, Qt.Key.Key_S)
    path = path_of(window, "birch")
    assert path in Marks(tmp_path / "stars.json")
    window.shelf.stars.setChecked(True)
    assert names(window) == ["MSK_128bpm_birch"]
    window.undo.undo()
    assert names(window) == []
    assert path not in Marks(tmp_path / "stars.json")


@pytest.mark.parametrize("text", ["", "{", "[1, null]", '{"a": 1}', "[" * 100_000])
def test_a_damaged_list_of_stars_is_an_empty_one(tmp_path: Path, text: str) -> None:
    (tmp_path / "stars.json").write_text(text)
    marks = Marks(tmp_path / "stars.json")
    marks.set(tmp_path / "a.wav", True)
    assert tmp_path / "a.wav" in Marks(tmp_path / "stars.json")


def test_deleted_sounds_come_back(window: PanelWindow, until: Until) -> None:
    paths = [path_of(window, "amber"), path_of(window, "birch")]
    data = [path.read_bytes() for path in paths]
    choose(window, "amber", "birch")
    QTest.keyClick(window.shelf.view, Qt.Key.Key_Delete)
    assert names(window) == ["MSK_130bpm_Amin_cobalt"]
    assert not any(path.exists() for path in paths)
    window.undo.undo()
    assert [path.read_bytes() for path in paths] == data
    assert len(names(window)) == 3
    window.undo.redo()
    assert not any(path.exists() for path in paths)
    window.undo.undo()
    assert until(lambda: len(names(window)) == 3)


def test_the_midi_file_beside_a_sound_goes_where_it_goes(window: PanelWindow, until: Until) -> None:
    path = path_of(window, "amber")
    midi = path.with_suffix(".mid")
    midi.write_bytes(b"MThd of amber")
    for _ in range(2):
        choose(window, "amber")
        QTest.keyClick(window.shelf.view, Qt.Key.Key_Delete)
        assert not path.exists()
        assert not midi.exists()
        window.undo.undo()
        assert midi.read_bytes() == b"MThd of amber"
        assert until(lambda: len(names(window)) == 3)
    sound = window.model.sound(window.model.index(window.model.row_of(path)))
    window.desk.rename(sound, "dark kick")
    assert path.with_name("dark kick.mid").read_bytes() == b"MThd of amber"
    assert not midi.exists()
    window.undo.undo()
    assert midi.is_file()
    assert path.is_file()


def test_a_sound_is_not_renamed_over_the_midi_file_of_another(tmp_path: Path) -> None:
    path, other = write_loop(tmp_path / "a.wav"), tmp_path / "b.mid"
    path.with_suffix(".mid").write_bytes(b"of a")
    other.write_bytes(b"of b")
    with pytest.raises(FileExistsError, match="there is a file of that name already"):
        files.renamed(path, tmp_path / "b.wav")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mid", "a.wav", "b.mid"]
    assert other.read_bytes() == b"of b"
    write_loop(tmp_path / "c.wav").rename(tmp_path / "a.flac")
    assert files.with_midi(path) == (path,), "it is the other sound's too"


def test_without_a_bin_of_the_system_there_is_one_beside_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class NoBin:
        def __init__(self, name: str) -> None:
            return

        def moveToTrash(self) -> bool:
            return False

    monkeypatch.setattr(files, "QFile", NoBin)
    path = write_loop(tmp_path / "a.wav")
    first = files.to_bin(path)
    write_loop(path)
    second = files.to_bin(path)
    assert {first, second} == {tmp_path / ".deleted" / "a.wav", tmp_path / ".deleted" / "a_2.wav"}
    assert scan(tmp_path).sounds == ()
    with pytest.raises(FileNotFoundError):
        files.to_bin(path)


def test_a_sound_is_renamed_with_its_star_and_back(window: PanelWindow, tmp_path: Path, until: Until) -> None:
    path = path_of(window, "birch")
    window.shelf.delegate.starred.emit(window.model.sound(window.model.index(window.model.row_of(path))))
    choose(window, "birch")
    view = window.shelf.view
    QTest.keyClick(view, Qt.Key.Key_F2)
    editor = view.viewport().findChild(QLineEdit)
    assert editor is not None
    assert until(editor.hasFocus)
    write_loop(path.with_name("MSK_99bpm_new.wav"), 99)  # what comes meanwhile does not interrupt
    until(lambda: window.model.rowCount() == 4, 1.5)
    editor.selectAll()
    QTest.keyClicks(editor, "dark kick.wav")
    QTest.keyClick(editor, Qt.Key.Key_Return)
    fresh = path.with_name("dark kick.wav")
    assert until(fresh.is_file)
    assert not path.exists()
    assert fresh in Marks(tmp_path / "stars.json")
    assert until(lambda: {"dark kick", "MSK_99bpm_new"} <= set(names(window)))
    window.undo.undo()
    assert path.is_file()
    assert path in Marks(tmp_path / "stars.json")


@pytest.mark.parametrize("name", ["a/b", "", ".hidden", "x" * 200, "tab\there", "MSK_120bpm_amber"])
def test_a_name_that_cannot_be_is_told_and_nothing_is_overwritten(window: PanelWindow, name: str) -> None:
    path = path_of(window, "birch")
    sound = window.model.sound(window.model.index(window.model.row_of(path)))
    amber = path_of(window, "amber").read_bytes()
    window.desk.rename(sound, name)
    assert window.notice.isVisible()
    assert path.is_file()
    assert path_of(window, "amber").read_bytes() == amber


def test_a_full_disk_is_told(window: PanelWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "stars.json")

    monkeypatch.setattr("musika_daw.panel.shelf.marks.write_atomic", full)
    window.desk.star(window.model.sound(window.model.index(0)), True)
    assert window.notice.text == "Stars.json: no space left on device"


def test_what_is_dragged_are_the_files_that_are_there(window: PanelWindow) -> None:
    model = window.model
    indexes = [model.index(row) for row in range(3)]
    paths = [model.sound(index).path for index in indexes]
    assert [url.toLocalFile() for url in model.mimeData(indexes).urls()] == [str(path) for path in paths]
    paths[1].unlink()
    assert [url.toLocalFile() for url in model.mimeData(indexes).urls()] == [str(paths[0]), str(paths[2])]
    assert model.flags(indexes[0]) & Qt.ItemFlag.ItemIsDragEnabled


def test_clicks_on_star_and_play_sign(window: PanelWindow, host: StandIn, until: Until) -> None:
    view = window.shelf.view
    area = view.visualRect(window.model.index(0))
    sound = window.model.sound(window.model.index(0))
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=area.topLeft() + QPoint(18, 16))
    assert sound.path in window.model.marks
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=area.topLeft() + QPoint(18, 32))
    assert until(lambda: host.asked("audition") == [{"file": str(sound.path), "gain_db": 0.0}])


@pytest.mark.parametrize("ratio", [1.0, 2.0])
def test_tiles_are_as_sharp_as_the_screen(window: PanelWindow, until: Until, ratio: float) -> None:
    delegate, index = window.shelf.delegate, window.model.index(0)
    assert until(lambda: window.thumbnails.get(window.model.sound(index)) is not None)
    ground = QPixmap(round(WIDTH * ratio), round(HEIGHT * ratio))
    ground.setDevicePixelRatio(ratio)
    ground.fill(Qt.GlobalColor.black)
    option = QStyleOptionViewItem()
    option.rect = QRect(0, 0, WIDTH, HEIGHT)
    painter = QPainter(ground)
    delegate.paint(painter, option, index)
    painter.end()
    image = ground.toImage()
    colours = {image.pixel(x, image.height() // 4) for x in range(image.width())}
    assert len(colours) > 3  # a waveform and its ground
    assert image.width() == WIDTH * ratio


def test_waveforms_are_read_once_and_kept_on_disk(app: QApplication, tmp_path: Path, until: Until) -> None:
    path = write_loop(tmp_path / "a.wav")
    sound = Sound(path, Labels(1, 44_100), "p", path.stat().st_mtime)
    thumbnails = Thumbnails(tmp_path / "waves")
    heard: list[Path] = []
    thumbnails.ready.connect(heard.append)
    assert thumbnails.get(sound) is None
    assert until(lambda: heard == [path])
    wave = thumbnails.get(sound)
    assert wave is not None
    assert len(wave) == 2 * POINTS
    assert max(abs(value - 256 if value > 127 else value) for value in wave) > 20
    thumbnails.close()
    path.unlink()
    again = Thumbnails(tmp_path / "waves")
    again.get(sound)
    assert until(lambda: again.get(sound) == wave)
    again.close()
    gone = Sound(tmp_path / "gone.wav", Labels(1, 44_100), "p", 0.0)
    assert again.made(gone) == bytes(2 * POINTS)


@pytest.mark.skipif(sys.platform != "linux", reason="names are Unicode elsewhere")
def test_a_name_of_any_bytes_has_a_waveform_and_ends_none_of_the_others(
    app: QApplication, tmp_path: Path, until: Until
) -> None:
    write_loop(tmp_path / "b.wav")
    odd = write_loop(tmp_path / "a.wav").rename(tmp_path / os.fsdecode(b"caf\xe9.wav"))
    cut = tmp_path / "c.wav"  # what libsndfile refuses: an odd chunk without its pad byte
    data = (tmp_path / "b.wav").read_bytes()
    cut.write_bytes(data[:12] + b"note\3\0\0\0abc" + data[12:])
    model = ShelfModel(Marks(tmp_path / "stars.json"))
    model.put(tmp_path, scan(tmp_path).sounds)
    thumbnails = Thumbnails(tmp_path / "waves")
    heard: list[Path] = []
    thumbnails.ready.connect(heard.append)
    for row in range(3):
        thumbnails.get(model.sound(model.index(row)))
    assert until(lambda: set(heard) == {odd, tmp_path / "b.wav", cut})
    assert all(model.row_of(path) is not None for path in heard)
    waves = [thumbnails.get(model.sound(model.index(row))) for row in range(3)]
    assert waves[0] == waves[1] == waves[2] != bytes(2 * POINTS)
    thumbnails.close()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("E minor", ["Emin"]),
        ("e min", ["Emin"]),
        ("Em", ["Emin"]),
        ("B minor", ["Bmin"]),
        ("Bb", ["Bbmin", "Bbmaj"]),
        ("A#m", ["Bbmin"]),
        ("B♭ major", ["Bbmaj"]),
        ("C♯ minor amber", ["Dbmin"]),
        ("minor", ["Dbmin", "Bmin", "Emin", "Bbmin"]),
        ("bmi", ["Dbmin", "Bmin", "Bbmin"]),  # on the way to a key
        ("A minor", []),
    ],
)
def test_a_key_finds_itself_and_not_what_holds_its_letter(tmp_path: Path, text: str, found: list[str]) -> None:
    keys = ("Dbmin", "Bmin", "Emin", "Bbmin", "Bbmaj")
    sounds = [
        Sound(tmp_path / f"MSK_Amber_{key}.wav", Labels(100, RATE, bpm=120.0, key=key), "a pack", 0.0) for key in keys
    ]
    assert [sound.labels.key for sound in sounds if sound.matches(words_of(text))] == found


def test_a_model_without_folders_is_empty(app: QApplication, tmp_path: Path) -> None:
    model = ShelfModel(Marks(tmp_path / "s.json"))
    assert (model.rowCount(), model.total) == (0, 0)
    assert model.data(model.index(0)) is None


def test_a_key_is_found_by_both_spellings(tmp_path: Path) -> None:
    labels = Labels(100, RATE, bpm=120.0, key="A#min")
    sound = Sound(tmp_path / "x.wav", labels, "pack", 0.0)
    for text in ("A# minor", "Bb minor", "B♭ minor", "a♯", "A#min"):
        assert sound.matches(words_of(text)), text
    assert not sound.matches(words_of("Db"))
    assert sound.matches(words_of("B♭ minor"))
    assert Sound(tmp_path / "x.wav", replace(labels, key="Bbmin"), "pack", 0.0).matches(words_of("a# minor"))
