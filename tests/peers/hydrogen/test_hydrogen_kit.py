"""Drumkits of a pack in the real Hydrogen: each sound where it belongs, as loud as it is struck, hats that choke."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from lxml import etree

from musika_daw.score.parts import ONE_SHOTS
from musika_daw.sound.sounds import FORMATS, encode
from musika_daw.sound.tags import Tags
from pack_builder.publish.drumkits import drumkit_files
from pack_builder.record.manifest import Head
from pack_builder.record.rows import Row
from tests.pack_builder.pack_helpers import ROW
from tests.programs import need

DATA = Path("/usr/share/hydrogen/data")
RATE = 44_100
TICKS_PER_BEAT, BEAT_S, PATTERN_BEATS = 48, 1.0, 2
HEAD = Head("ME", "Kits", "2026-01-01T00:00:00+00:00", "musika-daw 0", {}, ())
LACKING = "crash"
Hit = tuple[float, int, float]
"""Beat, number of the instrument, velocity 0..1."""


def sound_of(number: int) -> np.ndarray:
    """Noise that is another for each sound and falls over a second, [frames, 2]."""
    noise = np.random.default_rng(number).normal(size=(RATE, 2)) * np.exp(-np.arange(RATE)[:, None] / RATE * 4)
    return (0.8 * noise / np.abs(noise).max()).astype(np.float32)


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A drumkit of one kit of a pack, all but one sound of it."""
    folder = tmp_path_factory.mktemp("kits")
    rows: list[Row] = []
    for number, sound in enumerate(ONE_SHOTS):
        if sound != LACKING:
            (folder / f"{sound}.wav").write_bytes(encode(sound_of(number), RATE, Tags(), FORMATS["wav24"]))
            music = replace(ROW.music, shape="shot", role=sound, kit="amber")
            rows.append(replace(ROW, file=f"{sound}.wav", music=music))
    [(name, data)] = drumkit_files("ME_Kits", HEAD, rows, folder)
    assert [data] == [again for _, again in drumkit_files("ME_Kits", HEAD, rows, folder)]
    assert name == "Presets/Hydrogen/ME_Kits_kit_amber.h2drumkit"
    path = folder / Path(name).name
    path.write_bytes(data)
    return path


def h2cli(home: Path, *arguments: str) -> str:
    environment = {**os.environ, "HOME": str(home), "QT_QPA_PLATFORM": "offscreen", "XDG_RUNTIME_DIR": str(home)}
    ran = subprocess.run(
        [need("h2cli"), *arguments], env=environment, capture_output=True, timeout=120, check=True, text=True
    )
    return ran.stdout


def song(path: Path, patterns: list[list[Hit]]) -> None:
    """Hydrogen's own demo with other patterns, at 60 bpm, exactly in time."""
    tree = etree.parse(DATA / "demo_songs" / "GM_kit_demo1.h2song")
    root = tree.getroot()
    for name, text in {"bpm": "60", "volume": "1", "humanize_time": "0", "humanize_velocity": "0"}.items():
        root.find(name).text = text
    listed, sequence = root.find("patternList"), root.find("patternSequence")
    for element in (listed, sequence):
        for child in list(element):
            element.remove(child)

    def add(parent: etree._Element, values: dict[str, object]) -> None:
        for name, value in values.items():
            etree.SubElement(parent, name).text = str(value)

    for number, hits in enumerate(patterns):
        pattern = etree.SubElement(listed, "pattern")
        size = PATTERN_BEATS * TICKS_PER_BEAT
        add(pattern, {"name": f"p{number}", "category": "", "size": size, "denominator": 4, "info": ""})
        notes = etree.SubElement(pattern, "noteList")
        for beat, instrument, velocity in hits:
            note = etree.SubElement(notes, "note")
            add(note, {"position": round(beat * TICKS_PER_BEAT), "leadlag": 0, "velocity": velocity, "pan": 0})
            add(note, {"pitch": 0, "probability": 1, "key": "C0", "length": -1, "instrument": instrument})
            add(note, {"note_off": "false"})
        add(etree.SubElement(sequence, "group"), {"patternID": f"p{number}"})
    tree.write(path, encoding="UTF-8", xml_declaration=True)


