"""`Sound`: one audio file on the shelf; `scan` finds those of a folder, with the labels of its packs."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from musika_daw.score.harmony import other_spelling
from musika_daw.sound.labels import MANIFEST, SUFFIXES, Labels, labels_in_manifest, read_labels

FILES_MAX = 20_000
_TEMPO = re.compile(r"(\d+(?:p\d+)?)(?:bpm)?")
_KEY = re.compile(r"(?<![a-z0-9#])([a-g][#b]?) ?(m|min|minor|maj|major)(?![a-z0-9#])")
_WHOLE_BPM = 1  # names of packs that were made before held whole tempi
KEY_NAMES = {"maj": " major", "min": " minor"}


@dataclass(frozen=True)
class Sound:
    """A file with its labels; `pack` is the name of the folder that it came with, `changed_s` its time on disk.

    `prefix` is what all names of its pack begin with, up to an underscore.
    """

    path: Path
    labels: Labels
    pack: str
    changed_s: float
    prefix: str = ""

    @property
    def name(self) -> str:
        """File name without its ending."""
        return self.path.stem

    @property
    def facts(self) -> tuple[str, ...]:
        """Tempo, bars, key and density in words, as far as they are known."""
        labels, facts = self.labels, []
        if labels.bpm is not None:
            facts.append(f"{labels.bpm:.6g} bpm")
        if labels.bars is not None:
            facts.append(f"{labels.bars} bar{'s' * (labels.bars != 1)}")
        else:
            facts.append(f"{labels.seconds:.1f} s")
        if labels.key:
            facts.append(labels.key[:-3] + KEY_NAMES.get(labels.key[-3:], labels.key[-3:]))
        if labels.density is not None:
            facts.append(f"density {labels.density:.2f}")
        return tuple(facts)

    def matches(self, words: list[str]) -> bool:
        """Whether every word is in its name, its pack or its facts."""
        labels, key = self.labels, self.labels.key or ""
        told = (self.name, self.pack, labels.kind or "", labels.shape, key, other_spelling(key), *self.facts)
        text = " ".join(told).lower()
        text = f"{text} {_as_words(text)}"
        return all(word in text for word in words)

    @property
    def title(self) -> str:
        """The name without what stands beside or below it: what the whole pack begins with, the tempo and the key.

        Of `MSK_First_130bpm_techno_loop_cobalt_Amin` that is `techno loop cobalt`.
        """
        parts = [part for part in self.name.removeprefix(self.prefix).split("_") if part]
        return " ".join([part for part in parts if not self._told(part)] or parts)

    def _told(self, part: str) -> bool:
        """Whether a part of the name is among the facts: 128p5bpm, or a key."""
        tempo, labels = _TEMPO.fullmatch(part), self.labels
        if tempo is not None and labels.bpm is not None and (part.endswith("bpm") or self.prefix):
            return abs(float(tempo[1].replace("p", ".")) - labels.bpm) < _WHOLE_BPM
        return part == labels.key


@dataclass(frozen=True)
class Found:
    """What a folder holds, and a sentence for each thing in it that could not be read."""

    sounds: tuple[Sound, ...]
    problems: tuple[str, ...] = ()


def scan(folder: Path) -> Found:
    """All sounds in a folder and below, newest first; packs by their manifests, other files by their own labels.

    Hidden folders and unfinished files are passed over, and so is what comes after 20,000 files.
    """
    sounds: list[Sound] = []
    problems: list[str] = []
    known: dict[str, tuple[Path, dict[str, Labels], str]] = {}
    if not folder.is_dir():
        return Found((), (f"{folder}: no such folder",))
    seen: set[tuple[int, int]] = set()
    for top, folders, names in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        here = Path(top)
        status = here.stat()
        if (status.st_dev, status.st_ino) in seen:  # links may lead round in a ring
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        root, labels, prefix = known.get(str(here.parent), (here if here == folder else folder, {}, ""))
        if MANIFEST in names:
            try:
                root, labels = here, labels_in_manifest(here)
                prefix = _prefix(labels)
            except ValueError as error:
                problems.append(str(error))
        known[top] = (root, labels, prefix)
        for name in sorted(names):
            if not name.lower().endswith(SUFFIXES) or name.startswith("."):
                continue
            try:
                sounds.append(_sound(here / name, root, labels, prefix))
            except (ValueError, OSError) as error:
                problems.append(" ".join(str(error).split()))
            if len(sounds) >= FILES_MAX:
                return Found(_newest_first(sounds), (*problems, f"{folder}: more than {FILES_MAX} files"))
    return Found(_newest_first(sounds), tuple(problems))


def words_of(text: str) -> list[str]:
    """The words of a search, in lower case, a key as one of them; signs of sharp and flat as letters are typed."""
    return _as_words(text.lower().replace("♯", "#").replace("♭", "b")).split()


def _as_words(text: str) -> str:
    """Keys as one word each that no other holds: `e minor`, `em`, `emin` are `key:emin`, not in `key:ebmin`."""
    return _KEY.sub(lambda key: f"key:{key[1]}{'maj' if key[2].startswith('maj') else 'min'}", text)


def _sound(path: Path, root: Path, labels: dict[str, Labels], prefix: str) -> Sound:
    known = labels.get(path.relative_to(root).as_posix())
    shared = prefix if path.stem.startswith(prefix) else ""  # stems stand in no row of their own, and share it too
    return Sound(path, known or read_labels(path), root.name, path.stat().st_mtime, shared)


def _prefix(labels: dict[str, Labels]) -> str:
    """What the file names of a pack begin with, label and pack but neither tempo nor kind.

    Empty for a single name that holds neither, since nothing tells where its own words begin.
    """
    names = [PurePosixPath(name).stem.split("_") for name in labels]
    known = {found.kind for found in labels.values()}
    shared: list[str] = []
    for parts in zip(*names):
        if len(set(parts)) > 1 or parts[0] in known or _TEMPO.fullmatch(parts[0]):
            return "".join(shared)
        shared.append(f"{parts[0]}_")
    return "".join(shared) if len(names) > 1 else ""


def _newest_first(sounds: list[Sound]) -> tuple[Sound, ...]:
    return tuple(sorted(sounds, key=lambda sound: (-sound.changed_s, sound.name)))
