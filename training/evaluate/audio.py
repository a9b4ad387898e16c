"""Audio files in and out of an evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from musika_daw.hearing.spectra import resampled
from musika_daw.system.atomic import part_of
from musika_daw.system.folders import files_below, name_for_libraries
from musika_daw.system.plain import plain
from musika_daw.system.quiet import quiet_libraries

_RATE_HZ = 44_100
_SUFFIXES = {".wav", ".flac", ".ogg", ".mp3", ".aif", ".aiff", ".opus"}


def read_folder(folder: Path, seconds: float, limit: int | None = None) -> Iterator[tuple[str, np.ndarray]]:
    """The middle `seconds` of the audio files of a folder, float32 `[frames, 2]` at 44.1 kHz, in name order.

    Raises ValueError where the folder holds none, or one cannot be read.
    """
    import soundfile

    files = sorted(p for p in files_below(Path(folder)) if p.suffix.lower() in _SUFFIXES)
    if not files:
        raise ValueError(f"folder: {folder} holds no audio, must hold some of {', '.join(sorted(_SUFFIXES))}")
    for path in files[:limit]:
        try:
            with quiet_libraries(), soundfile.SoundFile(name_for_libraries(path)) as file:
                if not 1000 <= file.samplerate <= 1_000_000:
                    raise ValueError(f"folder: {plain(str(path))} has a sample rate of {file.samplerate} Hz")
                wanted = min(file.frames, int(seconds * file.samplerate))
                file.seek((file.frames - wanted) // 2)
                audio = file.read(wanted, dtype="float32", always_2d=True)
                rate_hz = file.samplerate
        except (soundfile.LibsndfileError, OSError) as error:
            raise ValueError(f"folder: {plain(str(path))} cannot be read ({error})") from error
        yield path.stem, resampled(np.ascontiguousarray(audio[:, [0, -1]]), rate_hz, _RATE_HZ)


def write_examples(folder: Path, examples: Sequence[tuple[str, np.ndarray]], limit: int = 4) -> None:
    """Write the first few (name, audio at 44.1 kHz) as 16-bit FLAC, for listening."""
    import soundfile

    folder.mkdir(parents=True, exist_ok=True)
    for number, (name, audio) in enumerate(examples[:limit]):
        text = "".join(c if c.isalnum() else "-" for c in name).strip("-")
        path = folder / f"{number:02d}-{text}.flac"
        with part_of(path) as part:
            soundfile.write(part, np.clip(audio, -1, 1), _RATE_HZ, format="FLAC", subtype="PCM_16")
