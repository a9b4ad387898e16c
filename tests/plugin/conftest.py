"""The plugin as built here, a host for it with a stand-in renderer, and a small CLAP host."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.plugin.clap.clap_host import ClapHost, Song
from tests.plugin.plugin_fixtures import built, folder, host, need_fixture

NATIVE = Path(__file__).parent / "native"
CORE = Path(__file__).parents[2] / "bridge" / "plugin"

__all__ = ["built", "folder", "host", "need_fixture"]


@pytest.fixture
def clap(built: Path, folder: Path) -> Iterator[Callable[..., ClapHost]]:
    """Makes instances in a CLAP host."""
    made: list[ClapHost] = []

    def make(rate_hz: int = 48_000, block: int = 512, song: Song | None = None) -> ClapHost:
        one = ClapHost(built / "musika-daw.clap", rate_hz, block, song)
        made.append(one)
        return one

    yield make
    for one in made:
        one.close()


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory, built: Path) -> Callable[..., Path]:
    """Compiles a program of `native`, once each; `built` makes sure that there is a compiler."""
    folder = tmp_path_factory.mktemp("native")

    def compile_(name: str, flags: str = "") -> Path:
        out = folder / f"{name}{abs(hash(flags))}"
        if not out.exists():
            command = (
                f"g++ -std=c++17 -O1 -g -Wall -Wextra -Werror -pthread -I{CORE} -isystem /usr/share/dpf/distrho/src "
                f"{flags} {NATIVE / name}.cpp -o {out} -ldl -rdynamic"
            )
            done = subprocess.run(command.split(), capture_output=True, text=True, check=False, timeout=300)
            assert done.returncode == 0, done.stderr
        return out

    return compile_
