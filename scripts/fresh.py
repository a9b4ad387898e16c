"""Fresh environments in which a wheel is tried as a user has it: no compiler, another folder, another home."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from picture import Picture

PANEL_S = 30
COLOURS_MIN = 30  # of a window with smooth letters; an empty screen has one
ROOT = Path(__file__).resolve().parents[1]
BUILD = ["--bpm", "128", "--loops-per-bpm", "1", "--takes", "1", "--take-seconds", "5", "--out", "pack"]


def run(*words: str | Path, cwd: Path = ROOT, env: dict[str, str] | None = None) -> None:
    """Run a command, shown before; CalledProcessError if it fails."""
    print("$", " ".join(str(word) for word in words), flush=True)
    subprocess.run([str(word) for word in words], cwd=cwd, env=env, check=True)


class Fresh:
    """An environment with one wheel in it, installed from wheels only."""

    def __init__(self, python: str, place: Path, wheel: Path, extras: str = "") -> None:
        shutil.rmtree(place, ignore_errors=True)
        run(python, "-m", "venv", place)
        self.scripts = place / ("Scripts" if os.name == "nt" else "bin")
        self.python = self.scripts / "python"
        index = os.environ.get("TORCH_INDEX")
        words = ["--only-binary", ":all:", "-c", str(ROOT / "constraints.txt")]
        words += ["--extra-index-url", index] if index else []
        begin = time.monotonic()
        run(self.python, "-m", "pip", "install", "--quiet", *words, f"{wheel}{extras}")
        size_mb = sum(path.stat().st_size for path in place.rglob("*") if path.is_file()) / 1e6
        print(f"==> {place.name}: set up in {time.monotonic() - begin:.0f} s, {size_mb:.0f} MB", flush=True)

    def try_commands(self) -> None:
        """What the README promises, from an empty folder and an empty home, with nothing on the path but this."""
        with tempfile.TemporaryDirectory() as elsewhere:
            folder = Path(elsewhere)
            alone = {**os.environ, "HOME": elsewhere, "PATH": str(self.scripts), "PYTHONPATH": ""}

            def do(program: str, *words: str) -> None:
                run(self.scripts / program, *words, cwd=folder, env=alone)

            for program in ("musika-daw", "musika-pack", "musika-train"):
                do(program, "--version")
            do("musika-pack", "build", *BUILD)
            do("musika-pack", "verify", "pack")
            do("musika-daw", "render", "loop.wav", "--loop", "--bars", "2")
            do("musika-daw", "doctor")

    def try_plugin(self) -> None:
        """Install and remove the plugin that the wheel has for this system, in an empty home."""
        with tempfile.TemporaryDirectory() as elsewhere:
            alone = {**os.environ, "HOME": elsewhere, "PATH": str(self.scripts), "XDG_RUNTIME_DIR": elsewhere}
            for word in ("install", "status", "uninstall"):
                run(self.scripts / "musika-daw", "plugin", word, cwd=Path(elsewhere), env=alone)

    def try_panel(self) -> None:
        """Open the panel on a screen of its own, in an empty home, and close it; it must not end by itself."""
        screen = shutil.which("xvfb-run")
        if screen is None:
            print("==> no xvfb-run here, the panel is not opened", flush=True)
            return
        with tempfile.TemporaryDirectory() as elsewhere:
            alone = {**os.environ, "HOME": elsewhere, "XDG_RUNTIME_DIR": elsewhere, "QT_QPA_PLATFORM": "xcb"}
            frame = ["-s", f"-screen 0 1280x800x24 -fbdir {elsewhere}"]
            words = [screen, "-a", *frame, str(self.scripts / "musika-daw"), "panel", "--no-start"]
            print("$", *words, flush=True)
            process = subprocess.Popen(words, cwd=elsewhere, env=alone, start_new_session=True)
            begin = time.monotonic()
            try:
                process.wait(PANEL_S)
            except subprocess.TimeoutExpired:
                picture = Picture.of_xwd((Path(elsewhere) / "Xvfb_screen0").read_bytes())
                if picture.colours < COLOURS_MIN:
                    sys.exit(f"the panel was open, but its screen has {picture.colours} colours: no window is drawn")
                path = self.python.parents[1] / "panel.png"
                path.write_bytes(picture.png())
                print(f"==> the panel was open for {PANEL_S} s: {path}", flush=True)
            else:
                took_s = time.monotonic() - begin
                sys.exit(
                    f"the panel ended by itself after {took_s:.0f} s with code {process.returncode}, must stay open"
                )
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGTERM)
                    process.wait(60)
