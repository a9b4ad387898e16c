"""The plugin: worst case of `process()`, speed of a bounce, silence after seeks where nothing is cached, until a host
that was killed has been started again, and from keys that were not known to the sound of their chord.

    python -m benchmarks.plugin [--blocks 20000] [--seeks 60] [--kills 5] [--model techno] [--chords 20]

Builds the plugin and the trap program of the tests in a folder of its own; needs what `make plugin` needs.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
NATIVE = ROOT / "tests" / "plugin" / "native"
CORE = ROOT / "bridge" / "plugin"
RATE = 48_000
BLOCK_NS = 128 / RATE * 1e9
SEEK_PLAYS_S = 0.3, 0.5, 1.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--blocks", type=int, default=20_000)
    parser.add_argument("--seeks", type=int, default=60)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--chords", type=int, default=20)
    parser.add_argument("--model", default="techno")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["MUSIKA_PLUGIN_DIR"] = str(folder / "rendezvous")
        subprocess.run(["make", "-s", "-C", str(CORE), f"OUT={folder}"], check=True, stdout=subprocess.DEVNULL)
        (clap,) = folder.glob("linux-*/musika-daw.clap")
        trap = folder / "trap"
        flags = f"-std=c++17 -O2 -pthread -rdynamic -I{CORE} -isystem /usr/share/dpf/distrho/src"
        subprocess.run(["g++", *flags.split(), str(NATIVE / "trap.cpp"), "-o", str(trap), "-ldl"], check=True)
        if options.blocks:
            _measure_process(trap, clap, options.blocks)
            _measure_bounce(clap, options.model)
        if options.seeks:
            _measure_seeks(clap, options.model, options.seeks)
        if options.kills:
            _measure_kills(clap, options.model, options.kills)
        if options.chords:
            for model in ("piano", "parts"):
                _measure_chords(clap, model, options.chords)


def _measure_process(trap: Path, clap: Path, blocks: int) -> None:
    from musika_daw.host.plugin.session import PluginOptions, PluginSession

    session = PluginSession(PluginOptions("click"))
    session.start()
    try:
        done = subprocess.run([str(trap), str(clap), str(blocks)], capture_output=True, text=True, check=True)
    finally:
        session.stop()
    found = {key: int(value) for key, value in re.findall(r"(\w+) (-?\d+)", done.stdout)}
    print(f"process(), {blocks} blocks of 128 frames at {RATE} Hz; a block lasts {BLOCK_NS / 1000:.0f} us")
    for title, key in (
        ("median", "p50_ns"),
        ("99.9 %", "p999_ns"),
        ("worst of the clock", "worst_ns"),
        ("worst of the processor", "worst_cpu_ns"),
    ):
        print(f"  {title:24s} {found[key] / 1000:8.1f} us  {found[key] / BLOCK_NS:7.2%} of a block")
    print(f"  system calls {found['syscalls']}, allocations {found['allocations']}, locks {found['locks']}")


def _measure_bounce(clap: Path, model: str) -> None:
    from musika_daw.host.plugin.session import PluginOptions, PluginSession
    from tests.plugin.clap.clap_host import ClapHost, Song

    session = PluginSession(PluginOptions(model))
    session.start()
    try:
        one = ClapHost(clap, RATE, 512, Song(((0.0, 128.0),)))
        one.set_offline(True)
        one.play(0, 512)
        begin_s = time.perf_counter()
        one.play(512, 30 * RATE)
        took_s = time.perf_counter() - begin_s
        print(f"bounce with {model}: {30 / took_s:.1f} times real time on {session.host.cpu_s:.1f} s of one core")
        one.close()
    finally:
        session.stop()


def _measure_seeks(clap: Path, model: str, seeks: int) -> None:
    """Seeks to anywhere, some while what the last one asked for is still being rendered: all silence of each."""
    from musika_daw.host.plugin.session import PluginOptions, PluginSession
    from tests.plugin.clap.clap_host import ClapHost, Song

    session = PluginSession(PluginOptions(model))
    session.start()
    try:
        one = ClapHost(clap, RATE, 128, Song(((0.0, 128.0),)))
        chance = random.Random(0)
        silences = []
        for place in range(seeks):
            first = (100 + 50 * place) * RATE + chance.randrange(RATE)
            audio = one.play(first, first + int(chance.choice(SEEK_PLAYS_S) * RATE), real_time=True)
            silences.append(np.count_nonzero(np.abs(audio[128:]).max(1) == 0) / RATE * 1000)
        one.close()
    finally:
        session.stop()
    print(
        f"{seeks} seeks where nothing is cached: silent for {np.median(silences):.0f} ms in the median, "
        f"95 % {np.percentile(silences, 95):.0f} ms, at worst {max(silences):.0f} ms"
    )


def _measure_chords(clap: Path, model: str, chords: int) -> None:
    """Real time: from the block in which a chord is struck on a bar line until it plays, and what is missing."""
    from musika_daw.host.plugin.session import PluginOptions, PluginSession
    from tests.plugin.clap.clap_host import ClapHost, cached

    session = PluginSession(PluginOptions(model))
    session.start()
    one = ClapHost(clap, RATE, 128)
    bar, waits, struck_s = 2 * RATE, [], [0.0]
    held: list[int] = []
    try:
        cached(one, 0, 4)
        instance = session.source.instances[0]
        generation = [instance.generation]

        def on_block(frame: int) -> None:
            if frame % bar == 0 and frame:
                for key in held:
                    one.strike(key, on=False)
                root = 48 + frame // bar * 5 % 12
                held[:] = [root, root + 4, root + 7]
                for key in held:
                    one.strike(key)
                generation[0], struck_s[0] = instance.generation, time.perf_counter()
            news = instance.transport
            if struck_s[0] and news is not None and news.generation == instance.generation > generation[0]:
                waits.append(time.perf_counter() - struck_s[0])
                struck_s[0] = 0.0

        one.play(0, (chords + 1) * bar, real_time=True, on_block=on_block)
        missing = instance.stats.missing_frames
        run_s = session.host.cpu_s / session.host.rendered_s
    finally:
        one.close()
        session.stop()
    median, worst = (1000 * value for value in (np.median(waits), max(waits))) if waits else (np.nan, np.nan)
    print(
        f"chords with {model}: {len(waits)} of {chords} heard, {median:.0f} ms in the median, {worst:.0f} ms at worst, "
        f"{missing} frames missing; {run_s:.2f} s of processor time for a second"
    )


def _measure_kills(clap: Path, model: str, kills: int) -> None:
    """A host that is killed and started again as a program: from its start until the plugin sounds."""
    from bridge.plugin_link.rendezvous import find_host
    from tests.plugin.clap.clap_host import ClapHost, Song

    command = [sys.executable, "-m", "musika_daw", "run", "plugin", "--no-view", "--model", model]
    one = ClapHost(clap, RATE, 128, Song(((0.0, 128.0),)))

    def started(first: int) -> tuple[subprocess.Popen[bytes], float, float]:
        """The host, and seconds until it was there and until the plugin sounded."""
        begin_s = time.perf_counter()
        host = subprocess.Popen(command)
        there_s = 0.0
        for frame in range(first, first + 60 * RATE, 128):
            time.sleep(max(0.0, begin_s + (frame - first) / RATE - time.perf_counter()))
            block = one.process(frame)
            if not there_s and (found := find_host()) is not None and found.pid == host.pid:
                there_s = time.perf_counter() - begin_s
            if np.any(block):
                return host, there_s, time.perf_counter() - begin_s
        raise RuntimeError("no sound within a minute")

    host, ready_s, sound_s = started(0)
    print(f"host started cold: ready after {ready_s:.2f} s, sound after {sound_s:.2f} s")
    times = []
    for kill in range(1, kills + 1):
        host.kill()
        host.wait()
        first = 1000 * kill * RATE
        if np.any(one.play(first, first + RATE, real_time=True)[128:]):
            raise RuntimeError("sound without a host")
        host, ready_s, sound_s = started(first + RATE)
        times.append((ready_s, sound_s))
    host.send_signal(signal.SIGINT)
    host.wait(20)
    one.close()
    ready, sound = np.array(times).T
    print(
        f"{kills} times killed and started again: ready after {np.median(ready):.2f} s, sound after "
        f"{np.median(sound):.2f} s in the median and {max(sound):.2f} s at worst"
    )


if __name__ == "__main__":
    main()
