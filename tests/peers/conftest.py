"""Real programs: a JACK server of each test's own, a recorder in it, and the host playing into it.

Everything is compared in the server's frames, never in wall time: under load a server drops cycles, and that
is not the host's fault.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers.server import Jack, server_name
from tests.programs import need


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder is a peer test, and runs again where a machine without real time dropped cycles."""
    here = Path(__file__).parent
    for item in items:
        if here in Path(str(item.path)).parents:
            item.add_marker(pytest.mark.peer)
            item.add_marker(pytest.mark.flaky(reruns=3, reruns_delay=2, rerun_except="Timeout"))


@pytest.fixture
def jack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Jack]:
    """A JACK server of this test's own."""
    need("jackd", "jack_lsp", "setpriv")
    with server_name() as name:
        server = Jack(name, tmp_path)
        monkeypatch.setenv("JACK_DEFAULT_SERVER", name)
        monkeypatch.setenv("JACK_NO_START_SERVER", "1")
        interval = sys.getswitchinterval()
        try:
            server.start()
            yield server
        finally:
            server.close()
            sys.setswitchinterval(interval)
