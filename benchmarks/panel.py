"""The panel with many loops on its shelf: time to open, frames while scrolling, memory.

    python -m benchmarks.panel                 # 2000 loops, offscreen
    python -m benchmarks.panel --loops 10000

A process of its own opens the window on a pack that is made beforehand (one bar each; the labels are real) and
scrolls it from top to bottom, frame by frame, each of them painted in full. `open_s` is from the start of the process
to the first frame that has all loops; `cpu` figures are processor time, for machines that do other things as well.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

RATE = 44_100
VIEW_HZ = 60


def make_pack(folder: Path, loops: int) -> None:
    """A pack of short loops, with its manifest."""
    from musika_daw.sound.riff import encode_wave
    from musika_daw.sound.tags import Acid, Tags

    noise = np.random.default_rng(1).normal(0, 0.2, (round(4 * 60 / 120 * RATE), 2)).clip(-1, 1)
    envelope = np.exp(-np.arange(RATE // 2) / 4000)
    noise *= np.tile(envelope, 4)[: len(noise), None]
    rows = []
    for index in range(loops):
        bpm = 100 + index % 80
        frames = round(4 * 60 / bpm * RATE)
        sound = noise[:frames] * (0.2 + 0.8 * (index % 7) / 7)
        sound = np.pad(sound, ((0, frames - len(sound)), (0, 0)))
        name = f"Loops/{bpm}bpm/MSK_Many_{bpm}bpm_techno_loop_{index:05d}.wav"
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_wave(sound, RATE, Tags(acid=Acid(4, bpm)), "pcm16"))
        rows.append(
            {
                "file": name,
                "frames": frames,
                "sample_rate_hz": RATE,
                "bpm": float(bpm),
                "beats": 4,
                "bars": 1,
                "key": "Amin",
                "density_measured": 0.5,
                "kind": "techno",
                "shape": "loop",
            }
        )
    (folder / "manifest.json").write_text(json.dumps({"files": rows}))


def watch(folder: Path, loops: int, began_s: float) -> dict[str, Any]:
    """Open the window and scroll it; returns what was measured. Runs in a process of its own."""
    from PySide6.QtWidgets import QApplication

    from musika_daw.panel.window.app import PanelOptions, make_window

    app = QApplication(["panel"])
    window = make_window(PanelOptions(1, None, (folder,), "dark", folder.parent / "s.ini", folder.parent / "music"))
    window.resize(1280, 900)
    window.show()
    while window.model.rowCount() < loops:
        app.processEvents()
    window.grab()
    open_s, open_cpu_s = time.time() - began_s, time.process_time()
    view = window.shelf.view
    bar = view.verticalScrollBar()
    frames = {"cold": scroll(app, view, bar, 3), "warm": scroll(app, view, bar, 3)}
    pages = sorted({*range(0, bar.maximum(), view.viewport().height()), bar.maximum()})
    for place in pages:  # look at everything once, so that every waveform is in memory
        bar.setValue(place)
        end_s = time.monotonic() + 60
        while window.thumbnails.is_busy and time.monotonic() < end_s:
            app.processEvents()
    frames["all waveforms"] = scroll(app, view, bar, 3)
    pages_of_memory = int(Path("/proc/self/statm").read_text().split()[1])
    facts = {
        "loops": loops,
        "open_s": round(open_s, 2),
        "open_cpu_s": round(open_cpu_s, 2),
        "scrolling": frames,
        "memory_mib": round(pages_of_memory * os.sysconf("SC_PAGE_SIZE") / 2**20, 1),
    }
    window.close()
    return facts


def scroll(app: Any, view: Any, bar: Any, seconds: float) -> dict[str, float]:
    """Scroll through the shelf in steps of a fast hand, as fast as frames can be painted."""
    took_s, cpu_s = [], []
    end_s = time.monotonic() + seconds
    place = 0
    while time.monotonic() < end_s:
        begin_s, begin_cpu_s = time.perf_counter(), time.thread_time()
        place = (place + 40) % max(1, bar.maximum())
        bar.setValue(place)
        view.viewport().repaint()
        app.processEvents()
        took_s.append(time.perf_counter() - begin_s)
        cpu_s.append(time.thread_time() - begin_cpu_s)
    return {
        "frames_per_s": round(len(took_s) / sum(took_s), 1),
        "frames_per_cpu_s": round(len(cpu_s) / sum(cpu_s), 1),
        "p50_ms": round(float(np.percentile(took_s, 50)) * 1000, 2),
        "p99_cpu_ms": round(float(np.percentile(cpu_s, 99)) * 1000, 2),
        "late_share": round(float(np.mean(np.array(cpu_s) > 1 / VIEW_HZ)), 4),
    }


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--loops", type=int, default=2000)
    parser.add_argument("--watch", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--began", type=float, default=0.0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.watch is not None:
        json.dump(watch(options.watch, options.loops, options.began), sys.stdout)
        return
    with tempfile.TemporaryDirectory() as folder:
        pack = Path(folder) / "pack"
        make_pack(pack, options.loops)
        command = [sys.executable, "-m", "benchmarks.panel", "--watch", str(pack), "--loops", str(options.loops)]
        environment = os.environ | {"QT_QPA_PLATFORM": os.environ.get("QT_QPA_PLATFORM", "offscreen")}
        ran = subprocess.run(
            [*command, "--began", str(time.time())], env=environment, capture_output=True, text=True, check=True
        )
        json.dump(json.loads(ran.stdout.splitlines()[-1]), sys.stdout, indent=2)
        print()


if __name__ == "__main__":
    main()
