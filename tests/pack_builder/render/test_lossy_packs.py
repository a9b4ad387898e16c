"""Packs in lossy formats: measured on what a decoder gives back, below the ceiling, labelled and verified."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from musika_daw.sound.sounds import FORMATS, read_sound
from musika_daw.sound.tag_reader import read_tags
from pack_builder.inspect import lines_of
from pack_builder.plan.options import BuildOptions
from pack_builder.render.coded import coded
from pack_builder.render.finish import finish, measure
from pack_builder.run.build import build
from pack_builder.verify import _tag_differences, verify
from tests.pack_builder.pack_helpers import Silent
from tests.pack_builder.pack_stand_in import SOURCE


@pytest.mark.parametrize("form", ["ogg", "mp3"])
def test_a_pack_is_what_its_manifest_says(small: Callable[..., BuildOptions], form: str) -> None:
    options = small(format=form, finish="clean", one_shots="1", asked_key="Am", models=("techno:score", "piano:score"))
    built = build(options, Silent(), SOURCE)
    assert [gap.job for gap in built.manifest.gaps] == ["techno/shot/clap/0"]  # the stand-in has no claps
    assert verify(options.place.out, deep=True).differences == ()
    for row in built.manifest.rows:
        path = options.place.out / row.file
        assert path.suffix == f".{form}"
        samples, _ = read_sound(path)
        assert len(samples) == row.sound.frames
        assert measure(samples, 44_100, row.loops).true_peak_dbtp <= -1 + 0.03
        lines = dict(lines_of(path))
        if row.loops:
            assert f"loop, {row.music.bpm:g} bpm, 4 beats" in lines["tags"]
            assert lines["loop"] == f"loop from frame 0 to {row.sound.frames - 1} (the whole file)"
            assert lines["key"].startswith("Amin")
        assert "warning" not in lines
    assert f"{form.upper()}, 44.1 kHz, stereo." in (options.place.out / "README.txt").read_text()
    again = build(options.changed(out=options.place.out.with_name("again")), Silent(), SOURCE).manifest
    assert [row.sound.sha256 for row in again.rows] == [row.sound.sha256 for row in built.manifest.rows]


def test_tags_that_say_otherwise_are_told(small: Callable[..., BuildOptions]) -> None:
    options = small(format="ogg", kinds=("techno",), bpm="120")
    [row] = build(options, Silent(), SOURCE).manifest.rows
    from mutagen.oggvorbis import OggVorbis

    file = OggVorbis(options.place.out / row.file)
    file["BPM"], file["LOOPLENGTH"] = "121", "5"
    file.save()
    told = " ".join(difference.what for difference in verify(options.place.out).differences)
    assert "tags say 4 beats at 121, manifest 4 at 120" in told
    assert f"tags loop [(0, 4)], must be 0..{row.sound.frames - 1}" in told
    assert "sha256" in told


@pytest.mark.parametrize("form", ["ogg", "mp3", "wav24"])
def test_what_comes_back_is_below_the_ceiling(form: str) -> None:
    noise = np.random.default_rng(2).uniform(-1, 1, (44_100, 2)).astype(np.float32)  # what coders change most
    samples, _, level = finish(noise, 44_100, 0.0, True, -1.0)
    made = coded(samples, 44_100, FORMATS[form], True, -1.5, level)
    assert made.heard.shape == samples.shape
    if FORMATS[form].lossy:
        assert -2 < made.level.true_peak_dbtp <= -1.5 + 0.02
        assert made.level == measure(made.heard, 44_100, True)
        assert made.down_db > 0
    else:
        assert (made.level, made.down_db) == (level, 0)
    np.testing.assert_allclose(made.samples, samples * 10 ** (-made.down_db / 20), atol=1e-6)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"format": "mp3", "sample_rate": "96000"}, "--sample-rate: 96000, mp3 has at most 48000"),
        (
            {"format": "ogg", "stems": True},
            "--format: 'ogg', cannot be combined with --stems: they would not add up to the loop",
        ),
        ({"format": "m4a"}, "--format: 'm4a', must be one of wav24, wav16, wav32f, flac, aiff, ogg, mp3"),
    ],
)
def test_what_a_lossy_format_cannot_do_is_said(texts: dict, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        BuildOptions.parse(**texts)
    assert BuildOptions.parse(format="ogg", sample_rate="96000").finish.format == "ogg"


def test_a_key_that_an_older_pack_spells_otherwise_is_the_same_key(small: Callable[..., BuildOptions]) -> None:
    options = small(format="flac", kinds=("techno",), bpm="120")
    [row] = build(options, Silent(), SOURCE).manifest.rows
    tags = replace(read_tags(options.place.out / row.file), key="Bbmin")
    assert not list(_tag_differences(replace(row, music=replace(row.music, key="A#min")), tags))
    assert list(_tag_differences(replace(row, music=replace(row.music, key="Amin")), tags))
