"""The MIDI file beside every loop and take: what it holds, what is made of it, what becomes of one that is damaged."""

import json
import re
import xml.etree.ElementTree as Xml
import zipfile
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import mido
import numpy as np
import pytest
import rpp
import soundfile

from musika_daw.hearing.key import key_heard
from musika_daw.hearing.onsets import note_onsets_s
from musika_daw.score.harmony import key_in_text
from musika_daw.score.midi_file import PPQ, decode_midi
from musika_daw.sound.riff import write_wave
from musika_daw.sound.riff_reader import read_header
from pack_builder.again import differences, options_again
from pack_builder.inspect import lines_of
from pack_builder.plan.options import BuildOptions, place_from
from pack_builder.record.beside import FileChord
from pack_builder.record.manifest import Manifest, read_checksums, read_manifest
from pack_builder.record.rows import Row, plain
from pack_builder.render.source import MUSIKA
from pack_builder.run.build import build
from pack_builder.verify import verify
from tests.pack_builder.pack_helpers import ROW, Ran, Silent, page_data, small_texts
from tests.pack_builder.pack_stand_in import SOURCE, struck
from tests.pack_builder.publish.test_labels import check_element

pytestmark = pytest.mark.slow

Run = Callable[..., Ran]
SCORED = {"models": ("techno:score", "piano:score"), "take_seconds": "4"}
AMIN = ((9, 12, 16), (2, 5, 9), (4, 7, 11), (9, 12, 16))
FOUR = ("--bars", "1", "--bpm", "120", "--takes", "1", "--take-seconds", "2", "--loops-per-bpm", "1", "--jobs", "1")


def options_of(out: Path, **texts: Any) -> BuildOptions:
    return BuildOptions.parse(**small_texts(**SCORED | {"out": str(out)} | texts))


def every_file(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("midi") / "pack"
    build(options_of(out, bars="2", one_shots="1"), Silent(), SOURCE)
    return out


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    build(options_of(tmp_path / "pack"), Silent(), SOURCE)
    return tmp_path / "pack"


def test_every_loop_and_take_has_one_of_its_own_length_and_key(whole: Path) -> None:
    rows = read_manifest(whole).rows
    assert {row.music.shape for row in rows if row.midi is None} == {"shot"}
    for row in rows:
        if row.midi is None:
            continue
        file = mido.MidiFile(whole / row.midi.file)
        assert row.midi.file == row.file.removesuffix(".wav") + ".mid"
        assert {sum(message.time for message in track) for track in file.tracks} == {row.midi.ticks}
        meta = {message.type: message for message in file.tracks[0]}
        assert meta["track_name"].name == Path(row.file).stem
        assert (meta["time_signature"].numerator, meta["time_signature"].denominator) == (4, 4)
        assert key_in_text(meta["key_signature"].key) == row.music.key == "Bbmin"
        assert row.file.endswith("_Bbmin.wav")
        notes = sum(message.type == "note_on" for track in file.tracks for message in track)
        assert notes == row.midi.notes > 0
        if row.loops:
            assert row.midi.ticks == row.music.bars * 4 * PPQ
            assert meta["set_tempo"].tempo == round(60e6 / row.music.bpm)
            assert [track.name for track in file.tracks[1:]] == ["drums", "bass"]
        else:
            assert (row.midi.bpm, row.midi.ticks) == (120, round(row.seconds * 2 * PPQ))
            assert [track.name for track in file.tracks[1:]] == ["piano"]
    sums = read_checksums(whole)
    assert {row.midi.file for row in rows if row.midi} <= set(sums)


def test_notes_lie_where_they_are_heard(whole: Path) -> None:
    """Kicks of a loop on its beats; of a take each onset that is heard has its note, within what hearing can tell."""
    for row in read_manifest(whole).rows:
        if row.midi is None:
            continue
        music = decode_midi((whole / row.midi.file).read_bytes())
        if row.loops:
            assert music.notes.of("drums").onset.tolist() == [beat * PPQ for beat in range(8)]
            continue
        heard = note_onsets_s(*soundfile.read(whole / row.file, always_2d=True))
        near = np.array([np.abs(music.onsets_s() - onset_s).min() for onset_s in heard])
        assert len(heard) >= 2
        assert near.max() < 0.02


def test_the_same_options_give_the_same_bytes_and_a_manifest_makes_them_again(pack: Path, tmp_path: Path) -> None:
    build(options_of(tmp_path / "two", jobs="2"), Silent(), SOURCE)
    one, two = every_file(pack), every_file(tmp_path / "two")
    assert {name: data for name, data in one.items() if name.endswith(".mid")}
    assert {name for name in one if one[name] != two.get(name)} <= {"manifest.json"}
    again = options_again(
        str(pack), (), place_from({"out": str(tmp_path / "three"), "jobs": "1"}, models=SCORED["models"])
    )
    build(again[0], Silent(), SOURCE)
    assert differences(pack, tmp_path / "three") == []
    assert every_file(tmp_path / "three").keys() == one.keys()


def test_a_build_that_was_stopped_goes_on_to_the_same_bytes(pack: Path, tmp_path: Path) -> None:
    options = options_of(tmp_path / "two")
    with pytest.raises(KeyboardInterrupt):
        build(options, Silent(stop_after=2), SOURCE)
    [first, second] = sorted((tmp_path / "two").rglob("*.mid"))
    first.unlink()
    second.write_bytes(b"MThd")
    kept = Silent()
    build(options.changed(resume=True), kept, SOURCE)
    assert kept.kept == 0, "a file whose notes are gone is made again"
    one, two = every_file(pack), every_file(tmp_path / "two")
    assert {name for name in one if one[name] != two.get(name)} <= {"manifest.json"}


DAMAGE: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "gone": (lambda path: path.unlink(), "missing", "missing"),
    "one bit": (lambda path: path.write_bytes(path.read_bytes()[:-2] + b"\7\7"), "sha256", "sha256"),
    "cut": (lambda path: path.write_bytes(path.read_bytes()[:60]), "not a midi file", "not a midi file"),
    "text": (lambda path: path.write_text("hello"), "not a midi file", "not a midi file"),
    "a note less": (lambda path: change(path, silence), "notes, manifest says", "notes"),
    "longer": (lambda path: change(path, lambda track: lengthen(track)), "beats, manifest says", "beats"),
    "faster": (lambda path: change(path, faster, 0), "bpm, manifest says", "bpm"),
}


