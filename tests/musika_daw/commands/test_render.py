"""`musika-daw render`: what its files say of themselves, the notes beside them, and how it is told on a terminal."""

from __future__ import annotations

import io
import json
import os
import sys
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from musika_daw.commands.cli import main
from musika_daw.commands.render import _shown
from musika_daw.instrument.engine import Engine
from musika_daw.instrument.played import Loop
from musika_daw.score.chords import progression_named
from musika_daw.score.controls import Controls
from musika_daw.score.midi_file import PPQ, decode_midi
from musika_daw.score.parts import PARTS
from musika_daw.sound.files import write_blocks
from musika_daw.sound.labels import read_labels
from musika_daw.sound.sounds import read_any_header
from musika_daw.sound.tags import ACID_ROOT_SET, Tags, tags_of_bars


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["render", *(str(a) for a in arguments)])
    return result.exit_code, result.output


@pytest.mark.parametrize("suffix", ["wav", "flac", "aiff", "ogg"])
def test_a_loop_says_tempo_key_and_loop_as_files_of_packs_do(parts_model: Path, tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"x.{suffix}"
    code, text = run(out, "--model", parts_model, "--bpm", "128.5", "--bars", 2, "--loop", "--key", "A#m", "--midi")
    assert code == 0, text
    frames = round(Fraction(8 * 60 * 44_100 * 2, 257))
    labels, tags = read_labels(out), read_any_header(out).tags
    assert (labels.frames, labels.bpm, labels.beats, labels.bars, labels.key) == (frames, 128.5, 8, 2, "Bbmin")
    assert labels.shape == "loop"
    assert tags.sampler is not None
    assert tags.sampler.loops == ((0, frames - 1),)
    assert tags.info["INAM"] == "x"
    if suffix == "wav":
        assert tags.acid is not None
        assert (tags.acid.flags & ACID_ROOT_SET, tags.acid.root_note) == (ACID_ROOT_SET, 70)
        assert [cue.frame for cue in tags.cues] == [0, round(frames / 2)]
    music = decode_midi((tmp_path / "x.mid").read_bytes())
    assert (music.ticks, music.key, music.bpm) == (8 * PPQ, "Bbmin", pytest.approx(128.5, rel=1e-6))
    assert text.splitlines()[1] == str(tmp_path / "x.mid")


def test_bars_have_a_tempo_and_no_loop_and_takes_a_key_alone(piano_model: Path, tmp_path: Path) -> None:
    out, notes = tmp_path / "bars.wav", tmp_path / "elsewhere.mid"
    place = ("--start-bar", 5, "--bars", 2, "--bpm", 90, "--density", 0.6)
    code, text = run(out, "--model", piano_model, *place, "--midi", notes)
    assert code == 0, text
    tags, key = read_any_header(out).tags, Engine.load(piano_model).key(Controls())
    assert tags.acid is not None
    assert (tags.acid.beats, tags.acid.tempo_bpm, tags.sampler, tags.key) == (8, 90.0, None, key)
    music = decode_midi(notes.read_bytes())
    assert (music.ticks, music.key, round(music.bpm)) == (8 * PPQ, key, 90)
    assert len(music.notes) > 8
    code, text = run(tmp_path / "take.wav", "--model", piano_model, "--seconds", 3, "--midi")
    assert code == 0, text
    tags = read_any_header(tmp_path / "take.wav").tags
    assert (tags.acid, tags.sampler, tags.key) == (None, None, key)
    assert decode_midi((tmp_path / "take.mid").read_bytes()).ticks == 6 * PPQ


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg"])
def test_a_name_that_is_not_utf_8_is_written_and_told(parts_model: Path, tmp_path: Path, suffix: str) -> None:
    out = tmp_path / os.fsdecode(b"caf\xe9" + suffix.encode())
    code, text = run(out, "--model", parts_model, "--bars", 1, "--loop", "--midi")
    assert code == 0, text
    assert f"caf\\xe9{suffix}  " in text
    assert "caf\\xe9.mid" in text
    assert read_any_header(out).tags.info["INAM"] == "caf\\xe9"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.wav", "--bpm", "abc"], "error: --bpm: 'abc', must be a number within 60..200\n"),
        (["a.wav", "--bars", "2.5"], "error: --bars: '2.5', must be a whole number within 1..100000\n"),
        (
            ["a.wav", "--start-bar", "9" * 18],
            "error: --start-bar: 999999999999999999 is not in the range 1<=x<=100000000\n",
        ),
        (["a.wav", "--seed", "x"], "error: --seed: 'x', must be a whole number, 0 or more\n"),
        (["a.wav", "--midi", "b.wav"], "error: midi: 'b.wav', must end in .mid, .midi\n"),
        (["a.wav", "--midi", "no/b.mid"], "error: midi: no/b.mid: no is no folder\n"),
        (["a.wav", "--midi"], "error: midi: tiny plays no score, which the notes would be taken from\n"),
        (["a.wav", "--chords", "Am"], "error: chords: 'Am', but tiny plays no score, which would follow them\n"),
        (["a.wav", "--parts", "drums"], "error: parts: drums, but tiny plays no score of parts\n"),
        (["a.wav", "--seconds", "36000"], "error: out: 'a.wav', holds up to 4 GiB, not 36000 s"),
    ],
)
def test_bad_input_is_one_line_in_plain_words(
    arguments: list[str], message: str, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, text = run(*arguments, "--model", tiny_model)
    assert code == 2
    assert text.startswith(message)
    assert text.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", ["wav", "flac", "aiff", "aif", "ogg"])
def test_a_tagged_file_sounds_as_one_without_tags(tmp_path: Path, suffix: str) -> None:
    wave = np.random.default_rng(0).standard_normal((44_101, 2)).astype(np.float32) * 0.2
    write_blocks(tmp_path / f"a.{suffix}", [wave], 44_100)
    tags = partial(tags_of_bars, {"INAM": "b"}, Fraction(120), 1, key="Ebmin")
    write_blocks(tmp_path / f"b.{suffix}", [wave], 44_100, 0.0, tags=lambda frames: tags(frames=frames))
    one, two = (soundfile.read(tmp_path / f"{name}.{suffix}", dtype="float32") for name in "ab")
    assert one[1] == two[1] == 44_100
    assert one[0].shape == two[0].shape == wave.shape
    assert np.abs(one[0] - two[0]).max() <= (0 if suffix == "ogg" else 2**-23)
    assert write_blocks(tmp_path / f"c.{suffix}", [], 44_100, 0.0, tags=lambda _: Tags({"INAM": "c"})).frames == 0


def test_on_a_terminal_it_is_told_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stream, told in ((Terminal(), True), (io.StringIO(), False)):
        monkeypatch.setattr(sys, "stderr", stream)
        assert len(list(_shown([np.zeros((50, 2))] * 4, 200, "piano, 3.0 s"))) == 4
        assert ("rendering piano, 3.0 s" in stream.getvalue()) == told
        assert ("\rrendering piano, 3.0 s  75 %" in stream.getvalue()) == told


def test_stems_lie_beside_their_loop_and_add_up_to_it(parts_model: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.wav"
    code, text = run(out, "--model", parts_model, "--bpm", 126.5, "--bars", 2, "--loop", "--stems", "--gain-db", 12)
    assert code == 0, text
    assert "turned down" in text
    files = sorted(path for path in tmp_path.iterdir() if path != out)
    assert {path.stem for path in files} <= {"x-drums", "x-bass", "x-lead", "x-chords"}
    assert len(files) > 1
    assert all(read_labels(path).bpm == 126.5 for path in files)
    total = sum(soundfile.read(path)[0] for path in files)
    assert np.abs(total - soundfile.read(out)[0]).max() < 1e-5


def test_stems_are_refused_where_there_are_none(parts_model: Path, piano_model: Path, tmp_path: Path) -> None:
    for arguments, line in (
        (("--model", parts_model, "--stems"), "stems: only loops have them, give --loop as well"),
        (("--model", piano_model, "--stems", "--loop"), "plays no score of parts"),
    ):
        code, text = run(tmp_path / "x.wav", *arguments)
        assert code == 2
        assert line in text
        assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--loop", "--bars", 65), "bars: 65, a loop has at most 64"),
        (("--gain-db", "nan"), "gain-db: nan, must be a number"),
        (("--bpm", "nan"), "bpm: nan, must be a number"),
        (("--seconds", "nan"), "seconds: nan, must be a number"),
        (("--midi", "folder.mid"), "is a folder, must be a file"),
        (("--bpm", "inf"), "--bpm: "),
        (("--chords", "Am | H"), "chords: 'H', in bar 2, must be a chord like Am, F#, Bbmaj7 or C/E"),
        (("--chords", "Am F | C G"), "chords: 'Am F', in bar 1, must be one chord a bar"),
    ],
)
def test_what_cannot_be_made_is_refused_before_anything_is_written(
    parts_model: Path, tmp_path: Path, arguments: tuple[object, ...], line: str
) -> None:
    (tmp_path / "folder.mid").mkdir()
    full = [tmp_path / str(part) if part == "folder.mid" else part for part in arguments]
    code, text = run(tmp_path / "x.wav", "--model", parts_model, *full)
    assert code == 2
    assert line in text
    assert [path.name for path in tmp_path.iterdir()] == ["folder.mid"]


