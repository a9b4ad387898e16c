"""Sound through a finishing chain, seamless for loops: the effect's tail is folded onto the loop's own start."""

import math
from functools import lru_cache
from typing import Any

import numpy as np

from musika_daw.sound.wrap import wrapped
from pack_builder.plan.chain import EFFECTS, VST3, Chain

_SETTLE_S = 1.0  # filters and compressors have forgotten what came before after this
_HOLD_S = 0.002
_STEP_FRAMES = 8
_RELEASE_DB_PER_S = 80.0


def through(chain: Chain, samples: np.ndarray, sample_rate_hz: int, loops: bool) -> np.ndarray:
    """Samples [frames, 2] through the chain's effects, without its level.

    A loop comes back at its own length: what is heard of it while it repeats for ever. The effects first run over
    enough of it (their settling time and tail, round and round) to forget that it ever began, and the round after
    that is kept, so the tail of each end lies on the next start. A take comes back longer by the tail.
    """
    if not chain.effects:
        return samples
    board = board_of(chain)
    wide = np.ascontiguousarray(samples.T, np.float32)
    if not loops:
        rest = np.zeros((wide.shape[0], round(chain.tail_s * sample_rate_hz)), np.float32)
        return np.asarray(board.process(np.concatenate([wide, rest], axis=1), sample_rate_hz, reset=True).T)
    lead = lead_frames(chain, sample_rate_hz)
    heard = board.process(np.ascontiguousarray(wrapped(wide, lead, 0)), sample_rate_hz, reset=True)
    return np.asarray(heard[:, lead:].T)  # channel after channel in memory, as all that follows is fastest


def lead_frames(chain: Chain, sample_rate_hz: int) -> int:
    """How much of a loop goes through a chain before what is kept."""
    return round((_SETTLE_S + chain.tail_s) * sample_rate_hz)


@lru_cache(maxsize=4)
def board_of(chain: Chain) -> Any:
    """The pedalboard of a chain; raises ValueError where a VST3 cannot be loaded or has no such parameter."""
    import pedalboard

    plugins = []
    for effect in chain.effects:
        if effect.use == VST3:
            plugins.append(_vst3(effect.path or "", effect.plugin, dict(effect.values)))
            continue
        name, table = EFFECTS[effect.use]
        plugins.append(getattr(pedalboard, name)(**{table[key][0]: value for key, value in effect.values}))
    return pedalboard.Pedalboard(plugins)


def _vst3(path: str, name: str | None, parameters: dict[str, Any]) -> Any:
    import pedalboard

    plugin: Any
    try:
        plugin = pedalboard.load_plugin(path, plugin_name=name)
    except (ImportError, OSError, ValueError, RuntimeError) as error:
        raise ValueError(f"--finish: vst3 {path}: {' '.join(str(error).split())[:200]}") from None
    for key, value in parameters.items():
        if key not in plugin.parameters:
            known = ", ".join(sorted(plugin.parameters)[:20])
            raise ValueError(f"--finish: vst3 {path}: has no parameter {key!r}, it has {known}")
        try:
            setattr(plugin, key, value)
        except (ValueError, TypeError) as error:
            raise ValueError(f"--finish: vst3 {path}: {key} {value!r}: {error}") from None
    return plugin


def holding_gains(samples: np.ndarray, sample_rate_hz: int, ceiling: float, loops: bool) -> np.ndarray | None:
    """Gains [frames, 1] that hold peaks of [frames, channels] above `ceiling` (a magnitude) down to it; None: none is.

    The gain falls over 2 ms before a peak and comes back at 80 dB/s, the same for all channels, so the stereo
    image stays. A loop's gain curve is that of the loop as it repeats. Gains are found for steps of 8 frames, each
    by the largest sample of its own and both neighbours, with straight lines between them.
    """
    from scipy.ndimage import maximum_filter1d, uniform_filter1d

    loud = np.abs(samples[:, 0])
    for channel in samples.T[1:]:
        np.maximum(loud, np.abs(channel), out=loud)
    top = float(loud.max(initial=0.0))
    if not top > ceiling:
        return None
    frames, reach = len(samples), max(1, round(_HOLD_S * sample_rate_hz / _STEP_FRAMES))
    # as far before the start as the gain can still be coming back from
    release_db = _RELEASE_DB_PER_S * _STEP_FRAMES / sample_rate_hz
    lead = math.ceil(20 * math.log10(top / ceiling) / release_db) + 2 * (reach + 2)
    before, after = lead * _STEP_FRAMES, 2 * (reach + 2) * _STEP_FRAMES + -frames % _STEP_FRAMES
    around = wrapped(loud, before, after) if loops else np.pad(loud, (before, after), mode="edge")
    steps = around.reshape(-1, _STEP_FRAMES).max(axis=1)
    over_db = 20 * np.log10(np.maximum(steps / ceiling, 1.0), dtype=np.float64)
    wide = maximum_filter1d(over_db, 2 * (reach + 1) + 1)
    slope = np.arange(len(wide)) * release_db
    falling = np.maximum(np.maximum.accumulate(wide + slope) - slope, 0.0)
    width = reach | 1  # two sliding means make a triangle that ends within the filter's reach
    smooth = uniform_filter1d(uniform_filter1d(falling, width), width)
    gain = np.exp(smooth[lead - 1 :] * (-math.log(10) / 20)).astype(np.float32)
    part = ((np.arange(_STEP_FRAMES) + 0.5) / _STEP_FRAMES).astype(np.float32)
    half = _STEP_FRAMES // 2  # from the middle of one step to that of the next
    lines = (gain[:-1, None] + np.diff(gain)[:, None] * part).reshape(-1)[half : half + frames]
    return lines[:, None]


def check_chain(chain: Chain) -> None:
    """Load a chain's plugins; raises ValueError where one cannot be."""
    board_of(chain)