def change(path: Path, how: Callable[[Any], Any], track: int = 1) -> None:
    file = mido.MidiFile(path)
    how(file.tracks[track])
    file.save(path)


def lengthen(track: Any) -> None:
    track[-1] = track[-1].copy(time=track[-1].time + PPQ)


def silence(track: Any) -> None:
    track[1] = track[1].copy(velocity=0)


def faster(track: Any) -> None:
    track[:] = [m.copy(tempo=400_000) if m.type == "set_tempo" else m for m in track]


@pytest.mark.parametrize("name", DAMAGE)
def test_a_missing_or_changed_one_is_named(pack: Path, name: str) -> None:
    assert verify(pack, deep=True).differences == ()
    path = next(iter(sorted(pack.rglob("*.mid"))))
    damage, shallow, deep = DAMAGE[name]
    damage(path)
    for found, text in ((verify(pack).differences, shallow), (verify(pack, deep=True).differences, deep)):
        assert {difference.file for difference in found} == {path.relative_to(pack).as_posix()}
        assert any(text in difference.what for difference in found), found


def test_one_that_agrees_with_its_checksum_alone_is_read_when_deep(pack: Path) -> None:
    manifest: Manifest = read_manifest(pack)
    text = (pack / "manifest.json").read_text()
    midi = manifest.rows[0].midi
    assert midi is not None
    (pack / "manifest.json").write_text(text.replace(f'"notes": {midi.notes}', f'"notes": {midi.notes + 1}'))
    assert verify(pack).differences == ()
    assert any("notes, manifest says" in difference.what for difference in verify(pack, deep=True).differences)


def test_another_key_that_is_heard_is_a_note_and_no_difference(run: Run, pack: Path) -> None:
    row = read_manifest(pack).rows[0]
    chords = [sum(struck(261.63 * 2 ** (note / 12), 1.0, 0.6, 44100) for note in chord) for chord in AMIN]
    sound = np.concatenate(chords)[:, None].repeat(2, axis=1) * 0.1
    write_wave(pack / row.file, sound, 44100, replace(read_header(pack / row.file).tags, acid=None, sampler=None))
    said = [(note.file, note.what) for note in verify(pack, deep=True).notes]
    assert said == [(row.file, "labelled Bbmin, heard Amin")]
    assert verify(pack).notes == ()
    assert f"note: {row.file}: labelled Bbmin, heard Amin" in run("verify", "--deep", str(pack)).out
    assert dict(lines_of(pack / row.file))["note"] == "labelled Bbmin, heard Amin"
    assert "note" not in dict(lines_of(pack / read_manifest(pack).rows[1].file))
    assert key_heard(sound, 44100, "Am") is None
    assert key_heard(sound, 44100, "C major") is None  # its relative has the same notes
    assert key_heard(sound, 44100, "Dmin") == "labelled Dmin, heard Amin"
    assert key_heard(sound, 44100, "no key") == "labelled no key, heard Amin"


