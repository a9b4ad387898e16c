"""What the tests of the plugin share: the plugin as built here, and a host for it with a stand-in renderer."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from musika_daw.host.play.render import load_renderer
from musika_daw.host.plugin.session import PluginOptions, PluginSession
from tests.plugin.plugin_stand_in import load
from tests.programs import need

SOURCE = Path(__file__).parents[2] / "bridge" / "plugin"
HEADERS = Path("/usr/share/dpf/distrho/src/clap/entry.h"), Path("/usr/include/lv2/core/lv2.h")


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the three bundles, built from this tree."""
    need("g++", "make", *map(str, HEADERS))
    out = tmp_path_factory.mktemp("plugins")
    done = subprocess.run(
        ["make", "-C", str(SOURCE), f"OUT={out}"], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return next(folder for folder in out.iterdir() if folder.name.startswith("linux-"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The rendezvous folder of this test."""
    monkeypatch.setenv("MUSIKA_PLUGIN_DIR", str(tmp_path / "rendezvous"))
    return tmp_path / "rendezvous"


@pytest.fixture
def host(folder: Path) -> Iterator[Callable[..., PluginSession]]:
    """Starts a host with the stand-in renderer, or with a real model, slowed down if need be."""
    started: list[PluginSession] = []

    def start(rate_hz: int = 48_000, slowness: float = 0.0, model: str = "", **options: Any) -> PluginSession:
        name = f"slowed:{model}:{slowness}" if model and slowness else model or f"frames:{rate_hz}:{slowness}"
        session = PluginSession(PluginOptions(name, **options), load if ":" in name else load_renderer)
        started.append(session)
        session.start()
        return session

    yield start
    for session in started:
        session.stop()


@pytest.fixture(name="need")
def need_fixture() -> Callable[..., str]:
    return need
