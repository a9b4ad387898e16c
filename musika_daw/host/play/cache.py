"""`ChunkCache`: rendered chunks addressed by position, in memory shared with the renderer.

    generation 7  |  chunk -1 | chunk 0 | chunk 1 | ...      a piece: one tempo, one set of controls
    generation 8  |           | chunk 0 | chunk 1 |          what replaces it, for what is not yet played

The audio callback reads `Generation.chunks`, a plain dictionary, and nothing else: a chunk appears there when
it is complete. Everything that changes the cache runs in the scheduler's thread.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

import numpy as np

from musika_daw.host.play.piece import CHUNK_FRAMES, Piece

SLOT_BYTES = 2 * CHUNK_FRAMES * 4
REST_BLOCKS = 2
SHARED_FOLDER = Path("/dev/shm")  # where Linux keeps shared memory; other systems have no such place


@dataclass(eq=False)
class Generation:
    """The rendered chunks of one piece; `chunks` maps chunk numbers to float32 `[2, CHUNK_FRAMES]`."""

    number: int
    piece: Piece
    chunks: dict[int, np.ndarray] = field(default_factory=dict)
    slots: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.frames_per_beat = self.piece.frames_per_beat

    def has(self, first: int, last: int) -> bool:
        """Whether all chunks first..last (inclusive) are there."""
        return all(chunk in self.chunks for chunk in range(first, last + 1))


class ChunkCache:
    """A fixed number of slots of one chunk each. Raises ValueError for fewer than 8, OSError where memory is short.

    `blocks_played` tells how many blocks the player has finished. A slot rests for two of them after it is
    given up: a callback that took hold of the chunk just before still reads what it expects.
    """

    def __init__(self, slots: int = 192, shared: bool = False, blocks_played: Callable[[], int] | None = None) -> None:
        if slots < 8:
            raise ValueError(f"slots: {slots}, must be at least 8")
        self._memory = _made(slots * SLOT_BYTES) if shared else None
        self.views = slot_views(_buffer(self._memory) if self._memory else bytearray(slots * SLOT_BYTES), slots)
        self.slots = slots
        self.generations: list[Generation] = []
        self._blocks_played = blocks_played
        self._free: deque[int] = deque(range(slots))
        self._resting: deque[tuple[int, int]] = deque()
        self._made = 0

    @property
    def memory_name(self) -> str | None:
        """Name of the shared memory, or None where it is not shared."""
        return self._memory.name if self._memory else None

    def generation(self, piece: Piece) -> Generation:
        """The generation of a piece, made if there is none."""
        found = self.find(piece)
        if found is not None:
            return found
        self._made += 1
        generation = Generation(self._made, piece)
        self.generations.append(generation)
        return generation

    def find(self, piece: Piece) -> Generation | None:
        """The generation of a piece, or None."""
        return next((generation for generation in self.generations if generation.piece == piece), None)

    def claim(self, count: int, keep: Callable[[Generation, int], float]) -> list[int]:
        """Up to `count` slots to render into. `keep` says how much a chunk is still wanted; 0 is not at all.

        Free slots go first, then the least wanted chunks below 1, once they have rested.
        """
        self.reserve(count, keep)
        return [self._free.popleft() for _ in range(min(count, len(self._free)))]

    def reserve(self, count: int, keep: Callable[[Generation, int], float]) -> None:
        """Give up the least wanted chunks, as in `claim`, until `count` slots are free or resting."""
        self._wake()
        missing = count - len(self._free) - len(self._resting)
        if missing > 0:
            least = sorted(
                ((keep(g, chunk), g.number, chunk, g) for g in self.generations for chunk in g.chunks),
                key=lambda entry: entry[:3],
            )
            for value, _, chunk, generation in least[:missing]:
                if value < 1:
                    self._give_up(generation, chunk)
            self._wake()

    def publish(self, generation: Generation, chunk: int, slot: int) -> None:
        """Make a rendered slot readable as a chunk."""
        if generation not in self.generations or chunk in generation.chunks:
            self.release([slot])
            return
        generation.slots[chunk] = slot
        generation.chunks[chunk] = self.views[slot]

    def release(self, slots: Iterable[int]) -> None:
        """Give back slots that were claimed and never published."""
        self._free.extend(slots)

    def drop(self, generation: Generation) -> None:
        """Forget a generation that nobody plays any more."""
        for chunk in list(generation.chunks):
            self._give_up(generation, chunk)
        self.generations.remove(generation)

    def close(self) -> None:
        """Give the shared memory back to the system."""
        memory, self._memory = self._memory, None
        if memory is None:
            return
        for generation in self.generations:
            generation.chunks.clear()
        self.views.clear()
        memory.unlink()
        try:
            memory.close()
        except BufferError:  # an array of a chunk is still in somebody's hand; it goes when that does
            return

    def _give_up(self, generation: Generation, chunk: int) -> None:
        del generation.chunks[chunk]
        slot = generation.slots.pop(chunk)
        if self._blocks_played is None:
            self._free.append(slot)
        else:
            self._resting.append((self._blocks_played() + REST_BLOCKS, slot))

    def _wake(self) -> None:
        played = self._blocks_played() if self._blocks_played else 0
        while self._resting and self._resting[0][0] <= played:
            self._free.append(self._resting.popleft()[1])


def shared_views(memory: SharedMemory, slots: int) -> list[np.ndarray]:
    """The slots of memory that another process made."""
    return slot_views(_buffer(memory), slots)


def _made(size: int) -> SharedMemory:
    """Shared memory that is all there: Linux gives it page by page, and ends by a signal who is given none any more."""
    memory = SharedMemory(create=True, size=size)
    place = SHARED_FOLDER / memory.name
    if not place.exists():
        return memory
    try:
        with place.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, size)
    except OSError as error:
        memory.close()
        memory.unlink()
        what = f"{error.strerror}, the host needs {size / 1e6:.0f} megabytes of shared memory"
        raise OSError(error.errno, what, str(SHARED_FOLDER)) from error
    return memory


def _buffer(memory: SharedMemory) -> memoryview:
    assert memory.buf is not None  # None only once it is closed
    return memory.buf


def slot_views(buffer: bytearray | memoryview, slots: int) -> list[np.ndarray]:
    """The slots of a buffer, each float32 `[2, CHUNK_FRAMES]`."""
    whole = np.frombuffer(buffer, np.float32, slots * 2 * CHUNK_FRAMES)
    return list(whole.reshape(slots, 2, CHUNK_FRAMES))
