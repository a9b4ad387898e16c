"""Labels in every format, presets and projects, read by programs and libraries that are not ours."""

import io
import re
import subprocess
import wave
import xml.etree.ElementTree as Xml
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mutagen.aiff
import mutagen.flac
import numpy as np
import pytest
import rpp
import soundfile
import wavinfo
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from sfzen import SFZ

from musika_daw.sound.aiff import encode_aiff, extended
from musika_daw.sound.flac import encode_flac, with_comments
from musika_daw.sound.tags import Acid, Cue, Sampler, Tags
from pack_builder.plan.options import BuildOptions
from pack_builder.record.manifest import Manifest, read_manifest
from pack_builder.run.build import build
from pack_builder.verify import verify
from tests.pack_builder.pack_helpers import Silent
from tests.pack_builder.pack_stand_in import SOURCE, techno
from tests.programs import need

Small = Callable[..., BuildOptions]
LOOP = techno(128.5, 1)
TAGS = Tags(
    {"INAM": "Näme", "IART": "MSK", "IGNR": "Techno", "ICMT": '{"seed": 7}', "ISFT": "musika-daw", "ICOP": "free"},
    Acid(4, 128.5),
    Sampler(((0, len(LOOP) - 1),)),
    (Cue(0, "bar 1"), Cue(7, "odd")),
    "Amin",
)


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("labels") / "pack"
    options = BuildOptions.parse(
        bpm="120,128.5",
        loops_per_bpm="2",
        bars="1",
        takes="2",
        take_seconds="2",
        jobs="1",
        finish="none",
        kits="1",
        one_shots="1",
        out=str(out),
    )
    build(options, Silent(), SOURCE)
    return out


@pytest.fixture(scope="module")
def manifest(pack: Path) -> Manifest:
    return read_manifest(pack)


@pytest.mark.parametrize("sample_rate_hz", [44100, 48000, 96000])
def test_flac_holds_the_sound_and_the_tempo(sample_rate_hz: int) -> None:
    data = encode_flac(LOOP, sample_rate_hz, TAGS)
    assert data == encode_flac(LOOP, sample_rate_hz, TAGS)
    samples, rate = soundfile.read(io.BytesIO(data), dtype="float32")
    assert rate == sample_rate_hz
    assert np.abs(samples - np.clip(LOOP, -1, 1)).max() <= 2**-23
    file = mutagen.flac.FLAC(io.BytesIO(data))
    assert (file.info.bits_per_sample, file.info.total_samples) == (24, len(LOOP))
    said = {name: file[name][0] for name in ("title", "artist", "genre", "bpm", "initialkey", "comment", "beats")}
    assert said == {
        "title": "Näme",
        "artist": "MSK",
        "genre": "Techno",
        "bpm": "128.5",
        "initialkey": "Amin",
        "comment": '{"seed": 7}',
        "beats": "4",
    }


def test_a_take_as_flac_claims_no_tempo() -> None:
    file = mutagen.flac.FLAC(io.BytesIO(encode_flac(LOOP, 44100, Tags({"INAM": "x"}))))
    assert "bpm" not in file
    with pytest.raises(ValueError, match="not a flac file"):
        with_comments(b"RIFF", {})
    with pytest.raises(ValueError, match="cut short"):
        with_comments(b"fLaC\0\0", {})


@pytest.mark.parametrize("sample_rate_hz", [44100, 48000, 96000])
def test_aiff_holds_the_sound_the_loop_and_the_tempo(sample_rate_hz: int) -> None:
    data = encode_aiff(LOOP, sample_rate_hz, TAGS)
    with soundfile.SoundFile(io.BytesIO(data)) as file:
        assert (file.samplerate, file.frames, file.subtype) == (sample_rate_hz, len(LOOP), "PCM_24")
        assert np.abs(file.read(dtype="float32") - np.clip(LOOP, -1, 1)).max() <= 2**-23
    tags: Any = mutagen.aiff.AIFF(io.BytesIO(data))
    assert tags.info.sample_rate == sample_rate_hz
    assert {name: str(tags.tags[name]) for name in ("TIT2", "TPE1", "TBPM", "TKEY", "TCON")} == {
        "TIT2": "Näme",
        "TPE1": "MSK",
        "TBPM": "128.5",
        "TKEY": "Am",
        "TCON": "Techno",
    }
    assert str(tags.tags["TXXX:BEATS"]) == "4"
    assert str(tags.tags.getall("COMM")[0]) == '{"seed": 7}'


