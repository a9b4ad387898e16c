"""Real programs: a JACK server of each test's own, a recorder in it, and the host playing into it.

Everything is compared in the server's frames, never in wall time: under load a server drops cycles, and that
is not the host's fault. Each test runs in a process of its own (see `apart`), and again where it failed, at most
twice: a machine without real time may have dropped cycles in it. The summary names those that needed it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers.apart import CHILD, run_apart
from tests.peers.server import Jack, server_name
from tests.programs import need

HERE = Path(__file__).parent
LIMIT_S = 120.0  # of one attempt, or what a mark `limit_s` says
ATTEMPTS = 3
again: list[str] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder is a peer test."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.peer)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> bool | None:
    """Run a test of this folder in a process of its own, some times if need be."""
    if HERE not in item.path.parents or CHILD in os.environ or item.config.option.usepdb:
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    told = item.get_closest_marker("limit_s")
    limit_s = float(told.args[0]) if told else LIMIT_S
    seconds, texts = 0.0, []
    for _ in range(ATTEMPTS):
        attempt = run_apart(item.nodeid, item.config.rootpath, limit_s)
        seconds += attempt.seconds
        if not attempt.passed:
            texts.append(attempt.text)
        if attempt.passed or seconds > limit_s:
            break
    if texts and attempt.passed:
        again.append(f"{item.nodeid}: attempt {len(texts) + 1}\n{texts[-1][-600:]}")
    for when in ("setup", "call", "teardown"):
        failed = when == "call" and not attempt.passed
        report = pytest.TestReport(
            item.nodeid,
            item.location,
            dict.fromkeys(item.keywords, 1),
            "failed" if failed else "passed",
            "\n".join(texts) if failed else None,
            when,
            (),
            seconds if when == "call" else 0.0,
        )
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which tests of this folder did not pass at once, and what went wrong then."""
    if again:
        terminalreporter.section("peer tests that were run again")
        for text in again:
            terminalreporter.line(text)


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
