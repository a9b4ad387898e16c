"""Capture: the last bars that were heard, as a labelled loop in a pack folder, made as the pack builder makes them."""

from __future__ import annotations

import dataclasses
import math
import multiprocessing
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from musika_daw.host.play.piece import Piece
from musika_daw.host.play.render import ChunkRenderer, Renderer, load_renderer
from musika_daw.score.controls import Controls

BARS = (4, 8, 16)
BEATS_PER_BAR = 4
SEAM_S = 0.01
SAMPLE_RATES_HZ = (44_100, 48_000, 88_200, 96_000)


@dataclass(frozen=True)
class Take:
    """Bars of a piece, from a beat on; what the renderer needs to make them again, sample by sample."""

    start_beat: int
    bars: int
    piece: Piece

    def __post_init__(self) -> None:
        if self.bars not in BARS:
            raise ValueError(f"bars: {self.bars}, must be one of {', '.join(map(str, BARS))}")


def last_bars(beat: float, bars: int, piece: Piece) -> Take:
    """The last whole bars before a beat; where fewer were played, they begin at the song's start."""
    end = math.floor(beat / BEATS_PER_BAR + 1e-6) * BEATS_PER_BAR
    return Take(max(0, end - bars * BEATS_PER_BAR), bars, piece)


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


class _Heard:
    """What the pack builder takes for an engine: it gives the bars that were heard, whatever the seed."""

    def __init__(self, renderer: Renderer, take: Take) -> None:
        self.kind, self.name, self.weights_hash = renderer.kind, renderer.name, renderer.weights_hash
        self._renderer, self._take = renderer, take

    def loop(self, bpm: Any, bars: int, controls: Any, sample_rate_hz: int = 44_100, start_beat: int = 0) -> np.ndarray:
        """The bars that were heard."""
        return heard_loop(self._renderer, self._take, sample_rate_hz)

    def take(
        self, seconds: float, controls: Any, sample_rate_hz: int = 44_100, start_s: float = 0.0, bpm: Any = None
    ) -> np.ndarray:
        """Never asked for: every job here is a loop."""
        raise ValueError("take: what was heard is a loop")

    def key(self, controls: Any) -> str | None:
        """Not told: what was heard may have gone from one key to another."""
        return None


def keep(renderer: Renderer, take: Take, folder: Path, label: str = "MSK", name: str = "Live") -> Path:
    """Write a take as a loop into a pack folder, with its manifest; returns the file.

    The level, the checks, the chunks and the file name are the pack builder's, so `musika-pack verify` and
    `inspect` know the folder. Raises ValueError for a folder that holds another pack, OSError for a full disk.
    """
    from pack_builder.plan.families import FAMILIES
    from pack_builder.plan.options import BuildOptions
    from pack_builder.publish.closing import close
    from pack_builder.record.manifest import MANIFEST, Head, read_manifest
    from pack_builder.record.rows import Model, Row
    from pack_builder.render.render import render_job, software
    from pack_builder.render.source import EngineSource
    from pack_builder.run.build import now

    rate = take.piece.sample_rate_hz if take.piece.sample_rate_hz in SAMPLE_RATES_HZ else 44_100
    kind = renderer.kind if renderer.kind in FAMILIES and FAMILIES[renderer.kind].shape == "loop" else "techno"
    # what was heard is kept as it is: another attempt would be the same sound
    options = BuildOptions.parse(
        kinds=(kind,),
        bars=str(take.bars),
        sample_rate=str(rate),
        label=label,
        name=name,
        out=str(folder),
        attempts="1",
        keep_best=True,
    )
    options = dataclasses.replace(options, bpm=(take.piece.bpm,))
    earlier: tuple[Row, ...] = ()
    created = now()
    if (folder / MANIFEST).exists():
        before = read_manifest(folder)
        if before.recipe.get("live") is not True:
            raise ValueError(f"keep: {folder} holds a pack that was not kept live; name another folder")
        # what the user has deleted or renamed since is no longer this pack's
        earlier = tuple(row for row in before.rows if (folder / row.file).is_file())
        created = before.created
    job = _job(take, kind, len(earlier), {row.word for row in earlier})
    engine = _Heard(renderer, take)
    entry = render_job(EngineSource(lambda _: engine, Controls), f"heard {id(engine)}", job, options, True).entry
    if not isinstance(entry, Row):
        raise ValueError(f"keep: {take.bars} bars from beat {take.start_beat} are silent, must be heard")
    rows = (*earlier, entry)
    models = tuple(dict.fromkeys(Model(row.kind, row.model, row.weights_sha256) for row in rows))
    head = Head(label, name, created, software(), {**options.recipe(), "live": True}, models)
    close(options, head, lambda: rows, tuple, lambda _: None)
    return folder / entry.file


def _job(take: Take, kind: str, number: int, words: set[str]) -> Any:
    """The pack builder's job whose sound is the take."""
    from pack_builder.plan.jobs import Job
    from pack_builder.plan.names import word_names

    controls = take.piece.controls
    seed = controls.seed
    word = next(word for word in word_names(seed & 0xFFFFFFFF) if word not in words)

    class HeardJob(Job):
        """A job whose seed is the one that was played."""

        def seed(self, attempt: int = 0) -> int:
            return seed

    style = seed if controls.style_seed is None else controls.style_seed
    return HeardJob(
        f"{kind}/live/{float(take.piece.bpm):g}/{number}",
        kind,
        "loop",
        word,
        seed,
        style,
        bpm=take.piece.bpm,
        bars=take.bars,
        start_beat=take.start_beat,
    )


class Keeper:
    """Keeps takes in a process of its own, so that neither the sound nor the rendering ahead waits for it.

    `results` grows by a file's path or a complaint for each take. Takes are kept one after another.
    """

    def __init__(
        self,
        model: str,
        folder: Path,
        label: str = "MSK",
        name: str = "Live",
        load: Callable[[str], Renderer] = load_renderer,
    ) -> None:
        self._arguments = (load, model, folder, label, name)
        self._context = multiprocessing.get_context("spawn")
        self._pipe: Any = None
        self._process: Any = None
        self._asked = 0
        self._lock = threading.Lock()
        self.results: list[str] = []

    def ask(self, take: Take) -> None:
        """Have a take kept; returns at once, except for the start of the process the first time."""
        if self._process is None or not self._process.is_alive():
            self._pipe, theirs = self._context.Pipe()
            self._process = self._context.Process(
                target=_keep_all, args=(theirs, *self._arguments), name="musika-keeper", daemon=True
            )
            self._process.start()
            theirs.close()
            self._asked = 0
        self._pipe.send(take)
        self._asked += 1

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
            from pack_builder.run.workers import told_end

            self._process.join(2)
            self.results.append(f"keep: its process {told_end(self._process.exitcode)}")
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
                pipe.send(str(keep(renderer, take, folder, label, name)))
            except (ValueError, OSError) as error:
                pipe.send(" ".join(str(error).split()))
    except (EOFError, OSError):
        return
