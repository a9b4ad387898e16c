"""Parts go through everything that their loop does, and add up to it."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from musika_daw.sound.sounds import FORMATS, read_sound
from pack_builder.inspect import lines_of
from pack_builder.plan.apart import DYNAMICS
from pack_builder.plan.chain import EFFECTS, PRESETS, Chain, Effect
from pack_builder.record.manifest import read_manifest
from pack_builder.render.draw import RenderError
from pack_builder.render.effects import through
from pack_builder.render.finish import finish
from pack_builder.render.stems.apart import finished_apart, rest, shared
from pack_builder.render.stems.stems import below_full_scale, tolerance
from pack_builder.run.build import build
from pack_builder.verify import verify
from tests.pack_builder.pack_helpers import Silent
from tests.pack_builder.pack_stand_in import SOURCE, techno
from tests.pack_builder.test_stems import off, options_of

HEAVY = Chain(
    "custom",
    -9.0,
    limiter_db=10.0,
    clip_db=10.0,
    tail_s=0.5,
    effects=(
        Effect("highpass", (("cutoff_frequency_hz", 35.0),)),
        Effect("compressor", (("threshold_db", -30.0), ("ratio", 8.0), ("attack_ms", 1.0), ("release_ms", 60.0))),
        Effect("lowshelf", (("cutoff_frequency_hz", 70.0), ("gain_db", 4.0), ("q", 0.7))),
        Effect("delay", (("delay_s", 0.13), ("feedback", 0.3), ("mix", 0.2))),
        Effect("reverb", (("room_size", 0.4), ("damping", 0.5), ("wet", 0.2), ("dry", 0.8), ("width", 1.0))),
        Effect("chorus", (("rate_hz", 0.7), ("depth", 0.3), ("mix", 0.3))),
        Effect("saturation", (("drive_db", 8.0),)),
        Effect("gain", (("gain_db", -3.0),)),
    ),
)


def parts_of(seed: int, loud: float = 1.0) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """A loop and three parts of it, two of which partly take each other away."""
    drums, frames = techno(128, 1, seed=seed), round(240 / 128 * 44100)
    at = np.arange(frames)[:, None] / frames
    bass = (0.4 * loud * np.sin(2 * np.pi * 96 * at) * np.ones((1, 2))).astype(np.float32)
    lead = (-0.7 * bass + 0.1 * np.sin(2 * np.pi * 900 * at)).astype(np.float32)
    return drums + bass + lead, {"drums": drums, "bass": bass, "lead": lead}


@pytest.mark.parametrize("chain", [*(each["techno"] for each in PRESETS.values()), HEAVY], ids=lambda chain: chain.name)
@pytest.mark.parametrize("seed", range(3))
def test_parts_go_through_any_chain_as_their_loop_does(chain: Chain, seed: int) -> None:
    mix, parts = parts_of(seed, 1 + seed)
    whole, apart = finished_apart(chain, mix, parts, 44100)
    sound = through(chain, mix, 44100, True)
    expected, _, _ = finish(
        sound, 44100, chain.loudness_lufs, True, chain.ceiling_dbtp, chain.limiter_db, chain.clip_db
    )
    assert np.array_equal(whole, expected), "the loop is what it is without stems"
    assert np.abs(sum(apart.values()) - whole).max() < 2e-6
    assert all(np.isfinite(part).all() for part in apart.values())


def test_every_effect_is_known_to_work_on_parts() -> None:
    assert {effect.use for effect in HEAVY.effects} | {"lowpass", "highshelf", "peak"} == set(EFFECTS)
    assert set(DYNAMICS) < set(EFFECTS)


def test_a_part_that_rests_stays_silent() -> None:
    mix, parts = parts_of(1)
    silent = {**parts, "chords": np.zeros_like(mix)}
    assert not finished_apart(PRESETS["club"]["techno"], mix, silent, 44100)[1]["chords"].any()


@given(
    st.lists(st.lists(st.floats(-2, 2, width=32), min_size=6, max_size=6), min_size=1, max_size=4),
    st.lists(st.floats(-1, 1, width=32), min_size=6, max_size=6),
)
@example([[0.0, 1e-40, 0.0, 0.0, 0.0, 0.0]], [0.0, 1.0, 0.0, 0.0, 0.0, 0.0])
@settings(max_examples=50)
def test_a_change_is_shared_whole_and_by_size(values: list[list[float]], change: list[float]) -> None:
    parts = {f"{index}": np.array(part, np.float32).reshape(3, 2) for index, part in enumerate(values)}
    wanted = np.array(change, np.float32).reshape(3, 2)
    given_out = shared(parts, wanted)
    assert np.allclose(sum(given_out.values()) - sum(parts.values()), wanted, atol=1e-5)
    for name, part in parts.items():
        moved = np.abs(given_out[name] - part)
        assert (moved <= np.abs(wanted) + 1e-5).all()
        assert (moved[(part == 0) & (sum(map(np.abs, parts.values())) > 0)] == 0).all()


def test_parts_of_something_else_are_found() -> None:
    mix, parts = parts_of(0)
    with pytest.raises(RenderError, match="model x: the parts of a loop do not add up to it"):
        rest(mix * 1.01, parts, "model x")
    assert np.abs(rest(mix, parts, "model x")).max() < 1e-6


@pytest.mark.parametrize("name", [name for name, form in FORMATS.items() if not form.lossy])
@pytest.mark.parametrize("peak", [0.3, 1.0, 1.7])
def test_no_stem_is_clipped(name: str, peak: float) -> None:
    form = FORMATS[name]
    one = np.full((8, 2), peak, np.float32)
    parts, gain_db = below_full_scale({"bass": one, "lead": 0.3 - one}, form)
    if form.floating or peak < 1:
        assert gain_db == 0
        assert np.array_equal(parts["bass"], one)
        return
    assert gain_db == pytest.approx(-20 * math.log10(peak), abs=0.011)
    assert float(np.abs(parts["bass"]).max()) < 1
    assert np.allclose(parts["bass"] + parts["lead"], 0.3 * 10 ** (gain_db / 20), atol=1e-6)


def test_stems_that_would_pass_full_scale_are_turned_down_together_and_say_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(
        "tests.pack_builder.pack_stand_in.StandIn.stems",
        lambda self, bpm, bars, controls, rate, start_beat: parts_beyond(techno(bpm, bars, rate, controls.seed)),
    )
    for name in ("wav24", "wav32f"):
        out = tmp_path / name
        build(options_of(out, bpm="120", format=name), Silent(), SOURCE)
        [row] = read_manifest(out).rows
        assert row.stems is not None
        loudest = max(float(np.abs(read_sound(out / stem.file)[0]).max()) for stem in row.stems.files)
        assert (row.stems.gain_db < 0) == (name == "wav24") == (loudest < 1)
        assert off(out, row) <= tolerance(FORMATS[name], 2, loudest)
        assert verify(out).differences == ()
        said = dict(lines_of(out / row.stems.files[0].file))["stem"]
        assert said == f"drums of {Path(row.file).name}" + (
            f" at {row.stems.gain_db:g} dB" if row.stems.gain_db else ""
        )


def parts_beyond(mix: np.ndarray) -> dict[str, np.ndarray]:
    """Two parts far beyond full scale of which little more than the loop is left."""
    swing = (9 * np.sin(2 * np.pi * 40 * np.arange(len(mix)) / len(mix))).astype(np.float32)[:, None]
    return {"drums": mix + swing, "bass": -swing * np.ones((1, 2), np.float32)}
