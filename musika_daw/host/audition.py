"""`Audition`: a loop heard on top of the music, in time with it from the next bar on.

While the transport rolls the loop runs at its tempo, faster or slower than it was made; while it stands still the loop
plays at once, at its own. A second `Player` does it, whose chunks are the loop, again and again:

    transport   | bar 7 |  asked here  | bar 8 |
    loop        |                      |0 1 2 3|0 1 2 3|
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from musika_daw.host.play.cache import Generation
from musika_daw.host.play.grid import Grid
from musika_daw.host.play.piece import CHUNK_FRAMES, Piece, chunk_of
from musika_daw.host.play.player import BLOCK_MAX, Player
from musika_daw.score.controls import Controls

SECONDS_MAX = 600.0
CHUNKS_BEHIND, CHUNKS_AHEAD = 2, 5
FADE_FRAMES = 32
RELEASE_BLOCKS = 4
FREE_BPM = 120.0
Bars = tuple[float, float]  # the beat where one begins, and how many beats they have


@dataclass(frozen=True)
class Clip:
    """A sound at the device's rate, float32 `[2, n]`; `beats` is None for what does not repeat."""

    file: str
    audio: np.ndarray
    beats: int | None
    bpm: float

    @property
    def repeats(self) -> bool:
        """Whether it is a loop."""
        return self.beats is not None


def load_clip(path: Path, sample_rate_hz: int) -> Clip:
    """A file as a clip. Raises ValueError for what is no audio file or too long, OSError for one that is not there."""
    from musika_daw.sound.labels import read_labels
    from musika_daw.sound.sounds import read_samples

    labels = read_labels(path)
    if labels.seconds > SECONDS_MAX:
        raise ValueError(f"audition: {path.name} is {labels.seconds:.0f} s long, must be at most {SECONDS_MAX:g}")
    try:
        read, rate = read_samples(path)
    except ValueError as error:
        raise ValueError(f"audition: {path.name}: {error}") from None
    audio = np.ascontiguousarray(np.repeat(read, 2, 1)[:, :2] if read.shape[1] == 1 else read[:, :2])
    beats = labels.beats if labels.loops else None
    bpm = labels.bpm or FREE_BPM
    if beats is not None:
        frames = round(beats * 60 / bpm * sample_rate_hz)
        if frames != len(audio):
            from scipy.signal import resample

            audio = resample(audio, frames, axis=0)  # by Fourier series: a loop stays one
    elif rate != sample_rate_hz:
        from scipy.signal import resample_poly

        ratio = Fraction(sample_rate_hz, rate)
        audio = resample_poly(audio, ratio.numerator, ratio.denominator, axis=0)
    return Clip(str(path), np.ascontiguousarray(audio.T, np.float32), beats, bpm)


class Audition:
    """Adds one clip at a time to what is heard. `add` is for the audio callback, `step` for the control thread,
    `begin` and `end` for any.
    """

    def __init__(self, sample_rate_hz: int) -> None:
        self.sample_rate_hz = sample_rate_hz
        self._player = Player(sample_rate_hz)
        self._block = np.zeros((2, BLOCK_MAX), np.float32)
        self._fade = np.linspace(0, 1, FADE_FRAMES, endpoint=False, dtype=np.float32)
        self._playing: _Playing | None = None
        self._release = 0

    @property
    def file(self) -> str | None:
        """What is heard or waits."""
        playing = self._playing
        return None if playing is None else playing.clip.file

    @property
    def state(self) -> str | None:
        """ "waiting" for the bar, "playing" in time, "free" while the transport stands still, or None."""
        playing = self._playing
        if playing is None:
            return None
        if playing.free:
            return "free"
        return "waiting" if playing.anchor is None or not playing.begun else "playing"

    def begin(self, clip: Clip, gain_db: float = 0.0) -> None:
        """Hear a clip from the next bar on, in place of another."""
        playing = _Playing(clip, self.sample_rate_hz)
        playing.prepare(0)
        self._player.gain = 10 ** (gain_db / 20)
        self._playing = playing

    def end(self) -> None:
        """Hear it no longer."""
        if self._playing is not None:
            self._release = RELEASE_BLOCKS
        self._playing = None

    def step(self) -> None:
        """Make the chunks that will be read next."""
        playing = self._playing
        if playing is None or not playing.begun:
            return
        frame = self._player.beat * playing.generation.frames_per_beat
        playing.prepare(chunk_of(frame))
        if not playing.clip.repeats and frame > playing.clip.audio.shape[1] + 2 * BLOCK_MAX:
            self.end()

    def add(self, out: np.ndarray, grid: Grid, at_s: float, rolling: bool, bars: Bars) -> None:
        """Add to float32 `[2, n]` what is to be heard from `at_s`, a time of the grid, on."""
        playing, frames = self._playing, out.shape[1]
        block = self._block[:, :frames]
        if playing is None:
            if not self._release:
                return
            self._release -= 1
            self._player.process(block, Grid(), 0.0, False)
        elif rolling:
            silent = playing.silent_frames(grid, at_s, bars, frames, sample_rate_hz=self.sample_rate_hz)
            if silent >= frames:
                return
            self._player.generation = playing.generation
            self._player.process(block, playing.shifted(grid), at_s, True)
            if silent >= 0:
                block[:, :silent] = 0
                ramp = min(FADE_FRAMES, frames - silent)
                block[:, silent : silent + ramp] *= self._fade[:ramp]
        elif playing.free or not playing.begun:
            self._player.generation = playing.generation
            self._player.process(block, playing.own_grid(), playing.frames / self.sample_rate_hz, True)
            playing.frames += frames
        else:  # the transport was stopped: so is what ran with it, until it goes on
            self._player.process(block, playing.shifted(grid), at_s, False)
        np.add(out, block, out=out)
        np.clip(out, -1.0, 1.0, out=out)


