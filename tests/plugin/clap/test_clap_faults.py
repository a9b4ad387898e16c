"""What goes wrong between a plugin and its host: silence and a word, never a hang."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from bridge.plugin_link.codes import PluginState
from bridge.plugin_link.rendezvous import HOST_FILE, announce, find_host, withdraw, write_command
from musika_daw.host.plugin.session import PluginSession
from musika_daw.score.controls import Controls
from tests.plugin.clap.clap_host import ClapHost
from tests.plugin.plugin_stand_in import code_of, left_at

RATE = 48_000


def expected(first: int, last: int) -> np.ndarray:
    return left_at(np.arange(first, last))


def ready(one: ClapHost, frame: int = 0) -> bool:
    return one.wait(lambda: one.state == PluginState.READY, frame)


def test_without_a_host_it_is_silent_and_says_so(folder: Path, clap: Callable[..., ClapHost]) -> None:
    one = clap()
    assert np.all(one.play(0, RATE // 4, real_time=True) == 0)
    assert one.state == PluginState.NO_HOST
    assert one.status == 1


def test_a_bounce_without_a_host_fails_once_after_three_seconds(folder: Path, clap: Callable[..., ClapHost]) -> None:
    one = clap()
    one.set_offline(True)
    begin_s = time.perf_counter()
    assert np.all(one.process(0) == 0)
    assert 2.5 < time.perf_counter() - begin_s < 6
    assert one.status == 0
    assert one.state == PluginState.GAVE_UP
    begin_s = time.perf_counter()
    one.play(512, 512 + RATE)
    assert time.perf_counter() - begin_s < 2
    assert one.status == 0


def test_an_idle_daw_with_the_offline_flag_set_is_never_held_up(folder: Path, clap: Callable[..., ClapHost]) -> None:
    one = clap()
    one.set_offline(True)
    begin_s = time.perf_counter()
    for _ in range(100):
        one.process(0, playing=False)
    assert time.perf_counter() - begin_s < 1
    assert one.status == 1


def test_a_wrong_token_is_refused_and_logged(
    host: Callable[..., PluginSession], clap: Callable[..., ClapHost], folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    session = host()
    right = find_host()
    assert right is not None
    announce(right.port, bytes(16))
    with caplog.at_level(logging.WARNING, "bridge"):
        one = clap()
        assert one.wait(lambda: one.state == PluginState.REFUSED)
    assert "plugin: refused: wrong token" in caplog.text
    assert session.source.instances == []
    announce(right.port, right.token)
    assert ready(one)


def test_the_host_file_is_for_this_user_alone(host: Callable[..., PluginSession], folder: Path) -> None:
    host()
    assert (folder / HOST_FILE).stat().st_mode & 0o777 == 0o600


def test_a_renderer_that_is_killed_is_replaced_and_the_sound_comes_back(
    host: Callable[..., PluginSession], clap: Callable[..., ClapHost]
) -> None:
    session: PluginSession = host()
    one = clap(block=128)
    assert ready(one)
    os.kill(session.renderer_pid, signal.SIGKILL)
    first = 300 * RATE
    assert one.wait(lambda: one.state == PluginState.RENDERER_LOST, first)
    assert np.all(one.play(first, first + 12_800)[128:] == 0)
    assert ready(one, first)
    assert np.array_equal(one.play(first, first + 12_800)[:, 0], expected(first, first + 12_800))
    assert session.host.deaths == 1


def test_a_bounce_waits_for_a_renderer_that_was_killed(
    host: Callable[..., PluginSession], clap: Callable[..., ClapHost]
) -> None:
    session: PluginSession = host(slowness=0.3)
    one = clap()
    one.set_offline(True)
    audio = one.play(0, RATE)
    os.kill(session.renderer_pid, signal.SIGKILL)
    audio = np.concatenate([audio, one.play(RATE, 20 * RATE)])
    assert np.array_equal(audio[:, 0], expected(0, 20 * RATE))
    assert one.status == 1


def test_a_host_that_goes_costs_silence_and_its_sound_returns_within_a_second(
    host: Callable[..., PluginSession], clap: Callable[..., ClapHost]
) -> None:
    first_host: PluginSession = host()
    one = clap(block=128)
    assert ready(one)
    first_host.stop()
    assert one.wait(lambda: one.state == PluginState.NO_HOST)
    # what was sent plays on, then there is silence
    far = 600 * RATE
    assert np.all(one.play(far, far + 12_800)[128:] == 0)
    second: PluginSession = host()
    back_s = time.perf_counter()
    frame = far
    while True:
        audio = one.play(frame, frame + 1280, real_time=True)
        if np.array_equal(audio[:, 0], expected(frame, frame + 1280)):
            break
        frame += 1280
        assert time.perf_counter() - back_s < 1
    assert len(second.source.instances) == 1


def test_a_host_that_hangs_holds_nothing_up(folder: Path, clap: Callable[..., ClapHost]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        announce(silent.getsockname()[1], bytes(16))
        one = clap()
        begin_s = time.perf_counter()
        one.play(0, RATE)
        assert time.perf_counter() - begin_s < 1
        one.deactivate()
        assert time.perf_counter() - begin_s < 2
        one.activate()


def test_a_bounce_waits_for_a_host_that_is_slow_to_answer(
    folder: Path, host: Callable[..., PluginSession], clap: Callable[..., ClapHost]
) -> None:
    """As on a machine with much to do; it had given up after three seconds, and the rest of the bounce was silence."""
    with socket.create_server(("127.0.0.1", 0)) as busy:
        announce(busy.getsockname()[1], bytes(16))
        one = clap()

        def another() -> None:
            withdraw(bytes(16))
            host()

        later = threading.Timer(7, another)
        one.set_offline(True)
        later.start()
        audio = one.play(0, RATE // 2)
        later.join()
    assert one.status == 1
    assert np.array_equal(audio[:, 0], expected(0, RATE // 2))


def test_another_rate_empties_the_cache_and_is_rendered_anew(
    host: Callable[..., PluginSession], clap: Callable[..., ClapHost]
) -> None:
    session: PluginSession = host(RATE)
    one = clap(RATE)
    assert ready(one)
    one.deactivate()
    one.activate(96_000)
    assert one.wait(lambda: any(i.sample_rate_hz == 96_000 for i in session.source.instances))
    one.set_offline(True)
    audio = one.play(1000, 9000)
    # twice the rate: the same ramp in half-frames, up to the resampler's ripple away from its jumps
    assert np.allclose(audio[:, 0], np.interp(np.arange(1000, 9000) / 2, np.arange(6000), expected(0, 6000)), atol=1e-3)


def test_several_instances_at_once_each_have_their_own_timeline(
    host: Callable[..., PluginSession], clap: Callable[..., ClapHost]
) -> None:
    host()
    several = [clap(block=256) for _ in range(4)]
    for index, one in enumerate(several):
        one.set("seed", index)
        assert ready(one, index * RATE)
    for block in range(20):
        for index, one in enumerate(several):
            frame = index * RATE + block * 256
            audio = one.process(frame)
            assert np.array_equal(audio[:, 0], expected(frame, frame + 256))
    assert len({float(one.process(index * RATE)[-1, 1]) for index, one in enumerate(several)}) == 4


def test_a_song_restores_session_and_controls(
    host: Callable[..., PluginSession], clap: Callable[..., ClapHost]
) -> None:
    session: PluginSession = host()
    one, other = clap(), clap()
    for name, value in (("density", 40), ("gain_db", -3.25), ("seed", 17), ("bypass", 1)):
        one.set(name, value)
    one.process(0, playing=False)
    saved = one.save()
    assert saved != other.save()
    assert other.load(saved)
    assert other.save() == saved
    assert other.wait(lambda: len({i.hello.session for i in session.source.instances}) == 1)


@pytest.mark.parametrize("offline", [True, False])
def test_two_instances_of_one_state_each_play_their_own_music(
    offline: bool, host: Callable[..., PluginSession], clap: Callable[..., ClapHost]
) -> None:
    host()
    original = clap(block=512)
    original.process(0, playing=False)
    saved = original.save()
    copy = clap(block=512)
    assert copy.load(saved)
    both = {3: original, 8: copy}
    for seed, one in both.items():
        one.set("seed", seed)
        one.set("density", 10 * seed)
        one.set_offline(offline)
        if not offline:
            assert ready(one)
    begin_s = time.perf_counter()
    for block in range(300):
        for seed, one in both.items():
            if block == 150:
                one.set("density", 5 * seed)  # automation of one is none of the other
            audio = one.process(block * 512)
            assert np.array_equal(audio[:, 0], expected(block * 512, block * 512 + 512))
            density = (10 if block < 150 else 5) * seed / 100
            own = code_of(Fraction(120), Controls(seed=seed, style_seed=seed, morph_seed=seed + 1, density=density))
            if block not in range(150, 151 if offline else 200):  # a crossing; live it is rendered first
                assert np.all(audio[:, 1] == own)
        if not offline:
            time.sleep(max(0.0, begin_s + (block + 1) * 512 / RATE - time.perf_counter()))


def test_a_state_that_is_none_changes_nothing(folder: Path, clap: Callable[..., ClapHost]) -> None:
    one = clap()
    before = one.save()
    for data in (b"", b"{}", b'{"musika":2,"density":5}', b"\x00" * 100, b'{"musika":1' + b" " * 5000):
        assert not one.load(data)
        assert one.save() == before
    assert one.load(b'{"musika":1,"density":1e9,"energy":"x","style":9999999999999999999999,"session":"zz"}')
    assert b'"style":127.000' in one.save()


HOST = """
import sys
sys.path[:0] = {path!r}
from tests.plugin.plugin_stand_in import load
from musika_daw.score.controls import Controls
from musika_daw.host.plugin.session import PluginOptions, PluginSession
if __name__ == "__main__":
    import time
    session = PluginSession(PluginOptions("frames:48000:0", idle_s=2), load)
    session.start()
    while not session.is_over():
        time.sleep(0.05)
    session.stop()
