"""A loop's parts through the finishing of the loop: filters and echoes on each, the gain of the mix on all of them.

```
mix    --> filter --> compressor --> level --> limiter --> soft clip -->  the loop, finished
                          | gain       | gain    | gain       | change
part   --> filter ------> x ---------> x ------> x ---------> + --------> its stem
```
What a compressor or limiter does to the mix is a gain that moves with time: every part gets that gain. What saturation
and clipping add to or take from a sample is shared among the parts by their size in it, so one that rests stays silent.
"""

from __future__ import annotations

import numpy as np

from musika_daw.sound.wrap import wrapped
from pack_builder.plan.apart import DYNAMICS
from pack_builder.plan.chain import Chain
from pack_builder.render.draw import RenderError
from pack_builder.render.effects import board_of, lead_frames
from pack_builder.render.finish import leveled

Parts = dict[str, np.ndarray]
_ROUNDING = 1e-3
_TELLS = 1e-9  # a quieter sample does not tell what it was multiplied by


def through_apart(chain: Chain, mix: np.ndarray, parts: Parts, sample_rate_hz: int) -> tuple[np.ndarray, Parts]:
    """A loop [frames, 2] and its parts, which add up to it, through the chain's effects, as `effects.through` does."""
    if not chain.effects:
        return mix, parts
    lead = lead_frames(chain, sample_rate_hz)
    whole, apart = _round(mix, lead), {role: _round(part, lead) for role, part in parts.items()}
    for effect, plugin in zip(chain.effects, board_of(chain)):
        heard = plugin.process(whole, sample_rate_hz, reset=True)
        if effect.use not in DYNAMICS:
            apart = {role: plugin.process(part, sample_rate_hz, reset=True) for role, part in apart.items()}
            # filters of low frequencies round to -80 dB in the 32 bits that they work in
            apart = shared(apart, rest(heard, apart, f"the effect {effect.use}"))
        elif effect.use == "compressor":
            gain = _gain(whole, heard)
            apart = shared({role: part * gain for role, part in apart.items()}, heard - whole * gain)
        else:
            drive = np.float32(10 ** (float(dict(effect.values)["drive_db"]) / 20))
            apart = shared({role: part * drive for role, part in apart.items()}, heard - whole * drive)
        whole = heard
    return whole[:, lead:].T, {role: part[:, lead:].T for role, part in apart.items()}


def finished_apart(chain: Chain, mix: np.ndarray, parts: Parts, sample_rate_hz: int) -> tuple[np.ndarray, Parts]:
    """A raw loop [frames, 2] and its parts as the loop is finished; the parts add up to it but for rounding."""
    mix, parts = through_apart(chain, mix, parts, sample_rate_hz)
    made = leveled(
        mix,
        sample_rate_hz,
        chain.loudness_lufs,
        True,
        ceiling_dbtp=chain.ceiling_dbtp,
        limiter_db=chain.limiter_db,
        clip_db=chain.clip_db,
    )
    played = {role: part * made.gains for role, part in parts.items()}
    return made.samples, shared(played, made.samples - mix * made.gains)


def rest(mix: np.ndarray, parts: Parts, what: str) -> np.ndarray:
    """What parts lack of their mix; raises RenderError where that is more than rounding, and `what` is to blame."""
    lacking = mix - sum(parts.values(), np.zeros_like(mix))
    if float(np.abs(lacking).max(initial=0.0)) > _ROUNDING * max(1.0, float(np.abs(mix).max(initial=0.0))):
        raise RenderError(f"{what}: the parts of a loop do not add up to it")
    return lacking


def shared(parts: Parts, change: np.ndarray) -> Parts:
    """Parts of one shape with a change of their sum given out among them, by their magnitudes at every sample."""
    sizes = {role: np.abs(part) for role, part in parts.items()}
    total = sum(sizes.values(), np.zeros_like(change))
    heard, alike = total > 0, np.full_like(change, 1 / len(parts))
    # sizes are divided, since a change may be any number of times as large as what is hardly there
    return {
        role: part + change * np.divide(sizes[role], total, out=alike.copy(), where=heard)
        for role, part in parts.items()
    }


def _round(part: np.ndarray, lead: int) -> np.ndarray:
    return np.ascontiguousarray(wrapped(np.ascontiguousarray(part.T, np.float32), lead, 0))


def _gain(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """What [channels, frames] were multiplied by, which is at most 1; between the samples that tell, straight lines."""
    gain = np.empty_like(before)
    frames = np.arange(before.shape[1])
    for channel, (source, heard) in enumerate(zip(before, after)):
        tells = np.abs(source) > _TELLS
        if not tells.any():
            gain[channel] = 1.0
            continue
        gain[channel] = np.interp(frames, frames[tells], np.clip(heard[tells] / source[tells], 0, 1))
    return gain
