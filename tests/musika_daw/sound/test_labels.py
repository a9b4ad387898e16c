"""Labels of files and manifests, ours, others' and hostile ones."""

from __future__ import annotations

import contextlib
import json
import math
import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import mutagen
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from musika_daw.score.harmony import key_in_text
from musika_daw.sound.labels import Labels, labels_in_manifest, read_labels, tempo_in_file_name
from musika_daw.sound.riff import encode_wave, write_wave
from musika_daw.sound.sounds import FORMATS, encode
from musika_daw.sound.tag_reader import read_tags
from musika_daw.sound.tags import ACID_ONE_SHOT, Acid, Cue, Sampler, Tags

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


TEMPI = st.integers(60 * 100, 200 * 100).map(lambda hundredths: Fraction(hundredths, 100))


@given(
    TEMPI, st.sampled_from([1, 2, 4, 8]), st.sampled_from([44_100, 48_000]), st.sampled_from([None, "Amin", "F#maj"])
)
@settings(max_examples=25, deadline=None)
def test_a_loop_says_the_same_in_every_format(
    tmp_path_factory: pytest.TempPathFactory, bpm: Fraction, bars: int, rate: int, key: str | None
) -> None:
    folder = tmp_path_factory.mktemp("formats")
    frames = round(bars * 240 * rate / bpm)
    tags = Tags(
        {"INAM": "x", "ICMT": '{"seed": 1}'},
        Acid(4 * bars, float(bpm)),
        Sampler(((0, frames - 1),)),
        tuple(Cue(round(Fraction(frames * bar, bars)), f"bar {bar + 1}") for bar in range(bars)),
        key,
    )
    name = f"x_{math.floor(bpm + Fraction(1, 2))}bpm_y" + (f"_{key}" if key else "")
    silence = np.zeros((frames, 2), np.float32)
    for form in FORMATS.values():
        path = folder / f"{name}{form.suffix}"
        path.write_bytes(encode(silence, rate, tags, form))
        labels = read_labels(path)
        assert labels == Labels(frames, rate, pytest.approx(float(bpm), rel=1e-6), 4 * bars, bars, key, shape="loop")  # type: ignore[arg-type]
        if form.suffix != ".wav":
            same = Acid(4 * bars, pytest.approx(float(bpm), rel=1e-6))  # type: ignore[arg-type]
            assert read_tags(path) == replace(tags, acid=same, cues=tags.cues if form.suffix == ".aiff" else ())


