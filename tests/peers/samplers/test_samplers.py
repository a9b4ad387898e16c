"""What a pack holds for samplers, in programs that play it: Csound, Polyphone with FluidSynth, LMMS."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile

from musika_daw.score.parts import ONE_SHOTS
from musika_daw.sound.sounds import FORMATS, encode
from musika_daw.sound.tags import ACID_ONE_SHOT, ACID_ROOT_SET, Acid, Sampler, Tags, tags_of_bars
from pack_builder.publish.presets import KIT_KEYS, kits_of, sfz
from pack_builder.record.rows import Row
from tests.pack_builder.pack_helpers import ROW
from tests.programs import need

RATE, NOTE_S = 44_100, 2.0
CSOUND = """
<CsoundSynthesizer>
<CsOptions>
-d -m0 -W -f -o {out}
</CsOptions>
<CsInstruments>
sr = 44100
ksmps = 1
nchnls = 2
0dbfs = 1
gisound ftgen 0, 0, 0, -1, "{sound}", 0, 0, 0
instr 1
 aleft, aright {opcode}
 outs aleft, aright
endin
</CsInstruments>
<CsScore>
i1 0 {seconds}
e
</CsScore>
</CsoundSynthesizer>
"""
LMMS = """<?xml version="1.0"?>
<!DOCTYPE lmms-project>
<lmms-project version="1.0" type="song" creator="LMMS" creatorversion="1.2.0">
  <head timesig_numerator="4" timesig_denominator="4" bpm="120" mastervol="100" masterpitch="0"/>
  <song>
    <trackcontainer type="song">
      <track type="0" name="shot" muted="0" solo="0">
        <instrumenttrack vol="100" pan="0" pitch="0" basenote="57" usemasterpitch="1" fxch="0">
          <instrument name="audiofileprocessor">
            <audiofileprocessor src="{sound}" amp="100" sframe="0" eframe="1" lframe="0" looped="0" interp="1"/>
          </instrument>
        </instrumenttrack>
        <pattern type="1" pos="0" len="384" muted="0" name="">
          <note key="57" vol="100" pan="0" pos="0" len="192"/>
          <note key="69" vol="100" pan="0" pos="192" len="192"/>
        </pattern>
      </track>
    </trackcontainer>
    <fxmixer><fxchannel num="0" name="Master" volume="1" muted="0"><fxchain enabled="0"/></fxchannel></fxmixer>
  </song>
</lmms-project>
"""


def noise(number: int, frames: int = RATE) -> np.ndarray:
    """Noise below 4 kHz that is another for each number and falls over its length, [frames, 2]."""
    # a fraction of a sample, by which a synthesizer may play late, changes no sound as low as that
    white = np.random.default_rng(number).normal(size=(frames, 2))
    spectrum = np.fft.rfft(white, axis=0) * (np.fft.rfftfreq(frames, 1 / RATE)[:, None] < 4000)
    sound = np.fft.irfft(spectrum, frames, axis=0) * np.exp(-np.arange(frames)[:, None] / frames * 4)
    return (0.8 * sound / np.abs(sound).max()).astype(np.float32)


def played_by_csound(folder: Path, sound: Path, opcode: str, seconds: float) -> np.ndarray:
    """What an opcode makes of a file, [frames, 2]."""
    out, score = folder / "out.wav", folder / "score.csd"
    score.write_text(CSOUND.format(out=out, sound=sound, opcode=opcode.format(sound=sound), seconds=seconds))
    subprocess.run([need("csound"), str(score)], stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=True)
    return np.asarray(soundfile.read(out, always_2d=True)[0])


@pytest.mark.quick
@pytest.mark.parametrize("opcode", ['diskin2 "{sound}", 1, 0, 1', "loscil 1, 1, gisound, 1, 1"])
def test_csound_plays_a_loop_round_and_round(tmp_path: Path, opcode: str) -> None:
    bpm = Fraction("128.5")
    frames = round(4 * 60 * RATE / bpm)
    loop = noise(1, frames)
    tags = tags_of_bars({"INAM": "loop"}, bpm, 1, frames, "Amin")
    (tmp_path / "loop.wav").write_bytes(encode(loop, RATE, tags, FORMATS["wav24"]))
    heard = played_by_csound(tmp_path, tmp_path / "loop.wav", opcode, 5.0)
    assert len(heard) == 5 * RATE > 2 * frames
    assert np.abs(heard - loop[np.arange(len(heard)) % frames]).max() < 2**-22


def test_csound_knows_the_note_of_a_one_shot(tmp_path: Path) -> None:
    tags = Tags({}, Acid(0, 0.0, ACID_ONE_SHOT | ACID_ROOT_SET, 33), Sampler((), unity_note=33))
    shot = noise(2)
    (tmp_path / "bass.wav").write_bytes(encode(shot, RATE, tags, FORMATS["wav24"]))
    heard = played_by_csound(tmp_path, tmp_path / "bass.wav", "loscil 1, cpsmidinn(33), gisound", 1.5)
    assert np.abs(heard[:RATE] - shot).max() < 2**-22


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SFZ kit in a folder like that of a pack."""
    folder = tmp_path_factory.mktemp("pack")
    rows: list[Row] = []
    for number, sound in enumerate(ONE_SHOTS):
        # names of other lengths, so that their tags have odd and even ones
        tags = Tags({"INAM": sound, "IART": "ME"}, Acid(0, 0.0, ACID_ONE_SHOT, 60), key="Amin" if number % 2 else None)
        (folder / f"{sound}.wav").write_bytes(encode(noise(number), RATE, tags, FORMATS["wav24"]))
        rows.append(replace(ROW, file=f"{sound}.wav", music=replace(ROW.music, shape="shot", role=sound, kit=None)))
    [preset] = kits_of("ME_Kits", rows)
    path = folder / preset.path("SFZ", ".sfz")
    path.parent.mkdir(parents=True)
    path.write_text(sfz(preset))
    return path