@settings(deadline=None)
@given(st.integers(1, 1 << 20))
def test_extended_floats_are_exact(value: int) -> None:
    raw = extended(float(value))
    exponent, fraction = int.from_bytes(raw[:2], "big"), int.from_bytes(raw[2:], "big")
    assert fraction * 2.0 ** (exponent - 16383 - 63) == value


@pytest.mark.parametrize(
    ("form", "suffix", "subtype"),
    [("wav16", "wav", "PCM_16"), ("wav32f", "wav", "FLOAT"), ("flac", "flac", "PCM_24"), ("aiff", "aiff", "PCM_24")],
)
def test_a_pack_of_any_format_verifies(small: Small, form: str, suffix: str, subtype: str) -> None:
    options = small(format=form, one_shots="1", bars="2")
    build(options, Silent(), SOURCE)
    assert verify(options.place.out, deep=True) == verify(options.place.out)
    assert not verify(options.place.out).differences
    for row in read_manifest(options.place.out).rows:
        assert row.file.endswith("." + suffix)
        assert soundfile.info(options.place.out / row.file).subtype == subtype
    first = options.place.out / read_manifest(options.place.out).rows[0].file
    first.write_bytes(first.read_bytes()[:-40])
    assert verify(options.place.out).differences


def test_every_wav_opens_in_wavinfo_and_the_standard_library(pack: Path, manifest: Manifest) -> None:
    for row in manifest.rows:
        info = wavinfo.WavInfoReader(str(pack / row.file))
        assert info.data.frame_count == row.sound.frames
        assert info.info.title == Path(row.file).stem
        with wave.open(str(pack / row.file)) as file:
            assert (file.getnframes(), file.getframerate(), file.getsampwidth()) == (row.sound.frames, 44100, 3)


@pytest.mark.peer
def test_every_wav_opens_in_sndfile_info(pack: Path, manifest: Manifest) -> None:
    need("sndfile-info")
    files = [row.file for row in manifest.rows]
    told = subprocess.run(["sndfile-info", *files], cwd=pack, capture_output=True, text=True)
    assert told.returncode == 0
    assert told.stdout.count("Frames      : ") == len(manifest.rows)
    complaints = [line for line in told.stdout.splitlines() if line.startswith("*** ")]
    assert all(re.fullmatch(r"\*\*\* id3  : \d+ \(unknown marker\)", line) for line in complaints)
    assert len(complaints) == len(manifest.rows)  # it passes over the ID3 tag, which is for others


def test_presets_name_files_that_are_there(pack: Path, manifest: Manifest) -> None:
    used: set[str] = set()
    for path in sorted((pack / "Presets" / "SFZ").glob("*.sfz")):
        instrument = SFZ(str(path))  # of sfzen, which checks every opcode and its value
        assert not instrument.errors
        regions = [region.inherited_opcodes() for region in instrument.regions()]
        assert not [opcode.error for region in regions for opcode in region.values() if opcode.error]
        assert [region["key"].value for region in regions] == list(range(36, 36 + len(regions)))
        for region in regions:
            assert region["pitch_keycenter"].value == region["key"].value
            assert region["sample"].exists()
            file = Path(region["sample"].abspath)
            name = file.relative_to(pack.resolve()).as_posix()
            used.add(name)
            one_shot = name.startswith("One_Shots/")
            assert region["loop_mode"].value == ("one_shot" if one_shot else "loop_continuous")
            if not one_shot:
                loop = (region["loop_start"].value, region["loop_end"].value)
                assert loop == (0, soundfile.info(file).frames - 1)
    assert used == {row.file for row in manifest.rows if row.music.shape != "take"}
    heard: set[str] = set()
    for path in sorted((pack / "Presets" / "DecentSampler").glob("*.dspreset")):
        root = etree.parse(path).getroot()
        assert root.tag == "DecentSampler"
        for sample in root.iterfind("groups/group/sample"):
            target = (path.parent / sample.get("path")).resolve()
            heard.add(target.relative_to(pack.resolve()).as_posix())
            assert sample.get("rootNote") == sample.get("loNote") == sample.get("hiNote")
            assert int(sample.get("end")) == soundfile.info(target).frames - 1
    assert heard == used


