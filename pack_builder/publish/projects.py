"""Projects that lay a pack out on a timeline: DAWproject 1.0 and REAPER, one a tempo, and one for the takes.

A project names the pack's files by relative path and holds no audio itself, so it stays small and plays what is in
the pack; of a MIDI file it holds the notes. Sources: DAWproject's published schema
(Bitwig, 2024); REAPER's own files.
"""

import io
import zipfile
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree as Xml

import numpy as np

from musika_daw.score.midi_file import CHANNELS, PPQ
from musika_daw.score.roll import Notes
from pack_builder.publish.timeline import Placed, Project, projects_of, seconds_of
from pack_builder.record.manifest import Head
from pack_builder.record.rows import Row

_UP = "../"


def project_files(
    stem: str, head: Head, rows: Iterable[Row], folder: Path, *, exact_tempo: bool = True
) -> Iterator[tuple[str, bytes]]:
    """(path in the pack, bytes) of every project; `folder` is the pack's, whose MIDI files are read."""
    for project in projects_of(stem, rows, exact_tempo):
        yield f"Projects/{project.name}.dawproject", dawproject(project, head, folder)
        yield f"Projects/{project.name}.rpp", reaper(project, folder).encode("utf-8")


def _number(value: Fraction | float) -> str:
    return f"{float(value):.12g}"


def dawproject(project: Project, head: Head, folder: Path) -> bytes:
    """A `.dawproject` file: a zip of `project.xml` and `metadata.xml`, the same bytes every time."""
    name, _, version = head.software.rpartition(" ")
    root = Xml.Element("Project", version="1.0")
    Xml.SubElement(root, "Application", name=name or "musika-daw", version=version)
    transport = Xml.SubElement(root, "Transport")
    Xml.SubElement(
        transport, "Tempo", id="tempo", name="Tempo", unit="bpm", min="20", max="666", value=_number(project.bpm)
    )
    Xml.SubElement(transport, "TimeSignature", id="meter", denominator="4", numerator="4")
    structure = Xml.SubElement(root, "Structure")
    arrangement = Xml.SubElement(root, "Arrangement", id="arrangement")
    lanes = Xml.SubElement(arrangement, "Lanes", id="lanes", timeUnit="beats")
    for number, (title, placed, muted) in enumerate(project.audio()):
        clips = _track(structure, lanes, title, f"{number}", "audio", muted)
        for item in placed:
            _audio(_clip(clips, item), item)
    for number, (title, role, played) in enumerate(project.parts(folder)):
        clips = _track(structure, lanes, title, f"-notes{number}", "notes")
        for index, (item, notes) in enumerate(played):
            _notes(_clip(clips, item), notes, CHANNELS[role], f"notes{number}-{index}")
    master = Xml.SubElement(structure, "Track", contentType="audio", loaded="true", id="master", name="Master")
    channel = Xml.SubElement(master, "Channel", audioChannels="2", role="master", solo="false", id="master-channel")
    Xml.SubElement(channel, "Volume", unit="linear", min="0", max="2", value="1", id="master-volume")
    about = Xml.Element("MetaData")
    for tag, text in (
        ("Title", project.name),
        ("Artist", head.label),
        ("Album", head.name),
        ("Comment", head.software),
    ):
        Xml.SubElement(about, tag).text = text
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, element in (("project.xml", root), ("metadata.xml", about)):
            Xml.indent(element)
            # the oldest date that a zip can hold: the day of rendering would make two equal packs differ
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, Xml.tostring(element, "UTF-8", xml_declaration=True))
    return stream.getvalue()


def _track(
    structure: Xml.Element, lanes: Xml.Element, title: str, number: str, content: str, muted: bool = False
) -> Xml.Element:
    """A track with its channel; the clips on its lane."""
    track = Xml.SubElement(structure, "Track", contentType=content, loaded="true", id=f"track{number}", name=title)
    channel = Xml.SubElement(
        track,
        "Channel",
        audioChannels="2",
        role="regular",
        solo="false",
        destination="master-channel",
        id=f"channel{number}",
    )
    if muted:
        Xml.SubElement(channel, "Mute", value="true", id=f"mute{number}")
    Xml.SubElement(channel, "Volume", unit="linear", min="0", max="2", value="1", id=f"volume{number}")
    lane = Xml.SubElement(lanes, "Lanes", track=f"track{number}", id=f"lane{number}")
    return Xml.SubElement(lane, "Clips", id=f"clips{number}")


