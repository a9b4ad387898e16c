"""WAV files: what is written is read back, by us and by independent readers; what is no WAV file is refused."""

import io
import re
import struct
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import wavinfo
from hypothesis import given, settings
from hypothesis import strategies as st
from mutagen.id3 import TBPM, TKEY
from mutagen.wave import WAVE
from pedalboard.io import AudioFile
from scipy.io import wavfile

from musika_daw.sound.labels import read_labels
from musika_daw.sound.riff import ENCODINGS, encode_wave, write_wave
from musika_daw.sound.riff_reader import read_header, read_header_from, read_wave
from musika_daw.sound.tags import Acid, Cue, Sampler, Tags
from tests.programs import need

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
    assert read_header(tmp_path / "a.wav").chunks == (
        "fmt ",
        "LIST/INFO",
        "acid",
        "smpl",
        "cue ",
        "LIST/adtl",
        "id3 ",
        "data",
    )


@pytest.mark.parametrize(("encoding", "error"), [("pcm16", 2.0**-16), ("pcm24", 2.0**-24), ("float32", 0.0)])
@pytest.mark.parametrize("channels", [1, 2])
def test_samples_agree_with_libsndfile(tmp_path: Path, encoding: str, error: float, channels: int) -> None:
    samples = noise(1001, channels)
    write_wave(tmp_path / "a.wav", samples, 48000, TAGS, encoding=encoding)
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
    # it passes over the ID3 tag, which is for others
    assert re.findall(r"(\S+) +: \d+ \((?i:unknown) marker\)", log) == ["id3"]
    assert log.lower().count("unknown") == 1


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


@pytest.mark.parametrize("at", [0, 11, 20, 60, 200])
def test_files_cut_before_their_sound_are_refused(tmp_path: Path, at: int) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(encode_wave(noise(1000), 44100, TAGS)[:at])
    with pytest.raises(ValueError, match=r"cut short|not a RIFF|too short|no fmt|no data"):
        read_wave(path)


def chunk(name: bytes, payload: bytes, size: int | None = None, pad: bool = True) -> bytes:
    size = len(payload) if size is None else size
    return name + struct.pack("<I", size) + payload + b"\0" * (pad and len(payload) % 2)


def wave(*chunks: bytes, size: int | None = None, head: bytes = b"RIFF") -> bytes:
    body = b"".join(chunks)
    return head + struct.pack("<I", 4 + len(body) if size is None else size) + b"WAVE" + body


SOUND = np.random.default_rng(3).integers(-9999, 9999, 4411).astype("<i2").tobytes()  # of an odd number of frames
FMT = chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, 44100, 88200, 2, 16))
DATA = chunk(b"data", SOUND)
ACID = chunk(b"acid", struct.pack("<IHHfIHHf", 4, 60, 0x8000, 0.0, 4, 4, 4, 120.0))


