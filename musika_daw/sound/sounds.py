"""Audio files of every format that a pack can have, with the same labels in each; reading them back."""

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from musika_daw.sound.riff import ENCODINGS, Header, Tags


@dataclass(frozen=True)
class Format:
    """One way to write audio: `title` is the word in the pack's folder name, `bits` what a reader reports."""

    name: str
    suffix: str
    title: str
    encoding: str

    @property
    def bits(self) -> int:
        return ENCODINGS[self.encoding][1]


FORMATS = {
    form.name: form
    for form in (
        Format("wav24", ".wav", "WAV", "pcm24"),
        Format("wav16", ".wav", "WAV", "pcm16"),
        Format("wav32f", ".wav", "WAV", "float32"),
        Format("flac", ".flac", "FLAC", "pcm24"),
        Format("aiff", ".aiff", "AIFF", "pcm24"),
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
    from musika_daw.sound.riff import encode_wave

    return encode_wave(samples, sample_rate_hz, tags, form.encoding)


def read_sound(path: Path) -> tuple[np.ndarray, Header]:
    """Samples, float32 [frames, channels], and header of a file of the pack. Raises ValueError or OSError.

    The tags of FLAC and AIFF files are not read; their chunk list is empty.
    """
    with path.open("rb") as stream:
        try:
            return read_sound_from(stream, path.suffix)
        except ValueError as error:
            raise ValueError(f"{path.name}: {error}") from None


def read_sound_from(stream: BinaryIO, suffix: str) -> tuple[np.ndarray, Header]:
    """`read_sound` of an open file of this suffix."""
    if suffix == ".wav":
        from musika_daw.sound.riff_reader import read_wave_from

        return read_wave_from(stream)
    import soundfile

    try:
        with soundfile.SoundFile(stream) as file:
            samples = file.read(dtype="float32", always_2d=True)
            bits = int("".join(filter(str.isdigit, file.subtype)) or 0)
            return samples, Header(f"pcm{bits}", file.channels, file.samplerate, bits, file.frames, 0, Tags(), ())
    except soundfile.LibsndfileError as error:
        raise ValueError(" ".join(str(error).split())) from None