def test_fluidsynth_plays_the_sounds_of_a_kit_that_polyphone_converted(kit: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    environment = {**os.environ, "HOME": str(home), "XDG_RUNTIME_DIR": str(home), "QT_QPA_PLATFORM": "offscreen"}
    converting = [need("polyphone"), "-1", "-i", str(kit), "-d", str(tmp_path), "-o", "kit"]
    # what it cannot read it says in a window that nobody closes
    subprocess.run(converting, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=100, check=True)
    keys = sorted(key for of_sound in KIT_KEYS.values() for key in of_sound)
    midi = mido.MidiFile(ticks_per_beat=960)  # 120 bpm: a beat lasts half a second
    track = mido.MidiTrack()
    midi.tracks.append(track)
    for key in keys:
        track.append(mido.Message("note_on", note=key, velocity=127, time=0))
        track.append(mido.Message("note_off", note=key, velocity=0, time=round(960 * 2 * NOTE_S)))
    midi.save(tmp_path / "keys.mid")
    out = tmp_path / "out.wav"
    playing = [need("fluidsynth"), "-ni", "-q", "-R", "0", "-C", "0", "-g", "1", "-r", str(RATE), "-F", str(out)]
    subprocess.run(
        [*playing, str(tmp_path / "kit.sf2"), str(tmp_path / "keys.mid")],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=True,
    )
    heard = np.asarray(soundfile.read(out, always_2d=True)[0])
    for number, key in enumerate(keys):
        part = heard[round(number * NOTE_S * RATE) :][: RATE // 2]
        likeness = {sound: _likeness(part, noise(place)) for place, sound in enumerate(ONE_SHOTS)}
        best = max(likeness, key=lambda sound: likeness[sound])
        assert key in KIT_KEYS[best]
        assert likeness[best] > 0.9


def test_lmms_plays_a_one_shot_at_its_pitch_and_an_octave_up(tmp_path: Path) -> None:
    shot, out = noise(3), tmp_path / "out.wav"
    tags = Tags({"INAM": "bass"}, Acid(0, 0.0, ACID_ONE_SHOT | ACID_ROOT_SET, 33), Sampler((), unity_note=33))
    (tmp_path / "bass.wav").write_bytes(encode(shot, RATE, tags, FORMATS["wav24"]))
    (tmp_path / "song.mmp").write_text(LMMS.format(sound=tmp_path / "bass.wav"))
    rendering = [need("lmms"), "--allowroot", "render", str(tmp_path / "song.mmp"), "-f", "wav", "-s", str(RATE)]
    subprocess.run(
        [*rendering, "-o", str(out)],
        env={**os.environ, "HOME": str(tmp_path), "QT_QPA_PLATFORM": "offscreen"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=100,
        check=True,
    )
    heard = np.asarray(soundfile.read(out, always_2d=True)[0])
    assert _likeness(heard[:RATE], shot) > 0.95
    assert (
        _likeness(heard[2 * RATE : 2 * RATE + RATE // 2], shot[::2]) > 0.95 > 0.2 > _likeness(heard[2 * RATE :], shot)
    )


def _likeness(part: np.ndarray, sound: np.ndarray) -> float:
    """The largest correlation of the first part of a sound with what is heard, a few milliseconds apart."""
    size = 1 << 16
    spectra = [np.fft.rfft(each[: RATE // 2].mean(1), size) for each in (part, sound)]
    moved = np.fft.irfft(spectra[0] * np.conj(spectra[1]), size)[: RATE // 100]
    norms = (float(np.linalg.norm(each[: RATE // 2].mean(1))) for each in (part, sound))
    return float(moved.max() / np.prod([max(norm, 1e-9) for norm in norms]))
