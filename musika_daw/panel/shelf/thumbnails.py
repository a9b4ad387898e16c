"""`Thumbnails`: waveforms of sounds, read in the background when a tile is looked at, and kept on disk."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections import deque
from pathlib import Path

from PySide6.QtCore import QObject, QRunnable, QThreadPool, Signal

from musika_daw.panel.shelf.library import Sound
from musika_daw.system.atomic import write_atomic

POINTS = 96
WAITING_MAX = 150
KEPT_MAX = 8000
FILES_MAX = 20_000
FRAMES_MAX = 60 * 200_000


class Thumbnails(QObject):
    """`get` gives a waveform as `musika_daw.sound.peaks.waveform` makes it, or None and makes it; then `ready`
    has its path.

    What was asked for last is made first, and what nobody looks at any more is not made at all.
    """

    ready = Signal(object)  # a path: as a text of Qt it would lose what of its name is not UTF-8

    def __init__(self, folder: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._folder = folder
        self._known: dict[tuple[str, float], bytes] = {}
        self._waiting: deque[Sound] = deque(maxlen=WAITING_MAX)
        self._lock = threading.Lock()
        self._working = self._closed = False
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(1)

    def get(self, sound: Sound) -> bytes | None:
        """The waveform, if it is known; else it is asked for."""
        known = self._known.get((str(sound.path), sound.changed_s))
        if known is None:
            with self._lock:
                if sound not in self._waiting:
                    self._waiting.append(sound)
                if not self._working and not self._closed:
                    self._working = True
                    self._pool.start(_Work(self))
        return known

    @property
    def is_busy(self) -> bool:
        """Whether waveforms are being made."""
        return self._working

    def close(self) -> None:
        """Make no more, and wait for the one being made."""
        self._closed = True
        with self._lock:
            self._waiting.clear()
        self._pool.waitForDone(5000)

    def work(self) -> None:
        """Make what is asked for until nothing is; for the pool's thread."""
        while True:
            with self._lock:
                if not self._waiting or self._closed:
                    self._working = False
                    break
                sound = self._waiting.pop()
            if len(self._known) > KEPT_MAX:
                self._known.clear()
            self._known[(str(sound.path), sound.changed_s)] = self.made(sound)
            with contextlib.suppress(RuntimeError):  # the window is gone
                self.ready.emit(sound.path)
        self._prune()

    def made(self, sound: Sound) -> bytes:
        """The waveform from the disk cache, or from the sound; a flat line for what cannot be read."""
        cached = self._folder / hashlib.sha1(os.fsencode(f"{sound.path}\0{sound.changed_s}\0{POINTS}")).hexdigest()
        with contextlib.suppress(OSError):
            data = cached.read_bytes()
            if len(data) == 2 * POINTS:
                return data
        try:
            data = _waveform_of(sound.path)
        except (OSError, RuntimeError, ValueError):
            return bytes(2 * POINTS)
        with contextlib.suppress(OSError):
            write_atomic(cached, data)
        return data

    def _prune(self) -> None:
        """Give up the oldest half of the disk cache where it has grown too large."""
        with contextlib.suppress(OSError):
            files = list(self._folder.iterdir())
            if len(files) > FILES_MAX:
                files.sort(key=lambda path: path.stat().st_mtime)
                for path in files[: len(files) // 2]:
                    path.unlink(missing_ok=True)


class _Work(QRunnable):
    def __init__(self, thumbnails: Thumbnails) -> None:
        super().__init__()
        self._thumbnails = thumbnails

    def run(self) -> None:
        """In the pool's thread."""
        self._thumbnails.work()


def _waveform_of(path: Path) -> bytes:
    from musika_daw.sound.peaks import waveform
    from musika_daw.sound.sounds import read_samples

    return waveform(read_samples(path, FRAMES_MAX)[0], POINTS)
