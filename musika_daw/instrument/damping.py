"""How a take begins and dies away: led down by its controls, and damped like a string."""

from __future__ import annotations

import numpy as np

from musika_daw.score.controls import Curve, sample_curve

_ATTACK_S, _TAIL_S = 0.003, 3.0


def tail_s(seconds: float) -> float:
    """How long the end of a take is."""
    return min(_TAIL_S, seconds / 4)


def damped(audio: np.ndarray, first: int, seconds: float, sample_rate_hz: int) -> np.ndarray:
    """Samples of a take of `seconds` from `first` on, begun and ended; changed in place."""
    frames, attack = round(seconds * sample_rate_hz), round(_ATTACK_S * sample_rate_hz)
    tail = round(tail_s(seconds) * sample_rate_hz)
    rise = np.linspace(0, 1, attack, dtype=np.float32)[first : first + len(audio)]
    audio[: len(rise)] *= rise[:, None]
    # 60 dB over the tail, and exactly 0 on its last sample
    start = max(0, frames - tail - first)
    fall = np.linspace(0, 1, tail)[max(0, first - (frames - tail)) :][: max(0, len(audio) - start)]
    audio[start : start + len(fall)] *= (10 ** (-3 * fall) * (1 - fall**8))[:, None].astype(np.float32)
    return audio


def led_out(curve: Curve | None, from_s: float) -> Curve | None:
    """A curve that falls to 0 within half a second after `from_s`; None stays None."""
    if curve is None:
        return None

    def led(seconds: np.ndarray) -> np.ndarray:
        values = sample_curve(curve, seconds)
        assert values is not None
        return values * np.clip(1 - (seconds - from_s) / 0.5, 0, 1)

    return led