"""


def test_it_starts_a_host_where_none_runs_and_that_ends_by_itself(
    folder: Path, clap: Callable[..., ClapHost], tmp_path: Path
) -> None:
    script = tmp_path / "host.py"
    script.write_text(HOST.format(path=[str(Path(__file__).parents[3])]))
    write_command([sys.executable, str(script)])
    one, other = clap(), clap()
    assert find_host() is None
    one.play(0, 9600, real_time=True)
    assert one.wait(lambda: one.state in (PluginState.STARTING, PluginState.READY))
    assert ready(one)
    assert ready(other)
    found = find_host()
    assert found is not None
    assert found.pid != os.getpid()
    one.deactivate()
    other.deactivate()
    end_s = time.perf_counter() + 20
    while find_host() is not None and time.perf_counter() < end_s:
        time.sleep(0.1)
    assert find_host() is None
    write_command([])  # off: nobody starts another
    one.activate()
    other.activate()


COLD_HOST = "import time\ntime.sleep(6)\n" + HOST  # a cold start: PyTorch, and a model to load


@pytest.mark.parametrize("before", ["at once", "made active again", "state loaded", "another instance"])
def test_a_bounce_waits_for_the_host_that_it_starts(
    before: str, folder: Path, clap: Callable[..., ClapHost], tmp_path: Path
) -> None:
    script = tmp_path / "host.py"
    script.write_text(COLD_HOST.format(path=[str(Path(__file__).parents[3])]))
    write_command([sys.executable, str(script)])
    one, other = clap(), clap()
    if before != "at once":
        # a DAW has run it for a while, and prepares it for the bounce
        first = other if before == "another instance" else one
        assert first.wait(lambda: first.state == PluginState.STARTING)
        if before == "made active again":
            one.deactivate()
            one.activate()
        elif before == "state loaded":
            assert one.load(other.save())
    one.set_offline(True)
    audio = one.play(0, RATE // 2)
    write_command([])
    assert one.status == 1
    assert np.array_equal(audio[:, 0], expected(0, RATE // 2))
    one.deactivate()
    other.deactivate()
    end_s = time.perf_counter() + 30
    while find_host() is not None and time.perf_counter() < end_s:
        time.sleep(0.1)
    assert find_host() is None


def test_a_host_is_not_started_where_that_is_switched_off(folder: Path, clap: Callable[..., ClapHost]) -> None:
    write_command([])
    one = clap()
    one.play(0, RATE // 2, real_time=True)
    assert one.state == PluginState.NO_HOST
    assert find_host() is None


def test_a_second_host_is_told_of_the_first(host: Callable[..., PluginSession]) -> None:
    from bridge import SourceError

    host()
    with pytest.raises(SourceError, match="a host for plugins runs already"):
        host()
