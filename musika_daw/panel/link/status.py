"""`HostStatus`: what a host says of itself, checked, so that no widget has to doubt it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Offer:
    """Something a click can do: a label and the request that does it."""

    label: str
    kind: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class HostStatus:
    """One `status` of docs/control-protocol.md."""

    source: str
    state: str
    reason: str
    fix: str
    offers: tuple[Offer, ...]
    source_problem: str | None
    steers: bool
    playing: bool
    bpm: float
    bar: int
    bar_beat: float
    locked: bool
    error_ms: float | None
    ahead_s: float
    wanted_s: float
    render_problem: str | None
    underruns: int
    late_blocks: int
    peak_db: float | None
    clipped: int
    values: Mapping[str, float | None]
    effects_on: bool
    midi_port: str | None
    learning: str | None
    bindings: Mapping[str, int]
    audition: str | None
    audition_state: str | None
    keeping: int = 0
    sound_problem: str | None = None
    sound_told: str | None = None
    midi_problem: str | None = None
    key: str | None = None
    chords: str | None = None
    voices: str | None = None
    heard_chord: str | None = None
    held_chord: str | None = None
    chords_port: str | None = None
    parts: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)


@dataclass(frozen=True)
class Welcome:
    """What a host says at first; `effects` are its lines of effects, `gain_start_db` is the gain at which
    its model begins."""

    pid: int
    model: str
    sink: str
    keep_to: str
    gain_start_db: float
    effects: tuple[str, ...] = field(default_factory=tuple)


def read_welcome(data: Mapping[str, Any]) -> Welcome:
    """The keys of a `welcome`. Raises ValueError for what is missing or of another type."""
    effects = _get(data, "effects", list)
    if not all(isinstance(line, str) for line in effects):
        raise ValueError("effects: must be texts")
    return Welcome(
        _get(data, "pid", int),
        _get(data, "model", str),
        _get(data, "sink", str),
        _get(data, "keep_to", str),
        _maybe(_part(_part(data, "controls"), "gain_db"), "start") or 0.0,
        tuple(effects),
    )


def read_status(data: Mapping[str, Any]) -> HostStatus:
    """The keys of a `status`. Raises ValueError for what is missing or of another type."""
    source, transport = _get(data, "source", dict), _get(data, "transport", dict)
    lock, cache, sound = _get(data, "lock", dict), _get(data, "cache", dict), _get(data, "sound", dict)
    midi, audition, values = _get(data, "midi", dict), _get(data, "audition", dict), _get(data, "values", dict)
    if not all(value is None or _is_number(value) for value in values.values()):
        raise ValueError("values: must be numbers or null")
    bindings = _get(midi, "bindings", dict)
    if not all(isinstance(value, int) for value in bindings.values()):
        raise ValueError("bindings: must be controllers")
    return HostStatus(
        source=_get(source, "name", str),
        state=_get(source, "state", str),
        reason=_get(source, "reason", str),
        fix=_get(source, "fix", str),
        offers=tuple(map(_offer, _get(source, "offers", list))),
        source_problem=_text(source, "problem"),
        steers=_get(source, "steers", bool),
        playing=_get(transport, "playing", bool),
        bpm=_number(transport, "bpm"),
        bar=_get(transport, "bar", int),
        bar_beat=_number(transport, "bar_beat"),
        locked=_get(lock, "locked", bool),
        error_ms=_maybe(lock, "error_ms"),
        ahead_s=_number(cache, "ahead_s"),
        wanted_s=_number(cache, "wanted_s"),
        render_problem=_text(cache, "problem"),
        underruns=_get(sound, "underruns", int),
        late_blocks=_get(sound, "late_blocks", int),
        peak_db=_maybe(sound, "peak_db"),
        clipped=_get(sound, "clipped", int) if "clipped" in sound else 0,
        values=values,
        effects_on=_get(data, "effects_on", bool),
        midi_port=_text(midi, "port"),
        learning=_text(midi, "learning"),
        bindings=bindings,
        audition=_text(audition, "file"),
        audition_state=_text(audition, "state"),
        keeping=_get(data, "keeping", int),
        sound_problem=_text(sound, "problem"),
        sound_told=_text(sound, "told"),
        midi_problem=_text(midi, "problem"),
        key=_text(_part(data, "score"), "key"),
        chords=_text(_part(data, "score"), "chords"),
        voices=_text(_part(data, "score"), "voices"),
        heard_chord=_text(_part(data, "chords"), "heard"),
        held_chord=_text(_part(data, "chords"), "held"),
        chords_port=_text(_part(data, "chords"), "port"),
        parts=_parts(_part(data, "parts")),
    )


def _part(data: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A part that hosts before 0.2 do not send."""
    return dict(_get(data, name, dict)) if name in data else {}


def _parts(data: Mapping[str, Any]) -> dict[str, dict[str, bool]]:
    for state in data.values():
        if not isinstance(state, dict):
            raise ValueError("parts: must be objects")
    return {part: {name: _get(state, name, bool) for name in ("mute", "solo", "heard")} for part, state in data.items()}


def _offer(data: Any) -> Offer:
    if not isinstance(data, dict):
        raise ValueError("offer: must be an object")
    message = dict(_get(data, "message", dict))
    kind = _get(message, "kind", str)
    del message["kind"]
    return Offer(_get(data, "label", str), kind, message)


def _get(data: Mapping[str, Any], name: str, kind: type) -> Any:
    value = data.get(name)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ValueError(f"{name}: {value!r:.40}, must be {kind.__name__}")
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= 2.0**64


def _number(data: Mapping[str, Any], name: str) -> float:
    if not _is_number(data.get(name)):
        raise ValueError(f"{name}: {data.get(name)!r:.40}, must be a number")
    return float(data[name])


def _maybe(data: Mapping[str, Any], name: str) -> float | None:
    return None if data.get(name) is None else _number(data, name)


def _text(data: Mapping[str, Any], name: str) -> str | None:
    return None if data.get(name) is None else str(_get(data, name, str))