def _clip(clips: Xml.Element, item: Placed) -> Xml.Element:
    row = item.row
    clip = Xml.SubElement(
        clips,
        "Clip",
        time=_number(item.start_beat),
        duration=_number(item.span_beats),
        playStart="0",
        name=row.file.rpartition("/")[2].rpartition(".")[0],
    )
    if row.loops:
        clip.set("loopStart", "0")
        clip.set("loopEnd", _number(item.span_beats))
    return clip


def _notes(clip: Xml.Element, notes: Notes, channel: int, number: str) -> None:
    clip.set("contentTimeUnit", "beats")
    held = Xml.SubElement(clip, "Notes", id=number)
    for on, off, key, velocity in zip(*map(_list, (notes.onset, notes.off, notes.key, notes.velocity))):
        Xml.SubElement(
            held,
            "Note",
            time=_number(on),
            duration=_number(off - on),
            channel=str(channel),
            key=str(key),
            vel=_number(round(velocity, 6)),
        )


def _audio(clip: Xml.Element, item: Placed) -> None:
    """Audio that is mapped to the beat: its ends are pinned, so a host stretches it with the tempo."""
    row, seconds = item.row, seconds_of(item.row)
    inner = Xml.SubElement(
        Xml.SubElement(clip, "Clips"),
        "Clip",
        time="0",
        duration=_number(item.span_beats),
        contentTimeUnit="beats",
        playStart="0",
    )
    warps = Xml.SubElement(inner, "Warps", contentTimeUnit="seconds", timeUnit="beats")
    audio = Xml.SubElement(
        warps,
        "Audio",
        channels=str(row.sound.channels),
        sampleRate=str(row.sound.sample_rate_hz),
        duration=_number(seconds),
        algorithm="stretch",
    )
    Xml.SubElement(audio, "File", path=_UP + row.file, external="true")
    Xml.SubElement(warps, "Warp", time="0", contentTime="0")
    Xml.SubElement(warps, "Warp", time=_number(item.span_beats), contentTime=_number(seconds))


def _list(values: np.ndarray) -> list[float]:
    return values.tolist()


def reaper(project: Project, folder: Path) -> str:
    """A `.rpp` file: a tree of text in angle brackets."""
    lines = ['<REAPER_PROJECT 0.1 "6.0" 0', f"  TEMPO {_number(project.bpm)} 4 4", "  PLAYRATE 1 0 0.25 4"]
    for title, placed, muted in project.audio():
        lines += ["  <TRACK", f'    NAME "{title}"', "    VOLPAN 1 0 -1 -1 1", f"    MUTESOLO {int(muted)} 0 0"]
        for item in placed:
            file = item.row.file
            lines += [*_item(item, project.bpm, file), _source(file), f'        FILE "{_UP}{file}"', "      >", "    >"]
        lines.append("  >")
    for title, role, played in project.parts(folder):
        lines += ["  <TRACK", f'    NAME "{title}"', "    VOLPAN 1 0 -1 -1 1"]
        for item, notes in played:
            midi = item.row.midi.file if item.row.midi else ""
            events = _events(notes, CHANNELS[role], item.span_beats)
            lines += [*_item(item, project.bpm, midi), "      <SOURCE MIDI", f"        HASDATA 1 {PPQ} QN"]
            lines += [*events, "      >", "    >"]
        lines.append("  >")
    return "\n".join([*lines, ">", ""])


def _item(item: Placed, bpm: Fraction, file: str) -> list[str]:
    return [
        "    <ITEM",
        f"      POSITION {_number(item.start_beat * 60 / bpm)}",
        f"      LENGTH {_number(seconds_of(item.row))}",
        f"      LOOP {int(item.row.loops)}",
        f'      NAME "{file.rpartition("/")[2]}"',
    ]


def _events(notes: Notes, channel: int, span_beats: Fraction) -> list[str]:
    """MIDI events in ticks after one another, and at the end of the file all notes off, which is its length."""
    events = []
    for on, off, key, velocity in zip(*map(_list, (notes.onset, notes.off, notes.key, notes.velocity))):
        events.append((round(on * PPQ), 1, f"{0x90 + channel:02x} {key:02x} {round(velocity * 127):02x}"))
        events.append((round(off * PPQ), 0, f"{0x80 + channel:02x} {key:02x} 00"))
    lines, at = [], 0
    for tick, _, text in [*sorted(events), (round(span_beats * PPQ), 2, f"{0xB0 + channel:02x} 7b 00")]:
        lines.append(f"        E {max(0, tick - at)} {text}")
        at = max(at, tick)
    return lines


def _source(file: str) -> str:
    return "      <SOURCE FLAC" if file.endswith(".flac") else "      <SOURCE WAVE"
