"""Where the files of a pack lie on a timeline: one project a tempo, and one for the takes.

```
track      bar 1       5           9
Loops      |cobalt    |amber      |...          one after another, each from a bar line
Piano loops|fern      |opal       |...          of kinds that have takes too
Kits       |main      |variation  |...
Loops bass |cobalt    |amber      |...          of files with a MIDI file: its notes, a track a role
Loops bass stem |cobalt |amber    |...          of loops with stems: muted, a track a role
```
At most 500 files a project.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from musika_daw.score.midi_file import decode_midi
from musika_daw.score.roll import ROLES, Notes
from pack_builder.plan.families import FAMILIES, TAKES_BPM
from pack_builder.plan.names import tempo_folder
from pack_builder.record.rows import Row

MOST_FILES = 500


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

    def parts(self, folder: Path) -> Iterator[tuple[str, str, list[tuple[Placed, Notes]]]]:
        """(title, role, files with the notes that it plays in each) of a track for every role, from the MIDI files in
        the pack's folder; onset and end in beats of the project from the start of the file."""
        for title, placed in self.tracks:
            by_role: dict[str, list[tuple[Placed, Notes]]] = {}
            for item in placed:
                if item.row.midi is None:
                    continue
                music = decode_midi((folder / item.row.midi.file).read_bytes())
                # a loop is in the project's own tempo, a take keeps its time
                beats = 1 / music.ppq if item.row.loops else float(self.bpm) / item.row.midi.bpm / music.ppq
                for role in music.roles:
                    notes = music.notes.of(role)
                    scaled = notes.scaled(beats)
                    by_role.setdefault(role, []).append((item, scaled))
            for role in ROLES:
                if role in by_role:
                    yield f"{title} {role}", role, by_role[role]

    def _stems(self) -> Iterator[tuple[str, tuple[Placed, ...]]]:
        for title, placed in self.tracks:
            by_role: dict[str, list[Placed]] = {}
            for item in placed:
                for stem in item.row.apart():
                    by_role.setdefault(stem.music.role, []).append(replace(item, row=stem))
            yield from ((f"{title} {role} stem", tuple(by_role[role])) for role in ROLES if role in by_role)

    def audio(self) -> list[tuple[str, tuple[Placed, ...], bool]]:
        """(title, files, whether it is muted) of every track of sound: the loops play, their parts wait."""
        return [(*track, False) for track in self.tracks] + [(*track, True) for track in self._stems()]


def projects_of(stem: str, rows: Iterable[Row], exact_tempo: bool = True) -> list[Project]:
    """The projects of a pack whose names begin with `stem`."""
    groups: dict[tuple[str, Fraction], dict[str, list[Row]]] = {}
    counts: dict[tuple[str, Fraction], int] = {}
    for row in rows:
        if row.music.shape == "shot":
            continue
        bpm = TAKES_BPM if row.music.bpm_exact is None else Fraction(row.music.bpm_exact)
        group = ("takes", bpm) if row.music.bpm_exact is None else (tempo_folder(bpm, exact_tempo), bpm)
        count = counts.get(group, 0) + len(row.sums) - (row.midi is not None)
        if count <= MOST_FILES:
            counts[group] = count
            groups.setdefault(group, {}).setdefault(_track_of(row), []).append(row)
    return [
        Project(f"{stem}_{name}", bpm, tuple((track, _laid_out(members, bpm)) for track, members in tracks.items()))
        for (name, bpm), tracks in groups.items()
    ]


def _track_of(row: Row) -> str:
    """Loops of several kinds are on tracks of their own, one above the other, so that they play together."""
    if row.music.kit or row.music.bpm is None:
        return f"Kit {row.music.kit}" if row.music.kit else "Takes"
    family = FAMILIES.get(row.music.kind)
    return f"{family.genre} loops" if family is not None and family.takes else "Loops"


def _laid_out(rows: list[Row], bpm: Fraction) -> tuple[Placed, ...]:
    placed, beat = [], Fraction(0)
    for row in rows:
        span = Fraction(row.music.beats) if row.music.beats else seconds_of(row) * bpm / 60
        placed.append(Placed(row, beat, span))
        beat += -(-span // 4) * 4
    return tuple(placed)


def seconds_of(row: Row) -> Fraction:
    """Length of a file."""
    return Fraction(row.sound.frames, row.sound.sample_rate_hz)
