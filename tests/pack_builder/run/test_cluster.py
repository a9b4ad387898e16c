"""A Ray cluster makes the bytes of a local build, also where its workers are killed at their work."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pack_builder.plan.options import BuildOptions
from pack_builder.record.manifest import read_manifest
from pack_builder.run import cluster as module
from pack_builder.run.build import BuildError, build
from tests.pack_builder.pack_helpers import Silent, audio_bytes
from tests.pack_builder.pack_stand_in import SOURCE

Small = Callable[..., BuildOptions]
LOOPS = {"bpm": "120", "kinds": ("techno",), "loops_per_bpm": "12"}


@pytest.fixture(scope="module")
def deaths(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the stand-in leaves a mark before it kills the process that it is in."""
    return tmp_path_factory.mktemp("deaths")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, deaths: Path) -> Iterator[Any]:
    """Two workers on this machine, which find the stand-in and are given as much time as others."""
    root = str(Path(__file__).parents[3])
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("PYTHONPATH", root), ("STAND_IN_DEATHS", str(deaths)), ("RAY_worker_niceness", "0")):
            patch.setenv(name, value)
        ray = module.start(
            None,
            num_cpus=2,
            include_dashboard=False,
            object_store_memory=10**8,
            _temp_dir=str(tmp_path_factory.mktemp("r")),
        )
        yield ray
        ray.shutdown()


def test_a_cluster_makes_the_same_pack_while_workers_die(
    cluster: Any, small: Small, tmp_path: Path, deaths: Path
) -> None:
    plain = small(**LOOPS, models=("techno",), out=str(tmp_path / "plain"))
    build(plain, Silent(), SOURCE)
    options = small(**LOOPS, models=("techno:killed",), cluster="auto")
    build(options, Silent(), SOURCE)
    rows = read_manifest(plain.place.out).rows
    died = {path.name for path in deaths.iterdir()}
    assert died == {str(attempt["seed"]) for row in rows for attempt in row.quality.tried if attempt["seed"] % 3 == 0}
    assert len(died) > 2
    assert audio_bytes(options.place.out) == audio_bytes(plain.place.out)
    assert read_manifest(options.place.out).rows == rows
    assert (options.place.out / "checksums.sha256").read_bytes() == (plain.place.out / "checksums.sha256").read_bytes()


def test_a_driver_that_stops_goes_on(cluster: Any, small: Small, tmp_path: Path) -> None:
    values = {**LOOPS, "loops_per_bpm": "4", "models": ("techno:parts",), "stems": True}
    plain = small(**values, out=str(tmp_path / "plain"))
    build(plain, Silent(), SOURCE)
    with pytest.raises(KeyboardInterrupt):
        build(small(**values, cluster="auto"), Silent(stop_after=2), SOURCE)
    again = Silent()
    build(small(**values, cluster="auto", resume=True), again, SOURCE)
    assert 2 <= again.kept < 4
    assert audio_bytes(small().place.out) == audio_bytes(plain.place.out)


def test_errors_of_a_worker_are_the_same_one_line(cluster: Any, small: Small) -> None:
    with pytest.raises(BuildError, match=r"^model techno gave values that are not finite for techno/loop/120/0$"):
        build(small(bpm="120", kinds=("techno",), models=("techno:nan",), cluster="auto"), Silent(), SOURCE)
    with pytest.raises(ValueError, match="--model: 'drums', is neither one of"):
        build(small(models=("drums",), cluster="auto", out=str(small().place.out) + "2"), Silent(), SOURCE)


def test_without_ray_the_extra_is_named(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ValueError, match=r"^--cluster: needs ray, install musika-daw\[cluster\]$"):
        build(small(cluster="auto"), Silent(), SOURCE)
    assert not small().place.out.exists()


class Late:
    """Ray on a machine that is too busy for it, some times."""

    def __init__(self, message: str, times: int) -> None:
        self.message, self.times, self.calls = message, times, 0

    def init(self, address: str | None, **options: Any) -> None:
        self.calls += 1
        if self.calls <= self.times:
            raise Exception(self.message)

    def shutdown(self) -> None:
        assert self.calls <= self.times


@pytest.mark.parametrize(("times", "calls"), [(0, 1), (2, 3)])
def test_a_cluster_that_starts_late_is_started_again(monkeypatch: pytest.MonkeyPatch, times: int, calls: int) -> None:
    late = Late("The current node timed out during startup. This could", times)
    monkeypatch.setattr(module, "import_module", lambda _: late)
    monkeypatch.setattr(module, "os", SimpleNamespace(environ={}))
    assert module.start(None) is late
    assert late.calls == calls


@pytest.mark.parametrize(("message", "calls"), [("timed out during startup", 3), ("no\n  such thing", 1)])
def test_what_keeps_a_cluster_from_starting_is_told(monkeypatch: pytest.MonkeyPatch, message: str, calls: int) -> None:
    late = Late(message, 9)
    monkeypatch.setattr(module, "import_module", lambda _: late)
    monkeypatch.setattr(module, "os", SimpleNamespace(environ={}))
    with pytest.raises(ValueError, match=f"^--cluster: 'local', {' '.join(message.split())}$"):
        module.start(None)
    assert late.calls == calls
