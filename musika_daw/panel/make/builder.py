"""`PackBuild`: `musika-pack build` as a process of its own, with progress, pause and cancel."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QObject, Signal

JOURNAL = ".musika-pack.journal"
LINE_MAX = 1 << 20
CAN_FREEZE = hasattr(signal, "SIGSTOP") and hasattr(os, "killpg")
STATES = ("idle", "starting", "building", "paused", "done", "failed", "cancelled")


@dataclass(frozen=True)
class Progress:
    """`done` of `files` are finished or given up, `kept` of them before this build; `left_s` is None while unknown."""

    files: int = 0
    done: int = 0
    kept: int = 0
    given_up: int = 0
    left_s: float | None = None
    file: str = ""


class PackBuild(QObject):
    """One build at a time. `changed` tells of every step; `state` is one of `STATES`, `text` says why it failed.

    Pausing freezes the processes where the system can; elsewhere the build is stopped, and goes on with `--resume`.
    """

    changed = Signal()
    _line = Signal(object, str)
    _over = Signal(object, int, str)

    def __init__(self, parent: QObject | None = None, command: Sequence[str] | None = None) -> None:
        super().__init__(parent)
        self._command = list(command or (sys.executable, "-m", "pack_builder.cli", "build"))
        self._arguments: list[str] = []
        self._process: subprocess.Popen[str] | None = None
        self._stopping = ""
        self._worked_s, self._since_s = 0.0, 0.0
        self.state, self.text, self.out = "idle", "", ""
        self.progress = Progress()
        self._line.connect(self._take)
        self._over.connect(self._ended)

    @property
    def is_active(self) -> bool:
        """Whether there is something to pause or cancel."""
        return self.state in ("starting", "building", "paused")

    def start(self, arguments: Sequence[str]) -> None:
        """Begin to build; arguments are those of `musika-pack build`. Does nothing while another is under way."""
        if self.is_active:
            return
        self._arguments = list(arguments)
        self.progress, self.text, self.out = Progress(), "", ""
        self._worked_s = 0.0
        self._run(resume=False)

    def pause(self) -> None:
        """Hold the build."""
        if self.state not in ("starting", "building") or self._process is None:
            return
        self._worked_s += time.monotonic() - self._since_s
        if CAN_FREEZE:
            os.killpg(self._process.pid, signal.SIGSTOP)
            self._set("paused")
        else:
            self._stop("paused")

    def go_on(self) -> None:
        """Go on with a build that is paused."""
        if self.state != "paused":
            return
        if self._process is None:
            self._run(resume=True)
            return
        self._since_s = time.monotonic()
        if CAN_FREEZE:
            os.killpg(self._process.pid, signal.SIGCONT)
        self._set("building")

    def cancel(self) -> None:
        """End the build; what is finished stays, and building into the same folder goes on from there."""
        if self.state == "paused" and self._process is None:
            self._set("cancelled")
        elif self.is_active:
            self._stop("cancelled")

    def close(self) -> None:
        """Cancel and wait."""
        self.cancel()
        process = self._process
        if process is not None:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                self._signal(getattr(signal, "SIGKILL", signal.SIGTERM))
                process.wait(5)

    def _run(self, resume: bool) -> None:
        command = [*self._command, *self._arguments, "--progress", "json"]
        if resume and "--resume" not in command:
            command.append("--resume")
        self._stopping, self._since_s = "", time.monotonic()
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                errors="replace",
                start_new_session=os.name == "posix",
            )
        except OSError as error:
            self.text = f"musika-pack: {error.strerror or error}"
            self._set("failed")
            return
        self._process = process
        threading.Thread(target=self._listen, args=(process,), name="pack-build", daemon=True).start()
        self._set("starting")

    def _listen(self, process: subprocess.Popen[str]) -> None:
        """In a thread: hand the lines over, then the end."""
        assert process.stdout is not None
        assert process.stderr is not None
        errors: list[str] = []
        stderr = process.stderr
        reader = threading.Thread(target=lambda: errors.extend(stderr), daemon=True)
        reader.start()
        with contextlib.suppress(RuntimeError):  # the window is gone
            while line := process.stdout.readline(LINE_MAX):
                self._line.emit(process, line)
            code = process.wait()
            reader.join(2)
            said = [text.strip() for text in errors if text.strip()]
            self._over.emit(process, code, said[-1] if said else f"it ended with code {code}")

    def _take(self, process: object, line: str) -> None:
        if process is not self._process:
            return
        before = self.progress
        self.progress = self._after(before, line)
        if self.progress is not before:
            if self.state == "starting":
                self._set("building")
            else:
                self.changed.emit()

    def _after(self, progress: Progress, line: str) -> Progress:
        """The progress after a line; the same where it is none that `musika-pack` would write."""
        try:
            event: Any = json.loads(line)
            kind = event["event"]
            if kind == "started":
                kept = int(event["kept"])
                return Progress(int(event["files"]), kept, kept)
            if kind == "finished":
                return self._one_more(progress, str(event["file"]), 0)
            if kind == "gave_up":
                return self._one_more(progress, "", 1)
            if kind == "done":
                self.out = str(event["out"])
        except (ValueError, KeyError, TypeError, RecursionError, OverflowError):
            return progress
        return progress

    def _one_more(self, progress: Progress, file: str, given_up: int) -> Progress:
        done = progress.done + 1
        worked_s = self._worked_s + time.monotonic() - self._since_s
        left_s = worked_s / max(1, done - progress.kept) * max(0, progress.files - done)
        return Progress(progress.files, done, progress.kept, progress.given_up + given_up, left_s, file)

    def _stop(self, then: str) -> None:
        self._stopping = then
        self._signal(signal.SIGTERM)
        if CAN_FREEZE and self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGCONT)

    def _signal(self, number: int) -> None:
        process = self._process
        if process is not None and process.poll() is None:
            process.send_signal(number)

    def _ended(self, process: object, code: int, text: str) -> None:
        if process is not self._process:
            return
        self._process = None
        if self._stopping:
            self._set(self._stopping)
        elif code == 0 and self.out:
            self._set("done")
        else:
            self.text = text.removeprefix("error: ")
            self._set("failed")

    def _set(self, state: str) -> None:
        self.state = state
        self.changed.emit()
