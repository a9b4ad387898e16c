"""`Voice`: one reader of one generation, with a fade at either end and for every hole."""

from __future__ import annotations

import numpy as np

from musika_daw.host.play.cache import Generation
from musika_daw.host.play.interpolate import Interpolator
from musika_daw.host.play.piece import CHUNK_FRAMES

DECAY_FRAMES = 192
RETURN_FRAMES = 128


class Voice:
    """Reads chunks at a position and a rate, and adds them to the output under a gain that moves in a line.

    A hole (a chunk not rendered yet) is silence: what sounded before it dies away over 4 ms from its last value,
    and what comes after it is faded in. All arrays are made beforehand.
    """

    def __init__(self, frames: int, interpolator: Interpolator) -> None:
        self._interpolator = interpolator
        self._scratch = np.zeros((2, frames), np.float32)
        self._envelope = np.zeros(frames, np.float32)
        self._count = np.arange(1, frames + 1, dtype=np.float32)
        self._decay = np.square(np.linspace(1, 0, DECAY_FRAMES + 1, dtype=np.float32)[1:])
        self._tail = np.zeros((2, DECAY_FRAMES), np.float32)
        self._tail_at = DECAY_FRAMES
        self._last = np.zeros(2, np.float32)
        self.generation: Generation | None = None
        self.position = 0.0
        self.rate = 1.0
        self._gain = 0.0
        self._step = 0.0
        self._sounding = False

    @property
    def is_active(self) -> bool:
        """Whether there is still something to hear of it."""
        return self.generation is not None or self._tail_at < DECAY_FRAMES

    def start(self, generation: Generation, position: float, rate: float, fade_frames: int) -> None:
        """Begin at a position, from silence to full level in `fade_frames`."""
        self.generation, self.position, self.rate = generation, position, rate
        self._gain, self._step = 0.0, 1.0 / fade_frames
        self._sounding = False
        self._tail_at = DECAY_FRAMES

    def release(self, fade_frames: int) -> None:
        """Go to silence in `fade_frames`, then end."""
        self._step = -1.0 / fade_frames

    def add(self, out: np.ndarray, at: int, frames: int) -> int:
        """Add the next `frames` frames to out[:, at:at+frames]; returns how many of them were missing."""
        if self._tail_at < DECAY_FRAMES:
            self._add_tail(out, at, frames)
        generation = self.generation
        if generation is None:
            return 0
        read = self._read(generation, frames)
        missing = frames - read
        if read:
            if not self._sounding and self._step >= 0:
                # a fade-in begins with the first sound, not with the wait for it
                self._gain = 0.0
                self._step = self._step or 1.0 / RETURN_FRAMES
            self._sounding = True
            self._add_scaled(out, at, read)
        if missing and self._sounding:
            self._sounding = False
            np.multiply(self._decay, self._last[0], out=self._tail[0])
            np.multiply(self._decay, self._last[1], out=self._tail[1])
            self._tail_at = 0
            self._add_tail(out, at + read, missing)
        self.position += frames * self.rate
        if self._step < 0 and (self._gain <= 0 or not self._sounding):
            self.generation = None
        return missing

    def _add_scaled(self, out: np.ndarray, at: int, frames: int) -> None:
        scratch, target = self._scratch[:, :frames], out[:, at : at + frames]
        if self._step:
            envelope = self._envelope[:frames]
            np.multiply(self._count[:frames], self._step, out=envelope)
            np.add(envelope, self._gain, out=envelope)
            np.clip(envelope, 0.0, 1.0, out=envelope)
            self._gain = float(envelope[-1])
            np.multiply(scratch, envelope, out=scratch)
            if self._step > 0 and self._gain >= 1:
                self._step = 0.0
        np.copyto(self._last, scratch[:, -1])
        np.add(target, scratch, out=target)

    def _add_tail(self, out: np.ndarray, at: int, frames: int) -> None:
        count = min(frames, DECAY_FRAMES - self._tail_at)
        target = out[:, at : at + count]
        np.add(target, self._tail[:, self._tail_at : self._tail_at + count], out=target)
        self._tail_at += count

    def _read(self, generation: Generation, frames: int) -> int:
        """Fill the scratch; returns the frames read before the first hole."""
        position, rate = self.position, self.rate
        if rate == 1.0 and position == position // 1:
            return _gather(generation.chunks, int(position), frames, self._scratch)
        first, count = self._interpolator.span(position, rate, frames)
        found = _gather(generation.chunks, first, count, self._interpolator.source)
        if found < count:
            usable = int((found - (position - first)) / rate) - Interpolator.reach()
            frames = max(0, min(frames, usable))
        if frames:
            self._interpolator.read(position, rate, frames, self._scratch)
        return frames


def _gather(chunks: dict[int, np.ndarray], first: int, count: int, out: np.ndarray) -> int:
    """Copy frames first.. into out; returns how many there were before the first missing chunk."""
    done = 0
    while done < count:
        chunk, offset = divmod(first + done, CHUNK_FRAMES)
        audio = chunks.get(chunk)
        if audio is None:
            return done
        part = min(CHUNK_FRAMES - offset, count - done)
        out[:, done : done + part] = audio[:, offset : offset + part]
        done += part
    return done
