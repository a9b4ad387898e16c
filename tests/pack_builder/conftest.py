"""The stand-in engine, options for small packs, and a command line that runs against it."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # worker processes import the stand-in by name

from pack_builder.console import PlainLines
from pack_builder.manifest import Row
from pack_builder.options import BuildOptions

SMALL = {
    "bpm": "120,128.5", "loops_per_bpm": "1", "bars": "1", "takes": "2", "take_seconds": "2", "jobs": "1",
}  # fmt: skip


class Silent:
    """An observer that remembers; `stop_after` files it interrupts like Ctrl-C."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.rows: list[Row] = []
        self.kept = 0
        self.stop_after = stop_after

    def loading(self, models: int) -> None:
        assert models > 0

    def started(self, files: int, kept: int, jobs: int) -> None:
        self.kept = kept

    def finished(self, row: Row) -> None:
        self.rows.append(row)
        if self.stop_after is not None and len(self.rows) >= self.stop_after:
            raise KeyboardInterrupt


@dataclass(frozen=True)
class Ran:
    """What one command line did."""

    code: int
    out: str
    err: str


@pytest.fixture
def small(tmp_path: Path) -> Callable[..., BuildOptions]:
    def make(**texts: Any) -> BuildOptions:
        return BuildOptions.parse(**SMALL | {"out": str(tmp_path / "pack")} | texts)

    return make


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """`run("build", "--bpm", "120")`: the real command line, with the stand-in for the engine."""
    from pack_stand_in import SOURCE

    import pack_builder.build as module
    from pack_builder.cli import main

    original = module.build
    monkeypatch.setattr(module, "build", lambda options, observer: original(options, observer, SOURCE))

    def call(*arguments: str) -> Ran:
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main(arguments)
        out, err = capsys.readouterr()
        return Ran(int(end.value.code or 0), out, err)

    return call


@pytest.fixture
def observer() -> Silent:
    return Silent()


@pytest.fixture
def plain() -> PlainLines:
    return PlainLines()


def audio_bytes(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.wav"))}
