"""Styles of songs: what is hidden in their latents is found, apart for each voice, and told where it sounds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from musika_daw.instrument.models.config import TINY_EARS, to_dict
from musika_daw.score.parts import DRUMS
from musika_daw.score.roll import ROLES
from training.generator.excerpts import LatentExcerpts
from training.generator.gan import train_gan
from training.generator.styles import Styles
from training.latents.encode import LatentCorpus
from training.runs.recipes import GanSettings

CHANNELS, FRAMES, SONGS, HIDDEN = TINY_EARS.generator.channels, 80, 160, 3
SETTINGS = GanSettings(
    batch=4, warmup_steps=1, anneal=0.0, log_every=5, adversary_from_step=10, style_told=True, lambda_obey=0.0
)
Row = tuple[float, float, int, float, int]


def write_latents(folder: Path, songs: Sequence[tuple[np.ndarray, Sequence[Row]]], bpm: float | None) -> LatentCorpus:
    """Latents `[T, C]` and notes of songs, every eighth of them held out, as `encode` leaves them."""
    folder.mkdir()
    rows, start, note_start = [], 0, 0
    for number, (latents, notes) in enumerate(songs):
        split = "valid" if number % 8 == 7 else "train"
        place = {"bpm": bpm, "beat0_frame": None if bpm is None else 0.0}
        span = {"start": start, "frames": len(latents), "note_start": note_start, "notes": len(notes)}
        rows.append({"name": f"song-{number}", "split": split, **span, **place})
        start, note_start = start + len(latents), note_start + len(notes)
    np.concatenate([latents for latents, _ in songs]).astype(np.float16).tofile(folder / "latents.f16")
    np.zeros((start, 2), np.float32).tofile(folder / "labels.f32")
    np.array([row for _, notes in songs for row in notes], np.float64).tofile(folder / "notes.f64")
    index: dict[str, object] = {
        "kind": "techno",
        "encoder_hash": "0",
        "autoencoder": to_dict(TINY_EARS.autoencoder),
        "songs": rows,
    }
    index |= {"mean": [0.0] * CHANNELS, "deviation": [1.0] * CHANNELS}
    index["note_columns"] = ["onset", "off", "key", "velocity", "role"]
    (folder / "latents.json").write_text(json.dumps(index))
    return LatentCorpus(folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("styles") / "lines"


@pytest.fixture(scope="module")
def lines(folder: Path) -> tuple[LatentCorpus, np.ndarray]:
    """Basses whose timbre is a hidden vector `[SONGS, HIDDEN]`, in latents of which each key also moves some."""
    rng = np.random.default_rng(1)
    hidden, axes = rng.normal(size=(SONGS, HIDDEN)), rng.normal(size=(HIDDEN, CHANNELS)) / 4
    of_key = rng.normal(size=(128, CHANNELS)) / 4
    songs = []
    for song in range(SONGS):
        notes = [(float(at), at + 3.0, int(rng.integers(30, 54)), 0.8, ROLES.index("bass")) for at in range(0, 76, 5)]
        latents = 0.1 * rng.normal(size=(FRAMES, CHANNELS))
        for on, off, key, *_ in notes:
            latents[int(on) : int(off)] += of_key[key] + hidden[song] @ axes
        songs.append((latents, notes))
    return write_latents(folder, songs, 120.0), hidden


def explained(codes: np.ndarray, hidden: np.ndarray, songs: np.ndarray) -> float:
    """Share of what is hidden that a straight line from the codes, fitted to the other songs, tells of `songs`."""
    told = np.concatenate([codes, np.ones((len(codes), 1))], 1)
    line = np.linalg.lstsq(told[~songs], hidden[~songs], rcond=None)[0]
    return 1 - float(np.square(hidden[songs] - told[songs] @ line).mean() / hidden[songs].var())


def codes_of(styles: Styles, corpus: LatentCorpus, at: int) -> np.ndarray:
    return np.array([styles.excerpt(song, at, 1)[0] for song in corpus.songs])


def test_what_is_hidden_is_told_of_songs_that_were_held_out_too(lines: tuple[LatentCorpus, np.ndarray]) -> None:
    corpus, hidden = lines
    codes = codes_of(Styles(corpus, 4), corpus, 0)
    held_out = np.array([song.split == "valid" for song in corpus.songs])
    assert explained(codes, hidden, held_out) > 0.9


def test_styles_of_songs_are_as_those_that_are_drawn(lines: tuple[LatentCorpus, np.ndarray]) -> None:
    corpus, _ = lines
    codes = codes_of(Styles(corpus, 4), corpus, 0)
    learned = codes[[song.split == "train" for song in corpus.songs]]
    assert np.abs(learned.mean(0)).max() < 1e-3
    assert np.allclose(np.cov(learned.T), np.eye(4), atol=1e-3)


def test_a_style_lasts_for_its_song_whatever_is_heard_of_it(lines: tuple[LatentCorpus, np.ndarray]) -> None:
    corpus, _ = lines
    styles = Styles(corpus, 4)
    whole = styles.excerpt(corpus.songs[3], 0, FRAMES)
    assert whole.shape == (FRAMES, 4)
    assert np.ptp(whole, axis=0).max() == 0
    assert np.array_equal(styles.excerpt(corpus.songs[3], 31, 7), whole[31:38])


def kit(rng: np.random.Generator, hidden: np.ndarray, axes: np.ndarray) -> tuple[np.ndarray, list[Row]]:
    """A kick and a clap, each with a hidden vector of its own."""
    latents = 0.05 * rng.normal(size=(FRAMES, CHANNELS))
    notes: list[Row] = []
    for number, (at, voice) in enumerate(((10, "kick"), (40, "clap"))):
        notes.append((float(at), float(at), DRUMS[voice], 1.0, ROLES.index("drums")))
        fall = 0.8 ** np.arange(12)[:, None]
        latents[at : at + 12] += fall * (1 + hidden[number] @ axes[number])
    return latents, notes


def test_each_drum_of_a_kit_has_a_style_of_its_own_from_its_hit_on(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    hidden, axes = rng.normal(size=(SONGS, 2, HIDDEN)), rng.normal(size=(2, HIDDEN, CHANNELS)) / 2
    songs = [kit(rng, of_song, axes) for of_song in hidden]
    corpus = write_latents(tmp_path / "kits", songs, None)
    styles = Styles(corpus, HIDDEN)
    held_out = np.array([song.split == "valid" for song in corpus.songs])
    for number, at in enumerate((10, 40)):
        codes = codes_of(styles, corpus, at)
        assert explained(codes, hidden[:, number], held_out) > 0.9
        assert explained(codes, hidden[:, 1 - number], held_out) < 0.3
    told = styles.excerpt(corpus.songs[0], 0, FRAMES)
    assert np.flatnonzero(np.diff(told, axis=0).any(1)).tolist() == [39]


def test_songs_of_several_parts_have_no_style_of_one(tmp_path: Path) -> None:
    notes = [(1.0, 2.0, 40, 1.0, ROLES.index("bass")), (1.0, 2.0, 60, 1.0, ROLES.index("lead"))]
    corpus = write_latents(tmp_path / "mixed", [(np.zeros((FRAMES, CHANNELS)), notes)], 120.0)
    with pytest.raises(ValueError, match=r"style_told: 'song-0', plays bass, lead, each song must be of one part"):
        Styles(corpus, 4)


def test_styles_of_nothing_known_are_refused(tmp_path: Path) -> None:
    corpus = write_latents(tmp_path / "silent", [(np.zeros((FRAMES, CHANNELS)), [])], 120.0)
    with pytest.raises(ValueError, match=r"style_told: True, no notes are known of these latents"):
        Styles(corpus, 4)


def test_a_voice_of_one_song_has_the_style_of_all(tmp_path: Path) -> None:
    notes = [(1.0, 2.0, 40, 1.0, ROLES.index("bass"))]
    corpus = write_latents(tmp_path / "one", [(np.ones((FRAMES, CHANNELS)), notes)], 120.0)
    assert not Styles(corpus, 4).excerpt(corpus.songs[0], 0, FRAMES).any()


def test_training_is_told_the_styles(lines: tuple[LatentCorpus, np.ndarray], folder: Path, tmp_path: Path) -> None:
    corpus, _ = lines
    data = LatentExcerpts(corpus, TINY_EARS.generator, SETTINGS)
    style = data.batch(0, 4).style
    assert style is not None
    assert style.shape == (4, data.frames, TINY_EARS.generator.style)
    first = data.batch(0, 4).first(2).style
    assert first is not None
    assert torch.equal(first, style[:2])
    assert LatentExcerpts(corpus, TINY_EARS.generator, replace(SETTINGS, style_told=False)).batch(0, 4).style is None
    losses = train_gan(folder, tmp_path / "run", TINY_EARS.generator, settings=SETTINGS, max_steps=4)
    assert all(np.isfinite(value) for value in losses.values())


def test_parts_come_equally_often_if_so_asked(tmp_path: Path) -> None:
    drums = [(float(at), float(at), 36, 1.0, ROLES.index("drums")) for at in range(0, 250, 10)]
    bass = [(float(at), at + 5.0, 40, 1.0, ROLES.index("bass")) for at in range(0, 250, 10)]
    latents = np.zeros((260, TINY_EARS.generator.channels), np.float16)
    songs = [(latents, drums)] * 6 + [(latents, bass)] * 1 + [(latents, [])] * 3  # one of these is held out
    corpus = write_latents(tmp_path / "songs", songs, 120.0)
    for asked, shares in ((False, (6 / 9, 1 / 9, 2 / 9)), (True, (3.5 / 9, 3.5 / 9, 2 / 9))):
        data = LatentExcerpts(corpus, TINY_EARS.generator, GanSettings(balance_parts=asked))
        of_part = [sorted(set(data.notes[song.name].roles.tolist())) for song in data.songs]
        drawn = [sum(c for c, p in zip(data.chances, of_part) if p == part) for part in ([1], [2], [])]
        np.testing.assert_allclose(drawn, shares)
