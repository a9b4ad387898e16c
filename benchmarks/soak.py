"""The live host for hours, in a real JACK server, while everything that moves is moved at random.

    python -m benchmarks.soak --minutes 480      # `make soak`
    python -m benchmarks.soak --minutes 10 --busy 0 --seed 2

Starts a server with a dummy driver (48 kHz, 512 frames), a host with the real model, a second one that plays clicks,
and busy processes. A timebase master changes its tempo, the transport is sent elsewhere, chords change and parts are
muted over the control socket, and bars are captured. Every click is held against the beats of the master, in the
server's frames. A line a minute, and a table at the end, also where Ctrl-C is the end. It fails where memory grows by
more than 2 % from the fifth minute on, a click is more than 3 ms off or missing in calm moments, there is a hole in the
sound that no dropped cycle of the server explains, a host ends, or a capture is not the bars that were asked for.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from itertools import pairwise
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.jack.clicks import RATE
from benchmarks.jack.conductor import Conductor
from benchmarks.jack.hosts import RunningHost
from benchmarks.jack.processes import start_busy
from benchmarks.jack.tally import Tally
from bridge.clock.source import host_time
from musika_daw.host.host import SWITCH_S
from tests.peers.server import Jack, server_name

CLICK = "musika-daw out-01:left"  # the second client of a name gets a number
SECOND_S, MINUTE_S, LOOK_S = 1.0, 60.0, 0.1
PAUSE_S = 2.0, 9.0
BPM, PLACES_S = (90, 160), 1200
PROGRESSIONS = ("Am | F | C | G", "Dm7 | G7 | Cmaj7 | %", "Em | C | G | D/F#", "F#m | E", "Bb | Gm | Eb | F", "C")
PARTS = ("drums", "bass", "lead", "chords")
# what is done, and how often; one of each first
MOVES = {"tempo": 4, "locate": 3, "chords": 4, "mute": 3, "capture": 2}
# until bars can be kept: those asked for, the rest of one that has begun, and what a change takes to be heard
KEPT_BARS, AROUND_BARS = 4, 2
WRITTEN_S, CAPTURE_S = 5.0, 60.0  # a capture takes so long, and may take so long


class Soak:
    """A soak under way in a server that runs; its hosts are the server's to end."""

    def __init__(self, jack: Jack, busy: int, seed: int, pause_s: tuple[float, float]) -> None:
        self.tally, self._pause_s = Tally(), pause_s
        self._rng = random.Random(seed)
        self._closing = ExitStack()
        sys.setswitchinterval(SWITCH_S)  # who listens must not be the one that is late
        self._muted, self._minute_s = "", 0.0
        self._deck = self._rng.sample(list(MOVES), len(MOVES))
        bpm = float(self._rng.randint(*BPM))
        keep_to = str(jack.folder / "kept")
        self.host = RunningHost(jack, "parts", "--keep-to", keep_to, "--bpm", f"{bpm:g}")
        self._closing.callback(self.host.close)
        self.clicks = RunningHost(jack, "click", "--gain-db", "0", "--bpm", f"{bpm:g}")
        self._closing.callback(self.clicks.close)
        self.conductor = Conductor(jack.name, CLICK, bpm)
        self._closing.callback(self.conductor.close)
        for host in (self.host, self.clicks):
            if not host.wait(lambda status: status["cache"]["ahead_s"] > 2):
                raise RuntimeError(f"the host with {host.model} renders nothing: {host.status}")
        others = start_busy(busy)
        for other in others:
            self._closing.callback(other.terminate)

    def run(self, minutes: float) -> None:
        """Play for so long. The tally is filled whenever it is left."""
        tally = self.tally
        tally.begun_s = begun_s = host_time()
        self.conductor.play()
        end_s, move_s = begun_s + 60 * minutes, begun_s + 5 * SECOND_S
        self._minute_s = begun_s + SECOND_S
        try:
            while host_time() < end_s and not tally.ended:
                if host_time() >= move_s:
                    self._move(end_s)
                    move_s = host_time() + self._rng.uniform(*self._pause_s)
                self._look()
                time.sleep(LOOK_S)
            self._read()
        except (RuntimeError, OSError) as error:  # what was measured until then is worth its table
            tally.ended.append(str(error))
        finally:
            self._gather()

    def _read(self) -> None:
        """Memory and load, and a line of how it goes."""
        tally = self.tally
        host, renderer = self.host.memory_mib()
        tally.host_mib.append(host)
        tally.renderer_mib.append(renderer)
        tally.load.append(os.getloadavg()[0])
        self._gather()
        off = tally.off_ms()["else"]
        most = f"{off.max():.2f}" if len(off) else "-"
        print(
            f"{tally.seconds / 60:6.1f} min  host {host:.1f} MiB, renderer {renderer:.1f}; "
            f"{sum(count for _, count in tally.underruns)} underruns, {len(tally.dropped)} dropped; "
            f"{len(tally.clicks)} clicks, {most} ms off at most; {len(tally.captures)} captures; "
            f"load {tally.load[-1]:.1f}",
            flush=True,
        )

    def _gather(self) -> None:
        tally, conductor, begun_s = self.tally, self.conductor, self.tally.begun_s
        tally.seconds = host_time() - begun_s
        heard = np.array(conductor.heard[: len(conductor.heard) // 3 * 3]).reshape(-1, 3)
        tally.clicks = heard[heard[:, 0] > begun_s + SECOND_S]
        tally.missing = [at_s for at_s in list(conductor.missing) if at_s > begun_s + SECOND_S]
        tally.dropped = [at_s for at_s in list(conductor.dropped) if at_s > begun_s]
        counts = [(0.0, 0), *self.host.underruns]
        grown = [(at_s, count - before) for (_, before), (at_s, count) in pairwise(counts)]
        tally.underruns = [(at_s, count) for at_s, count in grown if at_s > begun_s + SECOND_S]

    def _look(self) -> None:
        """Whether the hosts are there, and once a minute how they are."""
        if host_time() >= self._minute_s:
            self._read()
            self._minute_s += MINUTE_S
        for host in (self.host, self.clicks):
            if not host.is_alive and not self.tally.ended:
                self.tally.ended.append(f"the host with {host.model} has ended: {host.log.read_text()[-500:]}")
            elif (problem := host.status["cache"]["problem"]) and problem not in self.tally.told:
                self.tally.told.append(problem)

    def _move(self, end_s: float) -> None:
        """Move one thing."""
        if not self._deck:
            self._deck = [move for move, count in MOVES.items() for _ in range(count)]
            self._rng.shuffle(self._deck)
        move = self._deck.pop()
        if move == "capture":
            quiet_s = (KEPT_BARS + AROUND_BARS) * 240 / self.conductor.bpm + 2 * SECOND_S
            if host_time() + quiet_s + WRITTEN_S > end_s:
                return
            self._wait(quiet_s)
        self.tally.moves.append((host_time(), move))
        if move == "tempo":
            self.conductor.tempo(float(self._rng.randint(*BPM)))
        elif move == "locate":
            self.conductor.locate(self._rng.randrange(PLACES_S * RATE))
        elif move == "chords":
            self.host.ask("score", values={"chords": self._rng.choice(PROGRESSIONS)})
        elif move == "mute":
            self._mute()
        else:
            self._capture()

    def _wait(self, seconds: float) -> None:
        end_s = host_time() + seconds
        while host_time() < end_s and not self.tally.ended:
            self._look()
            time.sleep(LOOK_S)

    def _mute(self) -> None:
        """One part at most, so that there is always something to capture."""
        muted, self._muted = self._muted, ""
        if muted:
            self.host.ask("part", name=muted, what="mute", on=False)
        else:
            self._muted = self._rng.choice(PARTS)
            self.host.ask("part", name=self._muted, what="mute", on=True)

    def _capture(self) -> None:
        """Keep bars that were heard, wait for the file, and see that it has them."""
        tally, bpm = self.tally, self.conductor.bpm
        kept, problems = len(self.host.kept), len(self.host.problems)
        self.host.ask("act", action=f"keep_{KEPT_BARS}")
        end_s = host_time() + CAPTURE_S
        while len(self.host.kept) == kept and host_time() < end_s and not tally.ended:
            self._look()
            time.sleep(LOOK_S)
        for problem in self.host.problems[problems:]:
            tally.wrong_captures.append(f"a capture at {bpm:g} bpm: {problem}")
        if len(self.host.kept) == kept:
            tally.wrong_captures.append(f"a capture at {bpm:g} bpm was not written within {CAPTURE_S:g} s")
        for file in self.host.kept[kept:]:
            wrong = wrong_with(file, bpm)
            if wrong:
                tally.wrong_captures.append(f"{file.name}: {wrong}")
            else:
                tally.captures.append(f"of {KEPT_BARS} bars")

    def close(self) -> None:
        """Stop what measures; the server ends the hosts."""
        self._closing.close()


def wrong_with(file: Path, bpm: float) -> str:
    """What of a captured file is not four bars at a tempo with their notes beside them; empty where all is right."""
    audio, rate = soundfile.read(file)
    frames = round(KEPT_BARS * 240 / bpm * rate)
    if abs(len(audio) - frames) > 1:
        return f"{len(audio)} frames, {frames} are {KEPT_BARS} bars at {bpm:g} bpm"
    bars = np.array_split(np.abs(audio).max(axis=1), KEPT_BARS)
    if silent := [number for number, bar in enumerate(bars, 1) if bar.max() < 1e-3]:
        return f"bars {silent} are silent"
    return "" if file.with_suffix(".mid").exists() else "no .mid lies beside it"


def soak(jack: Jack, minutes: float, busy: int, seed: int, pause_s: tuple[float, float] = PAUSE_S) -> Tally:
    """Play for some minutes in a server that runs; what was measured, also where Ctrl-C was the end.

    Between two moves there are `pause_s`, from the least to the most.
    """
    under_way = Soak(jack, busy, seed, pause_s)
    try:
        with suppress(KeyboardInterrupt):
            under_way.run(minutes)
    finally:
        under_way.close()
    return under_way.tally


def main() -> None:
    """Soak, print the table, and fail where something was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--minutes", type=float, default=480.0)
    parser.add_argument("--busy", type=int, default=1, help="busy processes beside it")
    parser.add_argument("--seed", type=int, default=1, help="of what is moved, and when")
    options = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):  # also where a shell has it ignored, as in the background
        signal.signal(number, signal.default_int_handler)
    with server_name() as name, tempfile.TemporaryDirectory() as folder:
        os.environ["JACK_DEFAULT_SERVER"] = name
        os.environ["JACK_NO_START_SERVER"] = "1"
        jack = Jack(name, Path(folder))
        try:
            jack.start()
            tally = soak(jack, options.minutes, options.busy, options.seed)
        finally:
            jack.close()
    print(f"\n{tally.table()}")
    faults = tally.faults()
    print("\n".join(f"fault: {fault}" for fault in faults) or "no fault")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
