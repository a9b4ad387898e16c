"""`FileSink`: sound into a file, in real time."""

from __future__ import annotations

import itertools
import shutil
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from bridge import host_time
from musika_daw.host.sinks.sink import Fill, Sink, SinkError
from musika_daw.system.atomic import PART_SUFFIX
from musika_daw.system.folders import name_for_libraries

DISK_FULL_BYTES = 1 << 16
FULL_FRAMES = (1 << 32) // 6 - 100  # 4 GiB of them: what 32 bits of WAV and AIFF can tell


class FileSink(Sink):
    """Plays in real time into a WAV, FLAC or AIFF file; what is heard from a device is in the file, frame by frame.

    The file appears under its name when the sink stops, or the disk is full: what was written until then is kept.
    Nobody plays the same again, so a recording that is there is left alone: this one gets the next free name, and
    `told` says so. Raises ValueError for another kind of file.
    """

    def __init__(self, path: Path, sample_rate_hz: int = 48_000, block_frames: int = 512) -> None:
        self.name = f"file {path.name}"
        self.path, self.sample_rate_hz, self.block_frames = Path(path), sample_rate_hz, block_frames
        if self.path.suffix.lower() not in (".wav", ".flac", ".aiff", ".aif"):
            raise ValueError(f"sink: {self.path.name!r}, must end in .wav, .flac, .aiff or .aif")
        self._limit_frames = None if self.path.suffix.lower() == ".flac" else FULL_FRAMES
        self._halt = threading.Event()
        self._thread: threading.Thread | None = None
        self._late = 0

    def start(self, fill: Fill) -> None:
        """Begin to write. Raises SinkError if the file cannot be made."""
        import soundfile

        kind = {".wav": "WAV", ".flac": "FLAC"}.get(self.path.suffix.lower(), "AIFF")
        try:
            with ExitStack() as undo:
                part = self._take_name()  # what is wrong is told by the system, not by libsndfile
                undo.callback(part.unlink)
                file = soundfile.SoundFile(
                    name_for_libraries(part), "w", self.sample_rate_hz, 2, subtype="PCM_24", format=kind
                )
                undo.pop_all()
        except (soundfile.LibsndfileError, OSError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise SinkError(f"sink: {self.path}: {why.lower()}") from error
        self._halt.clear()
        self._thread = threading.Thread(target=self._run, args=(fill, file, part), name="file-sink", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close the file and give it its name."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._halt.set()
            thread.join(5)

    @property
    def xruns(self) -> int:
        """Blocks that were later than their time by more than their length."""
        return self._late

    def _take_name(self) -> Path:
        """Make the temporary file of the first name that no recording has, nor one that was begun."""
        there: Path | None = None
        for name in _names(self.path):
            part = name.with_name(name.name + PART_SUFFIX)
            try:
                if not _is_taken(name):
                    part.open("xb").close()
                    break
                there = there or name
            except FileExistsError:  # of a host that plays now, or that was killed
                there = there or part
        self.path, self.name = name, f"file {name.name}"
        if there is not None:
            self.told = f"sink: {there} is there already, this is recorded into {name.name}"
        return part

    def _run(self, fill: Fill, file: Any, part: Path) -> None:
        block = np.zeros((2, self.block_frames), np.float32)
        start_s, frames = host_time(), 0
        try:
            with file:
                while not self._halt.is_set():
                    due_s = start_s + frames / self.sample_rate_hz
                    wait_s = due_s - host_time()
                    self._late += wait_s < -self.block_frames / self.sample_rate_hz
                    if wait_s > 0:
                        self._halt.wait(wait_s)
                    self.heard_s = due_s + self.latency_s
                    fill(block, self.heard_s)
                    file.write(block.T)
                    frames += self.block_frames
                    if self._limit_frames is not None and frames > self._limit_frames:
                        self.problem = f"sink: {self.path}: some programs read the first 4 GiB of it only, of FLAC all"
        except (OSError, RuntimeError) as error:  # a full disk: what is playing elsewhere must not end
            self.ended_early = True
            self.problem = f"sink: {self.path}: {_reason(part, error)}, after {frames / self.sample_rate_hz:.1f} s"
        finally:
            self._keep(part, frames)

    def _keep(self, part: Path, frames: int) -> None:
        try:
            if frames:
                part.replace(self.path)
            else:
                part.unlink(missing_ok=True)
        except OSError as error:
            self.ended_early = True
            self.problem = f"sink: {self.path}: {(error.strerror or str(error)).lower()}, the sound is in {part.name}"


def _names(path: Path) -> Iterator[Path]:
    """A name, then the same with -2, -3 and so on before its suffix."""
    yield path
    for number in itertools.count(2):
        yield path.with_name(f"{path.stem}-{number}{path.suffix}")


def _is_taken(path: Path) -> bool:
    """Whether sound would be lost if something else got this name; an empty file only keeps a name."""
    try:
        return path.lstat().st_size > 0
    except FileNotFoundError:
        return False


def _reason(part: Path, error: Exception) -> str:
    """Why no more can be written: libsndfile does not tell it."""
    try:
        full = shutil.disk_usage(part.parent).free < DISK_FULL_BYTES
    except OSError:
        full = False
    return "the disk is full" if full else " ".join(str(error).split()).rstrip(".").lower()
