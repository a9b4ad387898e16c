"""Capture: the last bars that were heard, as a labelled loop in a pack folder, in a process of its own."""

from __future__ import annotations

import dataclasses
import math
import multiprocessing
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np

from musika_daw.host.play.piece import Piece
from musika_daw.host.play.render import ChunkRenderer, Renderer, load_renderer
from musika_daw.score.controls import Controls
from musika_daw.system.atomic import naming
from musika_daw.system.refusal import of_system
from musika_daw.system.threads import one_thread_each
from musika_daw.system.workers import told_end

BARS = (4, 8, 16)
BEATS_PER_BAR = 4
LATE_BEATS = 0.1  # play is noticed that late at most
BACK_BEATS = 0.25  # what a line that is drawn to what is told may go back by
SEAM_S = 0.01
KEEPERS = "musika_daw.keep"


@dataclass(frozen=True)
class Take:
    """Bars of a piece, from a beat on; what the renderer needs to make them again, sample by sample.

    `moved`: a control was moved in them, so they are not quite what was heard.
    """

    start_beat: int
    bars: int
    piece: Piece
    moved: bool = False

    def __post_init__(self) -> None:
        if self.bars not in BARS:
            raise ValueError(f"bars: {self.bars}, must be one of {', '.join(map(str, BARS))}")


class HeardBars:
    """Which whole bars were heard one after another, last: where play began, jumped or went round, or a control was
    moved, it begins anew. Chords that were played on the way are no such control: each has its beat."""

    def __init__(self) -> None:
        self._began = 0.0  # beat where this stretch of play began
        self._sent = 0.0  # and where play did, whatever moved since
        self._beat: float | None = None  # and where it has come to
        self._jumps = 0
        self._piece: Piece | None = None  # as it is heard
        # first bar and end of the last ones before this stretch, as what, and whether anything moved in them
        self._whole: tuple[int, int, Piece | None, bool] = 0, 0, None, False
        self._still = False  # whether there were some since play was sent here that nothing moved in

    def play(self, beat: float, playing: bool, jumps: int, piece: Piece | None = None, *, sounds: bool = True) -> None:
        """The host has come to a beat; `jumps` counts the times that it was sent elsewhere, `piece` is what is played.

        A stretch begins once it `sounds`, which takes until the first of it is rendered; a hole later on ends none.
        """
        was = self._piece
        # the same object in nearly every step: to compare its controls costs something
        moved = piece is not was and piece is not None and was is not None and _fixed(piece) != _fixed(was)
        if not playing or jumps != self._jumps or (self._beat is not None and beat < self._beat - BACK_BEATS):
            self._end(for_good=True)
        if not playing:
            pass
        elif self._beat is None:
            self._began = self._sent = beat
            self._beat, self._still = (beat if sounds else None), False
        elif moved:
            self._beat = max(beat + LATE_BEATS, self._beat)  # what comes on a beat is led over to just before it
            self._end()
            self._began = self._beat = beat
        else:
            self._beat = max(beat, self._beat)
        if playing:
            self._piece = piece
        self._jumps = jumps

    def last(self, bars: int, piece: Piece) -> Take:
        """The last of them, as many as asked for or as a loop can have, of the piece as it was heard; of `piece` where
        that is not known. Raises ValueError below the shortest loop."""
        (first, end), heard, moved = self._present(self._began), self._piece, False
        if self._beat is None or (end - first < BARS[0] and self._whole[1] - self._whole[0] > end - first):
            first, end, heard, moved = self._whole
        if end - first < BARS[0] and self._sent < self._began:
            (first, end), heard, moved = self._present(self._sent), self._piece, True
        count = max((n for n in BARS if n <= min(bars, end - first)), default=None)
        if count is None:
            raise ValueError(f"keep: {bars} bars, only {end - first} whole ones were heard, must be {BARS[0]} at least")
        return Take((end - count) * BEATS_PER_BAR, count, heard or piece, moved)

    def _present(self, began: float) -> tuple[int, int]:
        if self._beat is None:
            return self._whole[:2]
        first = max(0, math.ceil((began - LATE_BEATS) / BEATS_PER_BAR))
        return first, max(first, math.floor(self._beat / BEATS_PER_BAR + 1e-6))

    def _end(self, *, for_good: bool = False) -> None:
        if self._beat is None:
            return
        (first, end), moved = self._present(self._began), False
        if for_good and end - first < BARS[0] and not self._still:
            (first, end), moved = self._present(self._sent), True
        if end - first >= BARS[0]:
            self._whole = first, end, self._piece, moved
            self._still = True
        self._beat = None


def _fixed(piece: Piece) -> Controls:
    """What has no place on the timeline: moved, it is another music in all bars."""
    return dataclasses.replace(piece.controls, changes=())


