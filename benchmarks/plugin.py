"""The plugin: worst case of `process()`, speed of a bounce, silence after a seek where nothing is cached.

    python -m benchmarks.plugin [--blocks 20000] [--model techno]

Builds the plugin and the trap program of the tests in a folder of its own; needs what `make plugin` needs.
"""

from __future__ import annotations

import argparse
import os
import re
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


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--blocks", type=int, default=20_000)
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
        _measure_process(trap, clap, options.blocks)
        _measure_bounce(clap, options.model)


def _measure_process(trap: Path, clap: Path, blocks: int) -> None:
    from musika_daw.host.plugin_session import PluginOptions, PluginSession

    session = PluginSession(PluginOptions("click"))
    session.start()
    try:
        done = subprocess.run([str(trap), str(clap), str(blocks)], capture_output=True, text=True, check=True)
    finally:
        session.stop()
    found = {key: int(value) for key, value in re.findall(r"(\w+) (-?\d+)", done.stdout)}
    print(f"process(), {blocks} blocks of 128 frames at {RATE} Hz; a block lasts {BLOCK_NS / 1000:.0f} us")
    for title, key in (("median", "p50_ns"), ("99.9 %", "p999_ns"), ("worst of the clock", "worst_ns"),
                       ("worst of the processor", "worst_cpu_ns")):  # fmt: skip
        print(f"  {title:24s} {found[key] / 1000:8.1f} us  {found[key] / BLOCK_NS:7.2%} of a block")
    print(f"  system calls {found['syscalls']}, allocations {found['allocations']}, locks {found['locks']}")


def _measure_bounce(clap: Path, model: str) -> None:
    sys.path.insert(0, str(NATIVE.parent))
    from clap_host import ClapHost, Song

    from musika_daw.host.plugin_session import PluginOptions, PluginSession

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
        one.set_offline(False)
        silences = []
        for place in range(10):
            first = (100 + 50 * place) * RATE
            audio = one.play(first, first + RATE, real_time=True)
            silent = np.flatnonzero(np.abs(audio[128:]).max(1) > 0)
            silences.append((silent[0] + 128) / RATE * 1000 if len(silent) else 1000.0)
        print(f"seek where nothing is cached: silent for {np.median(silences):.0f} ms, at worst {max(silences):.0f} ms")
        one.close()
    finally:
        session.stop()


if __name__ == "__main__":
    main()
