"""A performance: the notes of a MIDI file with the pedals worked into their lengths."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import mido
import numpy as np

from musika_daw.system.refusal import refused

PEDAL_DOWN = 64  # a half pedal counts as down from here, as in General MIDI
PEDAL_REPAIR_S = 2.0  # a pedal never let go is let go this long after the last key
SOFT_PEDAL_SHARE = 0.85  # of the velocity, with the una corda pedal down


@dataclass(frozen=True)
class Performance:
    """Notes sorted by onset: `onset_s`, `key_off_s` (the key is let go), `off_s` (the string is damped: the
    pedal holds it) float64 `[n]`, `key` int64 `[n]`, `velocity` float64 `[n]` in 0..127."""

    onset_s: np.ndarray
    key_off_s: np.ndarray
    off_s: np.ndarray
    key: np.ndarray
    velocity: np.ndarray

    @property
    def duration_s(self) -> float:
        """Until the last string is damped."""
        return float(self.off_s.max()) if len(self.off_s) else 0.0


def read_performance(path: Path) -> Performance:
    """Notes of a MIDI file, all channels as one piano, from the first note on.

    Raises ValueError, naming the file, where it cannot be read or holds no notes.
    """
    try:
        file = mido.MidiFile(path, clip=True)
        events = _events(file)
    except (OSError, EOFError, ValueError, KeyError, IndexError, TypeError) as error:
        raise refused("midi file", path, f"cannot be read ({error or type(error).__name__})") from error
    notes = _notes(events)
    if not len(notes.onset_s):
        raise refused("midi file", path, "holds no notes")
    return notes


def _events(file: mido.MidiFile) -> list[tuple[float, mido.Message]]:
    now_s, events = 0.0, []
    for message in file:
        now_s += message.time
        events.append((now_s, message))
    return events


def _notes(events: list[tuple[float, mido.Message]]) -> Performance:
    held: dict[tuple[int, int], list[tuple[float, float]]] = {}
    rows: list[tuple[float, float, int, float]] = []
    pedals: dict[int, list[tuple[float, bool]]] = {}
    soft = False
    for now_s, message in events:
        if message.type == "note_on" and message.velocity > 0:
            velocity = message.velocity * (SOFT_PEDAL_SHARE if soft else 1.0)
            held.setdefault((message.channel, message.note), []).append((now_s, velocity))
        elif message.type in ("note_on", "note_off"):
            if starts := held.get((message.channel, message.note)):
                start_s, velocity = starts.pop(0)
                rows.append((start_s, now_s, message.note, velocity))
        elif message.type == "control_change" and message.control == 64:
            pedals.setdefault(message.channel, []).append((now_s, message.value >= PEDAL_DOWN))
        elif message.type == "control_change" and message.control == 67:
            soft = message.value >= PEDAL_DOWN
    last_s = max([row[1] for row in rows] + [s for starts in held.values() for s, _ in starts], default=0.0)
    for (_, note), starts in held.items():  # keys never let go
        rows += [(start_s, last_s + PEDAL_REPAIR_S, note, velocity) for start_s, velocity in starts]
    rows.sort()
    onset_s, key_off_s, key, velocity = (np.array([r[i] for r in rows], np.float64) for i in range(4))
    key_off_s = np.maximum(key_off_s, onset_s + 0.02)
    off_s = _held_by_pedal(key_off_s, *_pedal_spans(pedals, last_s))
    first_s = onset_s[0] if len(onset_s) else 0.0
    onset_s, key_off_s, off_s = (t - first_s for t in (onset_s, key_off_s, off_s))
    return Performance(onset_s, key_off_s, off_s, key.astype(np.int64), velocity)


def _pedal_spans(pedals: dict[int, list[tuple[float, bool]]], last_s: float) -> tuple[np.ndarray, np.ndarray]:
    """Starts and ends in seconds of the times with the pedal down, `[m]` each, sorted and apart.

    A piano has one pedal: where files repeat it on two channels, it is down while any of them is.
    """
    changes = sorted((t, channel, down) for channel, moves in pedals.items() for t, down in moves)
    state: dict[int, bool] = {}
    starts, ends = [], []
    for t, channel, down in changes:
        before = any(state.values())
        state[channel] = down
        if any(state.values()) and not before:
            starts.append(t)
        elif before and not any(state.values()):
            ends.append(t)
    if len(starts) > len(ends):
        ends.append(max(last_s, starts[-1]) + PEDAL_REPAIR_S)
    return np.array(starts, np.float64), np.array(ends, np.float64)


def _held_by_pedal(key_off_s: np.ndarray, starts_s: np.ndarray, ends_s: np.ndarray) -> np.ndarray:
    if not len(starts_s):
        return key_off_s.copy()
    at = np.searchsorted(starts_s, key_off_s, side="right") - 1
    inside = (at >= 0) & (key_off_s < ends_s[np.maximum(at, 0)])
    return np.where(inside, ends_s[np.maximum(at, 0)], key_off_s)