@pytest.mark.parametrize(
    ("data", "frames", "problem"),
    [
        (wave(FMT, chunk(b"data", SOUND, 0xFFFFFFFF), size=0xFFFFFFFF), 4411, None),  # ffmpeg into a pipe
        (wave(FMT, chunk(b"data", SOUND, 0), size=0), 4411, "never closed"),  # a recorder that lost power
        (wave(FMT, chunk(b"data", SOUND, 0), size=8), 4411, "never closed"),  # libsndfile's first header
        (wave(FMT, chunk(b"data", SOUND, 0), size=36), 4411, "never closed"),  # the standard library's
        (wave(FMT, chunk(b"data", b"")), 0, None),
        (wave(FMT, DATA)[:-1], 4410, "cut short"),
        (wave(FMT, DATA, chunk(b"bext", b"x" * 600))[:-20], 4411, "'bext' at byte 8866: cut short"),
        (wave(FMT, DATA, b"signature of a program, 37 bytes long"), 4411, "cut short"),
        (wave(FMT, DATA, bytes(5000)), 4411, "no chunk at byte 8866"),
        (wave(FMT, chunk(b"LIST", b"INFO" + b"INAM\5\0\0\0Loop\0ISFT\4\0\0\0abc\0"), DATA), 4411, None),
        (wave(FMT, chunk(b"junk", b"odd", pad=False), DATA), 4411, None),
        (wave(FMT, chunk(b"junk", b"odd", pad=False) + b"x", DATA), 4411, None),
        (wave(FMT, DATA, size=20), 4411, None),  # a size that ends before the sound
        (wave(FMT, chunk(b"acid", b"short"), DATA), 4411, "acid chunk is not read"),
        (wave(FMT, chunk(b"smpl", struct.pack("<9I", *[0] * 7, 99, 0)), DATA), 4411, "99 loops"),
        (wave(FMT, chunk(b"cue ", struct.pack("<I", 99)), DATA), 4411, "99 points"),
        (wave(FMT, chunk(b"LIST", b"adtllabl\1\0\0\0x"), DATA), 4411, None),
        (
            wave(
                chunk(b"ds64", struct.pack("<QQQI", 0, len(SOUND), 4411, 0)),
                FMT,
                chunk(b"data", SOUND, 0xFFFFFFFF),
                chunk(b"bext", b"x" * 600),
                size=0xFFFFFFFF,
                head=b"RF64",
            ),
            4411,
            None,
        ),
        (wave(chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, 44100, 1, 1, 16)), DATA), 4411, None),
        (wave(chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, 44100, 88200, 2, 12)), DATA), 4411, None),
    ],
)
def test_the_sound_of_foreign_files_is_read_whatever_else_is_wrong(
    tmp_path: Path, data: bytes, frames: int, problem: str | None
) -> None:
    (tmp_path / "a.wav").write_bytes(data)
    samples, header = read_wave(tmp_path / "a.wav")
    assert header.frames == len(samples) == frames
    assert np.array_equal(np.round(samples[:, 0] * 32768), np.frombuffer(SOUND, "<i2")[:frames])
    assert header.problems == () if problem is None else problem in header.problems[0]


def test_items_without_their_pad_bytes_are_read() -> None:
    info = chunk(b"LIST", b"INFO" + b"INAM\5\0\0\0Loop\0ISFT\4\0\0\0abc\0" + b"IART\3\0\0\0me\0\0ICMT\2\0\0\0c\0")
    tags = read_header_from(io.BytesIO(wave(FMT, info, DATA))).tags
    assert tags.info == {"INAM": "Loop", "ISFT": "abc", "IART": "me", "ICMT": "c"}
    cut = read_header_from(io.BytesIO(wave(FMT, DATA, info)[:-3])).tags
    assert cut.info == {"INAM": "Loop", "ISFT": "abc", "IART": "me"}


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damaged_metadata_costs_no_sound(data: st.DataObject) -> None:
    whole = bytearray(encode_wave(noise(20), 44100, TAGS))
    first, last = 12 + 24, len(whole) - 20 * 6 - 8
    payloads: list[int] = []  # bytes in chunks, without their heads: how far a chunk reaches is not touched
    offset = first
    while offset < last:
        size = struct.unpack_from("<I", whole, offset + 4)[0]
        payloads += range(offset + 8, offset + 8 + size)
        offset += 8 + size + size % 2
    for place in data.draw(st.lists(st.sampled_from(payloads), max_size=8)):
        whole[place] = data.draw(st.integers(0, 255))
    header = read_header_from(io.BytesIO(bytes(whole)))
    assert (header.frames, header.data_offset) == (20, last + 8)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 2 * 4411))
def test_a_file_cut_in_its_sound_has_what_is_left_as_libsndfile_says(cut: int) -> None:
    data = wave(FMT, ACID, DATA)[:-cut]
    header = read_header_from(io.BytesIO(data))
    assert header.frames == (2 * 4411 - cut) // 2
    assert header.tags.acid == Acid(4, 120.0)
    if header.frames:
        assert soundfile.info(io.BytesIO(data)).frames == header.frames


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"info": {"TOOLONG": "x"}}, "info id: 'TOOLONG'"),
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


