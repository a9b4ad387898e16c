"""Finishing: presets and the user's own chains, seamless for loops, the same bytes every time."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from musika_daw.hearing.check import check_loop
from musika_daw.hearing.limits import broken
from pack_builder.plan.chain import EFFECTS, PRESETS, Chain, Effect, chains_of
from pack_builder.plan.options import BuildOptions, place_from
from pack_builder.plan.recipe import options_from
from pack_builder.record.manifest import read_manifest
from pack_builder.render.effects import holding_gains, through
from pack_builder.render.finish import finish, measure
from pack_builder.run.build import build
from tests.pack_builder.pack_helpers import Silent, audio_bytes
from tests.pack_builder.pack_stand_in import SOURCE, piano, techno

REVERB = Chain("custom", -12.0, tail_s=3.0, effects=(Effect("reverb", (("room_size", 0.5), ("wet", 0.4))),))


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("sample_rate_hz", [44100, 96000])
def test_presets_keep_a_good_loop_inside_the_limits(name: str, sample_rate_hz: int) -> None:
    chain = PRESETS[name]["techno"]
    raw = techno(128, 2, sample_rate_hz)
    sound = through(chain, raw, sample_rate_hz, loops=True)
    sound, _, level = finish(sound, sample_rate_hz, chain.loudness_lufs, True, chain.ceiling_dbtp, chain.limiter_db)
    assert len(sound) == len(raw)
    assert not broken(check_loop(sound, sample_rate_hz, 128, 8), level.loudness_lufs)
    again = measure(sound, sample_rate_hz, loops=True)
    assert again.true_peak_dbtp <= chain.ceiling_dbtp + 1e-3
    assert again.loudness_lufs <= chain.loudness_lufs + 0.05


def test_no_preset_but_none_lets_rumble_through() -> None:
    seconds = np.arange(4 * 44100) / 44100
    rumble = (0.2 + 0.3 * np.sin(2 * np.pi * 5 * seconds)).astype(np.float32)[:, None].repeat(2, axis=1)
    for name, kinds in PRESETS.items():
        heard = through(kinds["techno"], rumble, 44100, loops=True)
        assert (abs(float(heard.mean())) < 0.01) == (name != "none")


@pytest.mark.parametrize("chain", [PRESETS["club"]["techno"], REVERB])
def test_a_loop_comes_back_as_it_is_heard_in_its_tenth_round(chain: Chain) -> None:
    """The tail of each round lies on the next: the same as the loop written out many times and processed once."""
    loop = techno(140, 1)
    once = through(chain, loop, 44100, loops=True)
    written_out = through(chain, np.tile(loop, (10, 1)), 44100, loops=False)[: 10 * len(loop)]
    rest = once - written_out[-len(loop) :]
    assert 20 * np.log10(np.abs(rest).max() / np.abs(once).max()) < -60


def test_a_take_goes_on_until_its_tail_has_rung_out() -> None:
    take, _ = piano(3, 3)
    assert len(through(REVERB, take, 44100, loops=False)) == len(take) + 3 * 44100


def test_a_board_used_before_changes_nothing() -> None:
    loop = techno(140, 1)
    first = through(REVERB, loop, 44100, loops=True)
    through(REVERB, piano(3, 3)[0], 44100, loops=False)
    assert np.array_equal(through(REVERB, loop, 44100, loops=True), first)


def hold_peaks(samples: np.ndarray, ceiling: float, loops: bool) -> np.ndarray:
    gains = holding_gains(samples, 44100, ceiling, loops)
    return samples if gains is None else samples * gains


@pytest.mark.parametrize("loops", [True, False])
def test_peaks_are_held_at_the_ceiling_and_the_rest_is_left_alone(loops: bool) -> None:
    sound = (0.1 * np.sin(np.arange(44100) * 0.05)).astype(np.float32)[:, None].repeat(2, axis=1)
    for place in (2, 20000, 44098):
        sound[place] = 0.9
    held = hold_peaks(sound, 0.3, loops)
    assert np.abs(held).max() <= 0.3 * 1.001
    assert np.array_equal(held[8000:18000], sound[8000:18000])
    assert holding_gains(held * 0.5, 44100, 0.3, loops) is None


@given(st.integers(1, 3000), st.integers(0, 1000), st.floats(0.05, 1.0), st.booleans())
def test_no_peak_is_over_the_ceiling_however_short_or_wild(frames: int, seed: int, ceiling: float, loops: bool) -> None:
    rng = np.random.default_rng(seed)
    wild = (rng.normal(size=(frames, 2)) * np.exp(2 * rng.normal(size=(frames, 1)))).astype(np.float32)
    held = hold_peaks(wild, ceiling, loops)
    assert held.shape == wild.shape
    assert np.abs(held).max() <= ceiling * (1 + 1e-5)
    assert (np.abs(held) <= np.abs(wild)).all()


def test_a_limiter_makes_a_peaky_sound_louder() -> None:
    raw = techno(128, 1)
    raw[1000] = 3.0
    plain = finish(raw, 44100, -12.0, True)[2]
    held = finish(raw, 44100, -12.0, True, limiter_db=6.0)[2]
    assert held.loudness_lufs > plain.loudness_lufs + 3
    assert held.true_peak_dbtp <= -1


@pytest.mark.parametrize("more_db", [0.5, 1.5, 2.5])
@pytest.mark.parametrize("loops", [True, False])
def test_the_target_is_reached_where_the_limiter_may_do_enough(more_db: float, loops: bool) -> None:
    raw = techno(128, 1) if loops else piano(4, 3)[0]
    reached = finish(raw, 44100, 0.0, loops)[2].loudness_lufs
    sound, _, level = finish(raw, 44100, reached + more_db, loops, limiter_db=12.0)
    assert level.loudness_lufs == pytest.approx(reached + more_db, abs=0.1)
    assert measure(sound, 44100, loops).loudness_lufs == pytest.approx(level.loudness_lufs, abs=0.02)
    assert level.true_peak_dbtp <= -1
    weak = finish(raw, 44100, reached + more_db, loops, limiter_db=more_db / 4)[2]
    assert weak.loudness_lufs < reached + more_db - 0.1


TOML = """
loudness_lufs = -14
ceiling_dbtp = -2.0
limiter_db = 3
tail_s = 0.5
[[effect]]
use = "highpass"
cutoff_frequency_hz = 40
[[effect]]
use = "delay"
delay_s = 0.25
mix = 0.2
"""


def test_an_own_chain_is_read_used_and_kept_in_the_recipe(small: Callable[..., BuildOptions], tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(TOML)
    options = small(finish=str(path))
    chain = options.finish.chain("techno")
    assert (chain.loudness_lufs, chain.ceiling_dbtp, chain.tail_s) == (-14.0, -2.0, 0.5)
    assert [effect.use for effect in chain.effects] == ["highpass", "delay"]
    build(options, Silent(), SOURCE)
    manifest = read_manifest(options.place.out)
    assert {row.source.finish for row in manifest.rows} == {"custom"}
    assert all(
        row.quality.true_peak_dbtp is not None and row.quality.true_peak_dbtp <= -2 + 1e-3 for row in manifest.rows
    )
    takes = [row for row in manifest.rows if row.music.shape == "take"]
    assert all(row.sound.frames == 88200 + 22050 for row in takes)
    assert options_from(manifest.recipe, place_from({})).finish.chain("techno") == chain
    path.unlink()
    other = small(finish="none", out=str(tmp_path / "other"))
    build(other, Silent(), SOURCE)
    assert not set(audio_bytes(other.place.out).values()) & set(audio_bytes(options.place.out).values())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("loudness_lufs = 3", "loudness_lufs 3, must be within -40..-5"),
        ("loud = 3", "'loud' is not one of effect, loudness_lufs"),
        ("[[effect]]\nuse = 'echo'", "effect use 'echo', must be one of highpass"),
        ("[[effect]]\nuse = 'gain'\ndb = 3", "gain 'db', must be one of gain_db"),
        ("[[effect]]\nuse = 'gain'\ngain_db = 300", "gain gain_db 300, must be within -60..60"),
        ("[[effect]]\nuse = 'gain'\ngain_db = true", "gain gain_db True, must be within -60..60"),
        ("[[effect]]\nuse = 'vst3'\npath = '/no/such.vst3'", "vst3 path '/no/such.vst3', must be a file or bundle"),
        ("[[effect]]\nuse = 'vst3'\ncolour = 1", "vst3 'colour', must be one of path"),
        ("effect = 3", "effect must be a list of tables"),
        ("loudness_lufs = ", "invalid value"),
    ],
)
def test_wrong_chains_are_refused_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match="--finish") as refused:
        chains_of(str(path), ("techno",))
    assert message.lower() in str(refused.value).lower()
    assert "\n" not in str(refused.value)


def test_a_vst3_that_does_not_load_is_named_before_anything_is_written(
    small: Callable[..., BuildOptions], tmp_path: Path
) -> None:
    (tmp_path / "x.vst3").write_bytes(b"no plugin")
    path = tmp_path / "mine.toml"
    path.write_text(f"[[effect]]\nuse = 'vst3'\npath = '{tmp_path / 'x.vst3'}'")
    options = small(finish=str(path))
    with pytest.raises(ValueError, match=r"^--finish: vst3 .*x\.vst3: [^\n]+$"):
        build(options, Silent(), SOURCE)
    assert not options.place.out.exists()


def test_every_effect_of_the_table_can_be_made() -> None:
    loop = techno(200, 1)
    for use, (_, table) in EFFECTS.items():
        values = tuple((name, (low + high) / 2) for name, (_, low, high) in table.items())
        heard = through(Chain("custom", -12.0, effects=(Effect(use, values),)), loop, 44100, loops=True)
        assert heard.shape == loop.shape, use
        assert np.isfinite(heard).all(), use


def test_a_missing_file_is_named() -> None:
    with pytest.raises(ValueError, match=r"--finish: 'nowhere\.toml', no such file"):
        chains_of("nowhere.toml", ("techno",))
