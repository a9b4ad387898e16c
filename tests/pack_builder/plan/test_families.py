"""Kits, fills and one-shots: what belongs together, cut where it begins, labelled with what was measured."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from musika_daw.hearing.key import fit_of, key_of, pitch_of
from musika_daw.score.harmony import NOTES
from musika_daw.sound.riff_reader import read_header
from musika_daw.sound.tags import ACID_ONE_SHOT, ACID_ROOT_SET
from pack_builder.plan.jobs import plan
from pack_builder.plan.options import BuildOptions
from pack_builder.record.manifest import read_manifest
from pack_builder.render.one_shots.cut import LONGEST_S, cut_shot, in_tune
from pack_builder.run.build import build
from pack_builder.verify import verify
from tests.pack_builder.pack_helpers import Silent, audio_bytes
from tests.pack_builder.pack_stand_in import SOURCE, StandIn, struck, techno

Small = Callable[..., BuildOptions]


def test_a_kit_is_one_style_at_several_tempi_intensities_and_fills() -> None:
    options = BuildOptions.parse(bpm="120-130", kinds=("techno",), loops_per_bpm="0", kits="2")
    jobs = plan(options)
    assert len(jobs) == 28
    first = jobs[:14]
    assert Counter(job.role for job in first) == Counter(
        main=3, variation=2, low=1, mid=1, high=1, fill=2, kick=1, hat=1, clap=1, stab=1
    )
    assert len({job.style_seed for job in first}) == 1
    assert len({job.style_seed for job in jobs}) == 2
    assert len({job.word for job in jobs}) == len(jobs)
    by_role = {role: [job for job in first if job.role == role] for role in {job.role for job in first}}
    assert {job.bpm for job in by_role["main"]} == {120, 125, 130}
    together = [*by_role["main"], *by_role["low"], *by_role["mid"], *by_role["high"]]
    assert len({job.seed() for job in together}) == 1
    assert len({job.seed() for job in by_role["variation"]} | {together[0].seed()}) == 3
    energies = [by_role[role][0].energy for role in ("low", "mid", "high")]
    assert energies == sorted(energies)
    assert all((job.bars, job.start_beat) == (1, 12) for job in by_role["fill"])


def test_one_tempo_makes_a_smaller_kit() -> None:
    jobs = plan(BuildOptions.parse(bpm="128", kinds=("techno",), loops_per_bpm="0", kits="1"))
    assert sum(job.role == "main" for job in jobs) == 1


def test_a_kit_is_built_filed_together_and_verifies(small: Small, tmp_path: Path) -> None:
    options = small(kinds=("techno",), loops_per_bpm="1", kits="1", one_shots="1", bars="2")
    build(options, Silent(), SOURCE)
    manifest = read_manifest(options.place.out)
    rows = manifest.rows
    assert not verify(options.place.out, deep=True).differences
    kit = [row for row in rows if row.music.kit]
    assert len({row.music.kit for row in kit}) == 1
    assert {row.file.split("/")[0] for row in kit if row.music.shape != "shot"} == {"Kits"}
    fills = [row for row in rows if row.music.shape == "fill"]
    assert [(row.music.bars, row.music.beats) for row in fills] == [(1, 4), (1, 4)]
    shots = [row for row in rows if row.music.shape == "shot"]
    assert {row.music.role for row in shots} >= {"kick", "hat"}
    for row in shots:
        samples, _ = soundfile.read(options.place.out / row.file)
        tags = read_header(options.place.out / row.file).tags
        assert tags.acid is not None
        assert tags.acid.flags & ACID_ONE_SHOT
        assert bool(tags.acid.flags & ACID_ROOT_SET) == (row.music.root_note is not None)
        assert not tags.cues
        assert row.seconds <= LONGEST_S[row.music.role]
        assert np.abs(samples[-1]).max() < 1e-3
        assert row.quality.true_peak_dbtp == pytest.approx(-1, abs=0.1)
        assert np.abs(samples).max() <= 10 ** (-1 / 20) + 1e-4
        assert (row.music.bpm, row.music.beats, row.music.meter) == (None, None, None)
        assert row.music.likeness is not None
    again = small(
        kinds=("techno",), loops_per_bpm="1", kits="1", one_shots="1", bars="2", jobs="2", out=str(tmp_path / "two")
    )
    build(again, Silent(), SOURCE)
    assert audio_bytes(again.place.out) == audio_bytes(options.place.out)


def test_the_energy_of_a_kit_reaches_the_engine(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    heard = []
    loop = StandIn.loop

    def listening(self: StandIn, bpm: float, bars: int, controls: Any, *rest: int) -> np.ndarray:
        heard.append(controls.energy)
        return loop(self, bpm, bars, controls, *rest)

    monkeypatch.setattr(StandIn, "loop", listening)
    build(small(kinds=("techno",), loops_per_bpm="0", kits="1", bpm="120"), Silent(), SOURCE)
    assert {0.15, 0.5, 0.85, None} == set(heard)


@pytest.mark.parametrize("seed", range(4))
def test_a_kick_and_a_hat_are_cut_where_they_begin(seed: int) -> None:
    bpm, rate_hz = 125, 44100
    loop = techno(bpm, 2, rate_hz, seed)
    for sound in ("kick", "hat"):
        shot = cut_shot(loop, rate_hz, sound)
        assert shot is not None
        step_s = 60 / bpm / (1 if sound == "kick" else 4)
        nearest = round(shot.onset_s / step_s) * step_s
        assert abs(shot.onset_s - nearest) < 0.008
        assert len(shot.samples) >= 0.05 * rate_hz
        assert not shot.samples[0].any()
        assert not shot.samples[-1].any()


def test_nothing_is_cut_from_silence_or_for_a_sound_that_is_not_there() -> None:
    assert cut_shot(np.zeros((44100, 2), np.float32), 44100, "kick") is None
    tone = np.sin(np.arange(88200) * 0.1).astype(np.float32)[:, None].repeat(2, axis=1)
    assert cut_shot(tone, 44100, "hat") is None


@pytest.mark.parametrize(("hz", "name"), [(440.0, "A4"), (55.0, "A1"), (261.63, "C4"), (98.0, "G2")])
@pytest.mark.parametrize("sample_rate_hz", [44100, 96000])
def test_pitch_is_measured_to_the_cent(hz: float, name: str, sample_rate_hz: int) -> None:
    sound = struck(hz, 0.5, 0.4, sample_rate_hz)[:, None].repeat(2, axis=1)
    pitch = pitch_of(sound, sample_rate_hz)
    assert pitch is not None
    assert pitch.name == name
    assert abs(pitch.cents) < 5


@pytest.mark.parametrize("cents", [-43, 0, 31])
@pytest.mark.parametrize("sample_rate_hz", [44100, 96000])
def test_a_kick_between_two_notes_is_tuned_to_the_nearer(cents: int, sample_rate_hz: int) -> None:
    seconds = np.arange(round(0.4 * sample_rate_hz)) / sample_rate_hz
    note_hz = 55 * 2 ** (cents / 1200)  # A1
    phase = np.cumsum(note_hz + 300 * np.exp(-seconds / 0.006)) / sample_rate_hz
    hats = 0.05 * np.random.default_rng(1).standard_normal(len(seconds))
    kick = (np.sin(2 * np.pi * phase) * np.exp(-seconds / 0.15) + hats * np.exp(-seconds / 0.1)) * (seconds > 0)
    sound = kick[:, None].repeat(2, axis=1).astype(np.float32)
    tuned, pitch = in_tune(sound, sample_rate_hz, "kick")
    assert pitch is not None
    assert pitch.name == "A1"
    assert abs(pitch.cents) < 5
    assert len(tuned) == pytest.approx(len(sound) * 2 ** (cents / 1200), rel=0.003)
    assert not tuned[0].any()
    assert not tuned[-1].any()
    body = tuned[round(0.1 * sample_rate_hz) : round(0.35 * sample_rate_hz), 0]
    power = np.abs(np.fft.rfft(body * np.hanning(len(body)), 1 << 20))
    assert 12 * np.log2(power.argmax() * sample_rate_hz / (1 << 20) / 55) == pytest.approx(0, abs=0.1)


def test_what_has_no_pitch_is_left_as_it_is() -> None:
    noise = np.random.default_rng(1).standard_normal((13230, 2)).astype(np.float32)
    for sound in ("kick", "hat", "stab"):
        left, pitch = in_tune(noise, 44100, sound)
        assert pitch is None
        assert left is noise


def test_noise_has_no_pitch() -> None:
    noise = np.random.default_rng(1).standard_normal((22050, 2)).astype(np.float32)
    assert pitch_of(noise, 44100) is None
    assert pitch_of(noise[:100], 44100) is None


CHORDS = {
    "Cmaj": ((0, 4, 7), (5, 9, 12), (7, 11, 14), (0, 4, 7)),
    "Amin": ((9, 12, 16), (2, 5, 9), (4, 7, 11), (9, 12, 16)),
}


@pytest.mark.parametrize("shift", [0, 3, 7])
@pytest.mark.parametrize("name", CHORDS)
def test_a_clear_key_is_told_and_moves_with_the_music(name: str, shift: int) -> None:
    wave = np.concatenate(
        [sum(struck(261.63 * 2 ** ((note + shift) / 12), 1.0, 0.6, 44100) for note in chord) for chord in CHORDS[name]]
    )
    key, fit = key_of(wave[:, None].repeat(2, axis=1).astype(np.float32), 44100)
    notes = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
    assert key == notes[((0 if name == "Cmaj" else 9) + shift) % 12] + name[-3:]
    assert fit > 0.8


def test_a_key_that_is_hidden_in_noise_is_not_told_and_fits_best_all_the_same() -> None:
    bright = np.random.default_rng(3).standard_normal((4 * 44100, 1)).astype(np.float32) * 0.3
    chords = np.concatenate(
        [sum(struck(261.63 * 2 ** (note / 12), 1.0, 0.6, 44100) for note in chord) for chord in CHORDS["Amin"]]
    )[:, None]
    sound = (chords * 0.2 + bright)[: len(chords)].repeat(2, axis=1).astype(np.float32)
    assert key_of(sound, 44100)[0] is None  # too little of it is in tune to tell by itself
    fits = {f"{note}{mode}": fit_of(sound, 44100, f"{note}{mode}") for note in NOTES for mode in ("maj", "min")}
    assert max(fits, key=lambda key: fits[key]) == "Amin"
    assert fits["Amin"] > 0.6 > fits["Ebmaj"]
    assert fit_of(sound * 0, 44100, "Amin") == 0


def test_drums_and_noise_have_no_key() -> None:
    noise = np.random.default_rng(1).standard_normal((88200, 2)).astype(np.float32)
    assert key_of(noise, 44100)[0] is None
    assert key_of(noise * 0, 44100) == (None, 0.0)


def test_harmonics_of_a_hum_between_two_notes_are_no_key() -> None:
    """A model's own frame rate, 44100 / 2048 = 21.5 Hz, hums like a very flat F: no name for a loop."""
    seconds = np.arange(4 * 44100) / 44100
    hum = sum(np.sin(2 * np.pi * 44100 / 2048 * n * seconds) / n for n in range(4, 40))
    assert key_of(np.stack([hum, hum], axis=1).astype(np.float32), 44100)[0] is None
