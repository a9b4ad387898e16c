#!/usr/bin/env python3
"""Renders the sound examples from the shipped weights: small Ogg files, and the page that names how each was made.

    python scripts/sound_examples.py [--out docs/sounds] [--only NAME]

Five loops, two takes, a loop with its stems, and a loop before and after finishing. The same weights and machine give
the same sound.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOOPS = ((96, 3), (112, 11), (124, 5), (132, 8), (174, 2))  # tempo, seed
TAKES = ((0.2, 4), (0.7, 9))  # density, seed
STEMS = (128, 21)
LOOP_BARS, TAKE_S = 4, 12
FINISHES = {"before": "none", "after": "club"}
EXAMPLES = {
    **{
        f"loop-{bpm}bpm": f"--bpm {bpm} --bars {LOOP_BARS} --loop --seed {seed}"  # as one types it
        for bpm, seed in LOOPS
    },
    **{
        f"take-density-{density:g}": f"--model piano --seconds {TAKE_S} --density {density:g} --seed {seed}"
        for density, seed in TAKES
    },
    "stems": f"--bpm {STEMS[0]} --bars {LOOP_BARS} --loop --stems --seed {STEMS[1]} --key Am --energy 1",
}
FINISHED = "--kind techno --bpm 128 --loops-per-bpm 1 --seed 5 --format ogg --finish"


def module(name: str, *words: str) -> None:
    """Run a command of this project; CalledProcessError if it fails."""
    subprocess.run([sys.executable, "-m", name, *words], check=True)


def finished(finish: str, out: Path) -> None:
    """The loop of a pack with some finishing; the pack builder sees to it that what is decoded does not clip."""
    with tempfile.TemporaryDirectory() as folder:
        module("pack_builder.cli", "build", *FINISHED.split(), finish, "--out", folder + "/pack")
        [file] = Path(folder).rglob("*.ogg")
        shutil.copyfile(file, out)


def page(out: Path) -> str:
    """The page that lists the files and their commands."""
    lines = ["# Sound examples", "", "Made by `python scripts/sound_examples.py` from the shipped weights.", ""]
    lines += ["| | made by |", "|---|---|"]
    made = {name: f"musika-daw render {name}.ogg {words}" for name, words in EXAMPLES.items()}
    made |= {name: f"musika-pack build {FINISHED} {finish}" for name, finish in FINISHES.items()}
    for name, command in made.items():
        files = [out / f"{name}.ogg", *sorted(out.glob(f"{name}-*.ogg"))] if name == "stems" else [out / f"{name}.ogg"]
        lines.append(f"| {', '.join(f'[{file.stem}]({file.name})' for file in files)} | `{command}` |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Render all, or one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "sounds")
    parser.add_argument("--only", choices=[*EXAMPLES, *FINISHES])
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    for name, words in EXAMPLES.items():
        if given.only in (None, name):
            for stem in given.out.glob(f"{name}-*.ogg") if name == "stems" else ():
                stem.unlink()  # other weights may play other parts
            module("musika_daw", "render", str(given.out / f"{name}.ogg"), *words.split())
    for name, finish in FINISHES.items():
        if given.only in (None, name):
            finished(finish, given.out / f"{name}.ogg")
    (given.out / "README.md").write_text(page(given.out), "utf-8")
    files = list(given.out.glob("*.ogg"))
    print(f"{given.out}  {len(files)} files, {sum(file.stat().st_size for file in files) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
