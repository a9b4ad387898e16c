"""An engine whose model plays a score of parts: each apart, its drums from a kit, mixed on a desk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from musika_daw.instrument.engine import Engine
from musika_daw.instrument.kick import LEAD, late_s
from musika_daw.instrument.kit import Kits, begun
from musika_daw.instrument.models import build_decoder
from musika_daw.instrument.models.config import TINY_EARS
from musika_daw.instrument.models.generator import build_generator
from musika_daw.score.controls import Controls
from musika_daw.score.parts import DRUMS, PARTS
from musika_daw.score.roll import ROLES, Notes, sorted_notes
from musika_daw.score.tempo import TempoMap

RATE_HZ = 44_100
STYLE = dict.fromkeys(
    DRUMS.values(), np.random.default_rng(0).normal(size=TINY_EARS.generator.style).astype(np.float32)
)


@pytest.fixture(scope="module")
def engine() -> Engine:
    """A small model that knows nothing yet."""
    torch.manual_seed(1)
    config = TINY_EARS.generator
    return Engine(
        build_generator(config),
        build_decoder(TINY_EARS.autoencoder),
        config,
        mean=np.zeros(config.channels, np.float32),
        deviation=np.full(config.channels, 0.2, np.float32),
        labels=("phase", "tempo"),
        kind="techno",
        name="tiny",
        weights_hash="0",
    )


@pytest.fixture(scope="module")
def kits(engine: Engine) -> Kits:
    return engine.player.kits


def test_a_stretch_is_the_same_wherever_rendering_begins(engine: Engine) -> None:
    tempo, controls = TempoMap.constant(128), Controls(seed=5)
    whole, late = engine.render(0, 48, tempo, controls), engine.render(29, 19, tempo, controls)
    assert np.abs(whole[-len(late) :] - late).max() < 10 ** (-110 / 20) * np.abs(whole).max()


def test_stems_add_up_to_the_loop_and_leave_out_what_rests(engine: Engine) -> None:
    controls = Controls(seed=5, energy=1.0)
    stems, loop = engine.stems(126.5, 2, controls), engine.loop(126.5, 2, controls)
    assert set(stems) <= set(PARTS)
    assert {"drums", "bass"} <= set(stems)
    assert all(stem.shape == loop.shape for stem in stems.values())
    assert np.abs(sum(stems.values()) - loop).max() < 1e-5
    assert engine.stems(126.5, 2, replace(controls, parts=("bass",))).keys() == {"bass"}


def test_silence_is_silent(engine: Engine) -> None:
    calm = Controls(seed=5, energy=0.0, parts=("bass",))
    assert engine.stems(120, 1, calm) == {}
    assert engine.loop(120, 1, calm).shape == (88_200, 2)
    assert not engine.loop(120, 1, calm).any()


def test_a_loop_of_some_parts_is_another_and_has_a_key(engine: Engine) -> None:
    both, bass, again = (engine.loop(120, 2, Controls(seed=5, parts=p)) for p in (None, ("bass",), ("bass",)))
    assert both.shape == bass.shape == (2 * 4 * 22_050, 2)
    assert np.array_equal(bass, again)
    assert np.abs(both - bass).max() > 1e-4
    key = engine.key(Controls(seed=5))
    assert key is not None
    assert key[-3:] in ("min", "maj")


def test_muted_parts_leave_what_the_others_play(engine: Engine) -> None:
    tempo, asked = TempoMap.constant(125), ("bass", "lead", "chords")
    muted = engine.render(8, 4, tempo, Controls(seed=2, muted=("drums",)))
    assert np.array_equal(muted, engine.render(8, 4, tempo, Controls(seed=2, parts=asked)))
    assert np.abs(muted - engine.render(8, 4, tempo, Controls(seed=2))).max() > 1e-3
    assert not engine.render(8, 4, tempo, Controls(seed=2, parts=asked, muted=asked)).any()
    with pytest.raises(ValueError, match="muted: flute, must be some of"):
        Controls(muted=("flute",))


def test_parts_of_a_model_without_a_score_are_refused(tiny_model: Path) -> None:
    tiny = Engine.load(tiny_model)
    with pytest.raises(ValueError, match=r"parts: bass, but tiny plays no score of parts"):
        tiny.loop(120, 1, Controls(seed=5, parts=("bass",)))
    with pytest.raises(ValueError, match=r"stems: tiny plays no score of parts"):
        tiny.stems(120, 1)


def hits(*rows: tuple[float, str, float]) -> Notes:
    """Hits of drums: second, voice and velocity."""
    return sorted_notes([(at, at, DRUMS[voice], velocity, ROLES.index("drums")) for at, voice, velocity in rows])


def test_a_kick_is_the_same_kick_at_every_place(kits: Kits) -> None:
    at = [0.5, 1.2345, 2.0, 7.77]
    out = kits.play(hits(*((second, "kick", 1.0) for second in at)), STYLE, 0, 10 * RATE_HZ, tonic=9)
    kicks = [out[(n := round(second * RATE_HZ)) : n + 20_000] for second in at]
    assert np.abs(kicks[0]).max() > 0
    assert all(np.array_equal(kick, kicks[0]) for kick in kicks[1:])


def test_drums_are_the_same_wherever_a_stretch_is_cut_and_in_a_new_kit(engine: Engine, kits: Kits) -> None:
    rng = np.random.default_rng(3)
    notes = hits(
        *((float(rng.uniform(0, 8)), str(rng.choice(list(DRUMS))), float(rng.uniform(0.2, 1))) for _ in range(40))
    )
    whole = kits.play(notes, STYLE, 0, 8 * RATE_HZ, tonic=9)
    other = Kits(engine.player.latents, engine.decoder, engine.config.coordinate)
    for first, count in ((100_000, 50_000), (200_001, 1), (0, 8 * RATE_HZ)):
        assert np.array_equal(other.play(notes, STYLE, first, count, tonic=9), whole[first : first + count])


def test_a_closed_hat_ends_an_open_one_and_a_kick_the_last_kick(kits: Kits) -> None:
    for voice, ender in (("open", "hat"), ("kick", "kick")):
        alone = kits.play(hits((0.5, voice, 1.0)), STYLE, 0, RATE_HZ, tonic=9)
        both = kits.play(hits((0.5, voice, 1.0), (0.6, ender, 1.0)), STYLE, 0, RATE_HZ, tonic=9)
        second = kits.play(hits((0.6, ender, 1.0)), STYLE, 0, RATE_HZ, tonic=9)
        rest = both - second
        assert np.abs(alone[30_000:]).max() > 0
        assert np.abs(rest[26_700:]).max() < 1e-6
        assert np.array_equal(rest[:26_000], alone[:26_000])


def test_velocity_is_level(kits: Kits) -> None:
    loud, less = (kits.play(hits((0.1, "snare", v)), STYLE, 0, RATE_HZ, tonic=9) for v in (1.0, 0.3))
    assert np.allclose(less, 0.3 * loud, atol=1e-6)


@pytest.mark.parametrize("voice", DRUMS)
def test_a_hit_of_what_ships_begins_where_the_score_has_it(voice: str) -> None:
    parts = Engine.load("parts")
    style = np.random.default_rng(5).normal(size=parts.config.style).astype(np.float32)
    out = parts.player.kits.play(hits((0.5, voice, 1.0)), {DRUMS[voice]: style}, 0, 2 * RATE_HZ, tonic=9)
    onset = RATE_HZ // 2
    # within what is faded in: after a soft beginning that may be where it rises most
    assert begun(out, onset) == pytest.approx(onset, abs=LEAD)
    assert not out[: onset - 48].any()


@pytest.mark.parametrize("late", [-200, 0, 441, 900])
def test_a_hit_begins_with_its_click_and_not_with_the_breath_before_it(late: int) -> None:
    rng, at = np.random.default_rng(4), 20_000
    wave = np.zeros((40_000, 2))
    wave[at + late - 300 : at + late] = 0.01 * rng.normal(size=(300, 2))
    time = np.arange(8000)[:, None]
    click = 0.3 * np.exp(-time / 40) * np.cos(time * 0.36)
    wave[at + late : at + late + 8000] = np.exp(-time / 3000) * np.sin(time * 0.01) + click
    assert begun(wave, at) == pytest.approx(at + late, abs=8)


@pytest.mark.parametrize("voice", ["kick", "snare", "hat", "perc0"])
def test_hits_of_a_voice_are_about_as_loud_whatever_their_style(voice: str) -> None:
    parts = Engine.load("parts")
    rng, loudest_db = np.random.default_rng(6), []
    for _ in range(4):
        style = {DRUMS[voice]: rng.normal(size=parts.config.style).astype(np.float32)}
        power = np.square(parts.player.kits.play(hits((0.1, voice, 1.0)), style, 0, RATE_HZ, tonic=9)).mean(1)
        loudest_db.append(10 * np.log10(np.convolve(power, np.ones(2205) / 2205, "valid").max()))
    assert np.ptp(loudest_db) < 8


def test_a_hit_that_was_moved_to_its_beginning_begins_there() -> None:
    parts = Engine.load("parts")
    for seed in range(12):
        style = np.random.default_rng(seed).normal(size=parts.config.style).astype(np.float32)
        kick = parts.player.kits.whole(style, DRUMS["kick"])
        wave = np.concatenate([np.zeros((4000, 2), np.float32), kick])
        assert begun(wave, 4000 + LEAD) == pytest.approx(4000 + LEAD, abs=LEAD), seed


def test_a_kick_is_the_first_of_its_styles_that_strikes() -> None:
    parts = Engine.load("parts")
    kits, key = parts.player.kits, DRUMS["kick"]
    rng = np.random.default_rng(8)
    styles = [rng.normal(size=parts.config.style).astype(np.float32) for _ in range(6)]
    late = [late_s(kits.whole(style, key), RATE_HZ) for style in styles]
    assert min(late) <= 0 < max(late)
    first = next(index for index, seconds in enumerate(late) if seconds <= 0)
    assert kits.first_struck(styles, key) is styles[first]
    swelling = [style for style, seconds in zip(styles, late) if seconds > 0]
    least = min(seconds for seconds in late if seconds > 0)
    assert late_s(kits.whole(kits.first_struck(swelling, key), key), RATE_HZ) == pytest.approx(least, abs=0.01)


def test_kicks_of_fresh_seeds_strike() -> None:
    parts = Engine.load("parts")
    late = [late_s(parts.player.struck(DRUMS["kick"], Controls(seed=9000 + s)), RATE_HZ) for s in range(8)]
    assert sum(seconds <= 0 for seconds in late) >= 7
