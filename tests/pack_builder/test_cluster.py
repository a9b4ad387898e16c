"""A Ray cluster makes the bytes of a local build, also while its workers are being killed."""

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import ray
from pack_helpers import Silent, audio_bytes
from pack_stand_in import SOURCE

from pack_builder.build import BuildError, build
from pack_builder.manifest import read_manifest
from pack_builder.options import BuildOptions

Small = Callable[..., BuildOptions]
LOOPS = {"bpm": "120", "kinds": ("techno",), "loops_per_bpm": "12", "models": ("techno:slow",)}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Two workers on this machine, which find the stand-in."""
    paths = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[2])])
    ray.init(
        num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error", object_store_memory=10**8,
        _temp_dir=str(tmp_path_factory.mktemp("r")), runtime_env={"env_vars": {"PYTHONPATH": paths}},
    )  # fmt: skip
    yield ray
    ray.shutdown()


def workers_of_this_test() -> list[int]:
    """Processes of Ray workers at work that descend from this process."""
    parents: dict[int, int] = {}
    busy = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if (entry / "cmdline").read_bytes().startswith(b"ray::make"):
                busy.append(int(entry.name))
        except (OSError, IndexError):
            continue  # it ended while we looked

    def ours(pid: int) -> bool:
        while pid > 1 and pid != os.getpid():
            pid = parents.get(pid, 0)
        return pid == os.getpid()

    return [pid for pid in busy if ours(pid)]


def test_a_cluster_makes_the_same_pack_while_workers_die(cluster: Any, small: Small, tmp_path: Path) -> None:
    plain = small(**LOOPS, out=str(tmp_path / "plain"))
    build(plain, Silent(), SOURCE)
    killed: list[int] = []
    done = threading.Event()

    def kill() -> None:
        draw = random.Random(7)
        while not done.is_set() and len(killed) < 3:
            time.sleep(0.3)
            if pids := workers_of_this_test():
                victim = draw.choice(pids)
                os.kill(victim, signal.SIGKILL)
                killed.append(victim)

    thread = threading.Thread(target=kill)
    thread.start()
    options = small(**LOOPS, cluster="auto")
    try:
        build(options, Silent(), SOURCE)
    finally:
        done.set()
        thread.join()
    assert killed
    assert audio_bytes(options.out) == audio_bytes(plain.out)
    assert read_manifest(options.out).rows == read_manifest(plain.out).rows
    assert (options.out / "checksums.sha256").read_bytes() == (plain.out / "checksums.sha256").read_bytes()


def test_a_driver_that_stops_goes_on(cluster: Any, small: Small, tmp_path: Path) -> None:
    values = {**LOOPS, "loops_per_bpm": "4"}
    plain = small(**values, out=str(tmp_path / "plain"))
    build(plain, Silent(), SOURCE)
    with pytest.raises(KeyboardInterrupt):
        build(small(**values, cluster="auto"), Silent(stop_after=2), SOURCE)
    again = Silent()
    build(small(**values, cluster="auto", resume=True), again, SOURCE)
    assert 2 <= again.kept < 4
    assert audio_bytes(small().out) == audio_bytes(plain.out)


def test_errors_of_a_worker_are_the_same_one_line(cluster: Any, small: Small) -> None:
    with pytest.raises(BuildError, match=r"^model techno gave values that are not finite for techno/loop/120/0$"):
        build(small(bpm="120", kinds=("techno",), models=("techno:nan",), cluster="auto"), Silent(), SOURCE)
    with pytest.raises(ValueError, match="--model drums: 'drums' is neither one of"):
        build(small(models=("drums",), cluster="auto", out=str(small().out) + "2"), Silent(), SOURCE)


def test_without_ray_the_extra_is_named(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ValueError, match=r"^--cluster: needs ray, install musika-daw\[cluster\]$"):
        build(small(cluster="auto"), Silent(), SOURCE)
    assert not small().out.exists()
