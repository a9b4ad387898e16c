"""A JACK server of a test's own, with programs and the host in it."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.peers.recorder import RATE, Looper, Recorder, Timebase
from tests.programs import end, need
from tests.waiting import wait_for

PERIOD = 512
NAMES = 4


@contextmanager
def server_name() -> Iterator[str]:
    """A name for a server that no other run of the tests uses at the moment.

    JACK remembers eight servers, and forgets one that was killed only when its name is used again: so the names are
    few, and each is held by a lock.
    """
    for number in range(NAMES):
        with (Path(tempfile.gettempdir()) / f"musika-jack-{os.getuid()}-{number}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                continue
            yield f"musikatest{number}"
            return
    pytest.fail(f"{NAMES} servers of these tests are running already")


class Master:
    """`jack_transport` as timebase master, or without a `bpm` as one who only starts, stops and locates.

    As a master it counts beats on while the transport stands, so that its beats and frames part.
    """

    def __init__(self, program: subprocess.Popen[bytes], bpm: float | None) -> None:
        self._program = program
        if bpm is not None:
            self._say("master")
            self.tempo(bpm)

    def play(self, for_s: float | None = None) -> None:
        """Start; and stop again after some seconds, if given."""
        self._say("play")
        if for_s is not None:
            time.sleep(for_s)
            self.stop()

    def stop(self) -> None:
        """Stop where it is."""
        self._say("stop")

    def tempo(self, bpm: float) -> None:
        """Change the tempo at once."""
        self._say(f"tempo {bpm:g}")

    def locate(self, frame: int) -> None:
        """Go to a frame."""
        self._say(f"locate {frame}")

    def _say(self, text: str) -> None:
        assert self._program.stdin is not None
        self._program.stdin.write(f"{text}\n".encode())
        self._program.stdin.flush()


class Jack:
    """A running server, programs in it, and the host."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder = name, folder
        self.environment = {
            **os.environ,
            "JACK_DEFAULT_SERVER": name,
            "JACK_NO_AUDIO_RESERVATION": "1",
            "JACK_NO_START_SERVER": "1",
        }
        self._closing = ExitStack()  # a part that fails to end keeps no other from ending
        self._server: subprocess.Popen[bytes] | None = None
        self._recorders = 0

    def start(self, period: int = PERIOD) -> None:
        """Start the server."""
        # 256 ports take 46 MB of /dev/shm, the usual 2048 take 105: more than a container has
        command = [
            "jackd",
            "-n",
            self.name,
            "-p",
            "256",
            "-R",
            "-P",
            "60",
            "-d",
            "dummy",
            "-r",
            str(RATE),
            "-p",
            str(period),
        ]
        self._server = self._spawn(command)
        assert wait_for(self._answers), f"jackd does not answer: {(self.folder / 'jackd.log').read_text()[-300:]}"

    def _answers(self) -> bool:
        done = subprocess.run(["jack_lsp"], env=self.environment, capture_output=True, check=False)
        return done.returncode == 0

    def stop_server(self) -> None:
        """End the server under its clients."""
        server, self._server = self._server, None
        if server is not None:
            end(server)

    def hold(self, seconds: float) -> None:
        """Let the server stand still for so long, as a sound card that is away for a moment does."""
        assert self._server is not None
        self._server.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        self._server.send_signal(signal.SIGCONT)

    def spawn(self, *command: str, **options: Any) -> subprocess.Popen[bytes]:
        """Start a program in the server; it is ended with the test."""
        return self._spawn(list(command), **options)

    def _spawn(self, command: list[str], **options: Any) -> subprocess.Popen[bytes]:
        log = (self.folder / f"{Path(command[0]).name}.log").open("ab")
        environment = {**self.environment, **options.pop("env", {})}
        # should the tests themselves be killed, the system ends what they started
        program = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *command],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env=environment,
            cwd=self.folder,
            **options,
        )
        log.close()
        self._closing.callback(end, program)
        return program

    def master(self, bpm: float | None = 120.0) -> Master:
        """Start a timebase master, or without a tempo one who tells frames only."""
        need("jack_transport")
        return Master(self.spawn("jack_transport"), bpm)

    def record(self) -> Recorder:
        """Start to record."""
        self._recorders += 1
        recorder = Recorder(self.name, f"recorder {self._recorders}")
        self._closing.callback(recorder.close)
        return recorder

    def loop(self, start: int, end_frame: int) -> Looper:
        """Loop the transport from here on."""
        looper = Looper(self.name, start, end_frame)
        self._closing.callback(looper.close)
        return looper

    def timebase(self, bpm: float) -> Timebase:
        """Have bars and beats told from here on."""
        master = Timebase(self.name, bpm)
        self._closing.callback(master.close)
        return master

    def play(self, source: str, recorder: Recorder | None = None, model: str = "click", **options: Any) -> Any:
        """Start the host into the recorder."""
        from musika_daw.host.follow.sources import SourceOptions
        from musika_daw.host.session import Session, SessionOptions

        names = ("bpm", "jitter_s", "listen_port", "song_position_divisor")
        of_source = {name: options.pop(name) for name in names if name in options}
        of_source["latency_s"] = options.pop("latency_s_source", 0.0)
        session = Session(
            SessionOptions(
                source=source,
                sink=options.pop("sink", "jack"),
                model=model,
                source_options=SourceOptions(jack_server=self.name, **of_source),
                connect=None,
                keep_to=self.folder / "kept",
                **options,
            )
        )
        self._closing.callback(session.stop)
        session.start()
        if recorder is not None:
            recorder.connect("musika-daw out:left")
        return session

    def close(self) -> None:
        """End everything, last started first."""
        self._closing.close()
