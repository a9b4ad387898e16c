"""`kill -9` at random moments of every stage of training: `python -m benchmarks.train_kill [--kills 10]`.

Every stage is run by its real command at the `tiny` size: once undisturbed, then again and again on another folder with
SIGKILL at a moment drawn from the whole length of the command, its start included. Where a run came to its end before
it was killed, the next one begins a new folder. Each folder is finished, and must hold what the undisturbed one holds:
a corpus and latents byte for byte; of a run every tensor of its checkpoint, and every row of its log but the seconds,
which no other order of data gives. What a kill lost is measured: the steps in the log beyond the checkpoint, and how
old the checkpoint was beside `save_every_s`. Exit code 1 if anything differs.
"""

from __future__ import annotations

import csv
import math
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import soundfile
import torch

SAVE_EVERY_S = 1.0
NEEDED = ("folder", "autoencoder-1")  # by the other stages
QUICK = (
    "--config",
    "tiny",
    "--threads",
    "1",
    "--resume",
    "--set",
    "log_every=1",
    "--set",
    f"save_every_s={SAVE_EVERY_S}",
    "--set",
    "warmup_steps=5",
)


@dataclass(frozen=True)
class Stage:
    """A command whose last argument, its folder, is left open; `same` compares two folders, `reached` counts what a
    folder holds safely."""

    name: str
    command: tuple[str, ...]
    same: Callable[[Path, Path], str]
    reached: Callable[[Path], int]


@dataclass
class Result:
    """What became of one stage."""

    name: str
    whole_s: float = 0.0
    kills: int = 0
    rounds: int = 0
    working: int = 0
    lost_steps: int = 0
    age_s: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def line(self) -> str:
        """All of it in one line."""
        text = f"{self.name:14s} {self.whole_s:5.1f} s undisturbed; {self.kills} kills in {self.rounds} rounds"
        text += f", {self.working} of them after new work was safe"
        if self.lost_steps:
            text += f"; lost at most {self.lost_steps} steps, a checkpoint was at most {self.age_s:.1f} s old"
        return f"{text}: {' | '.join(self.wrong) or 'the same'}"


