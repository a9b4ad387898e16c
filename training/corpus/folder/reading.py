"""Reads one music file block by block at 44.1 kHz stereo, whatever it was, or says in a few words why not.

libsndfile reads WAV, FLAC, MP3, OGG, Opus and AIFF; other kinds are offered to pedalboard (AAC on macOS and Windows),
and they and what libsndfile refuses to an `ffmpeg` program if one is installed, WAV files before to our own reader.
Decoders end early without a word: the length of an MP3 file is counted, that of others looked for (`lengths`).
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import soundfile

from musika_daw.sound.riff_reader import read_header, wave_blocks
from musika_daw.sound.sounds import no_sound_in
from musika_daw.system.folders import name_for_libraries
from musika_daw.system.quiet import quiet_libraries
from training.corpus.folder.lengths import cut, flac_frames, ogg_breaks_off, ogg_broken_pages, ogg_seconds
from training.corpus.folder.mpeg import counted, write_with_length
from training.corpus.store import SAMPLE_RATE_HZ

_NAMED = (
    ".aa .aac .aax .aif .aifc .aiff .ape .au .caf .flac .m4a .m4b .m4p "
    ".mp2 .mp3 .mp4 .mpc .oga .ogg .opus .rf64 .snd .w64 .wav .wave .wma .wv"
)
SUFFIXES = frozenset(_NAMED.split())
# what needs no other program
_NATIVE_SUFFIXES = SUFFIXES - {".aac", ".ape", ".m4a", ".m4b", ".mp4", ".mpc", ".wma", ".wv"}
_MPEG_SUFFIXES = frozenset((".mp2", ".mp3"))
_WAVE_SUFFIXES = frozenset((".rf64", ".wav", ".wave"))
# what ffmpeg may take a file for. Left free it finds sound in what is none: speech at 12 kbit/s in a damaged AIFF file
_CONTAINERS = (
    "3gp,3g2,aiff,ape,asf,au,caf,flac,m4a,matroska,mj2,mov,mp4,mpc,mpc8,ogg,tak,tta,w64,wav,webm,wsd,wv"  # by a head
)
_STREAMS = ",aac,mp3"  # by frames that chance makes too
_STREAM_SUFFIXES = _MPEG_SUFFIXES | {".aac", ".m4a", ".mp4"}
_LOCKED_SUFFIXES = frozenset((".aa", ".aax", ".m4p"))
# sample entries of MP4 files whose sound is encrypted
_LOCKED_ATOMS = (b"drms", b"enca", b"aavd")
_MP4_SUFFIXES = frozenset((".m4a", ".m4b", ".mp4"))
_BLOCK_FRAMES = 1 << 16
# a header may promise a little more than was written (padding of a lossy codec), not a tenth of the piece
_WHOLE = 0.95
# how far decoder's delay and the padding of a last frame move the length of an MP3 file
_MPEG_SLACK_S = 0.25
_LATE_S = 0.02  # what told lengths are rounded and padded by
_LOST = re.compile(r"Error submitting packet to decoder|Error while decoding stream")  # of ffmpeg 6 and later, earlier
_UNKNOWN_FRAMES = 1 << 48
RATES_HZ = (1000, 1_000_000)
CHANNELS_MAX = 64
LONGEST_H = 48
# what is worth another look when a program may have been installed since
MAYBE = "needs the program ffmpeg"


class UnusableError(ValueError):
    """A file that cannot be trained on; the text says why in a few words."""


def blocks(path: Path) -> Iterator[np.ndarray]:
    """The file as float32 blocks `[n, 2]` at 44.1 kHz; raises `UnusableError` as soon as something is wrong."""
    try:
        if path.stat().st_size == 0 and path.is_file():
            raise UnusableError("damaged: the file is empty")
        if not path.is_file():
            raise UnusableError("not readable: it is no plain file")
        if is_locked(path):
            raise UnusableError("locked by DRM")
        missing, breaks_off, broken = cut(path), ogg_breaks_off(path), ogg_broken_pages(path)
    except OSError as error:
        raise UnusableError(f"not readable: {(error.strerror or str(error)).lower()}") from error
    if missing is not None and missing[0] < _WHOLE * missing[1]:
        raise UnusableError(f"damaged: cut short, {missing[0]} of {missing[1]} bytes of its sound are there")
    if breaks_off:
        raise UnusableError("damaged: cut short, it ends in the midst of a page of sound")
    if broken:  # decoders leave them out
        raise UnusableError(f"damaged: the check sums of {broken} of its pages are wrong")
    frames = 0
    for block in _resampled(_decoded(path)):
        frames += len(block)
        if frames > LONGEST_H * 3600 * SAMPLE_RATE_HZ:
            raise UnusableError(f"longer than {LONGEST_H} hours")
        yield block
    if not frames:
        raise UnusableError("damaged: holds no sound")


def is_locked(path: Path) -> bool:
    """True for files that only their shop's player can open."""
    suffix = path.suffix.lower()
    if suffix in _LOCKED_SUFFIXES:
        return True
    if suffix not in _MP4_SUFFIXES:
        return False
    with path.open("rb") as file:
        return any(atom in file.read(1 << 20) for atom in _LOCKED_ATOMS)


