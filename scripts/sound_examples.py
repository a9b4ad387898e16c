#!/usr/bin/env python3
"""Renders the sound examples from the shipped weights: small Ogg files, and the page that names how each was made.

    python scripts/sound_examples.py [--out docs/sounds] [--only NAME]

Five loops, two takes, a loop with its stems, and a loop before and after finishing. The same weights and machine give
the same sound.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import soundfile

from musika_daw.sound.files import write_blocks

ROOT = Path(__file__).resolve().parents[1]
LOOPS = ((96, 3), (112, 11), (124, 5), (132, 8), (174, 2))  # tempo, seed
TAKES = ((0.2, 4), (0.7, 9))  # density, seed
STEMS = (128, 21)
LOOP_BARS, TAKE_S = 4, 12
FINISHES = {"before": "none", "after": "club"}
EXAMPLES: dict[str, list[str]] = {
    f"loop-{bpm}bpm": ["--bpm", str(bpm), "--bars", str(LOOP_BARS), "--loop", "--seed", str(seed)]
    for bpm, seed in LOOPS
} | {
    f"take-density-{density:g}": [
        "--model",
        "piano",
        "--seconds",
        str(TAKE_S),
        "--density",
        f"{density:g}",
        "--seed",
        str(seed),
    ]
    for density, seed in TAKES
}
EXAMPLES["stems"] = [
    "--bpm",
    str(STEMS[0]),
    "--bars",
    str(LOOP_BARS),
    "--loop",
    "--stems",
    "--seed",
    str(STEMS[1]),
    "--key",
    "Am",
    "--energy",
    "1",
]


def module(name: str, *words: str) -> None:
    """Run a command of this project; CalledProcessError if it fails."""
    subprocess.run([sys.executable, "-m", name, *words], check=True)


def finished(finish: str, out: Path) -> str:
    """One loop of a pack with some finishing, as Ogg; returns the command that makes the pack."""
    words = ["--kind", "techno", "--bpm", "128", "--loops-per-bpm", "1", "--seed", "5", "--finish", finish]
    with tempfile.TemporaryDirectory() as folder:
        module("pack_builder.cli", "build", *words, "--out", folder + "/pack")
        [file] = Path(folder).rglob("*.wav")
        samples, rate = soundfile.read(file, dtype="float32")
        write_blocks(out, [samples], rate)
    return f"musika-pack build {' '.join(words)}"


def page(made: dict[str, str]) -> str:
    """The page that lists the files and their commands."""
    lines = ["# Sound examples", "", "Made by `python scripts/sound_examples.py` from the shipped weights.", ""]
    lines += ["| | made by |", "|---|---|"]
    lines += [f"| [{name}]({name}.ogg) | `{command}` |" for name, command in made.items()]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Render all, or one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "sounds")
    parser.add_argument("--only", choices=[*EXAMPLES, *FINISHES])
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    made: dict[str, str] = {}
    for name, words in EXAMPLES.items():
        made[name] = f"musika-daw render {name}.ogg {' '.join(words)}"
        if given.only in (None, name):
            module("musika_daw", "render", str(given.out / f"{name}.ogg"), *words)
    for name, finish in FINISHES.items():
        if given.only in (None, name):
            made[name] = finished(finish, given.out / f"{name}.ogg")
    if given.only is None:
        (given.out / "README.md").write_text(page(made), "utf-8")
        size = sum(file.stat().st_size for file in given.out.glob("*.ogg"))
        print(f"{given.out}  {len(made)} files, {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
