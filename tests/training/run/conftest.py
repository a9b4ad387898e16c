"""A trained tiny model, made once for the tests of runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from musika_daw.instrument.models import TINY
from tests.training.run.tiny import QUICK, QUICK_GAN
from training.autoencoder.trainer import train_autoencoder
from training.generator.gan import train_gan
from training.latents.encode import encode_corpus
from training.weights import encoder_of


@dataclass(frozen=True)
class Stages:
    """Folders of a corpus and of what was trained on it."""

    corpus: Path
    autoencoder: Path
    latents: Path
    gan: Path


@pytest.fixture(scope="package")
def stages(corpus_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Stages:
    folder = tmp_path_factory.mktemp("stages")
    train_autoencoder([corpus_path], folder / "ae", TINY.autoencoder, settings=QUICK, max_steps=4)
    encode_corpus(corpus_path, encoder_of(folder / "ae"), folder / "z", made_with=folder / "ae")
    train_gan(folder / "z", folder / "gan", TINY.generator, settings=QUICK_GAN, max_steps=4)
    return Stages(corpus_path, folder / "ae", folder / "z", folder / "gan")
