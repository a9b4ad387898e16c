"""Audio files of every format that a pack can have, with the same labels in each; reading them back."""

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from musika_daw.sound.riff import ENCODINGS, FLOAT
from musika_daw.sound.riff_reader import read_header_from, read_wave_from
from musika_daw.sound.tag_reader import read_tags
from musika_daw.sound.tags import Header, Tags
from musika_daw.system.folders import name_for_libraries
from musika_daw.system.quiet import quiet_libraries

FRAMES_MAX = 1 << 48
SAMPLE_MAX = 1e10  # files of floats may count in steps of integers of 32 bits; what is beyond is no sound
WAVE_SUFFIXES = (".wav", ".wave")
MAGICS = (b"RIFF", b"RIFX", b"RF64", b"FORM", b"fLaC", b"OggS", b"caff", b".snd")


@dataclass(frozen=True)
class Format:
    """One way to write audio: `title` is the word in the pack's folder name, `bits` what a reader reports, 0 where
    there are none; `rate_limit_hz` is the highest rate that it has."""

    name: str
    suffix: str
    title: str
    encoding: str
    rate_limit_hz: int = 192_000

    @property
    def bits(self) -> int:
        return ENCODINGS.get(self.encoding, (0, 0))[1]

    @property
    def lossy(self) -> bool:
        """Whether what is read is not what was written."""
        return self.encoding not in ENCODINGS

    @property
    def floating(self) -> bool:
        """Whether it holds what is beyond full scale."""
        return not self.lossy and ENCODINGS[self.encoding][0] == FLOAT


FORMATS = {
    form.name: form
    for form in (
        Format("wav24", ".wav", "WAV", "pcm24"),
        Format("wav16", ".wav", "WAV", "pcm16"),
        Format("wav32f", ".wav", "WAV", "float32"),
        Format("flac", ".flac", "FLAC", "pcm24"),
        Format("aiff", ".aiff", "AIFF", "pcm24"),
        Format("ogg", ".ogg", "OGG", "vorbis"),
        Format("mp3", ".mp3", "MP3", "mpeglayeriii", 48_000),
    )
}
SUFFIXES = tuple(sorted({form.suffix for form in FORMATS.values()}))


def encode(samples: np.ndarray, sample_rate_hz: int, tags: Tags, form: Format) -> bytes:
    """A whole audio file as bytes; samples float [frames, channels] in -1..1, finite."""
    if form.suffix == ".flac":
        from musika_daw.sound.flac import encode_flac

        return encode_flac(samples, sample_rate_hz, tags)
    if form.suffix == ".aiff":
        from musika_daw.sound.aiff import encode_aiff

        return encode_aiff(samples, sample_rate_hz, tags)
    if form.lossy:
        from musika_daw.sound.lossy import encode_mp3, encode_ogg

        if form.suffix == ".mp3":
            return encode_mp3(samples, sample_rate_hz, tags)
        return encode_ogg(samples, sample_rate_hz, tags, zlib.crc32(repr(tags).encode()))
    from musika_daw.sound.riff import encode_wave

    return encode_wave(samples, sample_rate_hz, tags, form.encoding)


def read_sound(path: Path) -> tuple[np.ndarray, Header]:
    """Samples, float32 [frames, channels], and header of a file of the pack. Raises ValueError or OSError.

    Of other than WAV files no tags are read; their chunk list is empty.
    """
    with path.open("rb") as stream:
        try:
            return read_sound_from(stream, path.suffix)
        except ValueError as error:
            raise ValueError(f"{path.name}: {error}") from None


def read_sound_from(stream: BinaryIO, suffix: str) -> tuple[np.ndarray, Header]:
    """`read_sound` of an open file of this suffix."""
    if suffix == ".wav":
        return read_wave_from(stream)
    import soundfile

    _check_mpeg(stream, suffix)
    try:
        with quiet_libraries(), soundfile.SoundFile(stream) as file:
            samples = file.read(dtype="float32", always_2d=True)
            bits = int("".join(filter(str.isdigit, file.subtype)) or 0)
            encoding = file.subtype.lower().replace("_", "")
            return samples, Header(encoding, file.channels, file.samplerate, bits, file.frames, 0, Tags(), ())
    except (soundfile.LibsndfileError, MemoryError) as error:  # the latter where a head promises too much
        raise ValueError(_said(error)) from None


