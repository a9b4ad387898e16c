"""The plugin in real hosts: what the tests of the plugin share, beside a JACK server of each test's own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.peers.plugin.ardour_song import LIBRARY, Ardour
from tests.plugin.plugin_fixtures import built, folder, host
from tests.programs import need

__all__ = ["built", "folder", "host"]


@pytest.fixture
def ardour(tmp_path: Path, built: Path, folder: Path) -> Ardour:
    need("ardour7-lua", "taskset", str(LIBRARY / "ardour-vst3-scanner"))
    assert str(folder) == os.environ["MUSIKA_PLUGIN_DIR"]  # which Ardour inherits
    return Ardour(tmp_path, built)