class _Playing:
    """A clip being heard: its chunks, and the beat that its first frame lies on."""

    def __init__(self, clip: Clip, sample_rate_hz: int) -> None:
        self.clip = clip
        self.generation = Generation(0, Piece(_tempo(clip.bpm), Controls(), sample_rate_hz))
        if clip.beats is not None:
            self.generation.frames_per_beat = clip.audio.shape[1] / clip.beats
        self.anchor: float | None = None
        self.begun = False
        self.free = False
        self.frames = 0

    def prepare(self, chunk: int) -> None:
        """Hold the chunks around one, and no others."""
        wanted = range(chunk - CHUNKS_BEHIND, chunk + CHUNKS_AHEAD)
        chunks = self.generation.chunks
        for number in wanted:
            if number not in chunks:
                chunks[number] = self._made(number)
        for number in [n for n in chunks if n not in wanted and not 0 <= n < CHUNKS_AHEAD]:
            del chunks[number]

    def _made(self, number: int) -> np.ndarray:
        audio, first = self.clip.audio, number * CHUNK_FRAMES
        length = audio.shape[1]
        if self.clip.repeats:
            return np.ascontiguousarray(audio[:, np.arange(first, first + CHUNK_FRAMES) % length])
        made = np.zeros((2, CHUNK_FRAMES), np.float32)
        low, high = max(first, 0), min(first + CHUNK_FRAMES, length)
        if low < high:
            made[:, low - first : high - first] = audio[:, low:high]
        return made

    def silent_frames(self, grid: Grid, at_s: float, bars: Bars, frames: int, *, sample_rate_hz: int) -> int:
        """Frames of the block before the bar begins, all of them where it does later; -1 once it has begun."""
        if self.free:
            self.free, self.anchor, self.begun = False, None, False
        if self.begun:
            return -1
        bar_start, bar_beats = bars
        beat = grid.fold(grid.beat + (at_s - grid.at_s) * grid.beats_per_s if grid.playing else grid.beat)
        length = grid.loop_end - grid.loop_start if grid.loops else 0.0
        left = -1.0 if self.anchor is None else self.anchor - beat
        if left < 0 and length > 0 and self.anchor == grid.loop_start:
            left += length
        if not 0 <= left <= bar_beats + 1e-6:  # none yet, or the transport was sent elsewhere
            self.anchor = bar_start + math.ceil((beat - bar_start) / bar_beats - 1e-6) * bar_beats
            left = self.anchor - beat
            if length > 0 and self.anchor >= grid.loop_end - 1e-6:
                self.anchor = grid.loop_start
                left = grid.loop_end - beat
        silent = max(0, round(left / grid.beats_per_s * sample_rate_hz))
        self.begun = silent < frames
        if self.begun and not self.clip.repeats:  # it has no tempo to bend
            self.generation.frames_per_beat = sample_rate_hz / grid.beats_per_s
        return min(silent, frames)

    def shifted(self, grid: Grid) -> Grid:
        """The transport's grid, counted from the clip's first frame."""
        by = self.anchor or 0.0
        return dataclasses.replace(
            grid,
            beat=grid.beat - by,
            loop_start=grid.loop_start - by,
            loop_end=grid.loop_end - by,
            floor_beat=-math.inf,
        )

    def own_grid(self) -> Grid:
        """The clip's own tempo, from now on."""
        self.free = self.begun = True
        generation = self.generation
        return Grid(True, 0.0, 0.0, generation.piece.sample_rate_hz / generation.frames_per_beat)


def _tempo(bpm: float) -> Fraction:
    return Fraction(round(min(max(bpm, 1.0), 1000.0) * 10_000), 10_000)
