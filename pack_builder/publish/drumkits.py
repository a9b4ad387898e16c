"""Drumkits of Hydrogen: an archive for each kit of one-shots, with its sounds and what each of them is.

An instrument a sound, in one order in all kits, so that one plays what was written for another; one that a kit lacks is
there and silent. Hydrogen plays them from C1 (MIDI 36) upwards, or where it is told to use output notes as input on the
keys that the other presets of a kit have. The sounds are FLAC files, without loss.
Source: the schema `drumkit.xsd` and the kits that Hydrogen 1.2 comes with.
"""

import gzip
import io
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from xml.etree import ElementTree as Xml

import numpy as np

from musika_daw.score.parts import ONE_SHOTS
from musika_daw.sound.sounds import FORMATS, encode, read_sound
from musika_daw.sound.tags import Tags
from pack_builder.publish.presets import CHOKED, KIT_KEYS, Preset, kits_of
from pack_builder.record.manifest import Head
from pack_builder.record.rows import Row

_SPACE = "http://www.hydrogen-music.org/drumkit"
_HATS = "1"  # number of the group of which one sound silences the others
_INSTRUMENT = {
    "volume": "1",
    "isMuted": "false",
    "isSoloed": "false",
    "pan": "0",
    "pitchOffset": "0",
    "randomPitchFactor": "0",
    "gain": "1",
    "applyVelocity": "true",
    "filterActive": "false",
    "filterCutoff": "1",
    "filterResonance": "0",
    "Attack": "0",
    "Decay": "0",
    "Sustain": "1",
    "Release": "1000",
}


def drumkit_files(stem: str, head: Head, rows: Iterable[Row], folder: Path) -> Iterator[tuple[str, bytes]]:
    """(path in the pack, bytes) of every drumkit; `folder` is the pack's, whose sounds are read."""
    for kit in kits_of(stem, rows):
        yield f"Presets/Hydrogen/{kit.name}.h2drumkit", drumkit(kit, head, folder)


def drumkit(kit: Preset, head: Head, folder: Path) -> bytes:
    """An `.h2drumkit` file: a folder in a tar archive, packed by gzip, the same bytes every time."""
    files = {f"{row.music.role}.flac": _flac(folder / row.file) for row in kit.rows}
    stream = io.BytesIO()
    with gzip.GzipFile(fileobj=stream, mode="wb", mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as archive:
        for name, data in {"drumkit.xml": drumkit_xml(kit, head), **files}.items():
            entry = tarfile.TarInfo(f"{kit.name}/{name}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return stream.getvalue()


def _flac(path: Path) -> bytes:
    samples, header = read_sound(path)
    return encode(np.clip(samples, -1, 1), header.sample_rate_hz, Tags(), FORMATS["flac"])


def drumkit_xml(kit: Preset, head: Head) -> bytes:
    """The `drumkit.xml` of a kit."""
    Xml.register_namespace("", _SPACE)
    root = Xml.Element(f"{{{_SPACE}}}drumkit_info")

    def add(parent: Xml.Element, name: str, text: str | None = None) -> Xml.Element:
        element = Xml.SubElement(parent, f"{{{_SPACE}}}{name}")
        element.text = text
        return element

    licence = kit.rows[0].licence if kit.rows else ""
    about = {"name": kit.name, "author": head.label, "info": f"{head.name}, rendered by {head.software}"}
    for name, text in (about | {"license": licence, "image": "", "imageLicense": ""}).items():
        add(root, name, text)
    component = add(add(root, "componentList"), "drumkitComponent")
    for name, text in {"id": "0", "name": "Main", "volume": "1"}.items():
        add(component, name, text)
    sounds = {row.music.role for row in kit.rows}
    instruments = add(root, "instrumentList")
    for number, sound in enumerate(ONE_SHOTS):
        instrument = add(instruments, "instrument")
        add(instrument, "id", str(number))
        add(instrument, "name", sound.replace("_", " ").title())
        for name, text in _INSTRUMENT.items():
            add(instrument, name, text)
        for name, text in {
            "muteGroup": _HATS if sound in CHOKED else "-1",
            "midiOutChannel": "-1",
            "midiOutNote": str(KIT_KEYS[sound][0]),
            "isStopNote": "false",
            "sampleSelectionAlgo": "VELOCITY",
            "isHihat": "-1",
            "lower_cc": "0",
            "higher_cc": "127",
        }.items():
            add(instrument, name, text)
        for number_of_effect in range(1, 5):
            add(instrument, f"FX{number_of_effect}Level", "0")
        part = add(instrument, "instrumentComponent")
        add(part, "component_id", "0")
        add(part, "gain", "1")
        if sound in sounds:
            layer = add(part, "layer")
            for name, text in {"filename": f"{sound}.flac", "min": "0", "max": "1", "gain": "1", "pitch": "0"}.items():
                add(layer, name, text)
    Xml.indent(root)
    return bytes(Xml.tostring(root, "UTF-8", xml_declaration=True))
