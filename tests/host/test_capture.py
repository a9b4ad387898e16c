"""Capture: the bars that were heard, as the pack builder would have written them."""

from __future__ import annotations

import json
import os
import re
import signal
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musika_daw.host import capture
from musika_daw.host.capture import BARS, LATE_BEATS, HeardBars, Keeper, Kept, Take, heard_loop
from musika_daw.host.notes.bars import bar_of_notes
from musika_daw.host.play.piece import Piece
from musika_daw.host.play.render import Renderer
from musika_daw.instrument.engine import Engine
from musika_daw.instrument.scores import SCORES
from musika_daw.score.controls import Controls
from musika_daw.score.following.changes import Changes
from musika_daw.score.harmony import Chord
from musika_daw.score.midi_file import PPQ, decode_midi
from musika_daw.score.tempo import TempoMap
from musika_daw.sound.riff_reader import read_header
from pack_builder.heard import keep
from pack_builder.plan.options import BuildOptions
from pack_builder.record.beside import FileChord
from pack_builder.record.manifest import read_manifest
from pack_builder.record.rows import plain
from pack_builder.render.source import EngineSource
from pack_builder.run.build import build
from pack_builder.verify import verify
from tests.host.playing import NoiseRenderer
from tests.pack_builder.pack_helpers import Silent
from tests.waiting import wait_for

RATE = 48_000
RENDERS_S = 120.0


class Heard:
    """An engine that gives the bars that were heard, whatever the seed."""

    sounds: tuple[str, ...] = ()
    knows: tuple[str, ...] = ()
    precision = "32"

    def __init__(self, renderer: Renderer, take: Take) -> None:
        self.kind, self.name, self.weights_hash = renderer.kind, renderer.name, renderer.weights_hash
        self._renderer, self._take = renderer, take
        self.parts: tuple[str, ...] = ()

    def loop(self, bpm: Any, bars: int, controls: Any, sample_rate_hz: int = 44_100, start_beat: int = 0) -> np.ndarray:
        return heard_loop(self._renderer, self._take, sample_rate_hz)

    def stems(self, *_: Any, **__: Any) -> dict[str, np.ndarray]:
        raise AssertionError("what was heard is a mix")

    def take(self, *_: Any, **__: Any) -> np.ndarray:
        raise AssertionError("what was heard is a loop")

    def one_shot(self, *_: Any) -> np.ndarray:
        raise AssertionError("what was heard is a loop")

    def key(self, controls: Any) -> str | None:
        return None

    def played(self, *_: Any) -> None:
        return None


PIECE = Piece(Fraction(120), Controls(), RATE)


def _played(*stretches: tuple[float, float]) -> HeardBars:
    heard = HeardBars()
    for jumps, (first, last) in enumerate(stretches):
        for beat in np.arange(first, last, 0.1):
            heard.play(float(beat), True, jumps)
        heard.play(last, True, jumps)
    return heard


def test_the_last_bars_are_those_that_were_played() -> None:
    assert _played((0, 37.9)).last(4, PIECE) == Take(20, 4, PIECE)
    assert _played((0, 36)).last(8, PIECE).start_beat == 4
    with pytest.raises(ValueError, match="bars: 3, must be one of 4, 8, 16"):
        Take(0, 3, PIECE)


def test_bars_that_nobody_heard_are_not_kept() -> None:
    assert _played((0, 20)).last(16, PIECE) == Take(4, 4, PIECE), "at bar 6 there were five whole ones"
    assert _played((66, 105)).last(16, PIECE) == Take(72, 8, PIECE), "play began at bar 17.3"
    # a loop that went round, and one who was sent back a moment ago: those before it
    assert _played((16, 32), (16, 18)).last(4, PIECE) == Take(16, 4, PIECE)
    assert _played((16, 32), (16, 32), (16, 18)).last(16, PIECE) == Take(16, 4, PIECE)
    heard = _played((0, 40))
    heard.play(40, False, 1)
    assert heard.last(8, PIECE) == Take(8, 8, PIECE), "stopped"
    for few in (HeardBars(), _played((0, 15.9)), _played((1, 19)), _played((-4, 14))):
        with pytest.raises(ValueError, match=r"keep: 16 bars, only \d whole ones were heard, must be 4 at least"):
            few.last(16, PIECE)


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(1, 90)), min_size=1, max_size=6), st.sampled_from(BARS))
@settings(deadline=None, max_examples=60)
def test_whatever_is_kept_was_heard_without_a_break(stretches: list[tuple[int, int]], bars: int) -> None:
    played = [(float(first), float(first + length)) for first, length in stretches]
    try:
        take = _played(*played).last(bars, PIECE)
    except ValueError:
        return
    end = take.start_beat + 4 * take.bars
    assert take.bars <= bars
    assert any(first <= take.start_beat + LATE_BEATS and end <= last for first, last in played)


