"""The corpus builder: same seed same corpus, resumed equals uninterrupted, split by piece."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import numpy as np
import pytest

from training.corpus import Corpus, split_of
from training.corpus.piano import PianoSongs, Sampler, build_piano, read_pieces
from training.corpus.piano.pieces import group_of_name, licence_of_folder

HOURS = 60 / 3600


def contents(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def built(
    tmp_path_factory: pytest.TempPathFactory, folder: Path, samples: Path
) -> tuple[Path, list[tuple[int, float]]]:
    out = tmp_path_factory.mktemp("corpus") / "a"
    seen: list[tuple[int, float]] = []
    build_piano(out, HOURS, [folder], samples, seed=3, composed=0, progress=lambda n, h: seen.append((n, h)))
    return out, seen


def test_corpus_holds_the_asked_hours(built: tuple[Path, list[tuple[int, float]]]) -> None:
    out, seen = built
    corpus = Corpus(out)
    assert corpus.seconds >= 60
    assert corpus.seconds - corpus.songs[-1].frames / 44_100 < 60
    assert [n for n, _ in seen] == list(range(1, len(corpus.songs) + 1))
    assert seen[-1][1] == pytest.approx(corpus.seconds / 3600)


def test_songs_carry_their_labels(built: tuple[Path, list[tuple[int, float]]]) -> None:
    corpus = Corpus(built[0])
    for song in corpus.songs:
        onsets = corpus.onset_frames(song)
        assert song.bpm is None
        assert song.beat0_frame is None
        assert 0 < len(onsets) <= song.extra["notes"] <= 40
        assert 0 <= onsets[0] < onsets[-1] < song.frames
        assert np.all(np.diff(onsets) > 0.03 * 44_100 - 2)
        assert -3 <= song.extra["transpose"] <= 3
        assert 0.85 <= song.extra["tempo"] <= 1.15
        assert 0 <= song.extra["density"] <= 1
        assert song.licence == "midi: CC0; samples: public domain"
        assert 0.01 < np.abs(corpus.audio(song)).max() <= 0.9


def test_first_pass_plays_every_piece_once(built: tuple[Path, list[tuple[int, float]]], folder: Path) -> None:
    songs = Corpus(built[0]).songs
    names = [s.extra["piece"] for s in songs[:6]]
    assert len(set(names)) == len(names)


def test_movements_share_a_split(built: tuple[Path, list[tuple[int, float]]]) -> None:
    for song in Corpus(built[0]).songs:
        assert song.split == split_of(song.extra["group"])
        assert song.extra["group"] == song.extra["piece"].removesuffix("_cut_mov_1").removesuffix("_cut_mov_2")


def test_same_seed_makes_the_same_corpus(
    built: tuple[Path, list[tuple[int, float]]], tmp_path: Path, folder: Path, samples: Path
) -> None:
    build_piano(tmp_path / "b", HOURS, [folder], samples, seed=3, composed=0)
    assert contents(tmp_path / "b") == contents(built[0])


def test_resumed_corpus_equals_an_uninterrupted_one(
    built: tuple[Path, list[tuple[int, float]]], tmp_path: Path, folder: Path, samples: Path
) -> None:
    out = tmp_path / "c"
    build_piano(out, HOURS / 3, [folder], samples, seed=3, composed=0)
    with open(out / "audio.i16", "ab") as file:
        file.write(b"torn song")
    with open(out / "songs.jsonl", "a") as file:
        file.write('{"name": "torn')
    build_piano(out, HOURS, [folder], samples, seed=3, composed=0)
    assert contents(out) == contents(built[0])
    build_piano(out, HOURS / 2, [folder], samples, seed=3, composed=0)
    assert contents(out) == contents(built[0])


def test_jobs_make_no_difference(
    built: tuple[Path, list[tuple[int, float]]], tmp_path: Path, folder: Path, samples: Path
) -> None:
    build_piano(tmp_path / "d", HOURS, [folder], samples, seed=3, composed=0, jobs=2)
    assert contents(tmp_path / "d") == contents(built[0])


def test_next_pass_plays_anew(folder: Path, sampler: Sampler) -> None:
    songs = PianoSongs(read_pieces([folder]), sampler, 0)
    first = {songs.piece_of(i).name: songs.song(i)[1].extra for i in range(6)}
    second = {songs.piece_of(i).name: songs.song(i)[1].extra for i in range(6, 12)}
    assert first.keys() == second.keys()
    assert all(first[name]["tempo"] != second[name]["tempo"] for name in first)


def test_corrupt_files_are_reported_by_name_and_left_out(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mixed = tmp_path / "mixed"
    shutil.copytree(folder, mixed)
    (mixed / "torn.mid").write_bytes(b"not midi")
    with caplog.at_level(logging.WARNING, "training.corpus"):
        pieces = read_pieces([mixed])
    assert len(pieces) == 6
    assert "torn.mid" in caplog.text


def test_catalog_groups_by_composer_and_performer(folder: Path, tmp_path: Path) -> None:
    rolls = tmp_path / "rolls_MIT"
    shutil.copytree(folder, rolls)
    (rolls / "catalog.csv").write_text(
        "file,roll_type,composer,performer,title\n"
        'Waltz.mid,x,"Bach, J",Ann,One\nMarch.mid,x,"Bach, J",Ann,Two\nAir.mid,x,,Ann,Three\n'
    )
    groups = {p.name: p.group for p in read_pieces([rolls])}
    assert groups["Waltz"] == groups["March"] == "Bach, J / Ann"
    assert groups["Air"] == "Air"


@pytest.mark.parametrize(
    ("stem", "group"),
    [
        ("Debussy_Estampes_R-YcnPXY2yE_cut_no_2", "Debussy_Estampes_R-YcnPXY2yE"),
        ("Beethoven_Sonata_3asWeutbY0c_cut_midi", "Beethoven_Sonata_3asWeutbY0c"),
        ("Bach_Prelude_gCL5Zvnt0TU_a", "Bach_Prelude_gCL5Zvnt0TU"),
        ("Waltz", "Waltz"),
    ],
)
def test_group_is_the_name_without_its_movement(stem: str, group: str) -> None:
    assert group_of_name(stem) == group


def test_licence_comes_from_the_folder(tmp_path: Path) -> None:
    assert licence_of_folder(tmp_path / "giant_CC-BY-4.0") == "CC-BY-4.0"
    assert licence_of_folder(tmp_path / "mine") == "unknown"


@pytest.mark.parametrize(("hours", "jobs", "name"), [(0, 1, "hours"), (1, 0, "jobs")])
def test_arguments_out_of_range_are_named(
    tmp_path: Path, folder: Path, samples: Path, hours: float, jobs: int, name: str
) -> None:
    with pytest.raises(ValueError, match=f"^{name}"):
        build_piano(tmp_path / "x", hours, [folder], samples, jobs=jobs)


def test_no_usable_files_is_an_error(tmp_path: Path, samples: Path) -> None:
    with pytest.raises(ValueError, match="no usable files"):
        build_piano(tmp_path / "x", 1, [tmp_path], samples)


def test_a_share_of_the_songs_is_composed(folder: Path, sampler: Sampler) -> None:
    songs = PianoSongs(read_pieces([folder]), sampler, 4, composed=0.5)
    names = [songs.piece_of(i).name for i in range(40)]
    assert 10 <= sum(name.startswith("composed-4-") for name in names) <= 30
    assert len({name for name in names if name.startswith("composed")}) > 9
    index = next(i for i, name in enumerate(names) if name.startswith("composed"))
    audio, labels = songs.song(index)
    assert labels.licence == "midi: CC0; samples: public domain"
    assert len(audio) / 44_100 > 60
    assert len(labels.notes) == labels.extra["notes"] > 10


def test_notes_lie_where_onsets_do(built: tuple[Path, list[tuple[int, float]]]) -> None:
    corpus = Corpus(built[0])
    for song in corpus.songs:
        notes = corpus.notes(song)
        begun = notes.onset[(notes.onset >= 0) & (notes.onset < song.frames)]
        distance = np.abs(begun[:, None] - corpus.onset_frames(song)).min(1)
        assert len(begun) == song.extra["notes"]
        assert distance.max() < 0.03 * 44_100 + 2
        assert (notes.off > notes.onset).all()
        assert notes.velocity.max() <= 1