@pytest.mark.quick
def test_hydrogen_plays_the_sounds_of_a_kit(kit: Path, tmp_path: Path) -> None:
    assert "is valid" in h2cli(tmp_path, "-c", str(kit))
    h2cli(tmp_path, "-i", str(kit))
    closed, opened = ONE_SHOTS.index("hat"), ONE_SHOTS.index("open_hat")
    patterns: list[list[Hit]] = [[(0, number, 1)] for number in range(len(ONE_SHOTS))]
    patterns += [[(0, 0, 0.25), (1, 0, 0.5)], [(0, opened, 1), (0.25, closed, 1)], [(0, closed, 1), (0.25, opened, 1)]]
    patterns += [[(0, 1, 1), (0.25, 0, 1)]]
    song(tmp_path / "x.h2song", patterns)
    out = tmp_path / "x.wav"
    h2cli(tmp_path, "-s", str(tmp_path / "x.h2song"), "-k", kit.stem, "-d", "auto", "-o", str(out), "-r", str(RATE))
    samples, rate = soundfile.read(out, always_2d=True)
    assert rate == RATE

    def heard(pattern: int, beat: float = 0.0, seconds: float = 0.2) -> np.ndarray:
        start = round((pattern * PATTERN_BEATS + beat) * BEAT_S * RATE)
        return np.asarray(samples[start : start + round(seconds * RATE)])

    def likeness(part: np.ndarray, number: int, at_s: float = 0.0) -> float:
        start = round(at_s * RATE)
        sound = sound_of(number)[start : start + len(part)]
        return float((part * sound).sum() / max(np.linalg.norm(part) * np.linalg.norm(sound), 1e-9))

    for number, sound in enumerate(ONE_SHOTS):
        if sound == LACKING:
            assert np.abs(heard(number)).max() < 1e-4
            continue
        alike = [likeness(heard(number), other) for other in range(len(ONE_SHOTS))]
        assert int(np.argmax(alike)) == number
        assert alike[number] > 0.98
        assert np.abs(heard(number)).max() == pytest.approx(0.8, rel=0.1)
    soft, half = (float(np.abs(heard(len(ONE_SHOTS), beat)).max()) for beat in (0, 1))
    assert soft / 0.8 == pytest.approx(0.25, rel=0.15)
    assert half / 0.8 == pytest.approx(0.5, rel=0.15)
    # what is left of the first sound after the second has begun
    first, second, others = (len(ONE_SHOTS) + 1 + number for number in range(3))
    assert likeness(heard(first, 0.3), opened, 0.3) < 0.1 < 0.9 < likeness(heard(first, 0.3), closed, 0.05)
    assert likeness(heard(second, 0.3), closed, 0.3) < 0.1 < 0.9 < likeness(heard(second, 0.3), opened, 0.05)
    assert likeness(heard(others, 0.3), 1, 0.3) > 0.3


def test_the_kit_keeps_to_hydrogen_s_own_schema(kit: Path, tmp_path: Path) -> None:
    subprocess.run([need("tar"), "-xzf", str(kit), "-C", str(tmp_path)], check=True)
    folder = tmp_path / kit.stem
    schema = etree.XMLSchema(etree.parse(DATA / "xsd" / "drumkit.xsd"))
    tree = etree.parse(folder / "drumkit.xml")
    assert schema.validate(tree), schema.error_log
    space = {"h": "http://www.hydrogen-music.org/drumkit"}
    instruments = tree.getroot().findall("h:instrumentList/h:instrument", space)
    assert len(instruments) == len(ONE_SHOTS)
    notes = {each.findtext("h:name", None, space): each.findtext("h:midiOutNote", None, space) for each in instruments}
    assert (notes["Kick"], notes["Snare"], notes["Hat"], notes["Open Hat"], notes["Bass"]) == (
        "36",
        "38",
        "42",
        "46",
        "84",
    )
    files = [name.text for name in tree.getroot().iterfind(".//h:filename", space)]
    assert sorted(files) == sorted(path.name for path in folder.glob("*.flac"))
    assert len(files) == len(ONE_SHOTS) - 1
    kick, _ = soundfile.read(folder / "kick.flac", always_2d=True)
    assert np.abs(kick - sound_of(0)).max() < 2**-22
