"""The live host for a long time: drift, underruns, memory and seeking, with or without a busy core.

    python -m benchmarks.live --minutes 10                                  # drift against a JACK transport
    python -m benchmarks.live --minutes 10 --source jack-midi               # drift against a MIDI clock
    python -m benchmarks.live --minutes 30 --busy 1 --model techno          # one busy core beside it
    python -m benchmarks.live --minutes 1 --locates 40 --model techno       # from a locate to sound

Starts a JACK server with a dummy driver (scripts/install-test-peers), plays through the whole host at 512 frames a
block, records it from the server, and holds every click against the frames of the transport, which `jack_midi_clock`
counts its clocks by as well. Where the server drops cycles its transport stands still while its clock goes on: `gaps`
says how often, and what follows a MIDI clock is off for a moment after each.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from multiprocessing.process import BaseProcess
from typing import Any

import numpy as np

from benchmarks.jack.clicks import RATE, Clicks, off_beat_ms
from benchmarks.jack.processes import memory_mib, start_busy

CLOCK = "jack_midi_clock:mclk_out"


def _locate_s(clicks: Clicks, bpm: float, count: int) -> list[float]:
    """Seconds of the server's clock from asking for a place, each another bar, to sound from there."""
    bar = round(RATE * 240 / bpm)
    taken = []
    for number in range(count):
        target = (40 + 37 * number % 400) * bar
        asked = clicks.client.frame_time
        clicks.client.transport_locate(target)
        time.sleep(0.03)  # by then the sound of before has ended
        clicks.loud_at = None
        while clicks.loud_at is None:
            time.sleep(0.005)
        taken.append((clicks.loud_at - asked) / RATE)
        time.sleep(0.7)
    return taken


def _clocked(server: str, bpm: float) -> list[subprocess.Popen[bytes]]:
    """A timebase master and `jack_midi_clock` reading it."""
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    master = subprocess.Popen(["jack_transport"], stdin=subprocess.PIPE, **quiet)
    assert master.stdin is not None
    master.stdin.write(f"master\ntempo {bpm:g}\n".encode())
    master.stdin.flush()
    return [master, subprocess.Popen(["jack_midi_clock", "-d", "0.5"], **quiet)]


def measure(
    minutes: float, busy: int, model: str, bpm: float, source: str = "jack", locates: int = 0
) -> dict[str, Any]:
    """Play for some minutes beside `busy` busy processes; returns what was measured."""
    from musika_daw.host.follow.sources import SourceOptions
    from musika_daw.host.session import Session, SessionOptions

    server = "musikabench" + ("" if source == "jack" else "2")
    os.environ["JACK_DEFAULT_SERVER"] = server
    os.environ["JACK_NO_AUDIO_RESERVATION"] = "1"
    command = ["jackd", "-n", server, "-R", "-P", "60", "-d", "dummy", "-r", str(RATE), "-p", "512"]
    programs = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)]
    others: list[BaseProcess] = []
    session = None
    try:
        time.sleep(2)
        if source == "jack-midi":
            programs += _clocked(server, bpm)
            time.sleep(2)
        name = f"jack-midi:{CLOCK}" if source == "jack-midi" else source
        session = Session(
            SessionOptions(
                source=name,
                sink="jack",
                model=model,
                source_options=SourceOptions(bpm=bpm, jack_server=server),
                connect=None,
            )
        )
        session.start()
        clicks = Clicks(server, "musika-daw out:left")
        while not session.host.scheduler.is_ready(0):
            time.sleep(0.05)
        others = start_busy(busy)
        clicks.client.transport_start()
        time.sleep(5)
        processes = os.getpid(), session._worker.pid
        memory = [tuple(map(memory_mib, processes))]
        early = session.host.player.underruns
        seeking = _locate_s(clicks, bpm, locates)
        end_s = time.monotonic() + max(0.0, minutes * 60 - 5)
        while (left_s := end_s - time.monotonic()) > 0:
            time.sleep(min(left_s, 60.0))
            memory.append(tuple(map(memory_mib, processes)))
        meter = session.host.player.meter()
        clicks.client.deactivate()
        facts: dict[str, Any] = {
            "minutes": minutes,
            "busy_processes": busy,
            "model": model,
            "source": source,
            "clicks": len(clicks.frames),
            "blocks": meter.blocks,
            "underruns": meter.underruns - early,
            "gaps": clicks.gaps,
            "server_xruns": session.sink.xruns,
            "host_mib_each_minute": [round(host, 1) for host, _ in memory],
            "renderer_mib_each_minute": [round(renderer, 1) for _, renderer in memory],
        }
        if model == "click" and not locates and len(clicks.frames) > 2:
            off_ms = off_beat_ms(clicks.frames, RATE * 60 / bpm)
            facts["error_ms_median"] = round(float(np.median(np.abs(off_ms))), 4)
            facts["error_ms_most"] = round(float(np.abs(off_ms[2:]).max()), 4)
            facts["drift_ms"] = round(float(np.median(off_ms[-20:]) - np.median(off_ms[2:22])), 4)
        if seeking:
            facts["locate_to_sound_ms"] = {
                "median": round(1000 * float(np.median(seeking)), 1),
                "most": round(1000 * max(seeking), 1),
            }
        clicks.client.close()
        return facts
    finally:
        for other in others:
            other.terminate()
        if session is not None:
            session.stop()
        for program in reversed(programs):
            program.terminate()
            program.wait(10)


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--busy", type=int, default=0, help="busy processes beside it")
    parser.add_argument("--model", default="click")
    parser.add_argument("--bpm", type=float, default=120.0)
    parser.add_argument("--source", choices=["jack", "jack-midi"], default="jack", help="what leads")
    parser.add_argument("--locates", type=int, default=0, help="go to this many places first, and time them")
    options = parser.parse_args()
    json.dump(measure(**vars(options)), sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