def test_the_id3_tag_is_read_by_taggers_and_costs_nobody_the_sound(tmp_path: Path) -> None:
    path, samples = tmp_path / "a.wav", noise(1001)
    tags = replace(TAGS, info={**TAGS.info, "IART": "Näme", "IGNR": "Techno"}, key="F#min")
    write_wave(path, samples, 44100, tags)
    found: Any = WAVE(path)
    assert {name: str(found.tags[name]) for name in ("TIT2", "TPE1", "TCON", "TBPM", "TKEY", "TXXX:BEATS")} == {
        "TIT2": "odd",
        "TPE1": "Näme",
        "TCON": "Techno",
        "TBPM": "128.5",
        "TKEY": "F#m",
        "TXXX:BEATS": "16",
    }
    assert str(found.tags.getall("COMM")[0]) == '{"seed": 7}'
    assert found.info.length == pytest.approx(1001 / 44100)
    assert (read_header(path).tags.key, read_header(path).tags.info) == (tags.key, tags.info)
    with AudioFile(str(path)) as file:
        assert np.abs(file.read(file.frames).T - samples).max() <= 2**-22  # it takes 2**23 - 1 for full scale
    assert len(wavfile.read(path)[1]) == 1001


@settings(deadline=None)
@given(st.text("ab#", max_size=9), st.sets(st.sampled_from(["IART", "IGNR", "ICOP"])), st.sampled_from([None, "Amin"]))
def test_no_chunk_has_an_odd_length_which_some_programs_do_not_skip(text: str, more: set[str], key: str | None) -> None:
    tags = replace(TAGS, info=dict.fromkeys(sorted({"INAM", *more}), text + "a"), key=key)
    data = encode_wave(noise(1000), 44100, tags)
    place, lengths = 12, {}
    while place < len(data):
        length = struct.unpack("<I", data[place + 4 : place + 8])[0]
        lengths[data[place : place + 4]] = length
        place += 8 + length
    assert place == len(data)
    assert {*lengths} >= {b"fmt ", b"LIST", b"id3 ", b"data"}
    assert not any(length % 2 for length in lengths.values())
    found = read_header_from(io.BytesIO(data)).tags
    assert (found.info, found.key, found.cues) == (tags.info, tags.key, tags.cues)


@pytest.mark.peer
def test_ffmpeg_finds_every_frame_behind_the_id3_tag_and_complains_of_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    write_wave(path, noise(1001), 44100, replace(TAGS, info={**TAGS.info, "IART": "Näme"}, key="F#min"))
    probed = subprocess.run(
        [need("ffprobe"), "-v", "error", "-show_entries", "stream=duration_ts", "-of", "csv=p=0", str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert probed.stdout.strip() == "1001"
    assert probed.stderr == ""


def test_a_take_claims_no_tempo_in_its_id3_tag_and_bare_files_have_none(tmp_path: Path) -> None:
    write_wave(tmp_path / "a.wav", noise(10), 44100, Tags({"INAM": "x"}))
    assert set(WAVE(tmp_path / "a.wav").tags) == {"TIT2"}
    write_wave(tmp_path / "b.wav", noise(10), 44100)
    assert read_header(tmp_path / "b.wav").chunks == ("fmt ", "data")


def test_a_foreign_id3_chunk_behind_the_sound_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wave(FMT, DATA))
    file: Any = WAVE(path)
    file.add_tags()
    file.tags.add(TBPM(encoding=3, text=["128"]))
    file.tags.add(TKEY(encoding=3, text=["Bbm"]))
    file.save()
    assert read_header(path).tags == Tags(acid=Acid(0, 128.0, 0), key="Bbmin")
    assert read_header(path).frames == 4411
    assert (read_labels(path).bpm, read_labels(path).key, read_labels(path).shape) == (128.0, "Bbmin", "take")


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_in_an_id3_chunk_cost_nothing_else(payload: bytes) -> None:
    for tag in (payload, b"ID3\3\0\0\0\0\1\0" + payload):
        header = read_header_from(io.BytesIO(wave(FMT, ACID, chunk(b"id3 ", tag), DATA)))
        assert header.frames == 4411
        assert header.tags.acid == Acid(4, 120.0)