def heard_loop(renderer: Renderer, take: Take, sample_rate_hz: int) -> np.ndarray:
    """The bars as they were heard, float32 `[round(beats*60/bpm*rate), 2]`, joined to themselves.

    The first 10 ms are led over from how the music goes on after the last bar, so end and start fit; both are the
    same place in a bar.
    """
    piece = dataclasses.replace(take.piece, sample_rate_hz=sample_rate_hz, effects=())
    chunks = ChunkRenderer(renderer)
    first = round(Fraction(take.start_beat * 60 * sample_rate_hz) / piece.bpm)
    frames = round(Fraction(take.bars * BEATS_PER_BAR * 60 * sample_rate_hz) / piece.bpm)
    seam = round(SEAM_S * sample_rate_hz)
    audio = chunks.stretch(piece, first, first + frames + seam).copy()
    share = np.linspace(0, 1, seam, endpoint=False, dtype=np.float32)[:, None]
    audio[:seam] = share * audio[:seam] + (1 - share) * audio[frames:]
    return np.asarray(audio[:frames])


@dataclass(frozen=True)
class Kept:
    """What became of a take: its file, or why there is none."""

    file: Path | None = None
    problem: str = ""

    def __str__(self) -> str:
        return self.problem if self.file is None else str(self.file)


def keep(renderer: Renderer, take: Take, folder: Path, label: str = "MSK", name: str = "Live") -> Path:
    """Write a take as a loop into a pack folder by what is installed to do so; returns the file.

    That is the entry point `musika_daw.keep`: the host knows no pack builder. Raises ValueError where there is none or
    the folder holds another pack, OSError for a full disk.
    """
    for point in entry_points(group=KEEPERS):
        file: Path = point.load()(renderer, take, folder, label, name)
        return file
    raise ValueError(f"keep: nothing is installed that writes takes (entry point {KEEPERS}), install musika-daw again")


class Keeper:
    """Keeps takes in a process of its own, so that neither the sound nor the rendering ahead waits for it.

    `results` grows by one for each take, and by one that says so where controls were moved in it. Takes are kept one
    after another.
    """

    def __init__(
        self,
        model: str,
        folder: Path,
        label: str = "MSK",
        name: str = "Live",
        *,
        load: Callable[[str], Renderer] = load_renderer,
    ) -> None:
        self._arguments = (load, model, folder, label, name)
        self._context = multiprocessing.get_context("spawn")
        self._pipe: Any = None
        self._process: Any = None
        self._asked = 0
        self._lock = threading.Lock()
        self.results: list[Kept] = []

    def ask(self, take: Take) -> None:
        """Have a take kept; returns at once, except for the start of the process the first time. For any thread."""
        with self._lock:  # keys, MIDI, OSC and the control socket ask, each in its own thread
            self._collect()  # what a process that has died since had to say
            if self._process is None or not self._process.is_alive():
                self._pipe, theirs = self._context.Pipe()
                self._process = self._context.Process(
                    target=_keep_all, args=(theirs, *self._arguments), name="musika-keeper", daemon=True
                )
                with one_thread_each():
                    self._process.start()
                theirs.close()
                self._asked = 0
            self._pipe.send(take)
            self._asked += 1
            if take.moved:
                text = f"keep: controls were moved in these {take.bars} bars, which are kept as they sounded last"
                self.results.append(Kept(problem=text))

    def poll(self) -> int:
        """Collect results; returns how many takes are still under way. For any thread."""
        with self._lock:
            return self._collect()

    def _collect(self) -> int:
        try:
            while self._pipe is not None and self._asked and self._pipe.poll():
                self.results.append(self._pipe.recv())
                self._asked -= 1
        except (EOFError, OSError):
            self._process.join(2)
            self.results.append(Kept(problem=f"keep: its process {told_end(self._process.exitcode)}"))
            self._asked = 0
            self._process = None
        return self._asked

    def close(self) -> None:
        """Wait a moment for what is under way, then end the process."""
        process = self._process
        if process is None:
            return
        while self.poll() and self._pipe.poll(20):
            continue
        self._pipe.close()
        process.join(2)  # it may have died meanwhile, which is told in the results
        if process.is_alive():
            process.terminate()


def _keep_all(pipe: Any, load: Callable[[str], Renderer], model: str, folder: Path, label: str, name: str) -> None:
    """The keeper's process: what it takes from the processor, the sound must not need."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(10)
    renderer: Renderer | None = None
    try:
        while True:
            take = pipe.recv()
            try:
                renderer = renderer or load(model)
                with naming(folder):
                    pipe.send(Kept(keep(renderer, take, folder, label, name)))
            except ValueError as error:
                pipe.send(Kept(problem=" ".join(str(error).split())))
            except OSError as error:
                pipe.send(Kept(problem=f"keep: {of_system(error)}"))
    except (EOFError, OSError):
        return
