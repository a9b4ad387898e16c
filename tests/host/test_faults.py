"""The whole host against a scripted DAW: every move and every fault, in time and without a click."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from bridge import FakeTransport
from musika_daw.host.host import Host
from musika_daw.host.offline import Played
from tests.host.playing import NoiseRenderer

RATE = 48_000
RENDER_S = 0.12
Play = Callable[..., object]


def test_start_stop_locate_and_continue_are_on_the_grid(
    play: Callable[..., Played], errors_ms: Callable[..., np.ndarray], clicks: Callable[..., np.ndarray]
) -> None:
    fake = FakeTransport(120).play(0.5).halt(3.2).play(4).halt(5).locate(5.5, 32).play(6)
    played = play(fake, 9, render_s=RENDER_S)
    errors = errors_ms(played, fake)
    assert len(errors) > 12
    assert np.abs(np.delete(errors, 0)).max() < 0.1
    assert abs(errors[0]) < 2  # the start fell inside a block of 10.7 ms, and is faded in
    silent = played.audio[round(3.3 * RATE) : round(3.99 * RATE)]
    assert np.abs(silent).max() == 0
    assert played.host.player.underruns == 0


def test_sound_is_back_within_a_fifth_of_a_second_after_a_locate(
    play: Callable[..., Played], noise: NoiseRenderer
) -> None:
    fake = FakeTransport(120).play(0).locate(3.1, 300.3)
    played = play(fake, 5, noise, render_s=0.09)
    after = np.abs(played.audio[round(3.1 * RATE) :, 0])
    begin = 600 + np.flatnonzero(after[600:] > 0.05)[0]  # 600 frames: what was playing has faded
    assert begin / RATE < 0.2
    assert played.host.player.underruns == 0


def test_sound_is_back_as_soon_when_the_cache_is_full_of_other_places(
    play: Callable[..., Played], noise: NoiseRenderer
) -> None:
    fake = FakeTransport(120).play(0)
    times = [1.1 + 1.5 * number for number in range(14)]
    for number, at_s in enumerate(times):
        fake.locate(at_s, 100.3 * (number + 1))
    played = play(fake, 23, noise, render_s=0.09)
    assert len(played.host.cache.generations[0].chunks) > 200
    for at_s in times:
        after = np.abs(played.audio[round(at_s * RATE) :, 0])
        begin = 600 + np.flatnonzero(after[600:] > 0.05)[0]
        assert begin / RATE < 0.2


def test_what_lies_far_ahead_is_rendered_in_large_jobs(play: Callable[..., Played], noise: NoiseRenderer) -> None:
    play(FakeTransport(120).play(0), 30, noise, render_s=RENDER_S)
    # 30 s and 6 s ahead are 211 chunks, of 8 a job but for the first
    assert len(noise.calls) < 40


@pytest.mark.parametrize("rate", [48_000, 96_000, 192_000])
def test_at_a_high_rate_a_renderer_that_takes_its_time_comes_ahead_as_soon(
    play: Callable[..., Played], noise: NoiseRenderer, rate: int
) -> None:
    """The second at which three seconds are ready is the same: chunks of so many frames are shorter there."""
    ready: list[float] = []

    def look(now_s: float, host: Host) -> None:
        if host.scheduler.ahead(host.here(), host.grid) > 3:
            ready.append(now_s)

    play(FakeTransport(120).play(0), 6, noise, render_s=0.15, sample_rate_hz=rate, each_block=look)
    assert ready
    assert ready[0] < 2


@pytest.mark.parametrize("backwards", [1.0, 0.0])
def test_a_locate_while_playing_goes_on_in_time(
    play: Callable[..., Played], errors_ms: Callable[..., np.ndarray], backwards: float
) -> None:
    fake = FakeTransport(126).play(0).locate(3.3, backwards).locate(5.1, 64.5)
    played = play(fake, 8, render_s=RENDER_S)
    assert np.abs(errors_ms(played, fake, 3.6)).max() < 0.3


def test_a_loop_of_four_bars_wraps_without_a_gap(
    play: Callable[..., Played], errors_ms: Callable[..., np.ndarray], noise: NoiseRenderer
) -> None:
    fake = FakeTransport(128).loop(0, 4, 20).play(0.5)
    played = play(fake, 24, render_s=RENDER_S)
    assert np.abs(errors_ms(played, fake, 0.6)).max() < 0.1
    fake = FakeTransport(128).loop(0, 4, 20).play(0.5)
    played = play(fake, 24, noise, render_s=RENDER_S)
    wrap = round((0.5 + 20 * 60 / 128) * RATE)
    near = np.abs(played.audio[wrap - 4800 : wrap + 4800, 0])
    quiet = np.convolve(near, np.ones(240) / 240, "valid")
    assert quiet.min() > 0.02, "5 ms of near silence at the wrap"
    assert played.host.player.underruns == 0
    assert played.host.player.waits_frames == 0


def test_a_loop_that_is_shorter_than_a_block_is_survived(play: Callable[..., Played]) -> None:
    fake = FakeTransport(999).loop(0, 0, 0.25).play(0)
    played = play(fake, 3, render_s=RENDER_S)
    assert np.isfinite(played.audio).all()
    assert played.host.fill_errors == 0


def test_a_tempo_step_is_locked_again_within_a_beat(
    play: Callable[..., Played], errors_ms: Callable[..., np.ndarray]
) -> None:
    fake = FakeTransport(120).play(0).tempo(4.1, 140)
    played = play(fake, 9, render_s=RENDER_S)
    beat_s = 60 / 140
    assert np.abs(errors_ms(played, fake, 4.1 + beat_s)).max() < 1
    assert float(played.host.piece.bpm) == 140


def test_a_ramp_is_followed_while_it_lasts(play: Callable[..., Played], errors_ms: Callable[..., np.ndarray]) -> None:
    fake = FakeTransport(120).play(0).ramp(2, 150, over_s=5)
    played = play(fake, 10, render_s=RENDER_S)
    assert np.abs(errors_ms(played, fake, 0.5)).max() < 3
    assert np.abs(errors_ms(played, fake, 8)).max() < 0.3


def test_a_nudge_of_a_twentieth_of_a_bpm_drifts_nowhere(
    play: Callable[..., Played], errors_ms: Callable[..., np.ndarray]
) -> None:
    fake = FakeTransport(120).play(0).nudge(2, 0.05)
    played = play(fake, 20, render_s=RENDER_S)
    assert np.abs(errors_ms(played, fake, 0.5)).max() < 0.3


@pytest.mark.parametrize("ppm", [200.0, -200.0])
def test_a_device_whose_crystal_is_off_drifts_nowhere_and_never_clicks(
    play: Callable[..., Played],
    errors_ms: Callable[..., np.ndarray],
    noise: NoiseRenderer,
    largest_step: Callable[..., float],
    ppm: float,
) -> None:
    fake = FakeTransport(120).play(0)
    played = play(fake, 20, device_ppm=ppm, render_s=RENDER_S)
    late = errors_ms(played, fake, 1) - np.arange(len(errors_ms(played, fake, 1))) * 0.5 * ppm * 1e-3
    assert np.abs(late).max() < 0.6
    smooth = play(FakeTransport(120).play(0), 3, noise, render_s=RENDER_S)
    bent = play(FakeTransport(120).play(0), 20, noise, device_ppm=ppm, render_s=RENDER_S)
    reference = largest_step(smooth.audio[4800:])
    assert largest_step(bent.audio[4800 : 3 * RATE]) < 1.05 * reference


def test_ten_milliseconds_of_jitter_do_not_shake_the_grid(
    play: Callable[..., Played], errors_ms: Callable[..., np.ndarray]
) -> None:
    fake = FakeTransport(120).play(0).jitter(0, 12, 0.010)
    played = play(fake, 12, render_s=RENDER_S)
    errors = errors_ms(played, fake, 2)
    assert np.abs(errors).max() < 10
    assert np.ptp(errors) < 2.5


def test_lost_reports_are_bridged(play: Callable[..., Played], errors_ms: Callable[..., np.ndarray]) -> None:
    fake = FakeTransport(120).play(0).dropout(3, 1.5)
    played = play(fake, 8, render_s=RENDER_S)
    assert len(errors_ms(played, fake, 1)) >= 13
    assert np.abs(errors_ms(played, fake, 1)).max() < 0.3


def test_a_source_that_dies_is_stopped_and_followed_again_when_it_is_back(
    play: Callable[..., Played], errors_ms: Callable[..., np.ndarray]
) -> None:
    fake = FakeTransport(120).play(0).vanish(3, 8).play(9)
    played = play(fake, 13, render_s=RENDER_S)
    assert np.abs(played.audio[round(5.2 * RATE) : round(8.9 * RATE)]).max() == 0
    assert np.abs(errors_ms(played, fake, 9.1)).max() < 0.3


def test_what_is_made_of_the_sound_may_fail_while_the_sound_goes_on(
    play: Callable[..., Played], caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise RuntimeError("no such port")

    def listen(now_s: float, host: Host) -> None:
        if now_s > 1 and not host.on_fill:
            host.on_fill.append(fail)

    fake = FakeTransport(120).play(0)
    played = play(fake, 3, NoiseRenderer(), render_s=RENDER_S, each_block=listen)
    assert played.host.fill_errors > 100, "counted, block by block"
    assert [record.getMessage() for record in caplog.records] == ["the audio callback failed"]
    assert np.array_equal(played.audio, play(fake, 3, NoiseRenderer(), render_s=RENDER_S).audio)


def test_a_clock_that_runs_backwards_is_survived(play: Callable[..., Played]) -> None:
    fake = FakeTransport(120).play(0).locate(3, 2).locate(3.05, 1.9).locate(3.1, 1.8).locate(3.15, 1.7)
    played = play(fake, 6, render_s=RENDER_S)
    assert played.host.fill_errors == played.host.source_errors == 0
    assert np.abs(played.audio[round(4 * RATE) :]).max() > 0.2


@pytest.mark.parametrize("bpm", [20, 999])
def test_the_slowest_and_the_fastest_tempo_are_on_the_grid(
    play: Callable[..., Played], errors_ms: Callable[..., np.ndarray], bpm: int
) -> None:
    fake = FakeTransport(bpm).play(0).tempo(6.5, 120).tempo(8, bpm)
    played = play(fake, 12, render_s=0.05)
    assert np.abs(errors_ms(played, fake, 0.2, 6)).max() < 0.3
    assert np.abs(errors_ms(played, fake, 8.8)).max() < 0.5
    assert played.host.fill_errors == 0


def test_a_change_of_controls_is_heard_within_half_a_second_and_is_no_click(
    play: Callable[..., Played], noise: NoiseRenderer, largest_step: Callable[..., float]
) -> None:
    def turn(now_s: float, host: Host) -> None:
        if now_s >= 2 and host.live.get("seed") == 0:
            host.live.set("seed", 3)

    fake = FakeTransport(120).play(0)
    played = play(fake, 5, noise, render_s=RENDER_S, each_block=turn)
    place = np.arange(len(played.audio))
    old = 0.3 * np.sin(place * 0.0137) + 0.2 * np.sin(place * place * 1e-7 + 0.3)
    off = np.abs(played.audio[:, 0] - old) > 0.02
    changed = np.flatnonzero(off[RATE:])[0] + RATE
    assert 2 <= changed / RATE < 2.5
    assert largest_step(played.audio[changed - 100 : changed + 1000]) < 0.02
    assert played.host.player.underruns == 0


def test_playing_locating_and_looping_give_the_same_samples(play: Callable[..., Played], noise: NoiseRenderer) -> None:
    straight = play(FakeTransport(120).play(0), 10, noise, render_s=RENDER_S).audio
    located = play(FakeTransport(120).locate(0, 8).play(1), 6, noise, render_s=RENDER_S).audio
    looped = play(FakeTransport(120).loop(0, 8, 12).locate(0, 8).play(0), 8, noise, render_s=RENDER_S).audio
    inside = slice(RATE * 4 + 4800, RATE * 6 - 4800)  # beats 8 to 12, away from the fades
    want = straight[inside]
    for other, at in ((located, -3 * RATE), (looped, -2 * RATE), (looped, 0)):
        part = other[inside.start + at : inside.stop + at]
        assert np.abs(part - want).max() < 10 ** (-90 / 20)


def test_a_renderer_that_fails_is_told_and_survived(play: Callable[..., Played], noise: NoiseRenderer) -> None:
    class Failing(type(noise)):  # type: ignore[misc]
        def render(self, *arguments: object, **options: object) -> np.ndarray:
            raise RuntimeError("out of memory")

    played = play(FakeTransport(120).play(0), 2, Failing(), render_s=0.01)
    assert np.abs(played.audio).max() == 0
    assert "out of memory" in (played.host.scheduler.problem or "")


def test_a_source_that_raises_is_counted_and_the_host_stays_up(play: Callable[..., Played]) -> None:
    class Broken(FakeTransport):
        def latest(self):  # type: ignore[no-untyped-def]
            if self.clock() > 1:
                raise OSError("gone")
            return super().latest()

    played = play(Broken(120).play(0), 4, render_s=0.01)
    assert played.host.source_errors > 100
    assert np.abs(played.audio[:RATE]).max() > 0.2
