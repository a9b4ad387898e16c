"""`PartMix`: which parts of a score are muted and soloed, over those that it is asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace

from musika_daw.score.controls import Controls
from musika_daw.score.parts import PARTS

MUTE, SOLO = "mute", "solo"
PART_ACTIONS = tuple(f"{kind}_{part}" for kind in (MUTE, SOLO) for part in PARTS)
"""Each turns the mute or the solo of a part over."""


@dataclass(frozen=True)
class PartMix:
    """As on a mixer: where any part is soloed, those alone are heard, muted or not."""

    muted: frozenset[str] = frozenset()
    soloed: frozenset[str] = frozenset()

    def with_part(self, kind: str, part: str, on: bool | None = None) -> PartMix:
        """With the mute or solo of a part on, off, or turned over. Raises ValueError for what is neither or no part."""
        if kind not in (MUTE, SOLO):
            raise ValueError(f"kind: {kind!r:.40}, must be {MUTE} or {SOLO}")
        if part not in PARTS:
            raise ValueError(f"part: {part!r:.40}, must be one of {', '.join(PARTS)}")
        before = self.muted if kind == MUTE else self.soloed
        after = before - {part} if on is False or (on is None and part in before) else before | {part}
        return replace(self, muted=after) if kind == MUTE else replace(self, soloed=after)

    def hears(self, part: str) -> bool:
        """Whether a part is let through."""
        return part in self.soloed if self.soloed else part not in self.muted

    def applied(self, controls: Controls) -> Controls:
        """Controls of which only those parts sound that are let through."""
        return replace(controls, muted=tuple(part for part in PARTS if not self.hears(part)))
