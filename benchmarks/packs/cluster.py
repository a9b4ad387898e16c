"""Kill workers and drivers while a pack builds: `python -m benchmarks.packs.cluster [--loops 1000] [--kills 20]`.

Builds one pack with the shipped techno weights by one process of this machine, and the same on a local Ray cluster of
two workers of which one, drawn at random, is killed (SIGKILL) every few seconds; `--drivers` times the building process
itself is killed and another one goes on with `--resume`. Then compares every file of the two packs, manifests included.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import click


def descendants(pid: int) -> dict[int, str]:
    """Processes below one, by id, with their command lines."""
    parents: dict[int, int] = {}
    names: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            names[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except (OSError, IndexError):
            continue  # it ended while we looked

    def below(child: int) -> bool:
        while child > 1 and child != pid:
            child = parents.get(child, 0)
        return child == pid

    return {child: name for child, name in names.items() if child != pid and below(child)}


def resident_mb(pid: int) -> float:
    """Resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


class Driver:
    """One `musika-pack build` after another, until the pack is whole; counts files and watches memory."""

    def __init__(self, arguments: list[str]) -> None:
        self.arguments = [*arguments, "--resume", "--progress", "json"]
        self.process: subprocess.Popen[str] | None = None
        self.files, self.gaps, self.killed = 0, 0, 0
        self.memory_mb: list[float] = []

    def events(self, process: subprocess.Popen[str]) -> Iterator[dict[str, object]]:
        assert process.stdout is not None
        for line in process.stdout:
            yield json.loads(line)

    def run(self) -> float:
        """Seconds until it is done."""
        begin_s = time.monotonic()
        while True:
            command = [sys.executable, "-m", "pack_builder.cli", "build", *self.arguments]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
                self.process = process
                for event in self.events(process):
                    if event["event"] == "started":
                        self.files, self.gaps = int(str(event["kept"])), 0
                    elif event["event"] in ("finished", "gave_up"):
                        self.files += 1
                        self.gaps += event["event"] == "gave_up"
                        if self.files % 100 == 0:
                            self.memory_mb.append(resident_mb(process.pid))
                            click.echo(f"  {self.files} files, driver {self.memory_mb[-1]:.0f} MB", err=True)
            self.process = None
            if process.returncode == 0:
                return time.monotonic() - begin_s
            if process.returncode != -signal.SIGKILL:
                raise click.ClickException(f"the build ended with {process.returncode}")

    def kill(self) -> None:
        """End the building process as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.killed += 1


def disturb(driver: Driver, loops: int, kills: int, drivers: int, done: threading.Event, killed: list[str]) -> None:
    """Kill a worker at random moments all through the build, and the driver at some of its files."""
    draw = random.Random(7)
    moments = sorted(
        [(draw.uniform(0.02, 0.98) * loops, "worker") for _ in range(kills)]
        + [(draw.uniform(0.1, 0.9) * loops, "driver") for _ in range(drivers)]
    )
    for at, victim in moments:
        while driver.files < at or driver.process is None:
            if done.wait(0.02):
                return
        if victim == "driver":
            driver.kill()
            continue
        while not done.wait(draw.uniform(0.01, 0.1)):
            # one at work is called after its task, ray::make, and one that waits ray::IDLE; others are Ray's own
            workers = ("ray::make", "ray::IDLE")
            found = [item for item in descendants(os.getpid()).items() if item[1].startswith(workers)]
            if found:
                pid, name = draw.choice(found)
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
                killed.append(name.split()[0])
                break


@click.command()
@click.option("--loops", default=1000, show_default=True)
@click.option("--bars", default=1, show_default=True)
@click.option("--kills", default=20, show_default=True, help="Workers to kill.")
@click.option("--drivers", default=2, show_default=True, help="Building processes to kill.")
def main(loops: int, bars: int, kills: int, drivers: int) -> None:
    """Build twice, kill, compare."""
    os.environ["SOURCE_DATE_EPOCH"] = "1700000000"  # the manifest alone holds a time of day
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[2])
    import ray

    with tempfile.TemporaryDirectory() as folder:
        arguments = ["--bpm", "160", "--kind", "techno", "--loops-per-bpm", str(loops), "--bars", str(bars)]
        click.echo("undisturbed, one process", err=True)
        plain = Driver([*arguments, "--jobs", "1", "--out", f"{folder}/plain"])
        plain_s = plain.run()
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=10**8)
        click.echo("on Ray, two workers", err=True)
        driver = Driver([*arguments, "--cluster", "auto", "--out", f"{folder}/cluster"])
        killed: list[str] = []
        done = threading.Event()
        thread = threading.Thread(target=disturb, args=(driver, loops, kills, drivers, done, killed))
        thread.start()
        try:
            cluster_s = driver.run()
        finally:
            done.set()
            thread.join()
            ray.shutdown()
        names = [
            {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
            for root in (Path(folder, "plain"), Path(folder, "cluster"))
        ]
        differ = [
            name
            for name in sorted(names[0] & names[1])
            if Path(folder, "plain", name).read_bytes() != Path(folder, "cluster", name).read_bytes()
        ]
        facts = {
            "loops": loops,
            "gaps": driver.gaps,
            "workers_killed": len(killed),
            "at_work_when_killed": sum("make" in name for name in killed),
            "drivers_killed": driver.killed,
            "files": len(names[1]),
            "missing_or_extra": sorted(names[0] ^ names[1]),
            "differ": differ,
            "driver_mb": [round(mb) for mb in driver.memory_mb],
            "of_one_process": round(cluster_s / plain_s, 2),
        }
        click.echo(json.dumps(facts))
        if differ or names[0] != names[1]:
            raise click.ClickException("the packs differ")


if __name__ == "__main__":
    main()
