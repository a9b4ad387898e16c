"""Files whose heads tell less or more than they hold: read whole, or named, never short without a word."""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.folder.music import beat_song
from training.corpus.folder import reading
from training.corpus.folder.lengths import flac_frames, ogg_seconds
from training.corpus.folder.reading import UnusableError, blocks
from training.corpus.store import SAMPLE_RATE_HZ

SECONDS = 6
FRAMES = SECONDS * SAMPLE_RATE_HZ


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lengths") / "song.wav"
    soundfile.write(path, beat_song(123, SECONDS, 5), SAMPLE_RATE_HZ, subtype="PCM_16")
    return path


def made(song: Path, name: str, *options: str) -> bytes:
    path = song.with_name(name)
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", str(song), *options, str(path)], check=True)
    return path.read_bytes()


def seconds_of(path: Path, data: bytes) -> float:
    path.write_bytes(data)
    return sum(len(block) for block in blocks(path)) / SAMPLE_RATE_HZ


def with_total(flac: bytes, frames: int) -> bytes:
    number = int.from_bytes(flac[18:26], "big") >> 36 << 36 | frames
    return flac[:18] + number.to_bytes(8, "big") + flac[26:]


@given(share=st.floats(0.01, 0.99))
@settings(max_examples=6, deadline=None)
def test_a_flac_that_tells_less_than_it_holds_is_read_whole(song: Path, share: float) -> None:
    flac = made(song, "song.flac")
    path = song.with_name("less.flac")
    assert seconds_of(path, with_total(flac, max(1, int(FRAMES * share)))) == pytest.approx(SECONDS)
    assert flac_frames(path) == FRAMES
    with pytest.raises(UnusableError, match="damaged"):
        seconds_of(path, with_total(flac, FRAMES * 2))
    tagged = b"ID3\4\0\0\0\0\2\0" + bytes(256) + with_total(flac, FRAMES // 2) + b"TAG".ljust(128, b"\0")
    assert seconds_of(path, tagged) == pytest.approx(SECONDS)


def test_without_ffmpeg_a_flac_that_tells_less_is_named(song: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flac = made(song, "song.flac")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(UnusableError, match=r"needs the program ffmpeg.*holds more than 3\.0 s"):
        seconds_of(song.with_name("less.flac"), with_total(flac, FRAMES // 2))


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        (".ogg", ("-c:a", "libvorbis")),
        (".ogg", ("-c:a", "libopus", "-f", "ogg")),
        (".opus", ("-c:a", "libopus")),
        (".oga", ("-c:a", "flac", "-f", "ogg")),
    ],
)
def test_chained_ogg_streams_are_read_to_the_end_of_the_last(song: Path, suffix: str, options: tuple[str, ...]) -> None:
    one = made(song, f"one{suffix}", *options)
    path = song.with_name(f"chain{suffix}")
    assert seconds_of(path, one * 3) == pytest.approx(3 * SECONDS, abs=0.1)
    assert 3 * SECONDS - 4 < (ogg_seconds(path) or 0) <= 3 * SECONDS + 0.1


def test_a_chain_that_no_decoder_reads_whole_is_named(song: Path) -> None:
    chain = made(song, "v.ogg", "-c:a", "libvorbis") + made(song, "o.ogg", "-c:a", "libopus", "-f", "ogg")
    with pytest.raises(UnusableError, match=r"damaged: 6\.0 s of \d+\.\d s can be read"):
        seconds_of(song.with_name("mixed.ogg"), chain)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("x.wav", ("-c:a", "pcm_s24le")),
        ("ima.wav", ("-c:a", "adpcm_ima_wav")),
        ("x.aiff", ()),
        ("x.aifc", ("-c:a", "pcm_s16le", "-f", "aiff")),
        ("x.au", ()),
        ("x.w64", ()),
        ("x.caf", ()),
        ("x.rf64", ("-f", "wav", "-rf64", "always")),
        ("x.m4a", ("-c:a", "aac", "-movflags", "faststart")),
        ("x.wv", ("-c:a", "wavpack")),
        ("x.flac", ()),
        ("x.mp3", ("-c:a", "libmp3lame")),
        ("x.ogg", ("-c:a", "libvorbis")),
        ("x.opus", ("-c:a", "libopus")),
        ("x.webm", ("-c:a", "libopus")),
        ("x.mka", ("-c:a", "libvorbis")),
        ("x.wma", ()),
    ],
)
def test_a_download_that_broke_off_is_named(song: Path, name: str, options: tuple[str, ...]) -> None:
    data = made(song, name, *options)
    path = song.with_name(f"cut {name}")
    assert seconds_of(path, data) == pytest.approx(SECONDS, abs=0.1)
    with pytest.raises(UnusableError, match="damaged"):
        seconds_of(path, data[: len(data) * 6 // 10])
    if name not in ("x.flac", "x.ogg", "x.opus"):  # whose last frame or page is checked
        assert seconds_of(path, data[:-3]) == pytest.approx(SECONDS, abs=0.2)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("x.m4a", ("-c:a", "aac")),
        ("x.flac", ()),
        ("x.mp3", ("-c:a", "libmp3lame")),
        ("x.ogg", ("-c:a", "libvorbis")),
        ("x.opus", ("-c:a", "libopus")),
        ("x.oga", ("-c:a", "flac", "-f", "ogg")),
    ],
)
def test_a_hole_in_the_midst_is_named(song: Path, name: str, options: tuple[str, ...]) -> None:
    """Decoders go on after it, and what follows is early, or there is silence."""
    data = made(song, name, *options)
    half = len(data) // 2
    with pytest.raises(UnusableError, match="damaged"):
        seconds_of(song.with_name(f"hole {name}"), data[:half] + b"\x5a" * 3000 + data[half + 3000 :])