def no_sound_in(samples: np.ndarray) -> str | None:
    """What in samples is no sound, as broken files of floats hold it; None where all is well."""
    if not np.isfinite(samples).all():
        return "holds numbers that are not finite"
    most = float(np.abs(samples).max(initial=0.0))
    return f"holds a sample of {most:.2g}, must be within {SAMPLE_MAX:g}" if most > SAMPLE_MAX else None


def read_samples(path: Path, frames_max: int | None = None) -> tuple[np.ndarray, int]:
    """Samples, float32 [frames, channels], and rate of what `read_any_header` reads. Raises ValueError or OSError.

    No more than `frames_max` frames are read; a file that promises more sound than memory holds, or holds numbers that
    are no sound, raises ValueError.
    """
    samples, rate_hz = _read_samples(path, frames_max)
    if wrong := no_sound_in(samples):
        raise ValueError(wrong)
    return samples, rate_hz


def _read_samples(path: Path, frames_max: int | None) -> tuple[np.ndarray, int]:
    import soundfile

    if path.suffix.lower() in WAVE_SUFFIXES:
        with path.open("rb") as stream:
            try:
                samples, header = read_wave_from(stream, frames_max)
                return samples, header.sample_rate_hz
            except ValueError:  # compressed, say
                pass
    try:
        frames = -1 if frames_max is None else frames_max
        return soundfile.read(name_for_libraries(path), frames=frames, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError, TypeError, MemoryError) as error:
        raise ValueError(_said(error)) from None


def read_any_header(path: Path) -> Header:
    """Format and tags of a sound file of any kind that libsndfile reads. Raises ValueError or OSError.

    A WAV file is read by `riff_reader`; one that it does not know (compressed, say) has what libsndfile finds.
    """
    with path.open("rb") as stream:
        if path.suffix.lower() in WAVE_SUFFIXES:
            try:
                return read_header_from(stream)
            except ValueError as error:
                return _by_libsndfile(path, Tags(), str(error))
        _check_mpeg(stream, path.suffix)
        return _by_libsndfile(path, read_tags(path))


def _check_mpeg(stream: BinaryIO, suffix: str) -> None:
    """Raises ValueError for a file by the name of an MP3 file in which no MPEG audio is.

    libsndfile calls one a file that does not exist, and its decoder writes notes to stderr.
    """
    if suffix.lower() not in (".mp2", ".mp3"):
        return
    from mutagen import MutagenError
    from mutagen.mp3 import MPEGInfo

    head = stream.read(4)
    try:
        if head not in MAGICS:  # what has a name that is not its own is read as what it is
            MPEGInfo(stream)
    except MutagenError:
        raise ValueError("not an MP3 file: holds no MPEG audio") from None
    finally:
        stream.seek(0)


def _said(error: Exception) -> str:
    """What libsndfile says of a file that was open, on one line."""
    said = " ".join(str(getattr(error, "error_string", error)).split())
    if "does not exist" in said or "not recognised" in said:
        return "damaged, or no sound file of a kind that is read here (WAV, FLAC, AIFF, Ogg or MP3)"
    return said


def _by_libsndfile(path: Path, tags: Tags, why: str = "") -> Header:
    import soundfile

    try:
        with quiet_libraries():
            facts = soundfile.info(name_for_libraries(path))
    except (soundfile.LibsndfileError, RuntimeError, TypeError) as error:
        raise ValueError(why or _said(error)) from None
    if facts.frames > FRAMES_MAX:  # a FLAC file that was written into a pipe
        raise ValueError("does not say how long it is")
    bits = int("".join(filter(str.isdigit, facts.subtype)) or 0)
    encoding = facts.subtype.lower().replace("_", "")
    return Header(encoding, facts.channels, facts.samplerate, bits, facts.frames, 0, tags, ())