def _decoded(path: Path) -> Iterator[tuple[np.ndarray, int]]:
    """Blocks `[n, channels]` with their sample rate, from the first decoder that knows the file."""
    suffix, least_s = path.suffix.lower(), ogg_seconds(path) or 0.0
    if suffix == ".opus" and shutil.which("ffmpeg"):
        # libsndfile gives up on streams that were cut out of others: half of forty real tracks
        yield from _by_ffmpeg(path, "", least_s)
        return
    found = counted(path) if suffix in _MPEG_SUFFIXES else None
    try:
        with quiet_libraries():
            file = soundfile.SoundFile(name_for_libraries(path))
    except (soundfile.LibsndfileError, RuntimeError, TypeError) as error:
        if found is None or found.first.layer != 3:
            if suffix in _WAVE_SUFFIXES and _wave_frames(path):
                yield from wave_blocks(path, _BLOCK_FRAMES)
            # of the kinds that both know it also takes damaged ones, for hours of sound
            elif suffix in _NATIVE_SUFFIXES:
                yield from _by_ffmpeg(path, _said(error), least_s)
            else:
                yield from _by_pedalboard(path, _said(error))
            return
    else:
        with file:
            length_s = file.frames / max(1, file.samplerate)
            if suffix in _WAVE_SUFFIXES and file.frames < _wave_frames(path):  # never finished, or beyond 4 GiB
                yield from wave_blocks(path, _BLOCK_FRAMES)
                return
            if file.frames > _UNKNOWN_FRAMES:  # a FLAC file that was written into a pipe, chained streams
                yield from _by_ffmpeg(path, "it does not say how long it is", least_s)
                return
            if length_s < _WHOLE * least_s or file.frames < (flac_frames(path) or 0):
                yield from _by_ffmpeg(path, f"it holds more than {length_s:.1f} s", least_s)
                return
            if found is None or abs(found.seconds - length_s) <= _MPEG_SLACK_S or found.first.layer != 3:
                yield from _by_libsndfile(file, file.frames if found is None else max(found.frames, found.told or 0))
                return
    with tempfile.TemporaryFile() as whole:
        write_with_length(path, found, whole)
        whole.seek(0)
        try:
            with quiet_libraries():
                file = soundfile.SoundFile(whole)
        except (soundfile.LibsndfileError, RuntimeError) as error:
            raise UnusableError(f"damaged: {_said(error)}") from error
        with file:
            yield from _by_libsndfile(file, max(found.frames, found.told or 0))


def _said(error: Exception | str) -> str:
    """What a decoder said, on one line."""
    return " ".join(str(getattr(error, "error_string", error)).split())[:200]


def _wave_frames(path: Path) -> int:
    """How much sound our own reader finds in a WAV file of another's making; 0 where it cannot read it."""
    try:
        header = read_header(path)
    except ValueError:
        return 0
    _check_form(header.sample_rate_hz, header.channels)
    return header.frames


def _check_form(rate_hz: float, channels: int) -> None:
    low, high = RATES_HZ
    if not low <= rate_hz <= high:
        raise UnusableError(f"damaged: a sample rate of {rate_hz:g} Hz, must be within {low}..{high}")
    if not 1 <= channels <= CHANNELS_MAX:
        raise UnusableError(f"damaged: {channels} channels, must be within 1..{CHANNELS_MAX}")


def _check_whole(got: int, frames: int, rate_hz: float) -> None:
    if got < _WHOLE * frames:
        raise UnusableError(f"damaged: {got / rate_hz:.1f} s of {frames / rate_hz:.1f} s can be read")


def _by_libsndfile(file: soundfile.SoundFile, frames: int) -> Iterator[tuple[np.ndarray, int]]:
    _check_form(file.samplerate, file.channels)
    got = 0
    try:
        while True:
            with quiet_libraries():  # its MP3 decoder writes notes on what lies between frames
                block = file.read(_BLOCK_FRAMES, "float32", always_2d=True)
            if not len(block):
                break
            got += len(block)
            yield block, file.samplerate
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise UnusableError(f"damaged after {got / file.samplerate:.1f} s: {_said(error)}") from error
    _check_whole(got, frames, file.samplerate)


