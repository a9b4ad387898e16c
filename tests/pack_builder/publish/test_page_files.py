"""What a pack's page is made of: its files, its pictures, its sound."""

import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

from musika_daw.sound.lossy import checksum, with_serial
from musika_daw.sound.peaks import waveform
from pack_builder.publish.page import EMBEDDED_S, pages, picture, sound
from pack_builder.record.manifest import Head, read_manifest
from pack_builder.record.rows import Row, plain
from tests.pack_builder.pack_helpers import ROW
from tests.pack_builder.pack_stand_in import techno


def test_the_page_asks_the_network_for_nothing(pack: Path) -> None:
    text = (pack / "index.html").read_text()
    assert not re.search(r'(src|href)="(https?:)?//', text)
    assert "@import" not in text
    assert "{{" not in text


def test_a_large_pack_has_several_pages(pack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pack_builder.publish import page as module

    monkeypatch.setattr(module, "PAGE_FILES", 2)
    monkeypatch.setattr(module, "EMBEDDED_S", 1e-6)
    manifest = read_manifest(pack)
    made = dict(pages(pack, manifest, manifest.rows, lambda _: None))
    assert list(made) == ["index.html", "index-2.html"]
    data = [json.loads(re.search(r'application/json">(.*?)</script>', text, re.DOTALL)[1]) for text in made.values()]
    assert [len(page["files"]) for page in data] == [2, 1]
    assert [(page["before"], page["after"]) for page in data] == [(None, "index-2.html"), ("index.html", None)]
    assert ["sound" in file for page in data for file in page["files"]] == [True, False, False]


def test_a_page_is_the_same_from_the_files_as_from_what_the_workers_made(
    pack: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pack_builder.publish.page.EMBEDDED_S", EMBEDDED_S)
    manifest = read_manifest(pack)
    [(_, text)] = pages(pack, manifest, manifest.rows, lambda _: None)
    assert text == (pack / "index.html").read_text()


def test_no_name_can_end_the_script_that_holds_it(pack: Path) -> None:
    manifest = read_manifest(pack)
    rows = [Row.from_dict(plain(manifest.rows[0]) | {"kit": "</script><b>"})]
    [(_, text)] = pages(pack, Head("a", "b", "", "", {}, ()), rows, lambda _: None)
    assert "</script><b>" not in text


def test_pictures_have_their_size_and_show_what_is_there() -> None:
    loop = techno(128, 1)
    wave = np.frombuffer(waveform(loop), np.int8).reshape(-1, 2)
    assert wave.shape == (160, 2)
    assert (wave[:, 0] <= wave[:, 1]).all()
    assert wave.max() == round(127 * float(loop.mean(axis=1).max()))
    levels = np.frombuffer(picture(loop, 44100), np.uint8)
    assert levels.shape == (32 * 96,)
    assert levels.max() == 255
    assert not any(waveform(np.zeros((0, 2), np.float32)))


@pytest.mark.parametrize("frames", [11025, 88200, 88201])
def test_the_sound_has_its_frames_and_is_the_same_every_time(frames: int) -> None:
    samples = np.resize(techno(120, 1), (frames, 2))
    data = sound(samples, 44100, 7)
    assert data == sound(samples, 44100, 7)
    assert data != sound(samples, 44100, 8)
    again, rate = soundfile.read(io.BytesIO(data))
    assert (len(again), rate) == (frames, 44100)


def test_ogg_checksums_are_those_of_the_encoder() -> None:
    stream = io.BytesIO()
    soundfile.write(stream, techno(120, 1)[:5000], 44100, "VORBIS", format="OGG")
    data = stream.getvalue()
    assert with_serial(data, int.from_bytes(data[14:18], "little")) == data
    assert checksum(b"") == 0
    with pytest.raises(ValueError, match="ogg file: no page at byte 0"):
        with_serial(b"RIFF", 1)


def test_a_row_without_its_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(pages(tmp_path, Head("a", "b", "", "", {}, ()), [ROW], lambda _: None))