def test_a_midi_file_of_others_is_noted(pack: Path) -> None:
    (pack / "mine.mid").write_bytes(b"")
    assert verify(pack).unlisted == ("mine.mid",)


def test_the_page_the_readme_and_inspect_tell_of_it(pack: Path) -> None:
    [page] = page_data(pack)
    rows = read_manifest(pack).rows
    assert [file["midi"] for file in json.loads(page)["files"]] == [row.midi.file for row in rows if row.midi]
    readme = (pack / "README.txt").read_text()
    assert "4 MIDI files" in readme
    assert "channel 10" in readme
    found = dict(lines_of(pack / rows[0].file))
    assert found["midi"] == f"{Path(rows[0].midi.file).name}: 6 notes (drums, bass), 4 beats at 120 bpm"
    assert found["key"] == "Bbmin, or A#min"
    alone = lines_of(pack / rows[0].midi.file)
    assert dict(alone)["tempo"] == "120 bpm"
    assert [text for subject, text in alone if subject == "notes"] == ["4 drums", "2 bass"]


def test_a_pack_of_a_model_without_a_score_has_none(run: Run, tmp_path: Path) -> None:
    assert run("build", *FOUR, "--out", str(tmp_path / "free")).code == 0
    assert not list((tmp_path / "free").rglob("*.mid"))
    assert '"midi": {' not in (tmp_path / "free" / "manifest.json").read_text()
    assert "MIDI" not in (tmp_path / "free" / "README.txt").read_text()
    ran = run("build", *FOUR, "--midi", "--out", str(tmp_path / "asked"))
    # of two that play none the one is named that is loaded first
    assert (ran.code, ran.err) == (
        2, "error: --midi: the model piano plays no score, which the notes would be taken from\n"
    )  # fmt: skip
    assert not (tmp_path / "asked").exists()
    models = ("--model", "techno:score", "--model", "piano:score")
    assert run("build", *FOUR, *models, "--midi", "--out", str(tmp_path / "with")).code == 0
    assert len(list((tmp_path / "with").rglob("*.mid"))) == 2
    assert run("build", *FOUR, *models, "--no-midi", "--out", str(tmp_path / "without")).code == 0
    assert not list((tmp_path / "without").rglob("*.mid"))


def test_dawprojects_hold_the_notes_a_track_a_role(whole: Path) -> None:
    rows = {row.midi.file.rpartition("/")[2].removesuffix(".mid"): row for row in read_manifest(whole).rows if row.midi}
    seen: dict[str, int] = {}
    for path in sorted((whole / "Projects").glob("*.dawproject")):
        with zipfile.ZipFile(path) as archive:
            root = Xml.fromstring(archive.read("project.xml"))
        check_element(root)
        ids = [element.get("id") for element in root.iter() if element.get("id")]
        assert len(set(ids)) == len(ids)
        kinds = {track.get("id"): (track.get("contentType"), track.get("name")) for track in root.iter("Track")}
        bpm = float(root.find("Transport/Tempo").get("value"))
        for lane in root.iterfind("Arrangement/Lanes/Lanes"):
            content, title = kinds[lane.get("track")]
            for clip in lane.iterfind("Clips/Clip"):
                assert (clip.find("Notes") is not None) == (content == "notes")
                if content != "notes":
                    continue
                row, role = rows[clip.get("name")], title.split()[-1]
                notes = decode_midi((whole / row.midi.file).read_bytes()).notes.of(role)
                times = [float(note.get("time")) for note in clip.iter("Note")]
                assert np.allclose(times, notes.onset / PPQ * (bpm / row.midi.bpm), atol=1e-9)
                assert [int(note.get("key")) for note in clip.iter("Note")] == notes.key.tolist()
                assert (
                    {note.get("channel") for note in clip.iter("Note")} == {"9" if role == "drums" else "0"}
                    if role in ("drums", "piano")
                    else True
                )
                seen[clip.get("name")] = seen.get(clip.get("name"), 0) + len(times)
    assert seen == {name: row.midi.notes for name, row in rows.items()}


