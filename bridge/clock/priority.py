"""`CombinedSource`: several sources as one, field by field, by a stated order.

tempo, phase   link, osc          <- the first that knows the field and is not stale gives it
position       osc, midi-clock
everything     osc, link, midi-clock
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bridge.clock.motion import expected
from bridge.clock.source import Listener, SourceError, TransportSource, host_time
from bridge.clock.transport import BITS, LOOP, POSITION, SIGNATURE, Transport, Valid

# fields that only mean something together come from one source
GROUPS: Mapping[str, Valid] = {
    "play": Valid.PLAYING | Valid.RECORDING,
    "loop": LOOP,
    "tempo": Valid.TEMPO_BPM | Valid.TEMPO_INCREMENT_BPM_PER_S,
    "position": POSITION | Valid.BAR_START_BEATS | Valid.SAMPLE_RATE_HZ,
    "signature": SIGNATURE,
    "phase": Valid.PHASE_BEATS | Valid.QUANTUM_BEATS,
}


@dataclass(frozen=True)
class Priority:
    """Order of sources by name, for every group of fields or for one.

    `groups` maps play, loop, tempo, position, signature or phase to an order of its own. A source that was
    playing and has said nothing for `stale_s` is passed over, one that stood still after `idle_stale_s`:
    many send only changes. Raises ValueError for an unknown group.
    """

    order: tuple[str, ...]
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    stale_s: float = 2.0
    idle_stale_s: float = 30.0

    def __post_init__(self) -> None:
        for group in self.groups:
            if group not in GROUPS:
                raise ValueError(f"group: {group!r:.40}, must be one of {', '.join(GROUPS)}")
        for name, value in (("stale_s", self.stale_s), ("idle_stale_s", self.idle_stale_s)):
            if not 0.01 <= value <= 86400:
                raise ValueError(f"{name}: {value}, must be in 0.01..86400")

    def is_stale(self, record: Transport, now_s: float) -> bool:
        """Whether a record is too old to be believed, or of no known time."""
        limit_s = self.stale_s if record.is_rolling else self.idle_stale_s
        return not record.knows(Valid.HOST_TIME_S) or now_s - record.host_time_s > limit_s


def combine(records: Mapping[str, Transport], priority: Priority, now_s: float) -> tuple[Transport, dict[str, str]]:
    """One record for `now_s` out of those of several sources, and which source gave each group.

    All are brought to `now_s` first; a position whose source knows no tempo, or not whether it plays, moves
    by the tempo and play of the others. A phase from one source corrects the position of another by less
    than half a quantum.
    """
    fresh = {name: record for name, record in records.items() if not priority.is_stale(record, now_s)}
    chosen: dict[str, str] = {}
    for group, bits in GROUPS.items():
        for name in priority.groups.get(group, priority.order):
            if name in fresh and fresh[name].valid & bits:
                chosen[group] = name
                break
    result = Transport.of(host_time_s=now_s)
    for group, name in chosen.items():
        record = fresh[name]
        for lacking in ("play", "tempo"):
            if group == "position" and lacking in chosen and not record.valid & GROUPS[lacking]:
                record = record.replace(**_fields(fresh[chosen[lacking]], GROUPS[lacking]))
        result = result.replace(**_fields(expected(record, now_s), GROUPS[group]))
    if "phase" in chosen and chosen.get("position") not in (None, chosen["phase"]):
        result = _onto_phase(result)
    return result, chosen


def _fields(record: Transport, bits: Valid) -> dict[str, Any]:
    return {name: getattr(record, name) for name, bit in BITS.items() if bit & bits & record.valid}


def _onto_phase(record: Transport) -> Transport:
    """The position moved by less than half a quantum, so that it agrees with the phase."""
    needed = Valid.POSITION_BEATS | GROUPS["phase"]
    if not record.knows(needed) or not record.is_rolling:
        return record
    off = math.remainder(record.phase_beats - record.position_beats, record.quantum_beats)
    seconds = off * 60 / record.tempo_bpm if record.knows(Valid.TEMPO_BPM) else 0.0
    moved: dict[str, float | int] = {"position_beats": record.position_beats + off}
    if record.knows(Valid.POSITION_S):
        moved["position_s"] = record.position_s + seconds
    if record.knows(Valid.POSITION_FRAMES | Valid.SAMPLE_RATE_HZ):
        moved["position_frames"] = record.position_frames + round(seconds * record.sample_rate_hz)
    return record.replace(**moved)


class CombinedSource(TransportSource):
    """Several sources as one.

    Starting starts all; those that cannot are left out and named in `warnings`, and only if none can is
    SourceError raised. `chosen` tells which source gave what at the last `latest()`.
    """

    def __init__(
        self,
        sources: Sequence[TransportSource],
        priority: Priority | None = None,
        *,
        listener: Listener | None = None,
        clock: Callable[[], float] = host_time,
    ) -> None:
        super().__init__("combined", listener, clock)
        names = [source.name for source in sources]
        if not names or len(set(names)) < len(names):
            listed = ", ".join(names) or "none"
            raise ValueError(f"sources: {listed}, must be at least one, of different names")
        self.sources = tuple(sources)
        self.priority = priority or Priority(tuple(names), {})
        self.in_jack = any(source.in_jack for source in sources)
        self.chosen: dict[str, str] = {}
        self._failed: dict[str, str] = {}
        for source in self.sources:
            source.listener = self._heard

    def start(self) -> None:
        """Start all. Raises SourceError if none can."""
        self._failed = {}
        for source in self.sources:
            try:
                source.start()
            except SourceError as error:
                self._failed[source.name] = str(error)
        if len(self._failed) == len(self.sources):
            raise SourceError("; ".join(f"{name}: {reason}" for name, reason in self._failed.items()))

    def stop(self) -> None:
        """Stop all."""
        for source in self.sources:
            source.stop()

    def revive(self) -> None:
        """Let each source open again what it lost, and start those that could not start before."""
        for source in self.sources:
            try:
                if source.name in self._failed:
                    source.start()
                    self._failed = {name: why for name, why in self._failed.items() if name != source.name}
                else:
                    source.revive()
            except SourceError:
                continue

    def _heard(self, _: Transport) -> None:
        if self.listener is not None:
            self._publish(self.latest())

    def latest(self) -> Transport:
        """The combined transport of this moment."""
        records = {s.name: s.latest() for s in self.sources if s.name not in self._failed}
        self._latest, self.chosen = combine(records, self.priority, self.clock())
        return self._latest

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the sources complain about, and which could not start."""
        own = [f"{name} did not start: {reason}" for name, reason in self._failed.items()]
        return (*own, *(f"{s.name}: {warning}" for s in self.sources for warning in s.warnings))
