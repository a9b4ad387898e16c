"""The plugin in a CLAP host, with a renderer whose every sample says which frame of the piece it is."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from musika_daw.host.plugin.session import PluginSession
from musika_daw.host.plugin.song_map import SAME_BEATS
from musika_daw.score.controls import Controls
from tests.plugin.clap.clap_host import ClapHost, Song, cached
from tests.plugin.engine_reference import PLUGIN_GAIN
from tests.plugin.plugin_stand_in import PERIOD, code_of, left_at

RATE = 48_000
CROSS = 256
FADE = 64


def expected(first: int, last: int) -> np.ndarray:
    return left_at(np.arange(first, last))


def test_in_real_time_every_sample_is_that_of_its_frame(
    host: Callable[..., PluginSession], clap: Callable[..., ClapHost]
) -> None:
    host()
    one = clap(block=128)
    cached(one, 0)
    audio = one.play(0, RATE, real_time=True)
    assert np.array_equal(audio[:, 0], expected(0, RATE))
    assert np.all(audio[:, 1] == code_of(Fraction(120), Controls(morph_seed=1, style_seed=0)))


def test_a_bounce_is_exact_from_its_first_sample_however_cold(
    host: Callable[..., PluginSession], clap: Callable[..., ClapHost]
) -> None:
    host()
    one = clap()
    one.set_offline(True)
    audio = one.play(480_000, 480_000 + 3 * RATE)
    assert np.array_equal(audio[:, 0], expected(480_000, 480_000 + 3 * RATE))


@pytest.mark.parametrize(("block", "rate_hz"), [(1, RATE), (37, 44_100), (1000, 96_000), (8192, 48_000)])
def test_block_sizes_and_rates_do_not_matter(
    block: int, rate_hz: int, host: Callable[..., PluginSession], clap: Callable[..., ClapHost]
) -> None:
    host(rate_hz)
    one = clap(rate_hz, block)
    one.set_offline(True)
    frames = min(rate_hz, 2000 * block)
    assert np.array_equal(one.play(77, 77 + frames)[:, 0], expected(77, 77 + frames))


def test_a_renderer_slower_than_real_time_delays_a_bounce_and_changes_nothing(
    host: Callable[..., PluginSession], clap: Callable[..., ClapHost]
) -> None:
    host(slowness=1.4)
    one = clap()
    one.set_offline(True)
    assert np.array_equal(one.play(0, 2 * RATE)[:, 0], expected(0, 2 * RATE))
    assert one.status != 0


def test_a_seek_to_what_is_cached_costs_nothing_and_back_too(
    host: Callable[..., PluginSession], clap: Callable[..., ClapHost]
) -> None:
    host()
    one = clap(block=128)
    cached(one, 0, 2)
    one.play(0, 12_800)
    for first in (40_000, 5_000, 77_777):
        audio = one.play(first, first + 12_800)
        # what played before dies away in the first 128 frames
        assert np.array_equal(audio[128:, 0], expected(first + 128, first + 12_800))
        assert np.abs(audio[:128, 0]).max() > 0


def test_a_seek_to_what_is_not_cached_is_silent_for_less_than_200_ms(
    host: Callable[..., PluginSession], clap: Callable[..., ClapHost]
) -> None:
    host()
    one = clap(block=128)
    cached(one, 0)
    one.play(0, 12_800, real_time=True)
    first = 50 * RATE
    audio = one.play(first, first + RATE, real_time=True)
    right = audio[:, 0] == expected(first, first + RATE)
    assert right[RATE // 5 :].all()
    assert np.all(audio[128 : int(np.argmax(right)) - FADE] == 0)


def test_a_loop_goes_round_without_a_gap(host: Callable[..., PluginSession], clap: Callable[..., ClapHost]) -> None:
    host()
    one = clap(block=500, song=Song(loop=(4.0, 6.0)))
    first, last = 96_000, 144_000
    cached(one, first)
    for _ in range(3):
        audio = one.play(first, last)
        assert np.array_equal(audio[128:, 0], expected(first + 128, last))


def test_a_block_that_crosses_the_end_of_the_loop_goes_on_at_its_start(
    host: Callable[..., PluginSession], clap: Callable[..., ClapHost]
) -> None:
    host()
    one = clap(block=512, song=Song(loop=(4.0, 6.0)))
    one.set_offline(True)
    one.play(96_000, 143_872)
    audio = one.process(143_872)
    assert np.array_equal(audio[:128, 0], expected(143_872, 144_000))
    assert np.array_equal(audio[128:, 0], expected(96_000, 96_384))
    assert np.array_equal(one.process(96_384)[:, 0], expected(96_384, 96_896))


def test_seven_eight_is_the_same_music_as_any_other_signature(
    host: Callable[..., PluginSession], clap: Callable[..., ClapHost]
) -> None:
    host()
    one = clap(song=Song(((0.0, 93.0),), numerator=7, denominator=8))
    one.set_offline(True)
    assert np.array_equal(one.play(0, 2 * RATE)[:, 0], expected(0, 2 * RATE))


STEPS = Song(((0.0, 120.0), (2.0, 150.0), (6.0, 90.5)))


def test_tempo_steps_are_met_on_their_frame_and_beat_for_beat(
    host: Callable[..., PluginSession], clap: Callable[..., ClapHost]
) -> None:
    host()
    one = clap(block=64, song=STEPS)
    one.set_offline(True)
    last = 4 * RATE
    audio = one.play(0, last)
    # 2 beats at 120, then 4 at 150: each tempo's frames are counted as if it had held from the start
    steps = [(0, 120.0), (48_000, 150.0), (48_000 + 76_800, 90.5), (last, 0.0)]
    for (first, bpm), (end, _) in itertools.pairwise(steps):
        beat = STEPS.at(first / RATE)[0]
        shift = round(beat * 60 * RATE / bpm) - first
        begin = first + (CROSS if first else 0)
        assert np.array_equal(audio[begin:end, 0], expected(begin + shift, end + shift))
        assert np.all(audio[begin:end, 1] == code_of(Fraction(str(bpm)), Controls(morph_seed=1, style_seed=0)))


def test_two_bounces_of_a_song_with_tempo_steps_and_automation_are_equal(
    host: Callable[..., PluginSession], clap: Callable[..., ClapHost]
) -> None:
    host()
    one = clap(block=128, song=STEPS)
    one.set_offline(True)

    def automate(frame: int) -> None:
        one.set("density", 20 + frame // 24_000 * 10)

    first = one.play(0, 3 * RATE, on_block=automate)
    second = one.play(0, 3 * RATE, on_block=automate)
    assert np.array_equal(first, second)
    fresh = clap(block=128, song=STEPS)
    fresh.set_offline(True)

    def automate_fresh(frame: int) -> None:
        fresh.set("density", 20 + frame // 24_000 * 10)

    assert np.array_equal(fresh.play(0, 3 * RATE, on_block=automate_fresh), first)


def test_on_a_tempo_ramp_the_beats_stay_within_a_960th(
    host: Callable[..., PluginSession], clap: Callable[..., ClapHost]
) -> None:
    host()
    song = Song(((0.0, 100.0), (8.0, 132.0), (16.0, 132.0)), ramp=True)
    one = clap(block=128, song=song)
    one.set_offline(True)
    audio = one.play(0, 5 * RATE)
    for frame in range(0, 5 * RATE, 997):
        beat, _ = song.at(frame / RATE)
        piece_frame = (audio[frame, 0] + 1) / 2 * PERIOD
        line_bpm = (audio[frame, 1] * 8192 - 150) / 37  # code_of, backwards
        assert abs(piece_frame * line_bpm / (60 * RATE) - beat) <= 1.2 * SAME_BEATS


def test_automation_is_heard_from_its_block_on(
    host: Callable[..., PluginSession], clap: Callable[..., ClapHost]
) -> None:
    host()
    one = clap(block=512)
    one.set_offline(True)
    one.set("seed", 3)
    before = one.play(0, 5120)
    one.set("density", 80)
    after = one.play(5120, 10_240)
    chosen: dict[str, Any] = {"seed": 3, "style_seed": 3, "morph_seed": 4}
    assert np.all(before[:, 1] == code_of(Fraction(120), Controls(**chosen)))
    assert np.all(after[CROSS:, 1] == code_of(Fraction(120), Controls(density=0.8, **chosen)))
    assert np.array_equal(after[:, 0], expected(5120, 10_240))


def test_a_turned_knob_is_crossed_over_to_in_real_time(
    host: Callable[..., PluginSession], clap: Callable[..., ClapHost]
) -> None:
    host()
    one = clap(block=128)
    cached(one, 0, 2)
    one.play(0, 4096, real_time=True)
    one.set("energy", 100)
    one.set("style", 9)
    audio = one.play(4096, 4096 + RATE, real_time=True)
    assert np.allclose(audio[:, 0], expected(4096, 4096 + RATE), atol=1e-6)
    new = code_of(Fraction(120), Controls(energy=1.0, style_seed=9, morph_seed=10))
    assert audio[-1, 1] == new
    changing = np.flatnonzero((audio[:, 1] != audio[0, 1]) & (audio[:, 1] != new))
    assert 0 < len(changing) <= CROSS
    assert np.abs(np.diff(audio[:, 1])).max() <= 1.2 * abs(new - audio[0, 1]) / CROSS


def test_an_instance_leaves_headroom_until_it_is_turned_up(host: Callable[..., PluginSession], built: Path) -> None:
    host()
    one = ClapHost(built / "musika-daw.clap", RATE, 256, full_scale=False)
    try:
        cached(one, 0)
        assert np.array_equal(one.process(0)[:, 0], expected(0, 256) * PLUGIN_GAIN)
        assert b'"gain_db":-15.000' in one.save()
    finally:
        one.close()


def test_gain_and_bypass_are_ramped_and_exact_when_at_rest(
    host: Callable[..., PluginSession], clap: Callable[..., ClapHost]
) -> None:
    host()
    one = clap(block=256)
    cached(one, 0)
    assert np.array_equal(one.process(0)[:, 0], expected(0, 256))
    one.set("gain_db", -20)
    one.process(256)
    assert np.allclose(one.process(512)[:, 0], expected(512, 768) * 0.1, atol=1e-7)
    one.set("bypass", 1)
    ramp = one.process(768)
    assert np.abs(ramp[-1]).max() == 0
    assert np.abs(ramp[0]).max() > 0.09
    assert np.all(one.process(1024) == 0)


def test_stopped_is_silent_after_a_short_tail(
    host: Callable[..., PluginSession], clap: Callable[..., ClapHost]
) -> None:
    host()
    one = clap(block=512)
    cached(one, 0)
    one.play(0, 5120)
    tail = one.process(5120, playing=False)
    assert np.abs(tail[:100]).min() > 0
    assert np.all(tail[128:] == 0)
    assert np.all(one.process(5120, playing=False) == 0)


def test_a_host_without_a_transport_hears_the_song_from_its_start(
    host: Callable[..., PluginSession], clap: Callable[..., ClapHost]
) -> None:
    host()
    one = clap()
    one.set_offline(True)
    for again in (lambda: None, one.reset, lambda: (one.deactivate(), one.activate())):
        again()
        audio = np.concatenate([one.process(0, has_transport=False) for _ in range(100)])
        assert np.array_equal(audio[:, 0], expected(0, 51_200))
        assert np.all(audio[:, 1] == code_of(Fraction(120), Controls(morph_seed=1, style_seed=0)))
    assert one.status == 1


FAR = (1 << 63) - 1


@pytest.mark.parametrize(
    "garbage",
    [
        {"loop_start_beats": -FAR, "loop_end_beats": FAR},
        {"bar_start": FAR},
        {"beats": FAR},
        {"numerator": 0, "denominator": 0},
        {"tempo": 0.0},
        {"tempo": float("nan")},
    ],
    ids=str,
)
@pytest.mark.parametrize("offline", [True, False])
def test_what_makes_no_sense_costs_itself_and_no_sound(
    garbage: dict[str, float], offline: bool, host: Callable[..., PluginSession], clap: Callable[..., ClapHost]
) -> None:
    """A host leaves in a loop that is off what was there, or tells no tempo for a while."""
    host()
    one = clap()
    told = one._transport

    def garbled(frame: int, playing: bool) -> Any:
        made = told(frame, playing)
        if frame >= RATE // 2:
            for name, value in garbage.items():
                setattr(made, name, value)
        return made

    one._transport = garbled  # type: ignore[method-assign]
    if not offline:
        cached(one, 0)
    one.set_offline(offline)
    audio = one.play(0, 2 * RATE, real_time=not offline)
    assert np.array_equal(audio[:, 0], expected(0, 2 * RATE))
