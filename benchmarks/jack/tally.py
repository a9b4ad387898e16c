"""`Tally`: what a soak has measured so far, as a table, and what of it is a fault."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise

import numpy as np

NEAR_S = 2.0  # what a locate, a tempo change or a dropped cycle of the server excuses
NOTICED_S = 0.2  # a report of it may come later than what it did
OFF_MS = 3.0
SETTLED = 5  # minutes until memory is to be flat
LEAST = 3  # readings that make a line
GROWTH = 0.02
NAMED = 5


def slope(mib: Sequence[float]) -> float:
    """MiB a minute: the median of the lines through every two readings, which single ones cannot bend."""
    if len(mib) < 2:
        return math.nan
    return statistics.median((b - a) / (j - i) for (i, a), (j, b) in combinations(enumerate(mib), 2))


def growth(mib: Sequence[float]) -> float | None:
    """How much memory has grown from the fifth minute to the last, as a share; None before there is a line to draw.

    One reading a minute, the first of them as play begins.
    """
    settled = mib[SETTLED:]
    if len(settled) < LEAST:
        return None
    return slope(settled) * (len(settled) - 1) / statistics.median(settled)


@dataclass
class Tally:
    """What was measured.

    Times are host times in seconds. `clicks` has rows of time, milliseconds late, and seconds since the transport
    moved; `underruns` time and how many, from the first second of play on; `captures` those that have their bars, in
    words; `moves` when what was moved; `told` what the hosts complained of, `ended` why one of them was of no use any
    more.
    """

    begun_s: float = 0.0
    seconds: float = 0.0
    host_mib: list[float] = field(default_factory=list)
    renderer_mib: list[float] = field(default_factory=list)
    load: list[float] = field(default_factory=list)
    clicks: np.ndarray = field(default_factory=lambda: np.zeros((0, 3)))
    missing: Sequence[float] = ()
    dropped: Sequence[float] = ()
    underruns: list[tuple[float, int]] = field(default_factory=list)
    moves: list[tuple[float, str]] = field(default_factory=list)
    captures: list[str] = field(default_factory=list)
    wrong_captures: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)

    def near_drop(self, times_s: np.ndarray) -> np.ndarray:
        """Which moments are within two seconds after a cycle that the server dropped."""
        dropped = np.sort(np.array([-math.inf, *self.dropped]))
        last = dropped[np.searchsorted(dropped, times_s + NOTICED_S, side="right") - 1]
        return np.asarray(times_s - last <= NEAR_S)

    def off_ms(self) -> dict[str, np.ndarray]:
        """How far clicks were off their frames, by what may have moved them."""
        moved, dropped = self.clicks[:, 2] <= NEAR_S, self.near_drop(self.clicks[:, 0])
        off = np.abs(self.clicks[:, 1])
        return {
            "within 2 s of a locate or tempo change": off[moved],
            "within 2 s of a dropped cycle": off[~moved & dropped],
            "else": off[~moved & ~dropped],
        }

    def unexplained_underruns(self) -> list[float]:
        """When there were underruns that no dropped cycle of the server came before."""
        near = self.near_drop(np.array([at_s for at_s, _ in self.underruns]))
        left = [row for row, excused in zip(self.underruns, near, strict=True) if not excused]
        return [at_s for at_s, count in left for _ in range(count)]

    def unexplained_missing(self) -> list[float]:
        """When beats had no click, but for those that a dropped cycle may have taken."""
        missing = np.array(self.missing, float)
        return list(missing[~self.near_drop(missing)])

    def _minutes(self, times_s: Sequence[float]) -> str:
        """When that was, and what was moved last before it."""
        told = []
        for at_s in times_s[:NAMED]:
            moved_s, move = max((row for row in self.moves if row[0] <= at_s), default=(self.begun_s, "play"))
            told.append(f"{(at_s - self.begun_s) / 60:.2f} ({at_s - moved_s:.1f} s after {move})")
        return f"at minute {', '.join(told)}{', ...' if len(times_s) > NAMED else ''}"

    def faults(self) -> list[str]:
        """What must not be, one line each; empty where all is well."""
        found = list(self.ended)
        for name, mib in (("host", self.host_mib), ("renderer", self.renderer_mib)):
            grown = growth(mib)
            if grown is not None and not grown <= GROWTH:  # of a process that has ended it is no number
                found.append(f"memory of the {name} grew by {grown:.1%} from minute {SETTLED} on")
        calm = self.clicks[(self.clicks[:, 2] > NEAR_S) & ~self.near_drop(self.clicks[:, 0])]
        off = np.abs(calm[:, 1])
        if not len(off):
            found.append("no click was heard in calm moments")
        elif len(wrong := calm[off > OFF_MS]):
            when = self._minutes(list(wrong[:, 0]))
            found.append(f"{len(wrong)} clicks are more than {OFF_MS:g} ms off, {off.max():.1f} at most, {when}")
        if missing := self.unexplained_missing():
            found.append(f"{len(missing)} beats have no click, {self._minutes(missing)}")
        if underruns := self.unexplained_underruns():
            found.append(f"{len(underruns)} underruns that no dropped cycle explains, {self._minutes(underruns)}")
        return [*found, *self.wrong_captures]

    def table(self) -> str:
        """All of it, for a person."""
        underruns = sum(count for _, count in self.underruns)
        rows = [
            ("played", f"{self.seconds / 60:.1f} minutes; load {_range(self.load)}"),
            ("moves", _counted(move for _, move in self.moves)),
            ("underruns", f"{underruns}, {len(self.unexplained_underruns())} of them with no dropped cycle before"),
            ("dropped cycles", f"{_bursts(self.dropped)} times"),
            ("memory of the host", _memory(self.host_mib)),
            ("memory of the renderer", _memory(self.renderer_mib)),
            *((f"clicks {name}", _spread(off)) for name, off in self.off_ms().items()),
            ("beats without a click", f"{len(self.missing)}, {len(self.unexplained_missing())} of them else"),
            ("captures", f"{_counted(self.captures)}; {len(self.wrong_captures)} wrong or not written"),
            *(("the host said", text) for text in self.told),
        ]
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:{width}}  {text}" for name, text in rows)


def _counted(things: Iterable[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(Counter(things).items())) or "none"


def _range(load: Sequence[float]) -> str:
    return f"{min(load):.1f} to {max(load):.1f}, {statistics.mean(load):.1f} on average" if load else "not read"


def _memory(mib: Sequence[float]) -> str:
    if not mib:
        return "not read"
    grown = growth(mib)
    told = f"too short to say whether it grows from minute {SETTLED} on"
    if grown is not None:
        told = f"from minute {SETTLED} on {slope(mib[SETTLED:]):+.3f} MiB a minute, {grown:+.2%} in all"
    return f"first {mib[0]:.1f} MiB, last {mib[-1]:.1f}, {min(mib):.1f} to {max(mib):.1f}; {told}"


def _spread(off_ms: np.ndarray) -> str:
    if not len(off_ms):
        return "none"
    return f"{len(off_ms)}; off {np.median(off_ms):.3f} ms in the median, {off_ms.max():.3f} at most"


def _bursts(times_s: Sequence[float]) -> int:
    """One dropped cycle is told twice, by the server and by who missed it."""
    ordered = sorted(times_s)
    return len(ordered[:1]) + sum(b - a > NOTICED_S for a, b in pairwise(ordered))
