"""Loops of the piano that ships: exact bars, in tempo, in the key and the chords that were asked, with MIDI beside."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
import soundfile

from musika_daw.hearing.onsets import note_onsets_s
from musika_daw.score.chords import progression_named
from musika_daw.score.midi_file import MidiMusic, decode_midi
from musika_daw.score.roll import fade_s
from musika_daw.sound.labels import read_labels
from pack_builder.again import options_extended
from pack_builder.inspect import lines_of
from pack_builder.plan.jobs import jobs_of
from pack_builder.plan.options import BuildOptions, place_from
from pack_builder.plan.recipe import options_from, recipe_of
from pack_builder.render.source import MUSIKA
from pack_builder.run.build import Result, build
from pack_builder.verify import verify
from tests.pack_builder.pack_helpers import Silent, page_data
from tests.pack_builder.pack_stand_in import SOURCE

CHORDS = "Am | F | C | G"


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Result:
    out = tmp_path_factory.mktemp("piano") / "pack"
    options = BuildOptions.parse(
        kinds=("piano",),
        bpm="97.5,140",
        loops_per_bpm="2",
        density="0.3-0.7",
        takes="2",
        take_seconds="6",
        chords=CHORDS,
        asked_key="Am",
        jobs="1",
        out=str(out),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pack_builder.publish.page.EMBEDDED_S", 0)
        return build(options, Silent(), MUSIKA)


def chroma(samples: np.ndarray, rate_hz: int) -> np.ndarray:
    """Energy of the twelve pitch classes between 60 Hz and 2 kHz, of unit length."""
    spectrum = np.abs(np.fft.rfft(samples.mean(1) * np.hanning(len(samples)))) ** 2
    frequency_hz = np.fft.rfftfreq(len(samples), 1 / rate_hz)
    inside = (frequency_hz > 60) & (frequency_hz < 2000)
    classes = np.rint(69 + 12 * np.log2(frequency_hz[inside] / 440)).astype(int) % 12
    found = np.sqrt(np.bincount(classes, spectrum[inside], 12))
    return np.asarray(found / np.linalg.norm(found))


def chroma_of(music: MidiMusic) -> np.ndarray:
    """What `chroma` should hear of notes: strings that fall as theirs do, with six partials each, of unit length."""
    found, notes, tick_s = np.zeros(12), music.notes, 60 / music.bpm / music.ppq
    for on, off, key, velocity in zip(notes.onset, notes.off, notes.key, notes.velocity, strict=True):
        fall_s = fade_s(key)
        energy = velocity**2 * fall_s * (1 - np.exp(-2 * (off - on) * tick_s / fall_s))
        for partial in range(1, 7):
            pitch = key + 12 * np.log2(partial)
            if 60 < 440 * 2 ** ((pitch - 69) / 12) < 2000:
                found[round(pitch) % 12] += energy / partial**2
    return np.asarray(np.sqrt(found) / np.linalg.norm(np.sqrt(found)))


def test_loops_are_exact_in_tempo_and_seamless(pack: Result) -> None:
    folder = pack.folder
    loops = [row for row in pack.manifest.rows if row.music.shape == "loop"]
    assert [row.music.bpm_exact for row in loops] == ["195/2", "195/2", "140", "140"]
    assert [row.music.density_asked for row in loops] == [0.3, 0.7, 0.3, 0.7]
    for row in loops:
        assert row.file.startswith("Loops/Piano_Loops/")
        assert row.file.endswith("_Amin.wav")
        assert row.sound.frames == round(16 * 60 * 44_100 / Fraction(row.music.bpm_exact))
        assert abs(row.quality.tempo_error_pct) < 0.5
        assert row.quality.beat_offset_ms < 10
        assert row.quality.seam_score <= 0.3
        assert row.quality.seam_step < 1
        assert row.quality.loudness_lufs == pytest.approx(-18, abs=0.5)
        labels = read_labels(folder / row.file)
        assert (labels.bpm, labels.beats, labels.key, labels.shape) == (row.music.bpm, 16, "Amin", "loop")
        lines = dict(lines_of(folder / row.file))
        assert "loop" in lines["acid"]
        assert "16 beats" in lines["midi"]
        assert "warning" not in lines
    assert verify(folder, deep=True).differences == ()


def test_what_is_heard_is_what_is_written(pack: Result) -> None:
    for row in pack.manifest.rows:
        samples, rate_hz = soundfile.read(pack.folder / row.file, always_2d=True)
        written = chroma_of(decode_midi((pack.folder / row.midi.file).read_bytes()))
        heard = chroma(samples, rate_hz)
        others = [float(heard @ np.roll(written, turn)) for turn in range(1, 12)]
        assert float(heard @ written) > max(0.8, *others), row.file


def test_each_bar_has_its_chord(pack: Result) -> None:
    chords, right = progression_named(CHORDS), 0
    for row in pack.manifest.rows:
        if row.music.shape != "loop":
            continue
        samples, rate_hz = soundfile.read(pack.folder / row.file, always_2d=True)
        for number, bar in enumerate(np.array_split(samples, 4)):
            heard = chroma(bar, rate_hz)
            right += max(range(4), key=lambda i: float(heard[list(chords[i].tones)].sum())) == number
    assert right >= 12  # of 16; chance has 4: neighbours share tones, and a melody goes through the scale


def test_takes_begin_with_their_first_note(pack: Result) -> None:
    takes = [row for row in pack.manifest.rows if row.music.shape == "take"]
    assert len(takes) == 2
    for row in takes:
        samples, rate_hz = soundfile.read(pack.folder / row.file, always_2d=True)
        assert note_onsets_s(samples, rate_hz)[0] <= 0.05
        assert np.abs(samples[: round(0.05 * rate_hz)]).max() > 10 ** (-30 / 20)


def test_a_pack_says_where_its_piano_loops_are(pack: Result) -> None:
    folder = pack.folder
    assert "4 loops of 4 bars in 4/4, 97.5 to 140 bpm" in (folder / "README.txt").read_text()
    assert '"kind": "piano"' in page_data(folder)[0]
    project = next((folder / "Projects").glob("*_140bpm.rpp")).read_text()
    assert 'NAME "Piano loops"' in project
    assert 'NAME "Piano loops piano"' in project


def test_loops_are_there_only_where_they_are_asked_for(small: Callable[..., BuildOptions]) -> None:
    def shapes(**texts: object) -> list[tuple[str, str]]:
        values = {"loops_per_bpm": None, "bpm": "128", "takes": "1"} | texts
        return [(job.kind, job.shape) for job in jobs_of(small(**values).music)]

    take, techno, piano = ("piano", "take"), ("techno", "loop"), ("piano", "loop")
    assert shapes() == [techno, techno, take]
    assert shapes(loops_per_bpm="1") == [techno, take]
    assert shapes(kinds=("piano",)) == [take]
    assert shapes(kinds=("piano",), loops_per_bpm="2", takes="0") == [piano, piano]
    assert shapes(kinds=("piano", "techno"), loops_per_bpm="1") == [techno, piano, take]
    assert shapes(kinds=("piano",), loops_per_bpm="0") == [take]


def test_one_key_for_both_kinds_and_kits_of_techno_alone(small: Callable[..., BuildOptions]) -> None:
    options = small(kinds=("piano", "techno"), asked_key="F#m", kits="1", one_shots="1", chords="F#m | D")
    jobs = list(jobs_of(options.music))
    assert {job.written_in for job in jobs} == {"F#min"}
    assert {job.chords for job in jobs} == {"F#m | D"}
    assert {job.kind for job in jobs if job.kit or job.shape == "shot"} == {"techno"}


def test_packs_from_before_there_were_piano_loops_have_none(small: Callable[..., BuildOptions]) -> None:
    options = small(kinds=("piano", "techno"))
    recipe = recipe_of(options)
    assert options_from(recipe, options.place) == options
    del recipe["loop_kinds"]
    assert options_from(recipe, options.place).music.loop_kinds == ("techno",)


def test_extending_adds_loops_of_both_kinds(small: Callable[..., BuildOptions]) -> None:
    options = small(kinds=("piano", "techno"), loops_per_bpm="1", takes="1", models=("piano:score",))
    build(options, Silent(), SOURCE)
    more = options_extended(1, 0, place_from({"out": str(options.place.out)}))
    added = [job.key for job in jobs_of(more.music)][-2:]
    assert added == ["techno/loop/120/1", "piano/loop/120/1"]


def test_stems_are_of_techno_alone(small: Callable[..., BuildOptions]) -> None:
    with pytest.raises(ValueError, match=r"^--stems: piano has none \(--kind techno has them\)$"):
        small(kinds=("piano",), loops_per_bpm="1", stems=True)