# The rules of Project.xsd and MetaData.xsd of github.com/bitwig/dawproject (format 1.0) for the elements that a pack
# uses, in our own words: element -> (required attributes, optional attributes, children in their order: `!` must be
# there, `*` any number, `+` one or more, else at most one; `|` stands between those of which there is at most one).
RULES: dict[str, tuple[str, str, str]] = {
    "Project": ("version", "", "Application! Transport Structure Arrangement Scenes"),
    "Application": ("name version", "", ""),
    "Transport": ("", "", "Tempo TimeSignature"),
    "Tempo": ("unit", "id name color comment parameterID max min value", ""),
    "Volume": ("unit", "id name color comment parameterID max min value", ""),
    "Mute": ("", "id name color comment parameterID value", ""),
    "TimeSignature": ("denominator numerator", "id name color comment parameterID", ""),
    "Structure": ("", "", "Track* Channel*"),
    "Track": ("", "id name color comment contentType loaded", "Channel Track*"),
    "Channel": ("", "id name color comment audioChannels destination role solo", "Devices Mute Pan Sends Volume"),
    "Arrangement": ("", "id name color comment", "Lanes Markers TempoAutomation TimeSignatureAutomation"),
    "Lanes": ("", "id name color comment timeUnit track", "Lanes* Clips*"),
    "Clips": ("", "id name color comment timeUnit track", "Clip*"),
    "Clip": (
        "time",
        "name color comment duration contentTimeUnit playStart playStop loopStart loopEnd fadeTimeUnit "
        "fadeInTime fadeOutTime enable reference",
        "Clips|Warps|Audio|Lanes|Notes",
    ),
    "Notes": ("", "id name color comment timeUnit track", "Note*"),
    "Note": ("time duration channel key", "vel rel", ""),
    "Warps": ("contentTimeUnit", "id name color comment timeUnit track", "Audio! Warp+"),
    "Audio": ("channels sampleRate duration", "id name color comment timeUnit track algorithm", "File!"),
    "File": ("path", "external", ""),
    "Warp": ("time contentTime", "", ""),
    "MetaData": (
        "",
        "",
        "Title Artist Album OriginalArtist Composer Songwriter Producer Arranger Year Genre Copyright Website Comment",
    ),
    **dict.fromkeys(("Title", "Artist", "Album", "Comment"), ("", "", "")),
}
# what an attribute may hold, wherever it stands
NUMBER, WHOLE = r"[-+]?\d+(\.\d+)?([eE][-+]?\d+)?", r"[-+]?\d+"
VALUES = {
    **dict.fromkeys(("time", "duration", "playStart", "loopStart", "loopEnd", "contentTime"), NUMBER),
    **dict.fromkeys(("key", "channel"), r"\d{1,3}"),
    **dict.fromkeys(("vel", "rel"), NUMBER),
    **dict.fromkeys(("channels", "sampleRate", "audioChannels", "numerator", "denominator"), WHOLE),
    **dict.fromkeys(("external", "loaded", "solo"), "true|false|0|1"),
    **dict.fromkeys(("timeUnit", "contentTimeUnit"), "beats|seconds"),
    **dict.fromkeys(("id", "track", "destination"), r"[A-Za-z_][\w.-]*"),  # an XML name without a colon
    "role": "regular|master|effect|submix|vca",
    "contentType": "(audio|automation|notes|video|markers|tracks| )*",
    "unit": "linear|normalized|percent|decibel|hertz|semitones|seconds|beats|bpm",
}


def check_element(element: Xml.Element) -> None:
    required, optional, children = (text.split() for text in RULES[element.tag])
    assert set(required) <= set(element.attrib) <= {*required, *optional}, element.tag
    for name, value in element.attrib.items():
        assert re.fullmatch(VALUES.get(name, ".*"), value), (element.tag, name, value)
    places = [
        next(place for place, rule in enumerate(children) if child.tag in rule.rstrip("!*+").split("|"))
        for child in element
    ]
    assert places == sorted(places), element.tag
    for place, rule in enumerate(children):
        least, most = {"!": (1, 1), "*": (0, None), "+": (1, None)}.get(rule[-1], (0, 1))
        assert places.count(place) >= least, (element.tag, rule)
        assert most is None or places.count(place) <= most, (element.tag, rule)
    for child in element:
        check_element(child)


