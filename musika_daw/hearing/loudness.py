"""Integrated loudness after ITU-R BS.1770-4, for loops too: a loop is heard as it repeats.

A loop's filters have settled and its 0.4 s blocks lie evenly around it, so that neither where it begins nor how often
it is written out changes the figure.
"""

import math
from functools import cache

import numpy as np

from musika_daw.sound.wrap import wrapped

# BS.1770-4, tables 1 and 2: head and high-pass filter at 48 kHz, (b0 b1 b2, a0 a1 a2)
_FILTERS_48K = (
    ((1.53512485958697, -2.69169618940638, 1.19839281085285), (1.0, -1.69065929318241, 0.73248077421585)),
    ((1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621)),
)
_BLOCK_S, _STEP_S = 0.4, 0.1
_SETTLE_S = 0.25  # the 38 Hz high-pass has forgotten all but -100 dB after this
_AT_ONCE_FRAMES = 1 << 18  # filtered in 64 bits, a long take would be several times its size
_OFFSET_DB, _ABSOLUTE_DB, _RELATIVE_DB = -0.691, -70.0, -10.0


@cache
def k_weighting(sample_rate_hz: int) -> np.ndarray:
    """The standard's two filters at a sample rate as second-order sections [2, 6].

    Its table is for 48 kHz; z of that rate is put as the bilinear transform there and back has it.
    """
    there, here = 48_000.0, float(sample_rate_hz)
    upper, lower = np.array([there + here, there - here]), np.array([there - here, there + here])
    squares = np.stack([np.convolve(upper, upper), np.convolve(upper, lower), np.convolve(lower, lower)])
    sections = []
    for filters in _FILTERS_48K:
        b, a = (np.einsum("i,ij->j", part, squares) for part in filters)
        sections.append(np.concatenate([b, a]) / a[0])
    return np.array(sections)


def loudness(samples: np.ndarray, sample_rate_hz: int, loops: bool) -> float:
    """Integrated loudness in LUFS of [frames, channels], -inf for silence; a loop is measured as it repeats."""
    from scipy.signal import sosfilt

    frames, block = len(samples), round(_BLOCK_S * sample_rate_hz)
    if not frames:
        return -math.inf
    if loops:
        lead = round(_SETTLE_S * sample_rate_hz)
        wide = wrapped(samples.T, lead, block)
        count = max(1, round(frames / sample_rate_hz / _STEP_S))
        starts = lead + np.arange(count) * frames // count
    else:
        wide = samples.T if frames >= block else np.pad(samples.T, ((0, 0), (0, block - frames)))
        starts = np.arange(0, wide.shape[1] - block + 1, round(_STEP_S * sample_rate_hz))
    sums = np.zeros(1 + wide.shape[1])
    power = sums[1:]
    weighting = k_weighting(sample_rate_hz)
    for channel in wide:
        state = np.zeros((len(weighting), 2))
        for start in range(0, len(channel), _AT_ONCE_FRAMES):
            part = slice(start, start + _AT_ONCE_FRAMES)
            heard, state = sosfilt(weighting, channel[part].astype(np.float64), zi=state)
            power[part] += np.square(heard)
    np.cumsum(power, out=power)
    blocks = np.maximum(sums[starts + block] - sums[starts], 0.0) / block
    loud = blocks[blocks > 10 ** ((_ABSOLUTE_DB - _OFFSET_DB) / 10)]
    if not len(loud):
        return -math.inf
    loud = loud[loud > loud.mean() * 10 ** (_RELATIVE_DB / 10)]
    return _OFFSET_DB + 10 * math.log10(float(loud.mean()))
