"""`FileSink`: sound into a file, in real time."""

from __future__ import annotations

import shutil
import threading
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
    Raises ValueError for another kind of file.
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

        part = self.path.with_name(self.path.name + PART_SUFFIX)
        kind = {".wav": "WAV", ".flac": "FLAC"}.get(self.path.suffix.lower(), "AIFF")
        try:
            part.open("wb").close()  # what is wrong is told by the system, not by libsndfile
            file = soundfile.SoundFile(
                name_for_libraries(part), "w", self.sample_rate_hz, 2, subtype="PCM_24", format=kind
            )
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


def _reason(part: Path, error: Exception) -> str:
    """Why no more can be written: libsndfile does not tell it."""
    try:
        full = shutil.disk_usage(part.parent).free < DISK_FULL_BYTES
    except OSError:
        full = False
    return "the disk is full" if full else " ".join(str(error).split()).rstrip(".").lower()
