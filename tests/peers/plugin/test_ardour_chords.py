"""A MIDI track of Ardour with chords on it drives the plugin, and its export is in those chords."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import mido
import numpy as np
import pytest

from musika_daw.hearing.key import chroma
from musika_daw.host.plugin.session import PluginSession
from musika_daw.score.chords import chord_named
from musika_daw.score.controls import Controls
from tests.peers.plugin.ardour_song import IDS, Ardour
from tests.plugin.engine_reference import PLUGIN_GAIN
from tests.plugin.plugin_stand_in import code_of, left_at

RATE = 48_000
BAR = 2 * RATE
# no two of them share more than one tone, so that a bar is told from another by its chroma
KEYS = {"Am": (57, 60, 64), "G": (55, 59, 62), "Bb/D": (50, 58, 65), "E7": (52, 56, 59, 62), "F#m": (54, 57, 61)}
SONG = ["Am", "G", "Bb/D", "E7", "F#m", "Am", "Bb/D", "G"]  # of bar 2 and those after it


def written(path: Path, names: list[str]) -> Path:
    """A MIDI file of chords, one a bar, each let go a little before the next."""
    file = mido.MidiFile(type=0, ticks_per_beat=960)
    track = mido.MidiTrack()
    file.tracks.append(track)
    for number, name in enumerate(names):
        for index, key in enumerate(KEYS[name]):
            track.append(mido.Message("note_on", note=key, velocity=90, time=60 if number and not index else 0))
        for index, key in enumerate(KEYS[name]):
            track.append(mido.Message("note_off", note=key, time=0 if index else 4 * 960 - 60))
    file.save(path)
    return path


@pytest.mark.limit_s(300)
@pytest.mark.parametrize("kind", IDS)
def test_every_chord_of_a_track_is_met_on_its_frame(
    kind: str, ardour: Ardour, host: Callable[..., PluginSession], tmp_path: Path
) -> None:
    host(model=f"parts:{RATE}:0")
    bars = 5
    audio = ardour.export_chords(kind, bars * BAR, written(tmp_path / "chords.mid", SONG[: bars - 1]), 4 * (bars - 1))
    assert np.allclose(audio[:, 0], left_at(np.arange(bars * BAR)) * PLUGIN_GAIN, atol=1e-6)
    for bar, name in enumerate([None, *SONG[: bars - 1]]):
        wanted = code_of(Fraction(120), Controls(style_seed=0, morph_seed=1), name) * PLUGIN_GAIN
        assert np.all(audio[bar * BAR + 256 : (bar + 1) * BAR, 1] == wanted), (bar, name)


@pytest.mark.limit_s(600)
def test_every_bar_of_an_export_is_in_its_chord(
    ardour: Ardour, host: Callable[..., PluginSession], tmp_path: Path
) -> None:
    host(model="parts", controls=Controls(parts=("chords", "bass"), chords="Eb"))
    names = ["Eb", *SONG]
    audio = ardour.export_chords("LV2", len(names) * BAR, written(tmp_path / "chords.mid", SONG), 4 * len(SONG))
    wrong = []
    for bar, asked in enumerate(names):
        sound = audio[bar * BAR + RATE // 20 : (bar + 1) * BAR - RATE // 20]
        heard, _ = chroma(sound, RATE)
        fits = {name: _share(heard, name) for name in ("Eb", *KEYS)}
        if (nearest := max(fits, key=lambda name: fits[name])) != asked:
            wrong.append((bar, asked, nearest))
    assert len(wrong) <= 0.1 * len(names), wrong


def _share(heard: np.ndarray, name: str) -> float:
    """How well a chord's tones fit a chroma, as a correlation."""
    chord = chord_named(name)
    assert chord is not None
    return float(np.corrcoef(heard, np.isin(np.arange(12), chord.tones))[0, 1])
