"""Kits of one-shots as SFZ and DecentSampler instruments: keys of General MIDI, hats that choke, files that exist."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree
from sfzen import SFZ

from musika_daw.score.parts import DRUMS, ONE_SHOTS
from pack_builder.publish.presets import KIT_KEYS, MOST, Preset, decent_sampler, kits_of, sfz
from pack_builder.record.manifest import read_manifest
from pack_builder.record.rows import Row
from pack_builder.verify import verify
from tests.pack_builder.pack_helpers import ROW


@pytest.fixture(scope="module")
def pack(built_once: Callable[..., Path]) -> Path:
    return built_once(kinds=("techno",), kits="1", one_shots="2", loops_per_bpm="0", bpm="120", attempts="3")


def shot(sound: str, name: str, kit: str | None = None) -> Row:
    return replace(ROW, file=f"{name}.wav", music=replace(ROW.music, shape="shot", role=sound, kit=kit))


def test_a_pack_has_a_kit_for_each_of_its_kits_and_for_what_stands_alone(pack: Path) -> None:
    rows = [row for row in read_manifest(pack).rows if row.music.shape == "shot"]
    names = {row.music.kit for row in rows} - {None}
    stems = sorted(path.stem for path in (pack / "Presets/Hydrogen").glob("*.h2drumkit"))
    assert stems == sorted(f"MSK_First_kit_{name}" for name in (*names, 1, 2))
    for stem in stems:
        instrument = SFZ(str(pack / f"Presets/SFZ/Kits/{stem}.sfz"))  # of sfzen, which checks every opcode
        assert not instrument.errors
        found = {}
        for region in instrument.regions():
            opcodes = region.inherited_opcodes()
            assert not [opcode.error for opcode in opcodes.values() if opcode.error]
            assert opcodes["sample"].exists()
            assert opcodes["amp_veltrack"].value == 100
            file = Path(opcodes["sample"].abspath).relative_to(pack.resolve()).as_posix()
            [row] = [row for row in rows if row.file == file]
            assert opcodes["key"].value in KIT_KEYS[row.music.role]
            assert ("off_by" in opcodes) == (row.music.role in ("hat", "open_hat"))
            found[row.music.role] = file
        root = etree.parse(pack / f"Presets/DecentSampler/Kits/{stem}.dspreset").getroot()
        folder = pack / "Presets/DecentSampler/Kits"
        said = {sample.get("rootNote"): sample.get("path") for sample in root.iterfind("groups/group/sample")}
        for sound, file in found.items():
            for key in KIT_KEYS[sound]:
                assert (folder / said[str(key)]).resolve() == (pack / file).resolve()
    assert verify(pack).differences == ()


def test_a_drumkit_that_was_changed_is_found(pack: Path, tmp_path: Path) -> None:
    path = next((pack / "Presets/Hydrogen").glob("*.h2drumkit"))
    before = path.read_bytes()
    try:
        path.write_bytes(before[:-1] + b"x")
        assert [difference.file for difference in verify(pack).differences] == [path.relative_to(pack).as_posix()]
    finally:
        path.write_bytes(before)


def test_hats_choke_each_other_and_nothing_else() -> None:
    kit = Preset("x", tuple(shot(sound, sound) for sound in ONE_SHOTS), kit=True)
    lines = {line.split("key=")[1].split()[0]: line for line in sfz(kit).splitlines() if line.startswith("<region>")}
    chokes = {int(key) for key, line in lines.items() if "group=1 off_by=1 off_mode=fast" in line}
    assert chokes == {DRUMS["hat"], DRUMS["open"]}
    samples = etree.fromstring(decent_sampler(kit).encode()).iterfind("groups/group/sample")
    assert {int(each.get("rootNote")) for each in samples if each.get("silencedByTags") == "hats"} == chokes
    assert sorted(map(int, lines)) == sorted(key for keys in KIT_KEYS.values() for key in keys)
    struck = {key for voice, key in DRUMS.items() if not voice.startswith("loop")}  # what a loop's MIDI may strike
    assert struck <= set(map(int, lines))
    loose = replace(kit, kit=False)
    assert "off_by" not in sfz(loose)


def test_kits_are_the_first_of_every_sound_then_the_second() -> None:
    rows = [shot(sound, f"{sound}{number}") for sound in ("hat", "kick") for number in range(MOST + 2)]
    outside = shot("clap", "bad")
    outside = replace(outside, quality=replace(outside.quality, inside_limits=False))
    kits = kits_of("A_B", [*rows, outside, shot("clap", "only"), shot("tom", "own", "amber")])
    assert [kit.name for kit in kits] == [*(f"A_B_kit_{number + 1}" for number in range(MOST)), "A_B_kit_amber"]
    assert [row.file for row in kits[0].rows] == ["kick0.wav", "hat0.wav", "only.wav"]
    assert [row.file for row in kits[1].rows] == ["kick1.wav", "hat1.wav"]
    assert [key for key, _ in kits[0].keyed()] == [36, 39, 42]
    assert [row.file for row in kits[-1].rows] == ["own.wav"]
