"""Labels of files and manifests, ours, others' and hostile ones."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from musika_daw.sound.labels import Labels, labels_in_manifest, read_labels
from musika_daw.sound.riff import ACID_ONE_SHOT, Acid, Tags, encode_wave

RATE = 44_100


def sound(beats: int = 16, bpm: float = 130) -> np.ndarray:
    return np.zeros((round(beats * 60 / bpm * RATE), 2), np.float32)


def test_a_loop_says_its_tempo_beats_bars_and_key(tmp_path: Path) -> None:
    path = tmp_path / "MSK_First_130bpm_techno_loop_Amin_cobalt.wav"
    path.write_bytes(encode_wave(sound(), RATE, Tags(acid=Acid(16, 130.0))))
    labels = read_labels(path)
    assert (labels.bpm, labels.beats, labels.bars, labels.key, labels.shape) == (130.0, 16, 4, "Amin", "loop")
    assert labels.loops
    assert labels.seconds == pytest.approx(16 * 60 / 130, abs=1e-4)


@pytest.mark.parametrize(
    ("beats", "numerator", "denominator", "quarters", "bars"),
    [(7, 7, 8, 7, 2), (5, 5, 8, 5, 2), (7, 5, 8, 7, None), (6, 3, 4, 6, 2), (6, 6, 8, 6, 2), (4, 0, 0, 4, 1)],
)
def test_bars_are_those_of_the_meter(
    tmp_path: Path, beats: int, numerator: int, denominator: int, quarters: int, bars: int | None
) -> None:
    path = tmp_path / "a.wav"
    acid = Acid(beats, 130.0, numerator=numerator, denominator=denominator)
    path.write_bytes(encode_wave(sound(quarters), RATE, Tags(acid=acid)))
    labels = read_labels(path)
    assert (labels.bpm, labels.beats, labels.bars) == (130, quarters, bars)


def test_beats_of_the_meter_are_told_from_quarter_notes_by_the_length(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    acid = Acid(14, 130.0, numerator=7, denominator=8)
    path.write_bytes(encode_wave(sound(7), RATE, Tags(acid=acid)))
    labels = read_labels(path)
    assert (labels.bpm, labels.beats, labels.bars, labels.loops) == (130, 7, 2, True)
    odd = Acid(7, 130.0, numerator=7, denominator=8)
    path.write_bytes(encode_wave(np.zeros((round(3.5 * 60 / 130 * RATE), 2), np.float32), RATE, Tags(acid=odd)))
    labels = read_labels(path)
    assert (labels.bpm, labels.beats, labels.loops) == (130, None, False)


def test_a_tempo_that_the_length_contradicts_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(encode_wave(sound(bpm=130), RATE, Tags(acid=Acid(16, 90.0))))
    assert read_labels(path).bpm == pytest.approx(130, abs=0.01)


def test_a_one_shot_has_no_tempo(tmp_path: Path) -> None:
    path = tmp_path / "kick.wav"
    path.write_bytes(encode_wave(sound(1), RATE, Tags(acid=Acid(0, 0.0, ACID_ONE_SHOT))))
    assert (read_labels(path).shape, read_labels(path).bpm) == ("shot", None)
    assert not read_labels(path).loops


@pytest.mark.parametrize("suffix", ["flac", "aiff", "ogg", "wav"])
def test_a_name_with_a_tempo_that_gives_whole_bars_is_a_loop(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x_130bpm_y.{suffix}"
    soundfile.write(path, sound(), RATE)
    assert (read_labels(path).beats, read_labels(path).bars) == (16, 4)
    odd = tmp_path / f"x_131bpm_y.{suffix}"
    soundfile.write(odd, sound(), RATE)
    assert (read_labels(odd).beats, read_labels(odd).bpm) == (None, 131)


def test_what_is_no_audio_is_named(tmp_path: Path) -> None:
    for name, data in (("a.wav", b"RIFF"), ("a.flac", b"nothing"), ("b.wav", encode_wave(sound()[:0], RATE))):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ValueError, match=name):
            read_labels(tmp_path / name)
    with pytest.raises(OSError, match=r"gone\.flac"):
        read_labels(tmp_path / "gone.flac")


@given(st.binary(max_size=300), st.integers(0, 400))
@settings(max_examples=150)
def test_any_bytes_are_labels_or_a_value_error(tmp_path_factory: pytest.TempPathFactory, noise: bytes, at: int) -> None:
    whole = bytearray(encode_wave(sound(1)[:40], RATE, Tags(acid=Acid(1, 60.0))))
    whole[at : at + len(noise)] = noise
    path = tmp_path_factory.mktemp("fuzz") / "x.wav"
    path.write_bytes(bytes(whole))
    with contextlib.suppress(ValueError):
        assert read_labels(path).frames > 0


def test_a_manifest_gives_what_files_cannot_say(tmp_path: Path) -> None:
    row = {
        "file": "a/b.wav",
        "frames": 100,
        "sample_rate_hz": RATE,
        "bpm": 128.5,
        "beats": 16,
        "bars": 4,
        "key": "Amin",
        "density_measured": 0.4,
        "kind": "techno",
        "shape": "loop",
    }
    (tmp_path / "manifest.json").write_text(json.dumps({"files": [row, {"file": 3}, "x", {**row, "frames": 0}]}))
    assert labels_in_manifest(tmp_path) == {"a/b.wav": Labels(100, RATE, 128.5, 16, 4, "Amin", 0.4, "techno", "loop")}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"files": 3}', "[" * 100_000])
def test_a_damaged_manifest_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(ValueError, match=r"manifest\.json"):
        labels_in_manifest(tmp_path)
    with pytest.raises(ValueError, match="no such file"):
        labels_in_manifest(tmp_path / "nowhere")


_ANY = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["file", "frames", "bpm"]), inner),
    max_leaves=12,
)


@given(_ANY, _ANY)
@settings(max_examples=100)
def test_any_json_is_a_manifest_or_a_value_error(
    tmp_path_factory: pytest.TempPathFactory, value: Any, other: Any
) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    row = {"file": "a", "frames": other, "sample_rate_hz": RATE, "beats": other, "shape": value}
    (folder / "manifest.json").write_text(json.dumps({"files": [value, row]}))
    for labels in labels_in_manifest(folder).values():
        assert labels.seconds > 0
