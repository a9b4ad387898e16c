"""Output effects: a pedalboard chain written as lines of text, the user's VST3 and Audio Units included.

reverb room_size=0.4 wet_level=0.2
highpassfilter cutoff_frequency_hz=40
plugin ~/.vst3/Comp.vst3 threshold_db=-12
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

# all that are made for this and have no file or stream of their own
BUILT_IN = (
    "Bitcrush",
    "Chorus",
    "Clipping",
    "Compressor",
    "Delay",
    "Distortion",
    "Gain",
    "HighpassFilter",
    "HighShelfFilter",
    "LadderFilter",
    "Limiter",
    "LowpassFilter",
    "LowShelfFilter",
    "NoiseGate",
    "PeakFilter",
    "Phaser",
    "PitchShift",
    "Resample",
    "Reverb",
)
_NAMES = {name.lower(): name for name in BUILT_IN}


@dataclass(frozen=True)
class Effect:
    """A built-in effect by its name, or a plugin by its file, with the values of its parameters."""

    name: str
    path: Path | None
    values: dict[str, float | str]


def parse_effect(line: str) -> Effect:
    """An effect from its line. Raises ValueError naming what is wrong with it."""
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise ValueError(f"effect: {line!r:.80}: {error}") from None
    if not words:
        raise ValueError("effect: empty, must be the name of an effect")
    name, rest = words[0].lower(), words[1:]
    path = None
    if name == "plugin":
        if not rest:
            raise ValueError(f"effect: {line!r:.80}, plugin must be followed by its file")
        path, rest = Path(rest[0]).expanduser(), rest[1:]
    elif name not in _NAMES:
        raise ValueError(f"effect: {words[0]!r:.40}, must be plugin or one of {', '.join(_NAMES)}")
    values: dict[str, float | str] = {}
    for word in rest:
        key, equals, text = word.partition("=")
        if not equals or not key.isidentifier():
            raise ValueError(f"effect: {word!r:.40} in {name}, must be like parameter=0.5")
        try:
            values[key] = float(text)
        except ValueError:
            values[key] = text
    return Effect(name, path, values)


class EffectChain:
    """A chain of effects, ready to run. Raises ValueError for an effect, parameter or plugin that is unknown."""

    def __init__(self, lines: tuple[str, ...]) -> None:
        import pedalboard

        self._board = pedalboard.Pedalboard([_made(pedalboard, parse_effect(line)) for line in lines])

    def process(self, audio: np.ndarray, sample_rate_hz: int) -> np.ndarray:
        """The effect of the chain, starting from silence, on float32 `[2, n]`; the latency of plugins is taken out."""
        wet = np.asarray(self._board(np.ascontiguousarray(audio, np.float32), sample_rate_hz, reset=True))
        if wet.shape[1] < audio.shape[1]:
            wet = np.pad(wet, ((0, 0), (0, audio.shape[1] - wet.shape[1])))
        return np.asarray(wet[:, : audio.shape[1]], np.float32)


def _made(pedalboard: Any, effect: Effect) -> Any:
    if effect.path is None:
        made = getattr(pedalboard, _NAMES[effect.name])()
    else:
        try:
            made = pedalboard.load_plugin(str(effect.path))
        except (ImportError, OSError, ValueError) as error:
            raise ValueError(f"effect: plugin {effect.path}: {' '.join(str(error).split())}") from None
        if not getattr(made, "is_effect", True):
            raise ValueError(f"effect: plugin {effect.path}: is an instrument, must be an effect")
    known = [n for n in dir(type(made)) if not n.startswith("_")] if effect.path is None else list(made.parameters)
    for key, value in effect.values.items():
        if key not in known:
            raise ValueError(f"effect: {effect.name} has no parameter {key!r}; it has {', '.join(known)}")
        try:
            setattr(made, key, value)
        except (TypeError, ValueError, AttributeError) as error:
            raise ValueError(f"effect: {effect.name} {key}={value}: {' '.join(str(error).split())}") from None
    return made
