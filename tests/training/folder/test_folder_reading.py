"""Files of any format, rate and channel count come out as 44.1 kHz stereo."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from mutagen.id3 import APIC, ID3

from musika_daw.sound.labels import read_labels
from musika_daw.sound.riff import encode_wave
from musika_daw.sound.sounds import read_any_header, read_sound_from
from tests.training.folder.music import FORMATS, write
from training.corpus.folder.prepare import file_hash, prepare
from training.corpus.folder.reading import UnusableError, blocks
from training.corpus.store import SAMPLE_RATE_HZ
from training.evaluate.audio import read_folder


@pytest.mark.parametrize("form", FORMATS, ids=lambda f: f"{f[0]}-{f[3]}-{f[4]}")
def test_a_tone_keeps_its_length_pitch_and_level(form: tuple[str, str, str | None, int, int], tmp_path: Path) -> None:
    time = np.arange(3 * form[3]) / form[3]
    tone = (0.4 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)
    path = write(tmp_path / f"tone.{form[0]}", np.stack([tone, tone], 1), form)
    audio = np.concatenate(list(blocks(path)))
    assert audio.shape[1] == 2
    assert len(audio) == pytest.approx(3 * SAMPLE_RATE_HZ, rel=0.05)
    middle = audio[SAMPLE_RATE_HZ : 2 * SAMPLE_RATE_HZ, 0]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    assert np.argmax(spectrum) == pytest.approx(440, abs=1)
    assert np.abs(middle).max() == pytest.approx(0.4, abs=0.03)


def beats(seconds: float, rate_hz: int, channels: int, seed: int = 0) -> np.ndarray:
    """Loud hits and quiet between them, so that a variable bit rate varies."""
    time = np.arange(round(seconds * rate_hz)) / rate_hz
    rng = np.random.default_rng(seed)
    wave = 0.5 * np.exp(-(time * 2.1 % 1) * 30) * np.sin(377 * time)
    wave += 0.1 * rng.standard_normal(len(time)) * np.exp(-(time * 8.4 % 1) * 20)
    return np.repeat(wave[:, None], channels, 1).astype(np.float32)


def mp3(path: Path, audio: np.ndarray, rate_hz: int, *options: str) -> Path:
    soundfile.write(path.with_suffix(".wav"), audio, rate_hz)
    command = ["ffmpeg", "-v", "error", "-y", "-i", str(path.with_suffix(".wav")), *options, str(path)]
    subprocess.run(command, check=True)
    return path


def seconds_of(path: Path) -> float:
    return sum(len(block) for block in blocks(path)) / SAMPLE_RATE_HZ


BARE = ("-write_xing", "0", "-id3v2_version", "0")


@pytest.mark.parametrize(("rate_hz", "channels"), [(44_100, 2), (48_000, 1), (22_050, 2), (8_000, 1)])
@pytest.mark.parametrize("rate", [("-q:a", "4"), ("-b:a", "64k")], ids=["variable", "constant"])
@pytest.mark.parametrize("told", [(), BARE], ids=["length told", "not told"])
def test_an_mp3_has_its_length_whether_it_tells_it_or_not(
    tmp_path: Path, rate_hz: int, channels: int, rate: tuple[str, str], told: tuple[str, ...]
) -> None:
    audio = beats(20, rate_hz, channels)
    path = mp3(tmp_path / "x.mp3", audio, rate_hz, *rate, *told)
    assert seconds_of(path) == pytest.approx(20, abs=0.25)


@given(st.integers(3, 40), st.integers(0, 300), st.integers(0, 40), st.booleans())
@settings(max_examples=12, deadline=None)
def test_pictures_and_junk_around_an_mp3_change_no_length(
    tmp_path_factory: pytest.TempPathFactory, seconds: int, picture_kb: int, junk_kb: int, variable: bool
) -> None:
    folder = tmp_path_factory.mktemp("mp3")
    rate = ("-q:a", "5") if variable else ("-b:a", "128k")
    path = mp3(folder / "x.mp3", beats(seconds, 44_100, 2), 44_100, *rate, *BARE)
    path.write_bytes(bytes(junk_kb << 10) + path.read_bytes() + b"TAG".ljust(128, b"\0"))
    tag = ID3()
    tag.add(APIC(encoding=0, mime="image/jpeg", type=3, desc="", data=np.random.default_rng(1).bytes(picture_kb << 10)))
    tag.save(path)
    assert seconds_of(path) == pytest.approx(seconds, abs=0.25)


def test_decoders_keep_their_notes_to_themselves(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """libmpg123 writes to stderr whatever it finds odd: bytes before the first frame, between frames, an old tag."""
    whole = mp3(tmp_path / "x.mp3", beats(6, 44_100, 2), 44_100, "-b:a", "128k", *BARE).read_bytes()
    junk = np.random.default_rng(3).integers(0, 255, 500, dtype=np.uint8).tobytes()
    torn = junk + whole[:40_000] + junk + whole[40_300:] + b"TAG".ljust(128, b"\0")
    (tmp_path / "torn.mp3").write_bytes(torn)
    capfd.readouterr()
    soundfile.read(tmp_path / "torn.mp3")
    assert "Note: " in capfd.readouterr().err, "libsndfile has become quiet by itself: quiet_libraries may go"
    assert seconds_of(tmp_path / "torn.mp3") == pytest.approx(6, abs=0.5)
    read_any_header(tmp_path / "torn.mp3")
    read_sound_from(io.BytesIO(torn[len(junk) :]), ".mp3")
    assert [name for name, _ in read_folder(tmp_path, 1.0)] == ["torn", "x", "x"]  # and the .wav beside it
    assert capfd.readouterr().err == ""


def test_joined_and_cut_mp3_files(tmp_path: Path) -> None:
    one = mp3(tmp_path / "one.mp3", beats(10, 44_100, 2), 44_100, "-q:a", "4").read_bytes()
    (tmp_path / "two.mp3").write_bytes(one + one)  # its first length is told of the first half only
    assert seconds_of(tmp_path / "two.mp3") == pytest.approx(20, abs=0.3)
    (tmp_path / "cut.mp3").write_bytes(one[: len(one) // 2])
    with pytest.raises(UnusableError, match=r"damaged: \d\.\d s of 10\.\d s can be read"):
        seconds_of(tmp_path / "cut.mp3")


def test_a_layer_two_file_is_read(tmp_path: Path) -> None:
    path = mp3(tmp_path / "x.mp2", beats(10, 44_100, 2), 44_100, "-b:a", "192k")
    assert seconds_of(path) == pytest.approx(10, abs=0.25)


@pytest.mark.parametrize("name", [b"caf\xe9.wav", b"caf\xe9.mp3", b"\xff\xfe.flac", b"new\nline.ogg", b"-v.m4a"])
def test_a_name_of_any_bytes_is_read(tmp_path: Path, name: bytes) -> None:
    suffix = os.fsdecode(name).rpartition(".")[2]
    plain = tmp_path / f"x.{suffix}"
    if suffix == "m4a":
        mp3(plain, beats(3, 44_100, 2), 44_100)
    else:
        soundfile.write(plain, beats(3, 44_100, 2), 44_100)
    path = tmp_path / os.fsdecode(name)
    plain.rename(path)
    assert seconds_of(path) == pytest.approx(3, abs=0.2)


def test_a_flac_of_unknown_length_is_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    soundfile.write(tmp_path / "x.wav", beats(3, 44_100, 2), 44_100)
    with (tmp_path / "x.flac").open("wb") as out:
        program = subprocess.Popen(
            ["ffmpeg", "-v", "error", "-i", str(tmp_path / "x.wav"), "-f", "flac", "-"], stdout=subprocess.PIPE
        )
        out.write(program.communicate()[0])  # a pipe: its head cannot be written again
    assert seconds_of(tmp_path / "x.flac") == pytest.approx(3)
    with pytest.raises(ValueError, match=r"x\.flac: does not say how long it is"):
        read_labels(tmp_path / "x.flac")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnusableError, match=r"needs the program ffmpeg.*does not say how long"):
        seconds_of(tmp_path / "x.flac")


@pytest.mark.parametrize("rate_hz", [1, 999, 1_000_001, 2_000_000_000])
def test_an_absurd_rate_costs_no_memory(tmp_path: Path, rate_hz: int) -> None:
    data = bytearray(encode_wave(np.zeros((4410, 2), np.float32), 44_100))
    data[24:28] = rate_hz.to_bytes(4, "little")
    (tmp_path / "x.wav").write_bytes(data)
    with pytest.raises(UnusableError, match=rf"a sample rate of {rate_hz:g} Hz".replace("+", r"\+")):
        seconds_of(tmp_path / "x.wav")


@pytest.mark.parametrize("channels", [65, 1024, 4354])
def test_absurdly_many_channels_are_told(tmp_path: Path, channels: int) -> None:
    data = bytearray(encode_wave(np.zeros((44_100, 2), np.float32), 44_100))
    data[22:24] = channels.to_bytes(2, "little")
    data[32:34] = (channels * 3 & 0xFFFF).to_bytes(2, "little")
    (tmp_path / "x.wav").write_bytes(data)
    began = time.monotonic()
    with pytest.raises(UnusableError, match=rf"damaged: {channels} channels|damaged or not a sound file"):
        seconds_of(tmp_path / "x.wav")
    assert time.monotonic() - began < 5


def test_flac_in_ogg_is_read(tmp_path: Path) -> None:
    audio = beats(3, 44_100, 2)
    soundfile.write(tmp_path / "x.wav", audio, 44_100)
    command = ["ffmpeg", "-v", "error", "-i", str(tmp_path / "x.wav"), "-c:a", "flac", "-f", "ogg"]
    subprocess.run([*command, str(tmp_path / "x.ogg")], check=True)
    np.testing.assert_allclose(np.concatenate(list(blocks(tmp_path / "x.ogg"))), audio, atol=1e-4)


def damaged_aiff(seed: int) -> bytes:
    """An AIFF file whose head is gone, its sound whole."""
    stream = io.BytesIO()
    soundfile.write(stream, beats(4, 44_100, 2, seed), 44_100, "DOUBLE", format="AIFF")
    data = bytearray(stream.getvalue())
    data[11:12], data[17:18] = b"\xa5", b"\xd4"
    return bytes(data)


def damaged_flac_in_ogg(seed: int) -> bytes:
    """FLAC in Ogg whose head was overwritten here and there."""
    stream = io.BytesIO()
    soundfile.write(stream, beats(4, 44_100, 2, seed), 44_100, "PCM_24", format="FLAC")
    piped = ["ffmpeg", "-v", "error", "-i", "-", "-c:a", "copy", "-f", "ogg", "-"]
    data = bytearray(subprocess.run(piped, input=stream.getvalue(), capture_output=True, check=True).stdout)
    rng = np.random.default_rng(seed)
    data[28:400] = bytes(byte if rng.random() > 0.1 else int(rng.integers(256)) for byte in data[28:400])
    return bytes(data)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("suffix", "make"), [("aif", damaged_aiff), ("ogg", damaged_flac_in_ogg)])
def test_no_sound_is_found_in_what_is_damaged(
    tmp_path: Path, suffix: str, make: Callable[[int], bytes], seed: int
) -> None:
    """Programs that guess took the first for 29 minutes of speech and the second for 19 hours."""
    path = tmp_path / f"x.{suffix}"
    path.write_bytes(make(seed))
    try:
        seconds = seconds_of(path)
    except UnusableError as error:
        assert "damaged" in str(error)  # noqa: PT017
    else:
        assert seconds < 4.1


def test_what_ends_a_read_is_told_in_the_decoder_s_own_words(tmp_path: Path) -> None:
    (tmp_path / "x.m4a").write_bytes(b"\0\0\0\x20ftypM4A " + b"\0" * 100)
    with pytest.raises(UnusableError, match=r"not a sound file: .*moov atom not found"):
        seconds_of(tmp_path / "x.m4a")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.wav")
    assert file_hash(tmp_path / "x.wav") == ""
    with pytest.raises(UnusableError, match="no plain file"):
        seconds_of(tmp_path / "x.wav")


def test_what_nothing_reads_is_offered_to_ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "song.m4a"
    path.write_bytes(b"\0\0\0\x20ftypM4A " + b"\0" * 100)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnusableError, match="needs the program ffmpeg"):
        list(blocks(path))
    program = tmp_path / "ffmpeg"
    program.write_text(
        f"#!{sys.executable}\nimport array, sys\nassert '{path}' in sys.argv\n"
        "sys.stdout.buffer.write(array.array('f', [0.25, -0.5] * 1000).tobytes())\n"
    )
    program.chmod(0o755)
    audio = np.concatenate(list(blocks(path)))
    np.testing.assert_array_equal(audio, np.tile(np.array([0.25, -0.5], np.float32), (1000, 1)))
    program.write_text(f"#!{sys.executable}\nraise SystemExit(1)\n")
    with pytest.raises(UnusableError, match="not a sound file"):
        list(blocks(path))
    assert os.access(program, os.X_OK)


def _ogg_sum(page: bytes) -> int:
    """The checksum of an Ogg page, its own field taken as 0."""
    value = 0
    for byte in page[:22] + bytes(4) + page[26:]:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ (0x04C11DB7 if value & 0x80000000 else 0)) & 0xFFFFFFFF
    return value


def test_an_opus_stream_that_was_cut_out_of_another_is_read_whole(tmp_path: Path) -> None:
    """Its first page counts fewer samples than it holds, as in half of forty real tracks."""
    path = tmp_path / "cut.opus"
    source = ["-f", "lavfi", "-i", "anoisesrc=d=4:c=pink:r=48000:a=0.3"]
    subprocess.run(["ffmpeg", "-v", "error", *source, "-ac", "2", "-c:a", "libopus", path], check=True)
    data, at, out = path.read_bytes(), 0, b""
    while at < len(data):
        segments = data[at + 26]
        end = at + 27 + segments + sum(data[at + 27 : at + 27 + segments])
        page = bytearray(data[at:end])
        (granule,) = struct.unpack_from("<q", page, 6)
        struct.pack_into("<q", page, 6, granule - 472 if granule > 0 else granule)
        struct.pack_into("<I", page, 22, _ogg_sum(bytes(page)))
        out, at = out + bytes(page), end
    path.write_bytes(out)
    frames = sum(len(block) for block in blocks(path))
    assert abs(frames / 44_100 - 4) < 0.05


@pytest.mark.parametrize("frames", [5, 700, 44_100])
@pytest.mark.filterwarnings("error")
def test_what_is_too_short_is_not_listened_to(tmp_path: Path, frames: int) -> None:
    """librosa warned of a spectrum longer than the sound, in the midst of the report."""
    soundfile.write(tmp_path / "short.wav", np.full((frames, 2), 0.3), 44_100)
    assert prepare(tmp_path / "short.wav", tmp_path / "scratch", 10.0).reason.startswith("too short: ")
