"""Finishing chains: what a family's sound goes through before its level is set, as plain data.

| preset | effects | techno | piano |
|---|---|---|---|
| none | nothing; one gain to the loudness target | -18 LUFS | -18 LUFS |
| clean | rumble filter, peaks held by at most 6 dB | -14 | -18 |
| warm | rumble filter, gentle compression, more body, softer treble, a little saturation | -12 | -18 |
| club | rumble filter, firmer compression, more bottom and air, peaks held by at most 10 dB | -11 | -16 |

The ceiling comes first. What a loop's peaks stand out beyond the limiter are a few milliseconds: clean, warm and club
bend them by up to 8 dB, and a loop that is still more than 0.5 LU (a take: 1 LU) from the target is drawn again. With
none, a third of 45 loops of the techno model reach the target.

A user's own chain is a TOML file::

    loudness_lufs = -10.0     # -40..-5, default: the preset `clean` of the family
    ceiling_dbtp = -1.0       # -12..0
    limiter_db = 6.0          # 0..24, how far peaks may be held down to reach the loudness
    clip_db = 8.0             # 0..12, how far spikes may be bent after that; a file that still misses is drawn again
    tail_s = 2.0              # 0..30, how long the effects ring on
    [[effect]]                # what goes in is as the model made it
    use = "highpass"
    cutoff_frequency_hz = 30
    [[effect]]
    use = "vst3"
    path = "/usr/lib/vst3/Some.vst3"
    plugin = "Some EQ"        # where the file holds several
    parameters = { drive = 0.3 }
"""

import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from musika_daw.system.refusal import refused

Value = float | str | bool

# name: (class of pedalboard, {our parameter: (its parameter, low, high)})
EFFECTS: dict[str, tuple[str, dict[str, tuple[str, float, float]]]] = {
    "highpass": ("HighpassFilter", {"cutoff_frequency_hz": ("cutoff_frequency_hz", 5, 20000)}),
    "lowpass": ("LowpassFilter", {"cutoff_frequency_hz": ("cutoff_frequency_hz", 20, 20000)}),
    "lowshelf": (
        "LowShelfFilter",
        {
            "cutoff_frequency_hz": ("cutoff_frequency_hz", 20, 20000),
            "gain_db": ("gain_db", -24, 24),
            "q": ("q", 0.1, 10),
        },
    ),
    "highshelf": (
        "HighShelfFilter",
        {
            "cutoff_frequency_hz": ("cutoff_frequency_hz", 20, 20000),
            "gain_db": ("gain_db", -24, 24),
            "q": ("q", 0.1, 10),
        },
    ),
    "peak": (
        "PeakFilter",
        {
            "cutoff_frequency_hz": ("cutoff_frequency_hz", 20, 20000),
            "gain_db": ("gain_db", -24, 24),
            "q": ("q", 0.1, 10),
        },
    ),
    "compressor": (
        "Compressor",
        {
            "threshold_db": ("threshold_db", -60, 0),
            "ratio": ("ratio", 1, 20),
            "attack_ms": ("attack_ms", 0.1, 500),
            "release_ms": ("release_ms", 1, 5000),
        },
    ),
    "saturation": ("Distortion", {"drive_db": ("drive_db", 0, 40)}),
    "delay": ("Delay", {"delay_s": ("delay_seconds", 0, 10), "feedback": ("feedback", 0, 0.95), "mix": ("mix", 0, 1)}),
    "reverb": (
        "Reverb",
        {
            "room_size": ("room_size", 0, 1),
            "damping": ("damping", 0, 1),
            "wet": ("wet_level", 0, 1),
            "dry": ("dry_level", 0, 1),
            "width": ("width", 0, 1),
        },
    ),
    "chorus": (
        "Chorus",
        {
            "rate_hz": ("rate_hz", 0.01, 20),
            "depth": ("depth", 0, 1),
            "mix": ("mix", 0, 1),
            "feedback": ("feedback", -0.95, 0.95),
            "centre_delay_ms": ("centre_delay_ms", 1, 50),
        },
    ),
    "gain": ("Gain", {"gain_db": ("gain_db", -60, 60)}),
}
VST3 = "vst3"


@dataclass(frozen=True)
class Effect:
    """One effect: its name in `EFFECTS` and its values, or a VST3 file, the plugin in it and its parameters."""

    use: str
    values: tuple[tuple[str, Value], ...] = ()
    path: str | None = None
    plugin: str | None = None