@pytest.mark.parametrize("form", FORMATS)
def test_a_shot_is_one_and_a_take_has_no_tempo_in_every_format(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"x{FORMATS[form].suffix}"
    path.write_bytes(encode(sound(1), RATE, Tags(acid=Acid(0, 0.0, ACID_ONE_SHOT)), FORMATS[form]))
    assert read_labels(path) == Labels(len(sound(1)), RATE, shape="shot")
    path.write_bytes(encode(sound(1), RATE, Tags({"INAM": "x"}), FORMATS[form]))
    assert read_labels(path) == Labels(len(sound(1)), RATE)


def test_whole_tempi_of_what_loops_are_told_by_the_bars(tmp_path: Path) -> None:
    """AIFF files from before fractional tempi: 129 in the tag, a loop over all of the file."""
    frames = len(sound(bpm=128.5))
    data = encode(sound(bpm=128.5), RATE, Tags(sampler=Sampler(((0, frames - 1),))), FORMATS["aiff"])
    path = tmp_path / "x_129bpm_y.aiff"
    path.write_bytes(data)
    assert (read_labels(path).bpm, read_labels(path).beats) == (pytest.approx(128.5, abs=1e-4), 16)
    path = tmp_path / "x_129bpm_y.wav"
    path.write_bytes(encode_wave(sound(bpm=128.5), RATE, Tags(sampler=Sampler(((0, frames - 1),)))))
    assert (read_labels(path).bpm, read_labels(path).beats) == (pytest.approx(128.5, abs=1e-4), 16)
    plain = tmp_path / "y_129bpm.wav"
    plain.write_bytes(encode_wave(sound(bpm=128.5), RATE))
    assert (read_labels(plain).bpm, read_labels(plain).shape) == (129, "take")


@pytest.mark.parametrize(
    ("acid", "shape", "bpm"),
    [
        (Acid(0, 0.0, 0, 0, 0, 0), "take", None),  # zeros
        (Acid(4, 0.0, 0, 0, 0, 0), "take", None),  # 445 bpm by its length
        (Acid(4, 0.0), "take", None),
        (Acid(1, 0.0, 0), "take", None),  # 111 bpm by its length, but nothing says that it loops
        (Acid(4, 445.0), "loop", 445.267),  # meant
        (Acid(1, 111.3), "loop", 111.317),
        (Acid(1, 0.0), "loop", 111.317),
        (Acid(0, 120.0, 0), "take", None),  # a default without beats
        (Acid(4, float("nan")), "take", None),
    ],
)
def test_an_empty_acid_chunk_on_a_hit_makes_no_loop(tmp_path: Path, acid: Acid, shape: str, bpm: float | None) -> None:
    path = tmp_path / "hit.wav"
    path.write_bytes(encode_wave(np.zeros((23770, 2), np.float32), RATE, Tags(acid=acid)))
    labels = read_labels(path)
    assert (labels.shape, labels.bpm) == (shape, None if bpm is None else pytest.approx(bpm, rel=1e-3))


@pytest.mark.parametrize(
    ("name", "bpm"),
    [("x_128.5bpm_y", 128.5), ("x_128.50bpm_y", 128.5), ("x_128,25bpm", 128.25), ("x_128bpm.y", 128), ("a.90bpm", 90)],
)
def test_a_fractional_tempo_in_a_name_is_read_whole(name: str, bpm: float) -> None:
    assert tempo_in_file_name(name) == bpm


@pytest.mark.parametrize("rate", [1, 3, 999, 1_000_001, 2_147_483_647])
def test_a_rate_that_no_sound_has_is_named(tmp_path: Path, rate: int) -> None:
    path = tmp_path / "x.wav"
    data = bytearray(encode_wave(sound(1), RATE))
    data[24:28] = rate.to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(ValueError, match=rf"x\.wav: sample rate of {rate} Hz, must be within 1000\.\.1000000"):
        read_labels(path)


@pytest.mark.parametrize("subtype", ["IMA_ADPCM", "MS_ADPCM", "ULAW", "ALAW", "GSM610"])
def test_compressed_wave_files_have_their_length(tmp_path: Path, subtype: str) -> None:
    path = tmp_path / "x_120bpm.wav"
    soundfile.write(path, np.zeros(88_200), RATE, subtype)
    assert read_labels(path).frames == soundfile.info(path).frames
    assert read_labels(path).bpm == pytest.approx(120, abs=0.2)  # some codecs fill up their last block


def test_tags_of_others_are_read(tmp_path: Path) -> None:
    path = tmp_path / "x.ogg"
    soundfile.write(path, sound(bpm=128), RATE)
    file = mutagen.File(path)
    file.update({"TITLE": "y", "BPM": "128", "KEY": "8A"})
    file.save()
    assert read_labels(path) == Labels(len(sound(bpm=128)), RATE, 128.0, 16, 4, "Amin", shape="loop")
    path = tmp_path / "x.flac"
    soundfile.write(path, sound(bpm=128)[:-1000], RATE)
    file = mutagen.File(path)
    file.update({"BPM": "128", "INITIALKEY": "Bbm"})
    file.save()
    assert read_labels(path) == Labels(len(sound(bpm=128)) - 1000, RATE, 128.0, key="Bbmin")


def test_keys_of_earlier_packs_are_spelled_as_todays(tmp_path: Path) -> None:
    path = tmp_path / "a_piano_take_dense_opal_A#min.wav"
    write_wave(path, sound(1), RATE, Tags({"INAM": "x"}))
    assert read_labels(path).key == "Bbmin"
    row = {"file": path.name, "frames": 100, "sample_rate_hz": RATE, "key": "D#maj"}
    (tmp_path / "manifest.json").write_text(json.dumps({"files": [row, row | {"file": "b.wav", "key": "odd"}]}))
    assert [labels.key for labels in labels_in_manifest(tmp_path).values()] == ["Ebmaj", "odd"]


@given(st.text(max_size=12), st.text(max_size=12), st.text(max_size=12))
@settings(max_examples=50, deadline=None)
def test_any_text_in_a_tag_is_a_label_or_none(
    tmp_path_factory: pytest.TempPathFactory, bpm: str, beats: str, key: str
) -> None:
    path = tmp_path_factory.mktemp("tags") / "x.flac"
    soundfile.write(path, sound(1), RATE)
    file = mutagen.File(path)
    file.update({"BPM": bpm, "BEATS": beats, "INITIALKEY": key, "LOOPSTART": beats, "LOOPLENGTH": bpm})
    file.save()
    labels = read_labels(path)
    assert labels.bpm is None or 1 <= labels.bpm <= 1000
    assert labels.key is None or re.fullmatch("[A-G][#b]?(maj|min)", labels.key)


@given(st.binary(max_size=120), st.integers(0, 700))
@settings(max_examples=150, deadline=None)
@pytest.mark.parametrize("form", ["flac", "aiff"])
def test_damaged_tags_cost_themselves_only(
    tmp_path_factory: pytest.TempPathFactory, form: str, noise: bytes, at: int
) -> None:
    tags = Tags({"INAM": "x"}, Acid(1, 130.0), Sampler(((0, 39),)), (Cue(0, "bar 1"),), "Amin")
    whole = bytearray(encode(sound(1)[:40], RATE, tags, FORMATS[form]))
    whole[at : at + len(noise)] = noise
    path = tmp_path_factory.mktemp("fuzz") / f"x{FORMATS[form].suffix}"
    path.write_bytes(bytes(whole))
    with contextlib.suppress(ValueError):
        assert read_labels(path).frames > 0


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Am", "Amin"),
        ("A", "Amaj"),
        ("a minor", "Amin"),
        ("Bbm", "Bbmin"),
        ("Db", "Dbmaj"),
        ("F#maj", "F#maj"),
        ("8A", "Amin"),
        ("8B", "Cmaj"),
        ("1A", "Abmin"),
        ("12B", "Emaj"),
        ("05A", "Cmin"),
        ("o", None),
        ("", None),
        ("H", None),
        ("13A", None),
    ],
)
def test_keys_as_others_spell_them(text: str, key: str | None) -> None:
    assert key_in_text(text) == key


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
