"""`Player`: what the audio callback runs. It reads chunks by position; it never renders, waits or locks.

```
grid at the moment the block is heard -> frame of the generation -> voice
    as expected            read on, sample by sample, no arithmetic at all
    off by 0.25..5 ms      read on a little faster or slower
    off by more, a jump    a new voice there; the old one fades out under it
    another generation     the same, at the same place
    end of the loop        the same, at the loop's start, on the exact frame
    a beat to change on    the same before it, so that the beat is wholly the next generation's
```
"""

from __future__ import annotations

import math

import numpy as np

from musika_daw.host.play.cache import Generation
from musika_daw.host.play.grid import Grid
from musika_daw.host.play.interpolate import RATE_MAX, Interpolator
from musika_daw.host.play.meter import Meter, Read
from musika_daw.host.play.voice import Voice

BLOCK_MAX = 8192
VOICES = 6
ATTACK_FRAMES, RELEASE_FRAMES, CROSS_FRAMES = 32, 256, 480
JUMP_S = 0.005
# just after a start the grid is still being found, and little has been heard yet: go there at once
YOUNG_S, YOUNG_JUMP_S = 0.6, 0.0015
CORRECT_FROM_S, CORRECT_TO_S = 0.00025, 0.00002
CORRECTION_S, CORRECTION_MAX = 0.25, 0.005
EXACT_RATE = 2e-4