def test_chords_are_played_and_told_in_the_file(parts_model: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.wav"
    place = ("--model", parts_model, "--bpm", 128, "--start-bar", 6, "--bars", 3, "--energy", 1, "--midi")
    code, text = run(out, *place, "--chords", "dm | Bb/D | % | A7")
    assert code == 0, text
    labels, tags = read_labels(out), read_any_header(out).tags
    assert labels.key == "Dmin"
    assert json.loads(tags.info["ICMT"])["chords"] == "Dm | Bb/D | Bb/D | A7"
    music = decode_midi((tmp_path / "x.mid").read_bytes())
    assert music.key == "Dmin"
    bass = music.notes.of("bass")
    asked = progression_named("Dm Bb/D % A7")
    for bar in range(3):  # bar 6 of the timeline is the second of the progression
        inside = bass.at((bass.onset > (bar * 4 - 0.1) * PPQ) & (bass.onset < (bar * 4 + 3.9) * PPQ))
        assert not len(inside) or inside.key[np.argmin(inside.onset)] % 12 == asked[(bar + 5) % 4].low
    code, _ = run(tmp_path / "y.wav", *place[:-1], "--chords", "Dm | Bb/D | % | A7", "--key", "F")
    assert code == 0
    assert read_labels(tmp_path / "y.wav").key == "Fmaj"


def noted(engine: Engine, stretch: Loop, seed: int, part: str) -> bool:
    return len(engine.played(stretch, Controls(seed, parts=(part,)))) > 0


def test_parts_that_rest_are_said_and_where_they_play(parts_model: Path, tmp_path: Path) -> None:
    engine, stretch = Engine.load(parts_model), Loop(128, 1)
    resting = {part: seed for seed in range(40) for part in PARTS if not noted(engine, stretch, seed, part)}
    part = next(iter(resting))
    place = ("--model", parts_model, "--bars", 1, "--loop", "--seed", resting[part])
    code, text = run(tmp_path / "a.wav", *place, "--parts", part)
    assert code == 0
    assert f"parts: {part}: no note in this stretch, silence ({part} has some with --" in text
    assert not soundfile.read(tmp_path / "a.wav")[0].any()
    [option, number] = text.split("some with ")[1].split(")")[0].split()
    code, text = run(tmp_path / "d.wav", *place, "--parts", part, option, number)
    assert code == 0
    assert "no note" not in text
    assert soundfile.read(tmp_path / "d.wav")[0].any()
    code, text = run(tmp_path / "b.wav", *place, "--parts", ", ".join(PARTS))
    assert code == 0
    assert "no note in this stretch, the others sound" in text
    assert "no note" not in run(tmp_path / "c.wav", *place)[1]


def test_where_no_bar_helps_a_seed_is_told(parts_model: Path, tmp_path: Path) -> None:
    """The bass of seed 0 rests for ever: a hint at another bar would be a lie."""
    engine = Engine.load(parts_model)
    assert not any(noted(engine, Loop(128, 4, bar * 4), 0, "bass") for bar in range(64))
    place = ("--model", parts_model, "--bars", 4, "--parts", "bass", "--energy", 1)
    text = run(tmp_path / "a.wav", *place)[1]
    assert "bass: no note in this stretch, silence (bass has some with --seed " in text
    assert "--start-bar" not in text
    seed = text.split("--seed ")[1].split(")")[0]
    assert "no note" not in run(tmp_path / "b.wav", *place, "--seed", seed)[1]
    text = run(tmp_path / "c.wav", "--model", parts_model, "--seconds", 2, "--parts", "bass")[1]
    assert "bass: no note in this stretch, silence (bass has some with --seed " in text


def test_stems_say_which_parts_rest(parts_model: Path, tmp_path: Path) -> None:
    engine, stretch = Engine.load(parts_model), Loop(128, 2)
    seed = next(seed for seed in range(40) if not noted(engine, stretch, seed, "lead"))
    lacking = [part for part in PARTS if not noted(engine, stretch, seed, part)]
    place = ("--model", parts_model, "--bars", 2, "--loop", "--stems")
    code, text = run(tmp_path / "x.wav", *place, "--seed", seed)
    assert code == 0
    assert f"stems: {', '.join(lacking)}: no note in this loop, no file\n" in text
    assert "from before" not in text
    written = {path.stem.removeprefix("x-") for path in tmp_path.glob("x-*.wav")}
    assert written == set(PARTS) - set(lacking)
    (tmp_path / f"x-{lacking[-1]}.wav").write_bytes(b"of another loop")
    text = run(tmp_path / "x.wav", *place, "--seed", seed)[1]
    assert f"stems: x-{lacking[-1]}.wav: there from before, not of this loop\n" in text
    whole = next(seed for seed in range(40) if all(noted(engine, stretch, seed, part) for part in PARTS))
    code, text = run(tmp_path / "y.wav", *place, "--seed", whole)
    assert code == 0
    assert "stems:" not in text
    assert len(list(tmp_path.glob("y-*.wav"))) == len(PARTS)
    text = run(tmp_path / "y.wav", "--model", parts_model, "--bars", 1)[1]
    assert f"stems: {', '.join(f'y-{part}.wav' for part in PARTS)}: there from before, not of this loop\n" in text


def test_notes_of_an_earlier_file_are_told(parts_model: Path, tmp_path: Path) -> None:
    place = (tmp_path / "x.wav", "--model", parts_model, "--bars", 1)
    assert "from before" not in run(*place, "--midi")[1]
    assert "from before" not in run(*place, "--midi")[1], "it was written again"
    assert "midi: x.mid: there from before, not its notes\n" in run(*place, "--seed", 3)[1]


def test_a_named_style_has_its_tempo_and_stands_in_the_file(parts_model: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.wav"
    code, text = run(out, "--model", parts_model, "--style", "hardcore", "--bars", 1, "--loop")
    assert code == 0, text
    assert read_labels(out).bpm == 165
    assert json.loads(read_any_header(out).tags.info["ICMT"])["style"] == "hardcore"
    plain = tmp_path / "plain.wav"
    assert run(plain, "--model", parts_model, "--bpm", 165, "--bars", 1, "--loop")[0] == 0
    assert not np.array_equal(soundfile.read(out)[0], soundfile.read(plain)[0])


def test_a_style_that_is_none_or_that_a_model_does_not_know_is_refused(piano_model: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.wav"
    code, text = run(out, "--style", "polka", "--model", piano_model)
    assert (code, out.exists()) == (2, False)
    assert "style: 'polka', must be one of acid, breaks, deep, dub, " in text
    code, text = run(out, "--style", "dub", "--model", piano_model)
    assert (code, out.exists()) == (2, False)
    assert "style: dub, but tiny-piano plays no score of parts" in text
