"""WAV files: what is written is read back, by us and by independent readers; what is no WAV file is refused."""

import io
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import wavinfo
from hypothesis import given, settings
from hypothesis import strategies as st

from musika_daw.sound.riff import ENCODINGS, Acid, Cue, Sampler, Tags, encode_wave, write_wave
from musika_daw.sound.riff_reader import read_header, read_header_from, read_wave

TAGS = Tags(
    {"INAM": "odd", "ICMT": '{"seed": 7}'}, Acid(16, 128.5), Sampler(((0, 999),)), (Cue(0, "bar 1"), Cue(500, "two"))
)
u16, u32 = st.integers(0, 65535), st.integers(0, 2**32 - 1)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
tags = st.builds(
    Tags,
    st.dictionaries(st.from_regex(r"I[A-Z]{3}", fullmatch=True), texts, max_size=5),
    st.none() | st.builds(Acid, u32, st.floats(0, 400, width=32), u32, u16, u16, u16),
    st.none()
    | st.builds(
        Sampler, st.lists(st.tuples(u32, u32), max_size=3).map(tuple), st.integers(0, 127), st.integers(1, 2**31)
    ),
    st.lists(st.builds(Cue, u32, texts), max_size=4).map(tuple),
)


def noise(frames: int, channels: int = 2) -> np.ndarray:
    return np.random.default_rng(frames).uniform(-1, 1, (frames, channels)).astype(np.float32)


@settings(deadline=None)
@given(tags, st.integers(0, 9), st.integers(1, 3), st.sampled_from(sorted(ENCODINGS)), st.integers(1, 192000))
def test_everything_written_is_read_back(
    tags: Tags, frames: int, channels: int, encoding: str, sample_rate_hz: int
) -> None:
    data = encode_wave(noise(frames, channels), sample_rate_hz, tags, encoding)
    assert len(data) % 2 == 0
    assert struct.unpack("<I", data[4:8])[0] == len(data) - 8
    header = read_header_from(io.BytesIO(data))
    assert header.tags == tags
    assert (header.frames, header.channels, header.sample_rate_hz) == (frames, channels, sample_rate_hz)
    assert header.encoding == encoding


def test_chunks_stand_in_the_order_that_hosts_read(tmp_path: Path) -> None:
    write_wave(tmp_path / "a.wav", noise(1000), 44100, TAGS)
    assert read_header(tmp_path / "a.wav").chunks == ("fmt ", "LIST/INFO", "acid", "smpl", "cue ", "LIST/adtl", "data")


@pytest.mark.parametrize(("encoding", "error"), [("pcm16", 2.0**-16), ("pcm24", 2.0**-24), ("float32", 0.0)])
@pytest.mark.parametrize("channels", [1, 2])
def test_samples_agree_with_libsndfile(tmp_path: Path, encoding: str, error: float, channels: int) -> None:
    samples = noise(1001, channels)
    write_wave(tmp_path / "a.wav", samples, 48000, TAGS, encoding)
    ours, _ = read_wave(tmp_path / "a.wav")
    theirs, rate_hz = soundfile.read(tmp_path / "a.wav", dtype="float32", always_2d=True)
    assert rate_hz == 48000
    assert np.array_equal(ours, theirs)
    assert np.abs(ours - samples).max() <= error


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
@pytest.mark.parametrize("format", ["WAV", "WAVEX"])
def test_files_of_libsndfile_are_read(tmp_path: Path, subtype: str, format: str) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, noise(501), 44100, subtype, format=format)
    ours, header = read_wave(path)
    assert np.array_equal(ours, soundfile.read(path, dtype="float32")[0])
    assert header.frames == 501


def test_full_scale_does_not_wrap_around(tmp_path: Path) -> None:
    write_wave(tmp_path / "a.wav", np.array([[1.0, -1.0], [2.0, -2.0]]), 44100)
    read = soundfile.read(tmp_path / "a.wav")[0]
    assert np.allclose(read, [[1, -1], [1, -1]], atol=1e-6)


