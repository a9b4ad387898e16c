"""What comes back from a lossy format: its peaks are a little higher, so it is turned down below the ceiling."""

import io
from dataclasses import dataclass

import numpy as np

from musika_daw.sound.sounds import Format, encode, read_sound_from
from musika_daw.sound.tags import Tags
from pack_builder.render.draw import RenderError
from pack_builder.render.finish import Level, measure

_TRIES = 4
_NEAR_DB = 0.02


@dataclass(frozen=True)
class Coded:
    """Samples [frames, channels] to encode, what a decoder gives back of them, its level, and how far they were turned
    down for that in dB."""

    samples: np.ndarray
    heard: np.ndarray
    level: Level
    down_db: float = 0.0


def coded(
    samples: np.ndarray, sample_rate_hz: int, form: Format, loops: bool, ceiling_dbtp: float, level: Level
) -> Coded:
    """Finished samples of a known level as they are heard from a file of this format.

    Lossless formats give back what they were given. Raises RenderError where another length comes back.
    """
    if not form.lossy or not len(samples):
        return Coded(samples, samples, level)
    down_db = 0.0
    for left in reversed(range(_TRIES)):
        data = encode(samples, sample_rate_hz, Tags(), form)
        heard, _ = read_sound_from(io.BytesIO(data), form.suffix)
        if heard.shape != samples.shape:
            raise RenderError(f"--format: {form.name} gave {heard.shape} back for {samples.shape}")
        level = measure(heard, sample_rate_hz, loops)
        over_db = level.true_peak_dbtp - ceiling_dbtp
        if over_db <= _NEAR_DB or not left:  # what is returned is what was measured
            break
        step_db = over_db + _NEAR_DB
        samples, down_db = samples * np.float32(10 ** (-step_db / 20)), down_db + step_db
    return Coded(samples, heard, level, down_db)
