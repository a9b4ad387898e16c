"""Workers: who renders chunks into the cache's slots, in a process of its own or here.

Python that holds its lock for long is what breaks audio, so while a device plays the renderer has a process.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.process
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import Protocol

import numpy as np

from musika_daw import __version__
from musika_daw.host.ahead.orphan import Adopted, Task, adopt, attach, bury, wait_for_host
from musika_daw.host.ahead.urgency import urgent
from musika_daw.host.play.cache import shared_views
from musika_daw.host.play.piece import CHUNK_FRAMES, Piece
from musika_daw.host.play.render import ChunkRenderer, Interruptible, Renderer, abilities, load_renderer
from musika_daw.system.threads import one_thread_each

READY_LIMIT_S = 120.0
LOOK_S = 0.002


@dataclass(frozen=True)
class Job:
    """Render chunks first_chunk.. of a piece, one into each of `slots`; `urgent` if play would soon wait for it."""

    number: int
    piece: Piece
    first_chunk: int
    slots: tuple[int, ...]
    urgent: bool = False


@dataclass(frozen=True)
class Done:
    """A job's end; `problem` says in one line why nothing was rendered. `cpu_s` is processor time spent.

    One that was `given_up` had to make way for another.
    """

    number: int
    seconds: float
    cpu_s: float
    problem: str | None = None
    given_up: bool = False


class GivenUp(Exception):
    """What is being rendered is not wanted any more."""


class WorkerError(RuntimeError):
    """The renderer's process could not start or has died; the text says why."""


class Worker(Protocol):
    """Renders jobs one after another; nothing here ever waits."""

    def submit(self, job: Job) -> None:
        """Take a job. One that is being rendered meanwhile makes way for it, and may end given up."""

    def finished(self) -> list[Done]:
        """Jobs that ended since the last call. Raises WorkerError if the process died."""

    def close(self) -> None:
        """Stop."""


def render_job(chunks: ChunkRenderer, views: list[np.ndarray], job: Job) -> Done:
    """Render one job into the slots; what the renderer raises becomes the problem."""
    begin_s, cpu_s = time.perf_counter(), time.process_time()
    problem, given_up = None, False
    try:
        audio = chunks.chunks(job.piece, job.first_chunk, len(job.slots))
        for index, slot in enumerate(job.slots):
            views[slot][:] = audio[:, index * CHUNK_FRAMES : (index + 1) * CHUNK_FRAMES]
    except GivenUp:
        given_up = True
    except Exception as error:  # a model or plugin may raise anything, and the host plays on
        problem = f"{type(error).__name__}: {' '.join(str(error).split())}"
    return Done(job.number, time.perf_counter() - begin_s, time.process_time() - cpu_s, problem, given_up)


class InlineWorker:
    """Renders at once, in the caller's thread: for files and tests."""

    def __init__(self, renderer: Renderer, views: list[np.ndarray]) -> None:
        self._chunks, self._views = ChunkRenderer(renderer), views
        self._done: list[Done] = []

    def submit(self, job: Job) -> None:
        """Render now."""
        self._done.append(render_job(self._chunks, self._views, job))

    def finished(self) -> list[Done]:
        """Jobs rendered since the last call."""
        done, self._done = self._done, []
        return done

    def close(self) -> None:
        """Nothing to stop."""