def test_reaper_projects_hold_the_notes_a_track_a_role(whole: Path) -> None:
    rows = {row.midi.file.rpartition("/")[2]: row for row in read_manifest(whole).rows if row.midi}
    seen: dict[str, int] = {}
    for path in sorted((whole / "Projects").glob("*.rpp")):
        project = rpp.loads(path.read_text())
        bpm = float(project.find("TEMPO")[1])
        for track in project.findall("TRACK"):
            for item in track.findall("ITEM"):
                source = item.find("SOURCE")
                if source.attrib[0] != "MIDI":
                    continue
                name = item.find("NAME")[1]
                assert source.find("HASDATA")[1:] == ["1", "960", "QN"]
                events = source.findall("E")
                length_beats = sum(int(event[1]) for event in events) / PPQ
                assert length_beats == pytest.approx(float(item.find("LENGTH")[1]) * bpm / 60, abs=2 / PPQ)
                assert (int(events[-1][2], 16) & 0xF0, events[-1][3]) == (0xB0, "7b")
                seen[name] = seen.get(name, 0) + sum(int(event[2], 16) & 0xF0 == 0x90 for event in events)
    assert seen == {name: row.midi.notes for name, row in rows.items()}


def test_a_row_with_one_is_read_back_and_a_damaged_one_refused() -> None:
    midi = {"file": "Loops/a.mid", "sha256": "0" * 64, "notes": 3, "ticks": 15360, "bpm": 128.5}
    row = Row.from_dict(plain(ROW) | {"midi": midi})
    assert row.midi is not None
    assert Row.from_dict(json.loads(json.dumps(plain(row)))) == row
    assert plain(row)["midi"] == midi
    assert "midi" not in plain(ROW)
    wrongs: list[Any] = [None, 3, [], {}, midi | {"notes": "3"}, midi | {"more": 1}]
    for wrong in wrongs:
        with pytest.raises(ValueError, match=r"^manifest: midi\b"):
            Row.from_dict(plain(ROW) | {"midi": wrong})


def test_a_row_with_chords_is_read_back_and_a_damaged_one_refused() -> None:
    chords = [{"beat": 0.0, "chord": "Am"}, {"beat": 1.5, "chord": "C/E"}]
    row = Row.from_dict(plain(ROW) | {"chords": chords})
    assert row.chords == (FileChord(0.0, "Am"), FileChord(1.5, "C/E"))
    assert Row.from_dict(json.loads(json.dumps(plain(row)))) == row
    assert plain(row)["chords"] == chords
    wrongs: list[Any] = [None, [], {}, "Am", ["Am"], [{"beat": 0.0}], [{"beat": "0", "chord": "Am"}], [chords]]
    for wrong in wrongs:
        with pytest.raises(ValueError, match=r"^manifest: chord"):
            Row.from_dict(plain(ROW) | {"chords": wrong})


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, parts_model: Path) -> Path:
    """A loop of parts at a tempo whose length is no whole number of frames, and takes of the piano that ships."""
    out = tmp_path_factory.mktemp("real") / "pack"
    values = small_texts(bpm="131.7", bars="2", take_seconds="12", density="0.35", keep_best=True)
    build(
        BuildOptions.parse(**values | {"models": (str(parts_model),), "attempts": "1", "out": str(out)}),
        Silent(),
        MUSIKA,
    )
    return out


def test_a_real_pack_verifies_and_its_loop_is_on_the_grid(real: Path) -> None:
    assert verify(real, deep=True).differences == ()
    [loop] = [row for row in read_manifest(real).rows if row.loops]
    assert loop.midi is not None
    assert Fraction(loop.midi.ticks, PPQ) == 8
    music = decode_midi((real / loop.midi.file).read_bytes())
    drums = music.notes.of("drums")
    assert set(music.roles) - {"drums", "bass", "lead", "chords"} == set()
    assert len(drums) > 4
    kicks = drums.onset[drums.key == 36]
    assert (kicks % (PPQ // 4) == 0).mean() > 0.5
    assert re.fullmatch(r".*_[A-G][#b]?(maj|min)(_outside)?\.wav", loop.file)


def test_notes_of_a_real_take_lie_on_the_onsets_that_are_heard(real: Path) -> None:
    """Hearing an onset is not more exact than its 5 ms steps, so it is the middle of many that must agree."""
    off: list[float] = []
    heard_of = 0
    for row in read_manifest(real).rows:
        if row.loops or row.midi is None:
            continue
        samples, rate = soundfile.read(real / row.file, always_2d=True)
        music = decode_midi((real / row.midi.file).read_bytes())
        heard = note_onsets_s(samples, rate)
        written = music.onsets_s()
        assert written.max() < row.seconds
        for onset_s in written:
            nearest = heard[np.abs(heard - onset_s).argmin()]
            if abs(nearest - onset_s) < 0.04:
                off.append(float(nearest - onset_s))
        heard_of += sum(np.abs(written - onset_s).min() < 0.04 for onset_s in heard) / len(heard)
    assert heard_of / 2 > 0.8
    assert len(off) > 20
    assert abs(float(np.median(off))) < 0.003