def test_libsndfile_sees_tempo_loop_and_markers(tmp_path: Path) -> None:
    write_wave(tmp_path / "a.wav", noise(1000), 44100, TAGS)
    log = soundfile.SoundFile(tmp_path / "a.wav").extra_info
    for text in (
        "Loop,",
        "Beats     : 16",
        "Meter     : 4/4",
        "Tempo     : 128.5",
        "Loop Count   : 1",
        "Start :     0  End :   999",
        "Count : 2",
        "labl : 2 : two",
        "INAM : odd",
    ):
        assert text in log
    assert "unknown" not in log.lower()


def test_wavinfo_sees_texts_and_markers(tmp_path: Path) -> None:
    write_wave(tmp_path / "a.wav", noise(1001), 44100, TAGS)
    info = wavinfo.WavInfoReader(str(tmp_path / "a.wav"))
    assert info.info.title == "odd"
    assert info.info.comment == '{"seed": 7}'
    assert [(cue.name, cue.sample_offset) for cue in info.cues.cues] == [(1, 0), (2, 500)]
    assert info.cues.label_and_note(2)[0] == "two"
    assert (info.smpl.sample_loops[0].start, info.smpl.sample_loops[0].end) == (0, 999)
    assert info.data.frame_count == 1001


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_random_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any ValueError and nothing else
        read_header_from(io.BytesIO(data))


def good_or_value_error(data: bytes) -> None:
    try:
        header = read_header_from(io.BytesIO(data))
    except ValueError:
        return
    assert header.frames >= 0


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damaged_files_are_read_or_refused_and_nothing_else(data: st.DataObject) -> None:
    whole = bytearray(encode_wave(noise(20), 44100, TAGS))
    for place in data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=4)):
        whole[place] = data.draw(st.integers(0, 255))
    good_or_value_error(bytes(whole[: data.draw(st.integers(0, len(whole)))]))


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["fmt ", "LIST", "acid", "smpl", "cue ", "data", "junk"]), st.binary(max_size=60)),
        max_size=6,
    )
)
def test_wellformed_chunks_of_nonsense_are_read_or_refused(chunks: list[tuple[str, bytes]]) -> None:
    body = b"".join(name.encode() + struct.pack("<I", len(p)) + p + b"\0" * (len(p) % 2) for name, p in chunks)
    good_or_value_error(b"RIFF" + struct.pack("<I", len(body) + 4) + b"WAVE" + body)


@pytest.mark.parametrize("at", [0, 11, 20, 60, 200, -1])
def test_truncated_files_are_refused(tmp_path: Path, at: int) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(encode_wave(noise(1000), 44100, TAGS)[:at])
    with pytest.raises(ValueError, match=r"cut short|not a RIFF|too short|no fmt|no data"):
        read_wave(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"info": {"TOOLONG": "x"}}, "info id 'TOOLONG'"),
        ({"info": {"INAM": "a\0b"}}, "null character"),
        ({"acid": Acid(-1, 120)}, "out of range"),
        ({"acid": Acid(4, 120, root_note=70000)}, "out of range"),
        ({"sampler": Sampler(((0, 2**32),))}, "out of range"),
        ({"cues": (Cue(-1, ""),)}, "out of range"),
    ],
)
def test_what_fits_no_chunk_is_refused(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        encode_wave(noise(4), 44100, replace(TAGS, **change))


@pytest.mark.parametrize(
    ("samples", "encoding", "message"),
    [
        (np.zeros(4), "pcm24", "shape"),
        (np.zeros((4, 0)), "pcm24", "shape"),
        (np.full((4, 2), np.nan), "pcm24", "finite"),
        (np.zeros((4, 2)), "mp3", "must be one of pcm16, pcm24, float32"),
    ],
)
def test_what_is_no_audio_is_refused(samples: np.ndarray, encoding: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        encode_wave(samples, 44100, encoding=encoding)
