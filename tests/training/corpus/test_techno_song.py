from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from musika_daw.score.roll import ROLES as ROLE_NAMES
from training.corpus.store import Corpus, SongLabels, split_of
from training.corpus.techno import OneShots, build_techno, render_song
from training.corpus.techno.oneshots import read_oneshot, voice_of
from training.corpus.techno.parts import ROLES, draw_roles
from training.corpus.techno.report import beat_offset_ms, write_report

BARS = 8
Rendered = list[tuple[np.ndarray, SongLabels]]


@pytest.fixture(scope="module")
def songs() -> Rendered:
    return [render_song(11, index, None, BARS) for index in range(12)]


def test_length_beat_and_names(songs: Rendered) -> None:
    for index, (audio, labels) in enumerate(songs):
        assert labels.bpm is not None
        assert audio.dtype == np.float32
        assert audio.shape == (round(BARS * 4 * 60 / labels.bpm * 44_100), 2)
        assert labels.beat0_frame == 0.0
        assert labels.name == f"techno-11-{index:05d}"
        assert labels.split == split_of(labels.name)
        assert len(labels.extra["energy"]) == BARS
        assert all(0 <= e <= 1 for e in labels.extra["energy"])


def test_levels(songs: Rendered) -> None:
    for audio, _ in songs:
        assert np.isfinite(audio).all()
        assert 0.1 < np.abs(audio).max() <= 10 ** (-0.3 / 20)


def test_onsets_are_sorted_inside_and_not_doubled(songs: Rendered) -> None:
    for audio, labels in songs:
        onsets = labels.onset_frames
        assert onsets.dtype == np.int64
        assert len(onsets) > BARS * 4
        assert (np.diff(onsets) >= 441).all()
        assert onsets[0] >= 0
        assert onsets[-1] < len(audio)


def test_same_arguments_same_samples() -> None:
    first, again = (render_song(2, 3, None, 4) for _ in range(2))
    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1].onset_frames, again[1].onset_frames)
    assert first[1].extra == again[1].extra


def test_other_seed_or_index_is_another_song() -> None:
    base, by_seed, by_index = (render_song(s, i, None, 4)[0][:40_000] for s, i in ((2, 3), (3, 3), (2, 4)))
    for other in (by_seed, by_index):
        assert abs(np.corrcoef(base.mean(1), other.mean(1))[0, 1]) < 0.5


def test_kick_attack_is_on_the_sample_after_the_whole_mix(songs: Rendered) -> None:
    """The mean over the beats keeps what repeats with the kick; its edge must be on the beat within 1 ms."""
    for audio, labels in songs:
        if labels.extra["kick_beats"] < BARS * 4 or labels.bpm is None:
            continue  # broken kick, or a breakdown
        beat = 60 / labels.bpm * 44_100
        middle = audio.mean(1)
        frames = [round(b * beat) for b in range(1, BARS * 4)]
        mean = np.mean([middle[f - 300 : f + 300] for f in frames], axis=0)
        edge = np.abs(np.diff(mean))
        first = int(np.argmax(edge > 0.3 * edge.max())) + 1 - 300
        assert -2 <= first <= 44, labels.name


def test_report_times_beats_without_the_onset_labels(songs: Rendered) -> None:
    kick_only = np.zeros(44_100 * 8, np.float32)
    for beat in range(16):
        start = beat * 22_050
        t = np.arange(8000) / 44_100
        kick_only[start : start + 8000] = np.sin(2 * np.pi * 60 * t + 1.0) * np.exp(-t / 0.05)
    assert abs(beat_offset_ms(kick_only, 120.0, 0.0)) < 3
    assert beat_offset_ms(np.roll(kick_only, 882), 120.0, 0.0) == pytest.approx(20, abs=3)


def _folder(path: Path) -> Path:
    folder = path / "my-drums_CC0"
    folder.mkdir()
    t = np.arange(8000) / 48_000
    tone = np.sin(2 * np.pi * 80 * t + 1) * np.exp(-t / 0.05)
    late = np.concatenate([np.zeros(2400), tone])
    for name in ("kick_1.wav", "hat_open.wav", "snare-2.wav", "perc_a.wav", "clap.wav", "hat.wav"):
        soundfile.write(folder / name, np.stack([late, late], 1), 48_000)
    soundfile.write(folder / "loop_amen.wav", np.tile(late, 4), 48_000)
    (folder / "broken_kick.wav").write_bytes(b"RIFF")
    return folder


def test_oneshots_are_sorted_resampled_and_cut_to_their_attack(tmp_path: Path) -> None:
    shots = OneShots.load(_folder(tmp_path).parent)
    assert set(shots.voices) == {"kick", "open", "snare", "perc", "clap", "hat"}
    kick = shots.voices["kick"][0]
    assert kick.licence == "CC0"
    assert kick.audio.shape[0] == 2
    assert abs(kick.audio.shape[1] - 8000 * 44.1 / 48) < 60
    assert np.abs(kick.audio[:, :44]).max() > 0.5


@pytest.mark.parametrize(
    ("name", "voice"),
    [
        ("bd_klub", "kick"),
        ("10_oh_x", "open"),
        ("10_hh_x", "hat"),
        ("drum_cymbal_open", "crash"),
        ("sn_dub", "snare"),
        ("99930__menegass__noise-tom0", "tom"),
        ("Shaker04", "shaker"),
        ("Kick04", "kick"),
        ("tabla_na", "perc"),
        ("loop_amen", None),
        ("ambi_choir", None),
        ("bass_hit_c", None),
    ],
)
def test_voice_by_name(name: str, voice: str | None) -> None:
    found = voice_of(Path("kit") / f"{name}.flac")
    assert (found[0] if found else None) == voice


