"""Reads one music file block by block at 44.1 kHz stereo, whatever it was, or says in a few words why not.

libsndfile reads WAV, FLAC, MP3, OGG, Opus and AIFF; what it refuses is offered to pedalboard (AAC on macOS and
Windows) and then to an `ffmpeg` program if one is installed (AAC everywhere).
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import soundfile

from training.corpus.store import SAMPLE_RATE_HZ

SUFFIXES = frozenset(
    (
        ".aa",
        ".aac",
        ".aax",
        ".aif",
        ".aifc",
        ".aiff",
        ".ape",
        ".au",
        ".caf",
        ".flac",
        ".m4a",
        ".m4b",
        ".m4p",
        ".mp2",
        ".mp3",
        ".mp4",
        ".mpc",
        ".oga",
        ".ogg",
        ".opus",
        ".rf64",
        ".snd",
        ".w64",
        ".wav",
        ".wave",
        ".wma",
        ".wv",
    )
)
_LOCKED_SUFFIXES = frozenset((".aa", ".aax", ".m4p"))
# sample entries of MP4 files whose sound is encrypted
_LOCKED_ATOMS = (b"drms", b"enca", b"aavd")
_MP4_SUFFIXES = frozenset((".m4a", ".m4b", ".mp4"))
_BLOCK_FRAMES = 1 << 16
# a header may promise a little more than was written (padding of a lossy codec), not a tenth of the piece
_WHOLE = 0.95


class UnusableError(ValueError):
    """A file that cannot be trained on; the text says why in a few words."""


def blocks(path: Path) -> Iterator[np.ndarray]:
    """The file as float32 blocks `[n, 2]` at 44.1 kHz; raises `UnusableError` as soon as something is wrong."""
    try:
        if path.stat().st_size == 0:
            raise UnusableError("damaged: the file is empty")
        if is_locked(path):
            raise UnusableError("locked by DRM")
    except OSError as error:
        raise UnusableError(f"not readable: {(error.strerror or str(error)).lower()}") from error
    yield from _resampled(_decoded(path))


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
    try:
        file = soundfile.SoundFile(path)
    except (soundfile.LibsndfileError, RuntimeError, TypeError):
        yield from _by_pedalboard(path)
        return
    with file:
        got = 0
        try:
            while len(block := file.read(_BLOCK_FRAMES, "float32", always_2d=True)):
                got += len(block)
                yield block, file.samplerate
        except (soundfile.LibsndfileError, RuntimeError) as error:
            raise UnusableError(f"damaged after {got / file.samplerate:.1f} s") from error
        if got < _WHOLE * file.frames:
            whole_s = file.frames / file.samplerate
            raise UnusableError(f"damaged: {got / file.samplerate:.1f} s of {whole_s:.1f} s can be read")


def _by_pedalboard(path: Path) -> Iterator[tuple[np.ndarray, int]]:
    from pedalboard.io import AudioFile

    try:
        file = AudioFile(str(path))
    except (ValueError, RuntimeError, OSError):
        yield from _by_ffmpeg(path)
        return
    with file:
        try:
            while file.tell() < file.frames:
                block = file.read(min(_BLOCK_FRAMES, file.frames - file.tell()))
                if not block.shape[1]:
                    break
                yield np.ascontiguousarray(block.T), int(file.samplerate)
        except (ValueError, RuntimeError, OSError) as error:
            raise UnusableError(f"damaged after {file.tell() / file.samplerate:.1f} s") from error


def _by_ffmpeg(path: Path) -> Iterator[tuple[np.ndarray, int]]:
    program = shutil.which("ffmpeg")
    if program is None:
        lossy = path.suffix.lower() in _MP4_SUFFIXES | {".aac", ".wma"}
        raise UnusableError("needs the program ffmpeg to be read" if lossy else "damaged or not a sound file")
    command = [
        program,
        "-v",
        "error",
        "-nostdin",
        "-i",
        str(path),
        "-vn",
        "-f",
        "f32le",
        "-ac",
        "2",
        "-ar",
        str(SAMPLE_RATE_HZ),
        "-",
    ]
    with tempfile.TemporaryFile() as errors:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors) as process:
            assert process.stdout is not None
            try:
                while data := process.stdout.read(_BLOCK_FRAMES * 8):
                    yield np.frombuffer(data[: len(data) // 8 * 8], "<f4").reshape(-1, 2), SAMPLE_RATE_HZ
            except GeneratorExit:  # nobody reads on
                process.kill()
                raise
        if process.returncode:
            raise UnusableError("damaged or not a sound file")


def _resampled(decoded: Iterable[tuple[np.ndarray, int]]) -> Iterator[np.ndarray]:
    import soxr  # type: ignore[import-untyped]

    stream: soxr.ResampleStream | None = None
    rate_hz = SAMPLE_RATE_HZ
    for block, rate_hz in decoded:
        stereo = np.repeat(block, 2, 1) if block.shape[1] == 1 else block[:, :2]
        if not np.isfinite(stereo).all():
            raise UnusableError("damaged: holds numbers that are not finite")
        if rate_hz == SAMPLE_RATE_HZ:
            yield stereo
            continue
        if stream is None:
            stream = soxr.ResampleStream(rate_hz, SAMPLE_RATE_HZ, 2, dtype="float32")
        yield stream.resample_chunk(np.ascontiguousarray(stereo))
    if stream is not None:
        yield stream.resample_chunk(np.zeros((0, 2), np.float32), last=True)
