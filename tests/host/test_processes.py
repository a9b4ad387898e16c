"""What the host's own processes are started with."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import pytest

from musika_daw.host.ahead.worker import ProcessWorker
from musika_daw.host.capture import Keeper, Take
from musika_daw.host.play.cache import ChunkCache
from musika_daw.host.play.piece import Piece
from musika_daw.score.controls import Controls
from musika_daw.system.threads import OF_WORKERS, SETTINGS
from tests.waiting import wait_for

NAMES = {**SETTINGS, **OF_WORKERS}
BEGINS_S = 120.0


def settings_of(pid: int | None) -> dict[str, str]:
    there = Path(f"/proc/{pid}/environ").read_text().split("\0")
    return {name: value for name, _, value in (line.partition("=") for line in there) if name in NAMES}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what a process was started with")
def test_renderer_and_keeper_have_one_thread_whatever_program_has_the_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    cache = ChunkCache(8, shared=True)
    worker = ProcessWorker("click", cache.memory_name, cache.slots)
    assert settings_of(worker.pid) == NAMES
    worker.close()
    cache.close()
    keeper = Keeper("click", tmp_path)
    keeper.ask(Take(0, 4, Piece(Fraction(240), Controls(), 44100)))
    assert wait_for(lambda: keeper.poll() == 0, BEGINS_S)  # a process that has just begun still has ours
    assert settings_of(keeper._process.pid) == NAMES
    keeper.close()