def _by_pedalboard(path: Path, why: str) -> Iterator[tuple[np.ndarray, int]]:
    from pedalboard.io import AudioFile

    try:
        file = AudioFile(str(path))
    except (ValueError, RuntimeError, OSError):
        yield from _by_ffmpeg(path, why)
        return
    with file:
        _check_form(file.samplerate, file.num_channels)
        try:
            while file.tell() < file.frames:
                block = file.read(min(_BLOCK_FRAMES, file.frames - file.tell()))
                if not block.shape[1]:
                    break
                yield np.ascontiguousarray(block.T), int(file.samplerate)
        except (ValueError, RuntimeError, OSError) as error:
            raise UnusableError(f"damaged after {file.tell() / file.samplerate:.1f} s: {_said(error)}") from error
        _check_whole(file.tell(), file.frames, file.samplerate)


def _by_ffmpeg(path: Path, why: str, least_s: float = 0.0) -> Iterator[tuple[np.ndarray, int]]:
    program = shutil.which("ffmpeg")
    if program is None:
        if path.suffix.lower() in _NATIVE_SUFFIXES:
            raise UnusableError(f"damaged or not a sound file, or {MAYBE} to be read: {_said(why)}")
        raise UnusableError(f"{MAYBE} to be read")
    containers = _CONTAINERS + (_STREAMS if path.suffix.lower() in _STREAM_SUFFIXES else "")
    asked = ["-v", "level+info", "-hide_banner", "-nostats", "-nostdin", "-format_whitelist", containers]
    given = ["-vn", "-f", "f32le", "-ac", "2", "-ar", str(SAMPLE_RATE_HZ), "-"]
    got = 0
    with tempfile.TemporaryFile() as notes:
        command = [program, *asked, "-i", str(path.absolute()), *given]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=notes) as process:
            assert process.stdout is not None
            try:
                while data := process.stdout.read(_BLOCK_FRAMES * 8):
                    got += len(data) // 8
                    yield np.frombuffer(data[: len(data) // 8 * 8], "<f4").reshape(-1, 2), SAMPLE_RATE_HZ
            except GeneratorExit:  # nobody reads on
                process.kill()
                raise
        notes.seek(0)
        told = notes.read(1 << 16).decode("utf-8", "replace")
    if process.returncode:
        told = told.replace(f"{path.absolute()}: ", "")
        lines = [
            line.strip() for line in re.findall(r"^(?:\[[^\]]* @ 0x\w+\] )?\[(?:error|fatal)\] (.*)", told, re.M)
        ] or [why]
        # the first says what was wrong, the last what came of it
        both = "; ".join(dict.fromkeys((lines[0], lines[-1])))
        raise UnusableError(f"damaged or not a sound file: {_said(both)}")
    whole = round(max(least_s, _told_s(told)) * SAMPLE_RATE_HZ)
    _check_whole(got, whole, SAMPLE_RATE_HZ)
    # it goes on after what it cannot decode, and all that follows would be early
    if got < whole - _LATE_S * SAMPLE_RATE_HZ and (lost := len(_LOST.findall(told))):
        raise UnusableError(f"damaged: {lost} pieces of its sound cannot be decoded")


def _told_s(notes: str) -> float:
    """The length that a file tells ffmpeg, 0 where it is estimated or may be that of something besides the sound."""
    streams = re.findall(r"^\[info\]   Stream #0:.*?: (?:Audio|Video): .*", notes.split("Stream mapping:")[0], re.M)
    length = re.search(r"^\[info\]   Duration: (\d+):(\d\d):(\d\d\.\d+)", notes, re.M)
    sound = [stream for stream in streams if "(attached pic)" not in stream]
    if length is None or len(sound) != 1 or "Estimating duration" in notes:
        return 0.0
    return int(length[1]) * 3600 + int(length[2]) * 60 + float(length[3])


def _resampled(decoded: Iterable[tuple[np.ndarray, int]]) -> Iterator[np.ndarray]:
    import soxr  # type: ignore[import-untyped]

    stream: soxr.ResampleStream | None = None
    rate_hz = SAMPLE_RATE_HZ
    for block, rate_hz in decoded:
        stereo = np.repeat(block, 2, 1) if block.shape[1] == 1 else block[:, :2]
        if wrong := no_sound_in(stereo):
            raise UnusableError(f"damaged: {wrong}")
        if rate_hz == SAMPLE_RATE_HZ:
            yield stereo
            continue
        if stream is None:
            stream = soxr.ResampleStream(rate_hz, SAMPLE_RATE_HZ, 2, dtype="float32")
        yield stream.resample_chunk(np.ascontiguousarray(stereo))
    if stream is not None:
        yield stream.resample_chunk(np.zeros((0, 2), np.float32), last=True)