def test_dawprojects_keep_to_the_schema_and_lay_every_loop_out(pack: Path, manifest: Manifest) -> None:
    laid: dict[str, float] = {}
    for path in sorted((pack / "Projects").glob("*.dawproject")):
        with zipfile.ZipFile(path) as archive:
            assert archive.namelist() == ["project.xml", "metadata.xml"]
            root = Xml.fromstring(archive.read("project.xml"))
            about = Xml.fromstring(archive.read("metadata.xml"))
        assert (root.tag, about.tag) == ("Project", "MetaData")
        check_element(root)
        check_element(about)
        assert [child.tag for child in about] == ["Title", "Artist", "Album", "Comment"]
        ids = [element.get("id") for element in root.iter() if element.get("id")]
        assert len(set(ids)) == len(ids)
        for element in root.iter():
            for name in ("track", "destination"):
                assert element.get(name) is None or element.get(name) in ids
        bpm = float(root.find("Transport/Tempo").get("value"))
        for clips in root.iterfind("Arrangement/Lanes/Lanes/Clips"):
            end = 0.0
            for clip in clips:
                assert float(clip.get("time")) >= end
                assert float(clip.get("time")) % 4 == 0
                end = float(clip.get("time")) + float(clip.get("duration"))
                warps = clip.find("Clips/Clip/Warps")
                file = warps.find("Audio/File").get("path")
                info = soundfile.info((path.parent / file).resolve())
                first, last = warps.findall("Warp")
                assert (first.get("time"), first.get("contentTime")) == ("0", "0")
                assert float(last.get("contentTime")) == pytest.approx(info.duration, abs=1e-9)
                assert float(last.get("time")) == pytest.approx(info.duration * bpm / 60, abs=1e-4)
                laid[file.removeprefix("../")] = bpm
    assert set(laid) == {row.file for row in manifest.rows if row.music.shape != "shot"}
    assert all(laid[row.file] == row.music.bpm for row in manifest.rows if row.music.bpm)


def test_reaper_projects_load_in_a_parser_that_is_not_ours(pack: Path, manifest: Manifest) -> None:
    laid: set[str] = set()
    for path in sorted((pack / "Projects").glob("*.rpp")):
        project = rpp.loads(path.read_text())
        assert project.tag == "REAPER_PROJECT"
        bpm = float(project.find("TEMPO")[1])
        for track in project.findall("TRACK"):
            end = -1e-9
            for item in track.findall("ITEM"):
                file = item.find("SOURCE").find("FILE")[1]
                info = soundfile.info((path.parent / file).resolve())
                assert float(item.find("LENGTH")[1]) == pytest.approx(info.duration, abs=1e-9)
                position = float(item.find("POSITION")[1])
                assert position >= end
                assert position * bpm / 240 == pytest.approx(round(position * bpm / 240), abs=1e-9)
                end = position + info.duration - 1e-4
                laid.add(file.removeprefix("../"))
    assert laid == {row.file for row in manifest.rows if row.music.shape != "shot"}


def test_one_shots_lie_on_the_keys_sound_by_sound(manifest: Manifest) -> None:
    from pack_builder.publish.presets import presets_of

    [shots] = [preset for preset in presets_of("A_B", manifest.rows) if preset.name.endswith("one_shots")]
    roles = [row.music.role for row in shots.rows]
    assert len(roles) > 2
    assert roles == sorted(roles, key=["kick", "hat", "clap", "stab"].index)


def test_large_packs_are_split_into_presets_and_projects_of_a_useful_size() -> None:
    from dataclasses import replace

    from pack_builder.publish.presets import KEYS, presets_of
    from pack_builder.publish.timeline import MOST_FILES, projects_of
    from tests.pack_builder.pack_helpers import ROW

    rows = [replace(ROW, file=f"Loops/{number}.wav") for number in range(1500)]
    presets = presets_of("A_B", rows)
    assert [len(preset.rows) for preset in presets[:2]] == [KEYS, KEYS]
    assert len({preset.name for preset in presets}) == len(presets) == 16
    [project] = projects_of("A_B", rows)
    assert sum(len(placed) for _, placed in project.tracks) == MOST_FILES