@dataclass(frozen=True)
class Chain:
    """Effects in order, then the level: loudness target, true-peak ceiling, and how far peaks may be held down.

    `tail_s` is how long the effects ring on after their input ends; 0 where they do not. With `clip_db` spikes are bent
    by up to that much (see `clip`), and a file whose level is still missed is drawn again.
    """

    name: str
    loudness_lufs: float
    ceiling_dbtp: float = -1.0
    limiter_db: float = 0.0
    tail_s: float = 0.0
    effects: tuple[Effect, ...] = ()
    clip_db: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, read back by `from_json`."""
        effects = [asdict(effect) | {"values": dict(effect.values)} for effect in self.effects]
        return asdict(self) | {"effects": effects}

    @classmethod
    def from_json(cls, values: Any) -> "Chain":
        """Raises ValueError for anything that `to_json` would not write."""
        try:
            effects = tuple(
                Effect(item["use"], tuple(item["values"].items()), item["path"], item["plugin"])
                for item in values["effects"]
            )
            return cls(**values | {"effects": effects})
        except (KeyError, TypeError, AttributeError):
            raise ValueError("finish: must be a chain") from None


def _effect(use: str, **values: Value) -> Effect:
    return Effect(use, tuple(values.items()))


_RUMBLE = _effect("highpass", cutoff_frequency_hz=22.0)
_WARM = (
    _RUMBLE,
    _effect("compressor", threshold_db=-18.0, ratio=2.0, attack_ms=25.0, release_ms=180.0),
    _effect("lowshelf", cutoff_frequency_hz=140.0, gain_db=1.5, q=0.7),
    _effect("highshelf", cutoff_frequency_hz=9000.0, gain_db=-1.5, q=0.7),
    _effect("saturation", drive_db=2.0),
)
_CLUB = (
    _RUMBLE,
    _effect("compressor", threshold_db=-18.0, ratio=2.5, attack_ms=30.0, release_ms=120.0),
    _effect("lowshelf", cutoff_frequency_hz=70.0, gain_db=2.0, q=0.7),
    _effect("highshelf", cutoff_frequency_hz=10000.0, gain_db=1.0, q=0.7),
)
PRESETS: dict[str, dict[str, Chain]] = {
    "clean": {
        "techno": Chain("clean", -14.0, limiter_db=6.0, effects=(_RUMBLE,), clip_db=8.0),
        "piano": Chain("clean", -18.0, limiter_db=3.0, effects=(_RUMBLE,), clip_db=8.0),
    },
    "warm": {
        "techno": Chain("warm", -12.0, limiter_db=6.0, effects=_WARM, clip_db=8.0),
        "piano": Chain("warm", -18.0, limiter_db=3.0, effects=_WARM, clip_db=8.0),
    },
    "club": {
        "techno": Chain("club", -11.0, limiter_db=10.0, effects=_CLUB, clip_db=8.0),
        "piano": Chain("club", -16.0, limiter_db=6.0, effects=_CLUB, clip_db=8.0),
    },
    "none": {"techno": Chain("none", -18.0), "piano": Chain("none", -18.0)},
}


def chains_of(text: str, kinds: tuple[str, ...]) -> tuple[tuple[str, Chain], ...]:
    """The chain of each kind for a preset's name or a TOML file; raises ValueError in one line that names what is
    wrong. Whether a VST3 loads is seen when the first file is rendered."""
    if text in PRESETS:
        return tuple((kind, PRESETS[text][kind]) for kind in kinds)
    if not text.lower().endswith(".toml"):
        raise refused("--finish", text, f"must be one of {', '.join(PRESETS)} or a toml file")
    try:
        values = tomllib.loads(Path(text).read_text("utf-8"))
    except OSError as error:
        raise refused("--finish", text, (error.strerror or str(error)).lower()) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise refused("--finish", text, str(error)) from None
    return tuple((kind, _chain(f"--finish {text}", values, kind)) for kind in kinds)


def _chain(option: str, values: dict[str, Any], kind: str) -> Chain:
    known = {
        "loudness_lufs": (-40, -5, PRESETS["clean"][kind].loudness_lufs),
        "ceiling_dbtp": (-12, 0, -1.0),
        "limiter_db": (0, 24, 0.0),
        "tail_s": (0, 30, 0.0),
        "clip_db": (0, 12, 0.0),
    }
    if unknown := sorted(set(values) - set(known) - {"effect"}):
        raise ValueError(f"{option}: {unknown[0]!r} is not one of effect, {', '.join(known)}")
    numbers = {
        name: _within(option, name, values.get(name, default), low, high)
        for name, (low, high, default) in known.items()
    }
    effects = values.get("effect", [])
    if not isinstance(effects, list) or not all(isinstance(item, dict) for item in effects):
        raise ValueError(f"{option}: effect must be a list of tables ([[effect]])")
    return Chain("custom", effects=tuple(_effect_of(option, item) for item in effects), **numbers)


def _within(option: str, name: str, value: Any, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ValueError(f"{option}: {name} {value!r}, must be within {low:g}..{high:g}")
    return float(value)


def _effect_of(option: str, item: dict[str, Any]) -> Effect:
    use = item.get("use")
    if use == VST3:
        return _vst3_of(option, item)
    if use not in EFFECTS:
        raise ValueError(f"{option}: effect use {use!r}, must be one of {', '.join([*EFFECTS, VST3])}")
    table = EFFECTS[use][1]
    if unknown := sorted(set(item) - set(table) - {"use"}):
        raise ValueError(f"{option}: {use} {unknown[0]!r}, must be one of {', '.join(table)}")
    values = (
        (name, _within(option, f"{use} {name}", value, *table[name][1:]))
        for name, value in item.items()
        if name != "use"
    )
    return Effect(use, tuple(values))


def _vst3_of(option: str, item: dict[str, Any]) -> Effect:
    if unknown := sorted(set(item) - {"use", "path", "plugin", "parameters"}):
        raise ValueError(f"{option}: vst3 {unknown[0]!r}, must be one of path, plugin, parameters")
    path, plugin, parameters = item.get("path"), item.get("plugin"), item.get("parameters", {})
    if not isinstance(path, str) or not Path(path).exists():
        raise ValueError(f"{option}: vst3 path {path!r}, must be a file or bundle that is there")
    if plugin is not None and not isinstance(plugin, str):
        raise ValueError(f"{option}: vst3 plugin {plugin!r}, must be a name")
    if not isinstance(parameters, dict) or not all(
        isinstance(value, int | float | str) for value in parameters.values()
    ):
        raise ValueError(f"{option}: vst3 parameters, must be a table of numbers, texts and true or false")
    return Effect(VST3, tuple(parameters.items()), path, plugin)