def test_unreadable_or_silent_file_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "kick.wav").write_bytes(b"no audio")
    soundfile.write(tmp_path / "hat.wav", np.zeros(4000), 44_100)
    assert read_oneshot(tmp_path / "kick.wav", 1.0) is None
    assert read_oneshot(tmp_path / "hat.wav", 1.0) is None
    with pytest.raises(ValueError, match="no short drum-like"):
        OneShots.load(tmp_path)


def test_song_with_samples_names_them_and_their_licence(tmp_path: Path) -> None:
    shots = OneShots.load(_folder(tmp_path).parent)
    used = [render_song(4, i, shots, 4)[1] for i in range(8)]
    assert any("CC0" in u.licence and u.extra["oneshots"] for u in used)
    assert all(u.licence == "generated, CC0-1.0" for u in used if not u.extra["oneshots"])


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two songs built one after the other by separate calls."""
    out = tmp_path_factory.mktemp("techno") / "corpus"
    build_techno(out, 0.001, seed=5)
    seen: list[tuple[int, float]] = []
    build_techno(out, 0.02, seed=5, progress=lambda songs, hours: seen.append((songs, hours)))
    assert [s for s, _ in seen] == [2]
    assert seen[-1][1] >= 0.02
    return out


def test_build_continues_with_the_songs_of_one_run(corpus: Path) -> None:
    found = Corpus(corpus)
    assert [s.name for s in found.songs] == ["techno-5-00000", "techno-5-00001"]
    audio, labels = render_song(5, 1, None)
    assert np.abs(found.audio(found.songs[1]) - audio).max() < 1e-4
    assert np.array_equal(found.onset_frames(found.songs[1]), labels.onset_frames)


def test_build_does_nothing_when_the_hours_are_there(corpus: Path) -> None:
    before = (corpus / "songs.jsonl").read_bytes(), (corpus / "audio.i16").stat().st_size
    build_techno(corpus, 0.01, seed=5)
    assert ((corpus / "songs.jsonl").read_bytes(), (corpus / "audio.i16").stat().st_size) == before


@pytest.mark.parametrize(("hours", "jobs", "message"), [(0.0, 1, "hours: 0.0"), (1.0, 0, "jobs: 0")])
def test_build_refuses(tmp_path: Path, hours: float, jobs: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build_techno(tmp_path / "c", hours, jobs=jobs)
    assert not (tmp_path / "c").exists()


def test_worker_processes_make_the_same_corpus(corpus: Path, tmp_path: Path) -> None:
    build_techno(tmp_path / "c", 0.001, seed=5, jobs=2)
    one, two = Corpus(corpus), Corpus(tmp_path / "c")
    assert np.array_equal(one.audio(one.songs[0]), two.audio(two.songs[0]))


def test_report(corpus: Path, tmp_path: Path) -> None:
    result = write_report(Corpus(corpus), tmp_path / "report")
    assert result["songs"] == result["measured"] == 2
    assert result["table"]["bpm"]["min"] >= 100
    assert (tmp_path / "report" / "spectrograms.png").read_bytes().startswith(b"\x89PNG")
    assert "| tempo in bpm |" in (tmp_path / "report" / "statistics.md").read_text()
    assert (tmp_path / "report" / "statistics.json").exists()
    assert not list((tmp_path / "report").glob("*.part"))


@pytest.fixture(scope="module")
def parts() -> Rendered:
    return [render_song(11, index, None, BARS, parts=True) for index in range(24)]


def test_parts_are_heard_alone_and_together(parts: Rendered) -> None:
    heard = [tuple(labels.extra["roles"]) for _, labels in parts]
    assert all(heard)
    assert any(len(roles) == 1 for roles in heard)
    assert any(len(roles) > 1 for roles in heard)
    drawn = [draw_roles(np.random.default_rng(i), list(ROLES)) for i in range(200)]
    assert {roles[0] for roles in drawn if len(roles) == 1} == set(ROLES)
    assert 0.35 < np.mean([roles == list(ROLES) for roles in drawn]) < 0.6


def test_only_what_sounds_has_onsets_and_notes(parts: Rendered) -> None:
    for audio, labels in parts:
        assert np.abs(audio).max() > 0.01
        assert len(labels.notes)
        assert {ROLE_NAMES[role] for role in labels.notes.roles} == set(labels.extra["roles"])
        begun = labels.notes.onset.astype(int)
        assert set(labels.onset_frames) <= set(begun)
        assert (np.diff(labels.notes.onset) >= 0).all()


def test_a_song_without_parts_is_what_it_was_before(songs: Rendered) -> None:
    whole = songs[3][1].extra["roles"]
    assert whole
    audio, labels = render_song(11, 3, None, BARS, parts=False)
    assert labels.extra["roles"] == whole
    assert np.array_equal(audio, songs[3][0])


def test_a_corpus_keeps_to_its_bars(tmp_path: Path) -> None:
    build_techno(tmp_path / "c", 0.001, seed=5, bars=4, parts="mixed")
    assert Corpus(tmp_path / "c").songs[0].extra["bars"] == 4
    with pytest.raises(ValueError, match="bars: 8, must be 4"):
        build_techno(tmp_path / "c", 0.02, seed=5, bars=8)
