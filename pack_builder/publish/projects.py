"""Projects that lay a pack out on a timeline: DAWproject 1.0 and REAPER, one a tempo, and one for the takes.

```
track      bar 1       5           9
Loops      |cobalt    |amber      |...          one after another, each from a bar line
Kits       |main      |variation  |...
```
A project names the pack's files by relative path and holds no audio itself, so it stays small and plays what is in
the pack. At most 500 files a project. Sources: DAWproject's published schema (Bitwig, 2024); REAPER's own files.
"""

import io
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from xml.etree import ElementTree as Xml

from pack_builder.plan.names import tempo_folder
from pack_builder.record.manifest import Head
from pack_builder.record.rows import Row

MOST_FILES = 500
TAKES_BPM = Fraction(120)  # takes have no tempo; a project must have one
_UP = "../"


@dataclass(frozen=True)
class Placed:
    """A file on the timeline, in beats; `span_beats` is its own exact length."""

    row: Row
    start_beat: Fraction
    span_beats: Fraction


@dataclass(frozen=True)
class Project:
    """One session: a tempo and its tracks."""

    name: str
    bpm: Fraction
    tracks: tuple[tuple[str, tuple[Placed, ...]], ...]


def projects_of(stem: str, rows: Iterable[Row], exact_tempo: bool = True) -> list[Project]:
    """The projects of a pack whose names begin with `stem`."""
    groups: dict[tuple[str, Fraction], dict[str, list[Row]]] = {}
    counts: dict[tuple[str, Fraction], int] = {}
    for row in rows:
        if row.music.shape == "shot":
            continue
        bpm = TAKES_BPM if row.music.bpm_exact is None else Fraction(row.music.bpm_exact)
        group = ("takes", bpm) if row.music.bpm_exact is None else (tempo_folder(bpm, exact_tempo), bpm)
        if counts.get(group, 0) < MOST_FILES:
            counts[group] = counts.get(group, 0) + 1
            track = f"Kit {row.music.kit}" if row.music.kit else "Takes" if row.music.bpm is None else "Loops"
            groups.setdefault(group, {}).setdefault(track, []).append(row)
    return [
        Project(f"{stem}_{name}", bpm, tuple((track, _laid_out(members, bpm)) for track, members in tracks.items()))
        for (name, bpm), tracks in groups.items()
    ]


def _laid_out(rows: list[Row], bpm: Fraction) -> tuple[Placed, ...]:
    placed, beat = [], Fraction(0)
    for row in rows:
        span = Fraction(row.music.beats) if row.music.beats else _seconds(row) * bpm / 60
        placed.append(Placed(row, beat, span))
        beat += -(-span // 4) * 4
    return tuple(placed)


def project_files(stem: str, head: Head, rows: Iterable[Row], exact_tempo: bool = True) -> Iterator[tuple[str, bytes]]:
    """(path in the pack, bytes) of every project."""
    for project in projects_of(stem, rows, exact_tempo):
        yield f"Projects/{project.name}.dawproject", dawproject(project, head)
        yield f"Projects/{project.name}.rpp", reaper(project).encode("utf-8")


def _seconds(row: Row) -> Fraction:
    return Fraction(row.sound.frames, row.sound.sample_rate_hz)


def _number(value: Fraction | float) -> str:
    return f"{float(value):.12g}"


def dawproject(project: Project, head: Head) -> bytes:
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
    for number, (title, placed) in enumerate(project.tracks):
        track = Xml.SubElement(structure, "Track", contentType="audio", loaded="true", id=f"track{number}", name=title)
        channel = Xml.SubElement(
            track,
            "Channel",
            audioChannels="2",
            role="regular",
            solo="false",
            destination="master-channel",
            id=f"channel{number}",
        )
        Xml.SubElement(channel, "Volume", unit="linear", min="0", max="2", value="1", id=f"volume{number}")
        lane = Xml.SubElement(lanes, "Lanes", track=f"track{number}", id=f"lane{number}")
        clips = Xml.SubElement(lane, "Clips", id=f"clips{number}")
        for item in placed:
            _clip(clips, item)
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


def _clip(clips: Xml.Element, item: Placed) -> None:
    """A clip whose audio is mapped to the beat: its ends are pinned, so a host stretches it with the tempo."""
    row, seconds = item.row, _seconds(item.row)
    outer = Xml.SubElement(
        clips,
        "Clip",
        time=_number(item.start_beat),
        duration=_number(item.span_beats),
        playStart="0",
        name=row.file.rpartition("/")[2].rpartition(".")[0],
    )
    if row.loops:
        outer.set("loopStart", "0")
        outer.set("loopEnd", _number(item.span_beats))
    inner = Xml.SubElement(
        Xml.SubElement(outer, "Clips"),
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


def reaper(project: Project) -> str:
    """A `.rpp` file: a tree of text in angle brackets."""
    lines = ['<REAPER_PROJECT 0.1 "6.0" 0', f"  TEMPO {_number(project.bpm)} 4 4", "  PLAYRATE 1 0 0.25 4"]
    for title, placed in project.tracks:
        lines += ["  <TRACK", f'    NAME "{title}"', "    VOLPAN 1 0 -1 -1 1"]
        for item in placed:
            row = item.row
            lines += [
                "    <ITEM",
                f"      POSITION {_number(item.start_beat * 60 / project.bpm)}",
                f"      LENGTH {_number(_seconds(row))}",
                f"      LOOP {int(row.loops)}",
                f'      NAME "{row.file.rpartition("/")[2]}"',
                "      <SOURCE WAVE" if row.file.endswith(".wav") else _source(row.file),
                f'        FILE "{_UP}{row.file}"',
                "      >",
                "    >",
            ]
        lines.append("  >")
    return "\n".join([*lines, ">", ""])


def _source(file: str) -> str:
    return "      <SOURCE FLAC" if file.endswith(".flac") else "      <SOURCE WAVE"
