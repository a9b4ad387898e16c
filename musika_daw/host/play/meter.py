"""What the player tells of itself: `Meter`, how it goes, and `Read`, what fills a block."""

from __future__ import annotations

from dataclasses import dataclass

from musika_daw.host.play.cache import Generation


@dataclass(frozen=True)
class Meter:
    """What the player has done since it was made, and where it is; a snapshot.

    `underruns` counts holes in what was playing, `holes_frames` their length, `waits_frames` silence before the
    first sound after a start or jump. `error_s` is how far the sound is behind the grid, `peak` the largest
    sample before the limit of full scale since the last snapshot, `clipped` how many blocks were cut off there.
    """

    blocks: int
    underruns: int
    holes_frames: int
    waits_frames: int
    error_s: float
    beat: float
    sounding: bool
    peak: float
    clipped: int = 0


@dataclass(frozen=True, slots=True)
class Read:
    """What fills `frames` frames of a block, from frame `at` of it on: a generation, read from `position` (in frames
    of its own) on at a rate.

    The first read after a start or a locate has `since`, the frame that play began at, which may be before `position`;
    `turned` is one that begins where play came round a loop.
    """

    at: int
    frames: int
    generation: Generation
    position: float
    rate: float
    since: float | None = None
    turned: bool = False