class ProcessWorker:
    """A process that loads a model and renders into shared memory.

    `load` is a function at the top of a module, called with `model` in the process. Should this process be killed, the
    renderer waits a while for the next that names the same `orphan_file`. Raises WorkerError with the model's own
    complaint if it does not load.
    """

    def __init__(
        self,
        model: str,
        memory_name: str,
        slots: int,
        load: Callable[[str], Renderer] = load_renderer,
        *,
        limit_s: float = READY_LIMIT_S,
        orphan_file: Path | None = None,
    ) -> None:
        task = Task(memory_name, slots)
        loaded = f"{__version__} {load.__module__}.{load.__qualname__} {model}"
        found = adopt(orphan_file, loaded) if orphan_file is not None else None
        self.is_adopted = found is not None
        self._process: multiprocessing.process.BaseProcess | Adopted
        if found is not None:
            self._pipe, self._process = found
            answer = self._answer(limit_s, task)
            if not isinstance(answer, str):
                self.facts: dict[str, str] = answer
                return
            self.close()
            self.is_adopted = False
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, load, model, task, orphan_file, loaded), name="musika-renderer", daemon=True
        )
        with one_thread_each():
            self._process.start()
        theirs.close()
        answer = self._answer(limit_s)
        if isinstance(answer, str):
            self.close()
            raise WorkerError(answer if answer.startswith("model: ") else f"model: {answer}")
        self.facts = answer

    def _answer(self, limit_s: float, task: Task | None = None) -> dict[str, str] | str:
        """What the renderer says once it is ready, or why it is not."""
        try:
            if task is not None:
                self._pipe.send(task)
            return self._pipe.recv() if self._pipe.poll(limit_s) else f"no answer in {limit_s:g} s"
        except (EOFError, OSError):
            return "its process died while loading"
        except BaseException:  # the host is told to end while a model loads, which takes seconds
            self._process.terminate()
            raise

    @property
    def pid(self) -> int | None:
        """Id of the process."""
        return self._process.pid

    def submit(self, job: Job) -> None:
        """Send a job."""
        try:
            self._pipe.send(job)
        except (OSError, ValueError):
            raise WorkerError("the renderer's process has died") from None

    def finished(self) -> list[Done]:
        """Jobs that ended since the last call."""
        done = []
        try:
            while self._pipe.poll():
                done.append(self._pipe.recv())
        except (EOFError, OSError):
            raise WorkerError("the renderer's process has died") from None
        return done

    def close(self) -> None:
        """End the process."""
        with contextlib.suppress(OSError, ValueError):
            self._pipe.send(None)
        self._process.join(1)
        if self._process.is_alive():
            self._process.terminate()
            self._process.join(2)
        self._pipe.close()


def _serve(
    pipe: Connection, load: Callable[[str], Renderer], model: str, task: Task, orphan_file: Path | None, loaded: str
) -> None:
    """The renderer's process: answer with the model's facts, or with a complaint; then render until told to end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the host, which then says that it is over
    try:
        renderer = load(model)
    except (ValueError, OSError) as error:
        pipe.send(" ".join(str(error).split()))
        return
    memory = SharedMemory(task.memory_name)  # the spawned process shares the parent's tracker, which frees it once
    facts = {"name": renderer.name, "kind": renderer.kind, "weights_hash": renderer.weights_hash, **abilities(renderer)}
    chunks, attention, attached = ChunkRenderer(renderer), _Attention(), False
    if isinstance(renderer, Interruptible):
        renderer.watch(attention)
    while True:
        was_told = _render_for(pipe, attention, chunks, memory, slots=task.slots, facts=facts)
        pipe.close()
        if was_told or orphan_file is None:
            return
        if not attached:
            bury(memory)
        try:
            heir = wait_for_host(orphan_file, loaded)
            if heir is None:
                return
            pipe, task = heir, heir.recv()
            memory, attached = attach(task), True
        except (EOFError, OSError):
            return


def _render_for(
    pipe: Connection,
    attention: _Attention,
    chunks: ChunkRenderer,
    memory: SharedMemory,
    *,
    slots: int,
    facts: dict[str, str],
) -> bool:
    """Render for one host; returns whether that told the renderer to end, and was not killed."""
    views = shared_views(memory, slots)
    attention.pipe = pipe
    try:
        pipe.send(facts)
        while (job := pipe.recv()) is not None:
            if pipe.poll():
                pipe.send(Done(job.number, 0, 0, given_up=True))
                continue
            with urgent(job.urgent):
                done = render_job(chunks, views, job)
            pipe.send(done)
        return True
    except (EOFError, OSError):
        return False
    finally:
        views.clear()
        with contextlib.suppress(BufferError):  # an array may still be in a caller's hand
            memory.close()


class _Attention:
    """What a renderer calls as it goes on: raises GivenUp once the next job, or the end, is waiting in the pipe."""

    def __init__(self) -> None:
        self.pipe: Connection | None = None
        self._looked_s = 0.0

    def __call__(self) -> None:
        now_s = time.perf_counter()
        if self.pipe is None or now_s - self._looked_s < LOOK_S:
            return
        self._looked_s = now_s
        if self.pipe.poll():
            raise GivenUp
