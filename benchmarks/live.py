"""The live host against a JACK transport for a long time: drift, underruns and memory, with or without a busy core.

    python -m benchmarks.live --minutes 10                # drift
    python -m benchmarks.live --minutes 30 --busy 1       # one busy core beside it

Starts a JACK server with a dummy driver (scripts/install-test-peers), plays the click through the whole host at
512 frames a block, records it from the server, and holds every click against the frames of the transport.
"""

from __future__ import annotations

import argparse
import importlib
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

RATE = 48_000


def _spin() -> None:
    while True:
        sum(range(10_000))


def _memory_mib(pid: int) -> float:
    """Memory in use by a process, from /proc."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


class _Clicks:
    """Transport frames of the clicks heard, found block by block so that nothing is kept."""

    def __init__(self, jack: Any, server: str) -> None:
        self.client = jack.Client("listener", no_start_server=True, servername=server)
        self._port = self.client.inports.register("in")
        self._quiet = 10**9
        self.frames: list[int] = []
        self.client.set_process_callback(self._process)
        self.client.activate()
        self.client.connect("musika-daw out:left", self._port)

    def _process(self, frames: int) -> None:
        audio = self._port.get_array()
        state, position = self.client.transport_query_struct()
        loud = np.flatnonzero(np.abs(audio) > 0.2)
        if len(loud):
            if self._quiet + int(loud[0]) > 600 and state == 1:
                self.frames.append(position.frame + int(loud[0]))
            self._quiet = frames - int(loud[-1])
        else:
            self._quiet += frames


def measure(minutes: float, busy: int, model: str, bpm: float) -> dict[str, Any]:
    """Play for some minutes beside `busy` busy processes; returns what was measured."""
    from musika_daw.host.session import Session, SessionOptions
    from musika_daw.host.sources import SourceOptions

    jack = importlib.import_module("jack")
    server = "musikabench"
    os.environ["JACK_DEFAULT_SERVER"] = server
    os.environ["JACK_NO_AUDIO_RESERVATION"] = "1"
    command = ["jackd", "-n", server, "-R", "-P", "60", "-d", "dummy", "-r", str(RATE), "-p", "512"]
    jackd = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    others = [multiprocessing.get_context("spawn").Process(target=_spin, daemon=True) for _ in range(busy)]
    session = None
    try:
        time.sleep(2)
        session = Session(SessionOptions("jack", "jack", model, SourceOptions(bpm, server), connect=None))
        session.start()
        clicks = _Clicks(jack, server)
        while not session.host.scheduler.is_ready(0):
            time.sleep(0.05)
        for other in others:
            other.start()
        clicks.client.transport_start()
        time.sleep(5)
        worker = session._worker.pid
        start_mib = _memory_mib(os.getpid()), _memory_mib(worker)
        early = session.host.player.underruns
        time.sleep(max(0.0, minutes * 60 - 5))
        meter = session.host.player.meter()
        end_mib = _memory_mib(os.getpid()), _memory_mib(worker)
        clicks.client.deactivate()
        beat = RATE * 60 / bpm
        frames = np.array(clicks.frames, float)
        off_ms = (frames - np.round(frames / beat) * beat) / RATE * 1000
        facts: dict[str, Any] = {
            "minutes": minutes, "busy_processes": busy, "model": model, "clicks": len(frames),
            "blocks": meter.blocks, "underruns": meter.underruns - early, "server_xruns": session.sink.xruns,
            "host_mib": [round(start_mib[0], 1), round(end_mib[0], 1)],
            "renderer_mib": [round(start_mib[1], 1), round(end_mib[1], 1)],
        }  # fmt: skip
        if model == "click" and len(off_ms) > 2:
            facts["error_ms_median"] = round(float(np.median(np.abs(off_ms))), 4)
            facts["error_ms_most"] = round(float(np.abs(off_ms[1:]).max()), 4)
            facts["drift_ms"] = round(float(off_ms[-1] - off_ms[1]), 4)
        clicks.client.close()
        return facts
    finally:
        for other in others:
            if other.pid is not None:
                other.terminate()
        if session is not None:
            session.stop()
        jackd.terminate()
        jackd.wait(5)


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--busy", type=int, default=0, help="busy processes beside it")
    parser.add_argument("--model", default="click")
    parser.add_argument("--bpm", type=float, default=120.0)
    options = parser.parse_args()
    json.dump(measure(options.minutes, options.busy, options.model, options.bpm), sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
