"""The notes of a piano corpus reach its generator as the roll of every excerpt."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from musika_daw.instrument.models import TINY, Encoder
from musika_daw.instrument.models.config import TINY_EARS, TINY_PIANO, config_of_latents
from musika_daw.instrument.models.generator import StringBank
from musika_daw.score import conditioning, roll
from tests.training.songs import write_corpus
from training.corpus import Corpus
from training.generator.excerpts import LatentExcerpts
from training.generator.gan import train_gan
from training.latents.encode import LatentCorpus, encode_corpus
from training.runs.recipes import GanSettings

SETTINGS = GanSettings(batch=4, warmup_steps=1, anneal=0.0, log_every=5, adversary_from_step=4, discriminator_width=16)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    root = tmp_path_factory.mktemp("notes")
    for kind in ("piano", "techno"):
        encode_corpus(write_corpus(root / kind, kind), Encoder(TINY.autoencoder).eval(), root / f"z-{kind}")
    return root


def test_latents_keep_the_notes_of_their_songs(folder: Path) -> None:
    corpus, latents = Corpus(folder / "piano"), LatentCorpus(folder / "z-piano")
    assert latents.score == "piano"
    assert LatentCorpus(folder / "z-techno").score != "piano"
    for song, coded in zip(corpus.songs, latents.songs, strict=True):
        notes = latents.notes(coded)
        np.testing.assert_allclose(notes.onset * latents.config.r_time, corpus.onset_frames(song))
        np.testing.assert_array_equal(notes.key, corpus.notes(song).key)


def test_an_excerpt_s_roll_strikes_where_its_notes_begin(folder: Path) -> None:
    latents = LatentCorpus(folder / "z-piano")
    data = LatentExcerpts(latents, TINY_PIANO.generator, SETTINGS)
    song = data.songs[0]
    start = 40
    told = data._score(np.random.default_rng(0), song, start)
    struck = told[:, : 2 * roll.KEYS].reshape(len(told), 2, roll.KEYS).sum(1)[:, 50 - roll.LOWEST_KEY]
    begun = np.floor(data.notes[song.name].onset).astype(int) - start
    expected = np.isin(np.arange(len(told)), begun)
    np.testing.assert_array_equal(struck > 0, expected)
    assert data.batch(0, 2).conditions.shape[-1] == conditioning.CHANNELS + roll.CHANNELS


def test_a_generator_with_a_score_trains_and_one_without_notes_is_refused(folder: Path, tmp_path: Path) -> None:
    losses = train_gan(folder / "z-piano", tmp_path / "gan", TINY_PIANO.generator, settings=SETTINGS, max_steps=8)
    assert np.isfinite(losses["rec"])
    with pytest.raises(ValueError, match="the notes of song-0 are not known"):
        train_gan(folder / "z-techno", tmp_path / "no", TINY_PIANO.generator, settings=SETTINGS, max_steps=1)


def test_a_configuration_has_its_piano_where_notes_are_known() -> None:
    assert config_of_latents("tiny", TINY.autoencoder, "piano") is TINY_PIANO
    assert config_of_latents("tiny", TINY.autoencoder, "") is TINY
    other = dataclasses.replace(TINY.autoencoder, fft=2048)
    assert config_of_latents("tiny", other, "piano") is TINY
    with pytest.raises(ValueError, match="config: 'huge'"):
        config_of_latents("huge", TINY.autoencoder, "piano")


@pytest.mark.parametrize("score", ["", "piano", "parts"])
def test_a_generator_of_parts_is_told_what_its_latents_have(score: str) -> None:
    assert config_of_latents("tiny-ears", TINY_EARS.autoencoder, score).generator.score == score


def test_strings_add_up() -> None:
    bank = StringBank()
    told = torch.zeros(1, 4, roll.CHANNELS)
    low, high = 2 * roll.KEYS + 20, 2 * roll.KEYS + 50
    told[0, 1, low], told[0, 2, high] = 0.8, 0.5
    told[0, 3, low], told[0, 3, high] = 0.8, 0.5
    silence, one, two, both = bank(told)[0].detach()
    assert (both >= torch.maximum(one, two) - 1e-6).all()
    assert (one > silence).any()
    # a key's loudest band is that of its fundamental
    octave = (one.argmax() * 9 / (bank.bands - 1)).item()
    assert octave == pytest.approx(20 / 12, abs=0.1)
