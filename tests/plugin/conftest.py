"""The plugin as built here, a host for it with a stand-in renderer, and a small CLAP host."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the renderer's process imports the stand-in by name

from clap_host import ClapHost, Song
from plugin_fixtures import built, folder, host, need_fixture

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