@pytest.mark.parametrize("sample", [1e30, -3e38, np.nan, np.inf])
def test_numbers_that_are_no_sound_are_named(tmp_path: Path, sample: float) -> None:
    audio = np.zeros((SAMPLE_RATE_HZ, 2), np.float32)
    audio[500] = sample
    soundfile.write(tmp_path / "broken.wav", audio, SAMPLE_RATE_HZ, subtype="FLOAT")
    with pytest.raises(UnusableError, match=r"^damaged: holds (a sample of|numbers that are not finite)"):
        list(blocks(tmp_path / "broken.wav"))


def test_floats_that_count_in_steps_of_integers_are_read(tmp_path: Path) -> None:
    audio = np.full((SAMPLE_RATE_HZ, 2), 2.0**31, np.float32)
    soundfile.write(tmp_path / "scaled.wav", audio, SAMPLE_RATE_HZ, subtype="FLOAT")
    np.testing.assert_array_equal(np.concatenate(list(blocks(tmp_path / "scaled.wav"))), audio)


def chunk(name: bytes, payload: bytes, padded: bool = True) -> bytes:
    return name + struct.pack("<I", len(payload)) + payload + bytes(len(payload) % 2 if padded else 0)


FMT = chunk(b"fmt ", struct.pack("<HHIIHH", 1, 2, SAMPLE_RATE_HZ, SAMPLE_RATE_HZ * 4, 4, 16))


@pytest.mark.parametrize(
    "make",
    [
        lambda pcm: b"RIFF\0\0\0\0WAVE" + FMT + b"data\0\0\0\0" + pcm,
        lambda pcm: b"RIFF\xff\xff\xff\xffWAVE" + FMT + b"data\xff\xff\xff\xff" + pcm,
        lambda pcm: b"RIFF\x24\xf0\xff\x7fWAVE" + FMT + b"data\0\xf0\xff\x7f" + pcm,
        lambda pcm: b"RIFF\x24\0\0\x80WAVE" + FMT + b"data\0\0\0\x80" + pcm,
        lambda pcm: b"RF64\xff\xff\xff\xffWAVE" + chunk(b"ds64", bytes(28)) + FMT + b"data\xff\xff\xff\xff" + pcm,
        lambda pcm: b"RIFF\0\0\0\0WAVE" + FMT + chunk(b"note", b"odd", padded=False) + chunk(b"data", pcm),
        lambda pcm: b"RIFF\0\0\0\0WAVE" + chunk(b"bext", bytes(603), padded=False) + FMT + chunk(b"data", pcm),
        lambda pcm: b"RIFF\0\0\0\0WAVE" + chunk(b"data", pcm) + FMT,
    ],
    ids=["zeros", "pipe", "sox", "2 GiB", "RF64 of zeros", "odd chunk", "odd bext", "format behind"],
)
def test_wave_files_that_a_sampler_reads_are_read(song: Path, make: Callable[[bytes], bytes]) -> None:
    audio = np.round(beat_song(123, SECONDS, 5) * 32767).astype("<i2")
    path = song.with_name("odd.wav")
    path.write_bytes(make(audio.tobytes()))
    read = np.concatenate(list(blocks(path)))
    np.testing.assert_allclose(read, audio / 32768, atol=1e-6)


def test_what_lies_beyond_4_gib_of_a_wave_file_is_read(tmp_path: Path) -> None:
    """As libsndfile writes it; read by libsndfile it ends at 4 GiB."""
    path = tmp_path / "long.wav"
    with path.open("wb") as file:
        file.write(b"RIFF\xff\xff\xff\xffWAVE" + FMT + b"data\xff\xff\xff\xff")
        file.truncate((1 << 32) + (1 << 20) * 4)  # holes take no room
    with soundfile.SoundFile(path) as file:
        assert file.frames < 1 << 30
    block, rate_hz = next(reading._decoded(path))
    assert (len(block), rate_hz) == (1 << 16, SAMPLE_RATE_HZ)
    assert reading._wave_frames(path) == (1 << 30) + (1 << 20) - 11


def test_a_picture_or_a_longer_film_makes_no_song_damaged(song: Path) -> None:
    film = ["-f", "lavfi", "-i", f"color=size=64x64:rate=5:duration={3 * SECONDS}", "-c:a", "aac", "-c:v", "mpeg4"]
    assert seconds_of(song.with_name("film.mp4"), made(song, "f.mp4", *film)) == pytest.approx(SECONDS, abs=0.1)


@given(
    st.binary(min_size=1, max_size=600), st.sampled_from([b"", b"OggS", b"fLaC", b"RIFF\0\0\0\0WAVE", b"caff\0\1\0\0"])
)
@settings(max_examples=200, deadline=None)
def test_any_bytes_have_a_length_or_none(tmp_path_factory: pytest.TempPathFactory, data: bytes, head: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.ogg"
    path.write_bytes(head + data)
    assert (ogg_seconds(path) or 0.0) >= 0
    assert (flac_frames(path) or 0) >= 0
    with pytest.raises(UnusableError):
        list(blocks(path.rename(path.with_suffix(".wv"))))