class _SlowPipe:
    """A context whose processes take their time to be made, as real ones do."""

    def __init__(self) -> None:
        self.made: list[SimpleNamespace] = []
        self.sent: list[Take] = []

    def Pipe(self) -> tuple[SimpleNamespace, SimpleNamespace]:
        ours = SimpleNamespace(send=self.sent.append, poll=lambda _=0: False, close=lambda: None)
        return ours, SimpleNamespace(close=lambda: None)

    def Process(self, **_: object) -> SimpleNamespace:
        process = SimpleNamespace(is_alive=lambda: True, start=lambda: time.sleep(0.05))
        self.made.append(process)
        return process


def test_two_who_ask_at_once_share_one_process(tmp_path: Path) -> None:
    keeper = Keeper("techno", tmp_path)
    context = _SlowPipe()
    keeper._context = context  # type: ignore[assignment]
    takes = [Take(16 * i, 4, PIECE) for i in range(8)]
    threads = [threading.Thread(target=keeper.ask, args=(take,)) for take in takes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(context.made) == 1
    assert sorted(context.sent, key=lambda take: take.start_beat) == takes
    assert keeper.poll() == 8


def test_kept_bars_are_what_was_heard_and_close_on_themselves(noise: NoiseRenderer) -> None:
    piece = Piece(Fraction(126), Controls(seed=2), RATE)
    loop = heard_loop(noise, Take(16, 4, piece), RATE)
    assert len(loop) == round(16 * 60 * RATE / 126)
    first = round(16 * 60 * RATE / 126)
    heard = noise.render(Fraction(0), 40, TempoMap.constant(126), piece.controls)
    assert np.abs(loop[480:] - heard[first + 480 : first + len(loop)]).max() < 10 ** (-90 / 20)
    assert abs(loop[0, 0] - loop[-1, 0]) < 2 * np.abs(np.diff(loop[:, 0])).max()


def test_kept_bars_are_a_pack_that_the_pack_builder_knows(tiny_model: Path, tmp_path: Path) -> None:
    from musika_daw.instrument.engine import Engine
    from pack_builder.verify import verify

    folder = tmp_path / "kept"
    engine = Engine.load(tiny_model)
    piece = Piece(Fraction(130), Controls(seed=5, density=0.5), 44_100)
    one = keep(engine, Take(16, 4, piece), folder)
    two = keep(engine, Take(32, 8, piece), folder)
    assert one != two
    assert not verify(folder).differences
    tags = read_header(two).tags
    assert (tags.acid.beats, round(tags.acid.tempo_bpm)) == (32, 130)
    assert '"start_beat": 32' in tags.info["ICMT"]
    assert '"seed": 5' in tags.info["ICMT"]


def test_hosts_that_keep_into_one_folder_at_once_lose_nothing(noise: NoiseRenderer, tmp_path: Path) -> None:
    takes = [Take(16 * number, 4, Piece(Fraction(180), Controls(number), 44_100)) for number in range(4)]
    with ThreadPoolExecutor(4) as hosts:
        files = list(hosts.map(lambda take: keep(noise, take, tmp_path / "kept"), takes))
    assert len(set(files)) == len(read_manifest(tmp_path / "kept").rows) == 4
    assert verify(tmp_path / "kept").differences == ()


def test_kept_bars_of_a_score_have_its_notes_beside_them_on_their_grid(tmp_path: Path) -> None:
    controls = Controls(seed=3, muted=("lead",))
    take = Take(32, 4, Piece(Fraction(257, 2), controls, 44_100))
    engine = Engine.load("parts")
    path = keep(engine, take, tmp_path / "kept")
    [row] = read_manifest(tmp_path / "kept").rows
    assert row.midi is not None
    assert row.music.key == engine.key(controls)
    assert tmp_path / "kept" / row.midi.file == path.with_suffix(".mid")
    music = decode_midi(path.with_suffix(".mid").read_bytes())
    assert (music.ticks, music.bpm) == (16 * PPQ, pytest.approx(128.5, abs=1e-3))
    assert music.key == engine.key(controls)
    bars = [note for bar in range(8, 12) for note in bar_of_notes(SCORES["parts"], take.piece, bar)]
    want = sorted((round((note.beat - 32) * PPQ), note.key) for note in bars)
    assert len(want) > 40
    assert sorted(zip(music.notes.onset.tolist(), music.notes.key.tolist(), strict=True)) == want
    assert "lead" not in music.roles
    assert {"drums", "bass"} <= set(music.roles)
    assert "chords" not in plain(row), "the music's own"
    assert verify(tmp_path / "kept", deep=True).differences == ()


def test_kept_bars_name_the_chords_that_were_typed_and_played_and_their_key(tmp_path: Path) -> None:
    before = ((36.0, "C/E"), (41.0, "G7"))
    later = tuple((48.0 + 4 * bar, chord) for bar, chord in enumerate(("F#m", "B", "E", "C#m", "G#m", "B", "E")))
    controls = Controls(seed=3, chords="Am | F", changes=(*before, *later))
    engine = Engine.load("parts")
    keep(engine, Take(32, 4, Piece(Fraction(200), controls, 44_100)), tmp_path / "kept")
    [row] = read_manifest(tmp_path / "kept").rows
    assert row.chords == (FileChord(0.0, "Am"), FileChord(4.0, "C/E"), FileChord(9.0, "G7"))
    assert row.music.key == engine.key(replace(controls, changes=before)) != engine.key(controls)
    on_disk = json.loads((tmp_path / "kept" / "manifest.json").read_text())["files"][0]
    assert on_disk["chords"] == [vars(chord) for chord in row.chords]
    assert verify(tmp_path / "kept", deep=True).differences == ()


class Led(NoiseRenderer):
    """Noise that says what the score of the parts says, without its networks."""

    def key(self, controls: Controls) -> str:
        return SCORES["parts"].key(controls)

    def chord(self, beat: float, controls: Controls) -> Chord:
        return SCORES["parts"].chord(controls, beat)

    def played(self, *_: object) -> None:
        return None


@pytest.mark.parametrize(
    ("chords", "changes", "named"),
    [
        (None, (), None),
        (None, ((48.0, "Am"),), None),
        (None, ((0.0, "Am"), (16.0, None)), None),
        (None, ((0.0, "Am"), (48.0, None)), [(0, "Am")]),
        ("C | F | F | C", (), [(0, "C"), (4, "F"), (12, "C")]),
        ("C | F", ((33.5, "G"), (40.0, None)), [(0, "C"), (1.5, "G"), (8, "C"), (12, "F")]),
    ],
)
def test_chords_are_named_where_they_were_given(
    chords: str | None, changes: Changes, named: list[tuple[float, str]] | None, tmp_path: Path
) -> None:
    piece = Piece(Fraction(300), Controls(chords=chords, changes=changes), 44_100)
    keep(Led(), Take(32, 4, piece), tmp_path / "kept")
    [row] = read_manifest(tmp_path / "kept").rows
    assert row.chords == (None if named is None else tuple(FileChord(beat, name) for beat, name in named))


def test_the_keeper_works_in_a_process_of_its_own_and_tells_what_went_wrong(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    take = Take(0, 4, Piece(Fraction(240), Controls(), RATE))
    keeper = Keeper("click", folder)
    keeper.ask(take)
    assert wait_for(lambda: keeper.poll() == 0, RENDERS_S)
    assert keeper.results[0].file is not None
    assert keeper.results[0].file.suffix == ".wav"
    assert keeper.results[0].file.exists()
    folder.rename(tmp_path / "elsewhere")
    folder.write_text("in the way")
    keeper.ask(take)
    assert wait_for(lambda: keeper.poll() == 0, RENDERS_S)
    keeper.close()
    assert re.fullmatch(r"keep: .*kept.*: not a directory", keeper.results[1].problem or "")
    assert "Errno" not in keeper.results[1].problem


def test_two_that_ask_at_once_have_one_process_and_lose_nothing(tmp_path: Path) -> None:
    keeper = Keeper("click", tmp_path / "kept")
    take = Take(0, 4, Piece(Fraction(240), Controls(), RATE))
    both = threading.Barrier(2)

    def ask() -> None:
        both.wait()
        keeper.ask(take)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wait_for(lambda: keeper.poll() == 0, RENDERS_S)
    keeper.close()
    assert len({result.file for result in keeper.results} - {None}) == 2


def test_without_a_pack_builder_keeping_says_what_is_missing(
    noise: NoiseRenderer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture, "KEEPERS", "musika_daw.no_such_thing")
    with pytest.raises(ValueError, match=r"keep: nothing is installed that writes takes .*no_such_thing"):
        capture.keep(noise, Take(0, 4, Piece(Fraction(180), Controls(), 44_100)), tmp_path)


def test_a_keeper_that_dies_is_told_with_its_signal_and_closes(tmp_path: Path) -> None:
    keeper = Keeper("click", tmp_path / "kept")
    keeper.ask(Take(0, 16, Piece(Fraction(60), Controls(), RATE)))
    os.kill(keeper._process.pid, signal.SIGSEGV)
    keeper.close()
    assert keeper.results == [Kept(problem="keep: its process was ended by SIGSEGV")]
    keeper.close()


def test_sixteen_slow_bars_are_kept(noise: NoiseRenderer, tmp_path: Path) -> None:
    path = keep(noise, Take(0, 16, Piece(Fraction(60), Controls(), 44_100)), tmp_path / "kept")
    assert read_header(path).frames == 64 * 44_100
    assert verify(tmp_path / "kept").differences == ()


def chunks(path: Path) -> dict[str, bytes]:
    """The chunks of a WAV file by their names, in order."""
    data, found, at = path.read_bytes(), {}, 12
    while at < len(data):
        name, size = data[at : at + 4].decode(), struct.unpack_from("<I", data, at + 4)[0]
        found[name + data[at + 8 : at + 12].decode() if name == "LIST" else name] = data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    return found


@pytest.mark.parametrize("bars", [4, 8, 16])
def test_a_kept_file_is_the_one_that_the_pack_builder_makes_of_the_same_sound(
    noise: NoiseRenderer, tmp_path: Path, bars: int
) -> None:
    take = Take(64, bars, Piece(Fraction(180), Controls(seed=4, style_seed=9), 44_100))
    kept = keep(noise, take, tmp_path / "kept")
    options = BuildOptions.parse(
        kinds=("techno",),
        bpm="180",
        bars=str(bars),
        loops_per_bpm="1",
        sample_rate="44100",
        label="MSK",
        name="Live",
        out=str(tmp_path / "built"),
        attempts="1",
        keep_best=True,
        jobs="1",
    )
    source = EngineSource(lambda _: Heard(noise, take), Controls)
    assert len(build(options, Silent(), source).manifest.rows) == 1
    rows = [read_manifest(folder).rows for folder in (tmp_path / "kept", tmp_path / "built")]
    theirs = tmp_path / "built" / rows[1][0].file
    assert kept == tmp_path / "kept" / rows[0][0].file
    assert kept.parent.relative_to(tmp_path / "kept") == theirs.parent.relative_to(tmp_path / "built")
    mine, other = chunks(kept), chunks(theirs)
    assert list(mine) == list(other)
    # which bars and which seeds is all they differ in
    assert {name for name in mine if mine[name] != other[name]} == {"LISTINFO", "id3 "}
    tags = [read_header(path).tags for path in (kept, theirs)]
    assert {name for name in tags[0].info if tags[0].info[name] != tags[1].info[name]} <= {"INAM", "ICMT"}
    facts = [json.loads(tag.info["ICMT"]) for tag in tags]
    assert list(facts[0]) == list(facts[1])
    assert (facts[0]["seed"], facts[0]["style_seed"], facts[0]["start_beat"]) == (4, 9, 64)
    assert facts[0]["model"] == facts[1]["model"] == "noise"
    named = {"file", "sha256", "job", "word", "seed", "style_seed", "start_beat", "tried"}
    ours, others = (plain(row) for [row] in rows)
    assert {name for name in ours if ours[name] != others[name]} <= named