class Player:
    """Fills blocks of at most `BLOCK_MAX` frames. `generation` and `gain` may be set from any thread."""

    def __init__(self, sample_rate_hz: int) -> None:
        self.sample_rate_hz = sample_rate_hz
        interpolator = Interpolator(BLOCK_MAX)
        self._voices = [Voice(BLOCK_MAX, interpolator) for _ in range(VOICES)]
        self._main: Voice | None = None
        self._turned: list[Voice] = []  # released inside a block: they have had their share of it
        self._rest: np.ndarray | None = None  # of a block whose beginning is filled
        self._ramp = np.zeros(BLOCK_MAX, np.float32)
        self._count = np.arange(1, BLOCK_MAX + 1, dtype=np.float32)
        self._size = np.zeros((2, BLOCK_MAX), np.float32)
        self.generation: Generation | None = None
        self.coming: tuple[Generation, float] | None = None  # what to go over to, and the beat that is its first
        self.gain = 1.0
        self._gain = 1.0
        self._jumps = 0
        self._correcting = False
        self._played = 0
        self._heard = False
        self._begun_heard = False
        self._since: float | None = None
        self.reads: list[Read] = []  # of the block that was filled last, in order
        self._silent = 0
        self.blocks = 0
        self.underruns = 0
        self.holes_frames = 0
        self.waits_frames = 0
        self.error_s = 0.0
        self.beat = 0.0
        self.peak = 0.0
        self.clipped = 0

    def process(self, out: np.ndarray, grid: Grid, at_s: float, playing: bool | None = None) -> None:
        """Fill out, float32 `[2, n]`, with what is to be heard from `at_s`, a time of the grid, on.

        `playing` overrules the grid where the device itself knows better.
        """
        out.fill(0)
        frames = out.shape[1]
        self.reads, self._silent = [], 0
        if (grid.playing if playing is None else playing) and self.generation is not None:
            elapsed_s = at_s - grid.at_s if grid.playing else 0.0
            beat = grid.fold(grid.beat + elapsed_s * grid.beats_per_s)
            self.beat = beat
            silent = self._silent = self._count_in(grid, beat, frames)
            if silent:
                self._release(RELEASE_FRAMES)
            if silent < frames:
                self._come(out[:, silent:], grid, max(beat, grid.floor_beat), frames - silent)
        else:
            self._release(RELEASE_FRAMES)
        for voice in self._voices:
            if voice is not self._main and voice not in self._turned and voice.is_active:
                voice.add(out, 0, frames)
        self._turned.clear()
        self._finish(out, frames)
        self.blocks += 1

    def meter(self) -> Meter:
        """A snapshot; the peak starts over."""
        peak, self.peak = self.peak, 0.0
        return Meter(
            self.blocks,
            self.underruns,
            self.holes_frames,
            self.waits_frames,
            self.error_s,
            self.beat,
            self.sounding,
            peak,
            self.clipped,
        )

    @property
    def sounding(self) -> bool:
        """Whether what was read last was rendered."""
        return self._main is not None and self._heard

    def uses(self, generation: Generation) -> bool:
        """Whether something of a generation is still to be heard."""
        return self.generation is generation or any(v.generation is generation for v in self._voices)

    def _count_in(self, grid: Grid, beat: float, frames: int) -> int:
        """Frames of a block that begins at a beat that lie before the floor; the first beat is heard from its start."""
        if beat >= grid.floor_beat:
            return 0
        return min(frames, round((grid.floor_beat - beat) / grid.beats_per_s * self.sample_rate_hz))

    def _come(self, out: np.ndarray, grid: Grid, beat: float, frames: int) -> None:
        """Follow the grid, and go over to the generation that is coming where it is to come."""
        coming, left = self.coming, frames
        if coming is not None:
            generation, first_beat = coming
            beats = first_beat - CROSS_FRAMES / generation.frames_per_beat - beat
            # further off than a beat: play was sent elsewhere
            left = 0 if beats > 1.1 else max(0, math.ceil(beats / grid.beats_per_s * self.sample_rate_hz))
        if left > 0:
            self._follow(out[:, :left], grid, beat, min(left, frames))
        if left < frames:
            assert coming is not None
            if self.coming is coming:
                self.generation, self.coming = coming[0], None
            self._silent += left
            self._rest = out[:, left:] if left else None
            on_s = left / self.sample_rate_hz
            self._follow(out[:, left:], grid, grid.fold(beat + on_s * grid.beats_per_s), frames - left)
            self._rest = None

    def _follow(self, out: np.ndarray, grid: Grid, beat: float, frames: int) -> None:
        generation = self.generation
        assert generation is not None
        per_beat = generation.frames_per_beat
        rate = grid.beats_per_s * per_beat / self.sample_rate_hz
        rate = 1.0 if abs(rate - 1) < EXACT_RATE else min(max(rate, 0.02), 0.99 * RATE_MAX)
        target = beat * per_beat
        main, begun = self._main, grid.start_beat * per_beat
        self._since = None
        if main is None:
            self._since = begun
            main = self._begin(generation, target, rate, ATTACK_FRAMES)
        elif main.generation is not generation:
            self._release(CROSS_FRAMES)
            main = self._begin(generation, target, rate, CROSS_FRAMES)
        else:
            error = _error(grid, per_beat, target - main.position)
            self.error_s = error / self.sample_rate_hz
            sent = grid.jumps != self._jumps and abs(self.error_s) > CORRECT_FROM_S
            if sent or abs(self.error_s) > JUMP_S:
                self._since = begun if sent else None
                self._release(CROSS_FRAMES)
                main = self._begin(generation, target, rate, ATTACK_FRAMES)
            elif self._played < YOUNG_S * self.sample_rate_hz and abs(self.error_s) > YOUNG_JUMP_S:
                played, heard = self._played, self._heard
                self._release(CROSS_FRAMES)
                main = self._begin(generation, target, rate, CROSS_FRAMES, heard=heard)
                self._played, self._heard = played, heard
            else:
                self._steer(main, rate, error)
        self._jumps = grid.jumps
        self._played += frames
        self._read(main, out, grid, frames)

    def _steer(self, main: Voice, rate: float, error: float) -> None:
        error_s = abs(self.error_s)
        if self._correcting and error_s < CORRECT_TO_S:
            self._correcting = False
        elif error_s > CORRECT_FROM_S:
            self._correcting = True
        if self._correcting:
            share = error / (CORRECTION_S * self.sample_rate_hz)
            main.rate = rate * (1 + min(max(share, -CORRECTION_MAX), CORRECTION_MAX))
            return
        if rate == 1.0 and main.position != main.position // 1:
            main.position = float(round(main.position))  # less than a sample, where a fraction has come to rest
        main.rate = rate

    def _read(self, main: Voice, out: np.ndarray, grid: Grid, frames: int) -> None:
        """Let the main voice fill the block, going round the loop as often as that takes."""
        at, turned = 0, False
        generation = main.generation
        assert generation is not None
        per_beat = generation.frames_per_beat
        while grid.loop_end > grid.loop_start and at < frames:
            start, end = grid.loop_start * per_beat, grid.loop_end * per_beat
            left = (round(end) - main.position) / main.rate
            # shorter than a few fades it is no loop, but a buzz; past the end it will not come to it
            if not 0 <= left < frames - at or end - start < 4 * CROSS_FRAMES:
                break
            part = math.ceil(left)
            self._add(main, out, at, part, turned)
            at, turned = at + part, True
            position = round(start) + (main.position - round(end))
            rate = main.rate
            self._main = None
            main.release(CROSS_FRAMES)
            main.add(out, at, frames - at)
            self._turned.append(main)
            main = self._begin(generation, position, rate, ATTACK_FRAMES, heard=True)
        if at < frames:
            self._add(main, out, at, frames - at, turned)

    def _add(self, main: Voice, out: np.ndarray, at: int, frames: int, turned: bool) -> None:
        assert main.generation is not None
        if frames:
            since, self._since = self._since, None
            self.reads.append(Read(self._silent + at, frames, main.generation, main.position, main.rate, since, turned))
        self._count_missing(main.add(out, at, frames), frames)

    def _count_missing(self, missing: int, frames: int) -> None:
        if not missing:
            self._heard = True
        elif self._heard:
            self.underruns += 1
            self.holes_frames += missing
            self._heard = False
        elif self._begun_heard:
            self.holes_frames += missing
        else:
            self.waits_frames += missing
        if missing < frames:
            self._begun_heard = True

    def _begin(
        self, generation: Generation, position: float, rate: float, fade_frames: int, heard: bool = False
    ) -> Voice:
        voice = self._free_voice()
        if rate == 1.0:
            position = float(round(position))
        voice.start(generation, position, rate, fade_frames)
        self._main = voice
        self._correcting = False
        self.error_s = 0.0
        if not heard:
            self._played = 0
            self._heard = self._begun_heard = False
        return voice

    def _free_voice(self) -> Voice:
        for voice in self._voices:
            if voice is not self._main and not voice.is_active:
                return voice
        return next(voice for voice in self._voices if voice is not self._main)

    def _release(self, fade_frames: int) -> None:
        main, self._main = self._main, None
        if main is not None:
            main.release(fade_frames)
            if self._rest is not None:
                main.add(self._rest, 0, self._rest.shape[1])
                self._turned.append(main)
        self._correcting = False
        self._heard = False

    def _finish(self, out: np.ndarray, frames: int) -> None:
        """Gain, moved in a line over the block, and full scale as the limit."""
        wanted = self.gain
        if wanted != self._gain:
            ramp = self._ramp[:frames]
            np.multiply(self._count[:frames], (wanted - self._gain) / frames, out=ramp)
            np.add(ramp, self._gain, out=ramp)
            np.multiply(out, ramp, out=out)
            self._gain = wanted
        elif wanted != 1.0:
            np.multiply(out, wanted, out=out)
        size = self._size[:, :frames]
        np.abs(out, out=size)
        peak = float(size.max())
        if peak > 1.0:
            self.clipped += 1
            np.clip(out, -1.0, 1.0, out=out)
        self.peak = max(self.peak, peak)


def _error(grid: Grid, per_beat: float, error: float) -> float:
    """The error the shorter way round the loop."""
    length = (grid.loop_end - grid.loop_start) * per_beat
    if length > 0 and abs(error) > length / 2:
        return error - math.copysign(length, error)
    return error
