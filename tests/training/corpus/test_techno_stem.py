"""Stems: one part of a piece by itself, and kits hit by hit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from musika_daw.score.parts import DRUMS
from musika_daw.score.roll import ROLES as ROLE_NAMES
from musika_daw.score.techno.grid import rng_of
from musika_daw.score.techno.piece import draw_piece
from training.corpus.store import Corpus, SongLabels
from training.corpus.techno import build_techno
from training.corpus.techno.mix import Mixer
from training.corpus.techno.mixdown import mixdown
from training.corpus.techno.parts import ROLES
from training.corpus.techno.stem import LATENT, render_stem

Rendered = list[tuple[np.ndarray, SongLabels]]


@pytest.fixture(scope="module")
def stems() -> Rendered:
    return [render_stem(11, index, None, 4) for index in range(40)]


def test_a_stem_is_one_part_with_its_notes(stems: Rendered) -> None:
    heard = [labels.extra["roles"] for _, labels in stems]
    assert {role for roles in heard for role in roles} == set(ROLES)
    for audio, labels in stems:
        assert {ROLE_NAMES[role] for role in labels.notes.roles} == set(labels.extra["roles"])
        assert 0.005 < np.abs(audio).max() < 1


def test_a_kit_has_its_hits_at_the_starts_of_latents(stems: Rendered) -> None:
    kits = [(audio, labels) for audio, labels in stems if labels.extra["roles"] == ["drums"]]
    kicks = [labels for _, labels in kits if DRUMS["kick"] in labels.notes.key]
    assert len(kicks) > len(kits) / 2
    for audio, labels in kits:
        onsets = labels.notes.onset.astype(int)
        assert not (onsets % LATENT).any()
        assert labels.bpm is None
        assert not np.abs(audio[: onsets[0]]).max() > 1e-4


def test_a_stem_is_the_same_again(stems: Rendered) -> None:
    audio, labels = render_stem(11, 7, None, 4)
    assert np.array_equal(audio, stems[7][0])
    assert labels.name == stems[7][1].name


def test_only_in_a_mix_does_a_pad_make_way_for_kicks() -> None:
    piece = draw_piece(3, 3)
    grid = piece.grid(2)

    def mixed(kicks: list[int], apart: bool) -> np.ndarray:
        mixer = Mixer(grid.frames)
        mixer.bus("pad")[:] = np.sin(np.arange(grid.frames) / 20, dtype=np.float32)
        return mixdown(mixer, grid, piece.style, kicks, rng=rng_of(3, 3, "mix"), apart=apart)

    kicks = [round(grid.beat_frames * beat) for beat in range(8)]
    assert np.array_equal(mixed(kicks, True), mixed([], True))
    assert np.array_equal(mixed([], False), mixed([], True))
    beat = slice(kicks[4] + 100, kicks[4] + 3000)
    assert np.abs(mixed(kicks, False)[:, beat]).max() < 0.8 * np.abs(mixed([], False)[:, beat]).max()


def test_a_corpus_of_parts_apart(tmp_path: Path) -> None:
    build_techno(tmp_path / "c", 0.01, seed=5, bars=4, parts="apart")
    songs = Corpus(tmp_path / "c").songs
    assert len(songs) > 2
    assert all(len(song.extra["roles"]) == 1 for song in songs)
