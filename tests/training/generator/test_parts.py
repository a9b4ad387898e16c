"""A generator that is told the parts of techno: what excerpts say, and that it trains."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from musika_daw.instrument.models import build_encoder
from musika_daw.instrument.models.config import TINY_EARS
from musika_daw.instrument.models.generator import PartBank
from musika_daw.score import conditioning, part_roll
from musika_daw.score.parts import DRUMS, PARTS
from tests.training.songs import write_corpus
from training.generator.discriminator import digest
from training.generator.excerpts import LatentExcerpts
from training.generator.gan import GanTrainer, train_gan
from training.latents.encode import LatentCorpus, encode_corpus
from training.runs.recipes import GanSettings

SETTINGS = GanSettings(
    batch=6, warmup_steps=1, anneal=0.0, log_every=5, adversary_from_step=2, discriminator_width=16, reader_width=16
)
CONFIG = TINY_EARS.generator
WHERE = part_roll.slices()


@pytest.fixture(scope="module")
def latents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    root = tmp_path_factory.mktemp("parts")
    encoder = build_encoder(TINY_EARS.autoencoder).eval()
    encode_corpus(write_corpus(root / "songs", parts=True), encoder, root / "latents")
    return root / "latents"


def scores(data: LatentExcerpts, batches: int = 20) -> torch.Tensor:
    """The scores of many excerpts, `[n, T, part_roll.CHANNELS]`."""
    return torch.cat([data.batch(i, 6).conditions[..., conditioning.CHANNELS :] for i in range(batches)])


def test_excerpts_tell_kicks_and_bass_where_they_begin(latents: Path) -> None:
    corpus = LatentCorpus(latents)
    assert corpus.score == "parts"
    told = scores(LatentExcerpts(corpus, CONFIG, replace(SETTINGS, drop_score=0.0, drop_part=0.0)))
    known = told[:, 0, WHERE["drums"].stop - 1] > 0
    # one song of four has no notes, and nothing is told of it
    assert 0.5 < known.float().mean() < 0.95
    assert not told[~known].any()
    kick = WHERE["drums"].start + list(DRUMS).index("kick")
    assert (told[known][..., kick] + told[known][..., kick + len(DRUMS)]).amax(1).min() > 0.3
    others = [c for c in range(WHERE["drums"].start, WHERE["drums"].stop - 1) if c not in (kick, kick + len(DRUMS))]
    assert not told[..., others].any()
    bass = told[known][..., WHERE["bass"]][..., : 3 * part_roll.KEYS].unflatten(-1, (3, part_roll.KEYS)).sum((0, 1, 2))
    assert bass.nonzero().flatten().tolist() == [40 - part_roll.LOWEST_KEY]


def test_parts_and_scores_are_left_out_as_often_as_set(latents: Path) -> None:
    data = LatentExcerpts(LatentCorpus(latents), CONFIG, replace(SETTINGS, drop_score=0.5, drop_part=0.5))
    flags = torch.stack([scores(data)[:, 0, WHERE[part].stop - 1] for part in PARTS], 1)
    some = flags[flags.any(1)]
    assert 0.2 < flags.any(1).float().mean() < 0.6
    assert 0.3 < some.mean() < 0.75
    assert len({tuple(row.tolist()) for row in some}) > 4


def test_it_trains_and_its_reader_minds_the_score(latents: Path, tmp_path: Path) -> None:
    losses = train_gan(latents, tmp_path / "run", CONFIG, settings=SETTINGS, max_steps=6)
    assert all(np.isfinite(value) for value in losses.values())
    trainer = GanTrainer(CONFIG, SETTINGS)
    assert trainer.reader is not None
    batch = LatentExcerpts(LatentCorpus(latents), CONFIG, SETTINGS).batch(0, 6)
    right = trainer.reader.error(batch.latents, batch.conditions)
    other = batch.conditions.clone()
    other[..., conditioning.CHANNELS :][..., WHERE["bass"]][..., :-1] = 1
    assert trainer.reader.error(batch.latents, other) > right


def test_a_digest_keeps_drums_and_folds_octaves() -> None:
    told = torch.zeros(1, part_roll.CHANNELS)
    told[0, WHERE["drums"].start + 3] = 0.5
    for octave in (0, 5):
        told[0, WHERE["chords"].start + 2 * part_roll.KEYS + 12 * octave + 7] = 0.25 * (1 + octave)
    read = digest(told)[0]
    assert read.shape == (part_roll.DIGEST,)
    assert read[3] == 0.5
    assert read[2 * len(DRUMS) + 24 + 7] == 1.5
    assert int((read > 0).sum()) == 2


def test_a_part_is_loudest_at_its_fundamental() -> None:
    told = torch.zeros(1, 1, part_roll.CHANNELS)
    told[0, 0, WHERE["lead"].start + 2 * part_roll.KEYS + 48] = 0.8
    bank = PartBank()
    out = bank(told)[0, 0].detach()
    assert out.shape == (bank.width,)
    lead = out[part_roll.WIDTHS["drums"] + bank.bands + part_roll.PLACES + 1 :][: bank.bands]
    assert lead.argmax().item() * 10 / (bank.bands - 1) == pytest.approx(4, abs=0.12)
