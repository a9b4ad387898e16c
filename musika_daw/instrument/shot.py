"""A one-shot: one hit, note or chord rendered alone from a score of it, from its attack until it has died away.

```
decoded   ~~~~|\\____------~~~~~    what the silence around a sound is coded as may hum
kept         [|\\____--]            from where it begins, faded in, to where it has fallen by 60 dB or into that hum
```
Nothing is cut out of a mix and no limiter is in the way: the level is that of the part, with the tone of the desk.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from scipy import signal

from musika_daw.instrument.desk import toned
from musika_daw.instrument.kick import LEAD
from musika_daw.instrument.kit import begun
from musika_daw.instrument.player import Player
from musika_daw.score.controls import Controls
from musika_daw.score.parts import ONE_SHOTS
from musika_daw.score.techno.shot import ShotScore

# latents before a note, and after its end, in which a line rings out
_BEFORE, _AFTER = 20, 64
_DEAD_DB = -60.0
# the hum is what most of the later half stays below
_IDLE, _HUM = 0.75, 1.6
_BLOCK_S, _STILL_S = 0.01, 0.1
_FADE_S, _LONG_FADE_S = 0.005, 0.06


def sounds_of(player: Player) -> tuple[str, ...]:
    """One-shots that a model can render: those of `ONE_SHOTS` where it plays a score of parts, else none."""
    return ONE_SHOTS if player.score is not None and len(player.score.roles) > 1 else ()


def rendered(player: Player, score: ShotScore, controls: Controls, sample_rate_hz: int) -> np.ndarray:
    """The sound of a one-shot's score, float32 `[n, 2]`: its attack `LEAD` samples in (at 44.1 kHz), its end silent."""
    rate_hz, r_time = player.decoder.config.sample_rate_hz, player.decoder.config.r_time
    if score.role == "drums":
        wave = player.struck(score.keys[0], controls) * np.float32(score.velocity)
        start = LEAD
    else:
        latents = _BEFORE + int(np.ceil(score.held_s / player.frame_s)) + _AFTER
        wave = player.alone(score.notes(_BEFORE * player.frame_s), controls, latents)
        start = _BEFORE * r_time
    around = r_time  # no less than the filter and the search for the attack reach
    wave = toned(np.pad(wave, ((around, 0), (0, 0))), rate_hz)
    first = begun(wave, start + around) - LEAD
    sound = np.array(wave[first:])
    sound[:LEAD] *= np.linspace(0, 1, LEAD)[:, None]
    if sample_rate_hz != rate_hz:
        ratio = Fraction(sample_rate_hz, rate_hz)
        sound = signal.resample_poly(sound, ratio.numerator, ratio.denominator, axis=0)
    return ended(sound.astype(np.float32), sample_rate_hz)


def ended(sound: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """A sound `[n, 2]` that ends where it has died away: 60 dB below its peak, or as low as the hum of its
    later half.

    Its end is faded in 5 ms, and in 60 ms where what is left there could be heard.
    """
    block, still = round(_BLOCK_S * sample_rate_hz), round(_STILL_S / _BLOCK_S)
    loud = np.abs(sound).max(axis=1, initial=0.0)
    count = len(loud) // block
    if count <= still or not loud.any():
        return sound
    blocks = loud[: count * block].reshape(count, block).max(axis=1)
    peak, hum = blocks.max(), np.quantile(blocks[count // 2 :], _IDLE)
    dead = blocks <= max(peak * 10 ** (_DEAD_DB / 20), _HUM * hum)
    dead[: blocks.argmax() + 1] = False
    runs = np.convolve(dead, np.ones(still), "valid") >= still
    end = (int(runs.argmax()) if runs.any() else count) * block
    heard = blocks[max(0, end // block - 1)] > peak * 10 ** (_DEAD_DB / 20) * 2
    fade = min(end, round((_LONG_FADE_S if heard else _FADE_S) * sample_rate_hz))
    kept = sound[:end].copy()
    kept[end - fade :] *= np.linspace(1, 0, fade, dtype=kept.dtype)[:, None]
    return kept
