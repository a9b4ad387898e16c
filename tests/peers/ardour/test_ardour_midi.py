"""MIDI files beside sounds, in a session of Ardour: a capture's, and those of a pack's loop with its stems.

Sound and notes begin and end at one place of its tempo map, and it reads the notes that the sound was made from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from benchmarks.packs.ardour import ARDOUR, STARTS, TICKS, sessions, ticks_of
from musika_daw.host.capture import Take
from musika_daw.host.notes.bars import bar_of_notes
from musika_daw.host.play.piece import Piece
from musika_daw.instrument.engine import Engine
from musika_daw.instrument.scores import SCORES
from musika_daw.score.controls import Controls
from pack_builder.heard import keep
from pack_builder.plan.options import BuildOptions
from pack_builder.render.source import MUSIKA
from pack_builder.run.build import build
from tests.pack_builder.pack_helpers import Silent
from tests.peers.ardour.ardour_regions import BEGIN, BPM, RATE, with_regions
from tests.programs import need

_TRACKS = """
local midi = ARDOUR.ChanCount(ARDOUR.DataType("midi"), 1)
s:new_audio_track(2, 2, nil, 1, "sound", last, normal, true)
s:new_midi_track(midi, midi, true, ARDOUR.PluginInfo(), nil, nil, 1, "notes", last, normal, true)
"""
# the length of a MIDI source is not asked for: this version's scripts end in a crash there
_TELL = """
for _, track in ipairs({"sound", "notes"}) do
  for region in s:route_by_name(track):to_track():playlist():region_list():iter() do
    local at, length = region:position():samples(), region:length():samples()
    print("REGION\\t" .. table.concat({region:name(), at, length}, "\\t"))
    if track == "notes" then
      for note in ARDOUR.LuaAPI.note_list(region:to_midiregion():model()):iter() do
        local row = {tostring(note:time()), tostring(note:length()), note:note(), note:velocity(), note:channel()}
        print("NOTE\\t" .. table.concat(row, "\\t"))
      end
    end
  end
end
"""


@dataclass(frozen=True)
class Heard:
    """Frame and length of every region by its name, and notes: ticks of onset and length, key, velocity, channel."""

    regions: dict[str, tuple[int, int]]
    notes: list[tuple[int, int, int, int, int]]


def heard_by_ardour(home: Path, sounds: Sequence[Path], midi: Path, beats: int) -> Heard:
    """What Ardour says of a session with these files; it does not always start."""
    need("ardour7-lua", "taskset", str(ARDOUR))
    fill = partial(with_regions, sounds=sounds, midi=midi, beats=beats)
    for lines in sessions(home, RATE, float(BPM), tracks=_TRACKS, fill=fill, tell=_TELL):
        regions, notes = {}, []
        for line in lines:
            kind, *fields = line.split("\t")
            if kind == "REGION":
                regions[fields[0]] = int(fields[1]), int(fields[2])
            elif kind == "NOTE":
                key, velocity, channel = map(int, fields[2:])
                notes.append((ticks_of(fields[0]), ticks_of(fields[1]), key, velocity, channel))
        if len(regions) == len(sounds) + 1:
            return Heard(regions, notes)
    raise AssertionError(f"Ardour did not load the session in {STARTS} starts")


def check_grid(heard: Heard, sounds: Sequence[Path], midi: Path, piece: Piece, first_bar: int, bars: int) -> None:
    """Sounds and notes begin and end on one frame, and every note is the score's."""
    at, length = heard.regions[midi.name]
    assert abs(at - BEGIN * 60 / BPM * RATE) <= 1  # Ardour takes a beat for the frame that it falls into
    assert abs(length - bars * 4 * 60 / BPM * RATE) <= 1
    for path in sounds:
        begin, frames = heard.regions[path.name]
        assert abs(begin - at) <= 1
        assert abs(frames - length) <= 1
    wanted = [note for bar in range(first_bar, first_bar + bars) for note in bar_of_notes(SCORES["parts"], piece, bar)]
    want = sorted((round((note.beat - 4 * first_bar) * 960) * 2, note.key, note.velocity) for note in wanted)
    got = sorted((onset, key, velocity) for onset, _, key, velocity, _ in heard.notes)
    assert len(want) > 15
    assert np.abs(np.array([row[0] for row in got]) - np.array([row[0] for row in want])).max() <= 2
    assert [row[1:] for row in got] == [row[1:] for row in want]
    assert all(0 < onset + length <= bars * 4 * TICKS for onset, length, *_ in heard.notes)
    assert {channel for *_, channel in heard.notes} <= {1, 2, 3, 9}


@pytest.mark.limit_s(300)
def test_a_capture_and_its_notes_are_on_one_grid_in_ardour(tmp_path: Path) -> None:
    piece = Piece(BPM, Controls(seed=3), RATE)
    path = keep(Engine.load("parts"), Take(32, 4, piece), tmp_path / "kept")
    midi = path.with_suffix(".mid")
    check_grid(heard_by_ardour(tmp_path, [path], midi, 16), [path], midi, piece, 8, 4)


@pytest.mark.limit_s(400)
def test_a_loop_its_stems_and_its_notes_are_on_one_grid_in_ardour(tmp_path: Path) -> None:
    options = BuildOptions.parse(
        kinds=("techno",),
        models=("parts",),
        bpm=str(float(BPM)),
        bars="2",
        loops_per_bpm="1",
        sample_rate=str(RATE),
        out=str(tmp_path / "pack"),
        attempts="1",
        keep_best=True,
        stems=True,
        jobs="1",
        one_shots="0",
    )
    [row] = build(options, Silent(), MUSIKA).manifest.rows
    assert row.midi is not None
    assert row.stems is not None
    sounds = [tmp_path / "pack" / file for file in (row.file, *(stem.file for stem in row.stems.files))]
    midi = tmp_path / "pack" / row.midi.file
    assert len(sounds) >= 3
    piece = Piece(BPM, Controls(seed=row.source.seed, style_seed=row.source.style_seed), RATE)
    heard = heard_by_ardour(tmp_path, sounds, midi, 8)
    assert row.source.start_beat % 4 == 0
    check_grid(heard, sounds, midi, piece, row.source.start_beat // 4, 2)