def run(command: tuple[str, ...], folder: Path) -> subprocess.Popen[bytes]:
    """Start one command of `musika-train`, as leader of a group of processes; what it says lies beside its folder."""
    with folder.with_suffix(".log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "training.cli", *command, "--out", str(folder)],
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def finish(command: tuple[str, ...], folder: Path) -> None:
    """Run one command to its end."""
    if run(command, folder).wait():
        raise click.ClickException(f"{' '.join(command)}: {said(folder)}")


def said(folder: Path) -> str:
    """The last line that the command of a folder wrote."""
    return folder.with_suffix(".log").read_text().strip().rpartition("\n")[2]


def leaves_none(group: int) -> bool:
    """True once no process of a group is left; False if some are still there after a while."""
    for _ in range(100):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    os.killpg(group, signal.SIGKILL)
    return False


def same_files(*names: str) -> Callable[[Path, Path], str]:
    """Compares files byte for byte."""

    def compare(first: Path, second: Path) -> str:
        return ", ".join(n for n in names if (first / n).read_bytes() != (second / n).read_bytes())

    return compare


def lines_of(name: str) -> Callable[[Path], int]:
    """Counts whole lines of a file."""

    def count(folder: Path) -> int:
        return (folder / name).read_text().count("\n") if (folder / name).exists() else 0

    return count


def log_rows(folder: Path) -> list[dict[str, str]]:
    """Whole rows of a run's log, without their seconds."""
    if not (folder / "log.csv").exists():
        return []
    lines = (folder / "log.csv").read_text().splitlines(keepends=True)
    rows = csv.DictReader(line for line in lines if line.endswith("\n"))
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


def checkpoint(folder: Path) -> dict[str, Any]:
    """The last checkpoint; empty where there is none."""
    path = folder / "checkpoint.pt"
    return torch.load(path, map_location="cpu", weights_only=True) if path.exists() else {}


def differences(first: Any, second: Any, where: str = "") -> list[str]:
    """Names of what differs between two checkpoints, but for the seconds they took."""
    if isinstance(first, dict):
        if first.keys() != second.keys():
            return [f"{where}: other names"]
        return [d for k in first if k != "seconds" for d in differences(first[k], second[k], f"{where}.{k}")]
    if isinstance(first, list | tuple):
        return [d for i, (a, b) in enumerate(zip(first, second)) for d in differences(a, b, f"{where}[{i}]")]
    equal = torch.equal(first, second) if isinstance(first, torch.Tensor) else first == second
    return [] if equal else [where]


def same_run(first: Path, second: Path) -> str:
    """Compares checkpoints and logs."""
    found = differences(checkpoint(first), checkpoint(second))[:3]
    rows = log_rows(first), log_rows(second)
    if rows[0] != rows[1]:
        found.append(f"log.csv ({len(rows[0])} and {len(rows[1])} rows)")
    return ", ".join(found)


def steps_of(folder: Path) -> int:
    """Steps of the last checkpoint."""
    return int(checkpoint(folder).get("steps", 0))


def wait(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """True if the process ended by itself within `seconds`."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def kill_stage(stage: Stage, folder: Path, kills: int, rng: random.Random) -> Result:
    """Run one stage undisturbed and killed."""
    result = Result(stage.name)
    folder.mkdir()
    begin_s = time.perf_counter()
    finish(stage.command, folder / "whole")
    result.whole_s = time.perf_counter() - begin_s
    while result.kills < kills:
        torn = folder / f"killed-{result.rounds}"
        result.rounds += 1
        reached = 0
        while result.kills < kills:
            process = run(stage.command, torn)
            if wait(process, rng.uniform(0.2, result.whole_s)):
                if process.returncode:
                    result.wrong.append(said(torn))
                break
            killed_s = time.time()
            process.kill()
            process.wait()
            result.kills += 1
            if not leaves_none(process.pid):
                result.wrong.append("processes left behind")
            _note_loss(stage, torn, killed_s, result)
            now = stage.reached(torn)
            result.working += now > reached
            if now < reached:
                result.wrong.append(f"{reached} before a kill, {now} after it")
            reached = now
        finish(stage.command, torn)
        if found := stage.same(folder / "whole", torn):
            result.wrong.append(found)
        shutil.rmtree(torn)
    return result


def _note_loss(stage: Stage, folder: Path, killed_s: float, result: Result) -> None:
    saved, rows = folder / "checkpoint.pt", log_rows(folder)
    if stage.same is not same_run or not saved.exists() or not rows:
        return
    lost = int(rows[-1]["step"]) - steps_of(folder)
    result.lost_steps = max(result.lost_steps, lost)
    # in a process that was still starting nothing was lost, however old the checkpoint is
    if lost > 0:
        result.age_s = max(result.age_s, killed_s - saved.stat().st_mtime)


def write_music(folder: Path, scratch: Path, seconds: float, files: int) -> None:
    """Pieces of `seconds` of the example music."""
    from training.corpus.folder.example import write_example

    folder.mkdir()
    number = 0
    for song in write_example(scratch, math.ceil(files * seconds / 60)):
        audio, rate_hz = soundfile.read(song, dtype="int16")
        frames = int(seconds * rate_hz)
        for start in range(0, len(audio) - frames + 1, frames):
            if number < files:
                soundfile.write(folder / f"{number:02d}.flac", audio[start : start + frames], rate_hz)
                number += 1


def stages(folder: Path, steps: int) -> list[Stage]:
    """Every stage, each on what the one before left."""
    first, latents = str(folder / "autoencoder-1" / "whole"), str(folder / "latents")
    corpus = same_files("audio.i16", "onsets.i64", "songs.jsonl", "files.jsonl", "corpus.json")
    mine = ("corpus", "folder", str(folder / "music"))
    made = str(folder / "folder" / "whole")
    ae = ("autoencoder", made, "--steps", str(steps), *QUICK, "--set", "batch=2", "--set", "latents=8")
    gan = ("gan", latents, "--steps", str(steps), *QUICK, "--set", "batch=4", "--set", "adversary_from_step=5")
    encoded = same_files("latents.f16", "labels.f32", "notes.f64", "latents.json")
    return [
        Stage("folder", mine, corpus, lines_of("files.jsonl")),
        Stage("folder-2", (*mine, "--jobs", "2"), corpus, lines_of("files.jsonl")),
        Stage("autoencoder-1", ae, same_run, steps_of),
        Stage("autoencoder-2", (*ae, "--phase", "2", "--init-from", first), same_run, steps_of),
        Stage("encode", ("encode", made, "--autoencoder", "techno", "--threads", "1"), encoded, lines_of("rows.jsonl")),
        Stage("gan", gan, same_run, steps_of),
    ]


@click.command()
@click.option("--kills", default=10, show_default=True, help="Kills of each stage.")
@click.option("--steps", default=60, show_default=True, help="Steps of each stage that trains.")
@click.option("--seed", default=0, show_default=True)
@click.option("--only", help="One stage by its name.")
def main(kills: int, steps: int, seed: int, only: str | None) -> None:
    """Kill every stage and print what was lost."""
    rng = random.Random(seed)
    bad = False
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_music(folder / "music", folder / "songs", 12, 10)
        for stage in stages(folder, steps):
            if only not in (None, stage.name) and stage.name not in NEEDED:
                continue
            if stage.name == "gan":
                encoder = str(folder / "autoencoder-1" / "whole")
                finish(("encode", str(folder / "folder" / "whole"), "--autoencoder", encoder), folder / "latents")
            asked = only in (None, stage.name)
            result = kill_stage(stage, folder / stage.name, kills if asked else 0, rng)
            if asked:  # of one that another only needs nothing was compared
                click.echo(result.line())
                bad = bad or bool(result.wrong)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
