"""A host that is killed and started again: its renderer waits for the next one."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.plugin_link.codes import PluginState
from bridge.plugin_link.rendezvous import find_host
from musika_daw.host.ahead.orphan import KEY_BYTES, ORPHAN_FILE, adopt, parse_notice
from musika_daw.host.ahead.worker import Done, Job, ProcessWorker
from musika_daw.host.play.cache import ChunkCache
from musika_daw.host.play.piece import CHUNK_FRAMES, Piece
from musika_daw.host.plugin.session import PluginSession
from musika_daw.score.controls import Controls
from tests.plugin import plugin_stand_in
from tests.plugin.clap.clap_host import ClapHost
from tests.plugin.plugin_stand_in import left_at
from tests.waiting import wait_for

RATE = 48_000
HERE = Path(__file__).parent
PATHS = f"import sys\nsys.path[:0] = {[str(HERE.parents[2])]!r}\n"
HOST = """
import time
from tests.plugin.plugin_stand_in import load
from musika_daw.host.plugin.session import PluginOptions, PluginSession
if __name__ == "__main__":
    session = PluginSession(PluginOptions("frames:48000:0", idle_s=60), load)
    session.start()
    while not session.is_over():
        time.sleep(0.05)
"""
ORPHAN = """
import sys
from pathlib import Path
from musika_daw.host.ahead.orphan import wait_for_host
if __name__ == "__main__":
    print(wait_for_host(Path(sys.argv[1]), "a model", float(sys.argv[2])))
"""


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def spawn(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Runs a text as a program."""
    made: list[subprocess.Popen[bytes]] = []

    def start(text: str, *arguments: str) -> subprocess.Popen[bytes]:
        script = tmp_path / f"program{len(made)}.py"
        script.write_text(PATHS + text)
        made.append(subprocess.Popen([sys.executable, str(script), *arguments], stdout=subprocess.PIPE))
        return made[-1]

    yield start
    for one in made:
        one.kill()
        one.wait()


@pytest.fixture
def orphans(folder: Path) -> Iterator[Callable[[], int]]:
    """Tells the process of the renderer that waits; it is ended with the test."""
    found: set[int] = set()

    def waiting() -> int:
        assert wait_for((folder / ORPHAN_FILE).exists)
        found.add(parse_notice((folder / ORPHAN_FILE).read_text()).pid)
        return max(found)

    yield waiting
    for pid in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def test_a_host_that_is_killed_costs_silence_and_the_next_goes_on_with_its_renderer(
    folder: Path,
    clap: Callable[..., ClapHost],
    spawn: Callable[..., subprocess.Popen[bytes]],
    orphans: Callable[[], int],
) -> None:
    first = spawn(HOST)
    one = clap(block=128)
    assert one.wait(lambda: one.state == PluginState.READY)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert one.wait(lambda: one.state == PluginState.NO_HOST)
    far = 600 * RATE
    assert np.all(one.play(far, far + 12_800, real_time=True)[128:] == 0)
    assert one.status == 1
    assert find_host() is None
    renderer = orphans()
    assert (folder / ORPHAN_FILE).stat().st_mode & 0o777 == 0o600

    second = spawn(HOST)
    begin_s = time.perf_counter()
    frame = far
    while True:
        audio = one.play(frame, frame + 1280, real_time=True)
        if np.array_equal(audio[:, 0], left_at(np.arange(frame, frame + 1280))):
            break
        frame += 1280
        assert time.perf_counter() - begin_s < 30
    host = find_host()
    assert host is not None
    assert host.pid == second.pid
    assert is_alive(renderer)
    assert not (folder / ORPHAN_FILE).exists()
    # and once more: what was adopted is left in its turn
    second.send_signal(signal.SIGKILL)
    second.wait()
    assert orphans() == renderer
    spawn(HOST)
    far += 300 * RATE
    assert one.wait(lambda: one.state == PluginState.READY, far)
    assert np.array_equal(one.play(far, far + 12_800)[:, 0], left_at(np.arange(far, far + 12_800)))
    assert is_alive(renderer)


def test_a_host_that_ends_by_itself_leaves_no_renderer(folder: Path, host: Callable[..., PluginSession]) -> None:
    session = host()
    pid = session.renderer_pid
    assert is_alive(pid)
    session.stop()
    assert not is_alive(pid)
    assert not (folder / ORPHAN_FILE).exists()


def test_an_orphan_ends_if_nobody_comes_and_takes_its_file_away(
    folder: Path, spawn: Callable[..., subprocess.Popen[bytes]]
) -> None:
    folder.mkdir()
    file = folder / ORPHAN_FILE
    program = spawn(ORPHAN, str(file), "1.5")
    assert wait_for(file.exists)
    assert program.wait(20) == 0
    assert not file.exists()


def test_strangers_are_not_answered_and_another_model_is_not_taken(
    folder: Path, spawn: Callable[..., subprocess.Popen[bytes]]
) -> None:
    folder.mkdir()
    file = folder / ORPHAN_FILE
    program = spawn(ORPHAN, str(file), "60")
    assert wait_for(file.exists)
    notice = parse_notice(file.read_text())
    for _ in range(3):
        with pytest.raises((AuthenticationError, OSError, EOFError)):
            Client(("127.0.0.1", notice.port), authkey=bytes(16)).recv()
    cache = ChunkCache(8, shared=True)
    try:
        worker = ProcessWorker(f"frames:{RATE}:0", cache.memory_name, 8, plugin_stand_in.load, orphan_file=file)
        assert not worker.is_adopted
        assert worker.pid != notice.pid
        worker.submit(Job(1, Piece(Fraction(120), Controls(), RATE), 0, (3,)))
        done: list[Done] = []
        assert wait_for(lambda: done.extend(worker.finished()) or done)
        assert np.array_equal(cache.views[3][0], left_at(np.arange(CHUNK_FRAMES)))
        worker.close()
    finally:
        cache.close()
    assert program.poll() is None


def test_a_stranger_who_has_an_orphans_port_and_says_nothing_is_left(tmp_path: Path) -> None:
    file = tmp_path / ORPHAN_FILE
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        file.write_text(json.dumps({"port": port, "key": "0f" * KEY_BYTES, "pid": os.getpid(), "loaded": "x"}))
        assert adopt(file, "x") is None


NOTICES = st.fixed_dictionaries(
    {
        "port": st.integers(-9, 70_000) | st.none(),
        "key": st.text("0123456789abcdefg", max_size=34) | st.just("0f" * 16),
        "pid": st.integers(-5, 1 << 40) | st.booleans(),
        "loaded": st.text(max_size=20) | st.integers(),
    },
    optional={"more": st.none()},
)
ANYTHING = st.recursive(st.none() | st.floats() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x))


@given(st.text() | (ANYTHING | NOTICES).map(json.dumps))
def test_an_orphans_file_is_taken_whole_or_refused_in_one_line(text: str) -> None:
    problem, notice = "", None
    try:
        notice = parse_notice(text)
    except ValueError as error:
        problem = str(error)
    if notice is None:
        assert problem.startswith("plugin-renderer: ")
        assert "\n" not in problem
    else:
        assert 0 < notice.port < 65536
        assert notice.pid > 0
        assert len(bytes.fromhex(notice.key)) == 16
