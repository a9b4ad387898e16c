"""Builds and updates the corpus of a music folder, file by file, in the order of their names.

Killed at any moment, a build goes on where it was: a file's songs count only once its row is in `files.jsonl`.
A file that changed or vanished takes its songs with it; one that only moved keeps them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from musika_daw.system.atomic import naming
from musika_daw.system.folders import files_below
from musika_daw.system.refusal import refused
from musika_daw.system.workers import WorkerDiedError
from training.corpus.folder.apart import in_order_apart
from training.corpus.folder.journal import KEPT, SKIPPED, FileRow, Journal
from training.corpus.folder.likeness import alike, from_text, to_text
from training.corpus.folder.prepare import Prepared, file_hash, prepare
from training.corpus.folder.reading import MAYBE, SUFFIXES
from training.corpus.store import SAMPLE_RATE_HZ, CorpusWriter, Song, SongLabels, keep_songs, split_of

KINDS = ("techno", "piano")
_BEFORE_MAYBE = "damaged or not a sound file"  # once the reason for all that needed ffmpeg too
Progress = Callable[[int, int, FileRow], None]


@dataclass
class FolderReport:
    """What a build found: rows of files kept, of those without a steady grid among them, and of files skipped;
    `unchanged` were not read again, `gone` are no longer in the folder, `others` are no sound files, `closed` are
    folders that cannot be read, with the reason."""

    kept: list[FileRow] = field(default_factory=list)
    unsteady: list[FileRow] = field(default_factory=list)
    skipped: list[FileRow] = field(default_factory=list)
    unchanged: int = 0
    gone: list[str] = field(default_factory=list)
    others: int = 0
    closed: list[str] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """Length of all kept files."""
        return sum(row.seconds for row in self.kept)


def build_folder(
    source: Path,
    out: Path,
    *,
    kind: str = "techno",
    licence: str = "all rights reserved",
    shortest_s: float = 10.0,
    jobs: int = 1,
    apart: bool = False,
    progress: Progress | None = None,
) -> FolderReport:
    """Bring the corpus `out` up to date with the sound files below `source`.

    `kind` says what a model of it will make: techno (loops on a grid) or piano (takes). One job reads files in this
    process, unless `apart`: then, as with more, a decoder that crashes costs its file only. Raises ValueError for a
    folder without any sound file, or a corpus of another folder or kind.
    """
    source, out = Path(source), Path(out)
    if not source.is_dir():
        raise refused("folder", source, "is no folder")
    if kind not in KINDS:
        raise ValueError(f"kind: {kind!r}, must be one of {', '.join(KINDS)}")
    closed: list[str] = []

    def unread(path: Path, error: OSError) -> None:
        closed.append(f"{path}: {(error.strerror or str(error)).lower()}")

    names, others = sound_files(source, out, unread)
    if not names:
        also = f", cannot be read: {', '.join(closed[:3])}" if closed else ""
        raise refused("folder", source, f"holds no sound files ({others} other files{also})")
    with naming(out):
        CorpusWriter(out, kind, 0).close()  # checks the kind, cuts off what a kill left half written
        journal = Journal(out, source.resolve())
    report = FolderReport(others=others, closed=closed)
    with naming(out), contextlib.closing(journal):
        changed = _reconcile(source, out, names, journal, report=report, shortest_s=shortest_s)
        with CorpusWriter(out, kind, 0) as writer:
            done = len(names) - len(changed)
            for name, digest, prepared, scratch in _prepared(
                source, out, changed, journal, shortest_s=shortest_s, jobs=jobs, apart=apart
            ):
                row = _settle(
                    source / name,
                    name,
                    digest,
                    prepared,
                    scratch=scratch,
                    journal=journal,
                    writer=writer,
                    licence=licence,
                )
                done += 1
                if progress:
                    progress(done, len(names), row)
    for row in sorted(journal.rows.values(), key=lambda r: r.path):
        if row.outcome == KEPT:
            report.kept.append(row)
            if row.bpm is None:
                report.unsteady.append(row)
        else:
            report.skipped.append(row)
    return report


def sound_files(
    source: Path, out: Path, unread: Callable[[Path, OSError], None] = lambda path, error: None
) -> tuple[list[str], int]:
    """Names of sound files below `source` (not in `out`), sorted, and how many other files there are.

    Linked folders are followed; `unread` hears of folders that cannot be read.
    """
    names, others = [], 0
    for path in files_below(source, out, unread):
        if path.suffix.lower() in SUFFIXES:
            names.append(path.relative_to(source).as_posix())
        else:
            others += 1
    return sorted(names), others


def _reconcile(
    source: Path, out: Path, names: list[str], journal: Journal, *, report: FolderReport, shortest_s: float
) -> list[str]:
    """Drop what is stale from journal and corpus; returns the files to be read."""
    rows, present = dict(journal.rows), set(names)
    changed: list[str] = []
    gone = {row.sha256: row for path, row in rows.items() if path not in present and row.sha256}
    moved: dict[str, str] = {}
    for name in names:
        row = rows.get(name)
        size, mtime_ns = _stamp(source / name)
        if row and (row.size, row.mtime_ns) != (size, mtime_ns) and row.sha256 == file_hash(source / name):
            row = rows[name] = dataclasses.replace(row, size=size, mtime_ns=mtime_ns)
        if row is None and gone and (old := gone.pop(file_hash(source / name), None)):
            row = rows[name] = dataclasses.replace(rows.pop(old.path), path=name, size=size, mtime_ns=mtime_ns)
            moved[old.path] = name
        short = row is not None and row.reason.startswith("too short") and row.seconds >= shortest_s
        missing = row is not None and (MAYBE in row.reason or row.reason == _BEFORE_MAYBE)
        if row is None or (row.size, row.mtime_ns) != (size, mtime_ns) or short or missing:
            changed.append(name)
            rows.pop(name, None)
    report.gone = sorted(set(rows) - present)
    for path in report.gone:
        del rows[path]
    # what was a duplicate of a file that is no more has to be looked at again
    for row in list(rows.values()):
        twin = moved.get(row.twin, row.twin)
        if twin and (twin not in rows or rows[twin].outcome != KEPT):
            changed.append(row.path)
            del rows[row.path]
        elif twin != row.twin:
            rows[row.path] = dataclasses.replace(row, twin=twin, reason=f"duplicate of {twin}")
    report.unchanged = len(names) - len(changed)
    journal.rewrite(rows.values())
    keep_songs(out, lambda song: _kept_song(song, moved, journal))
    return sorted(changed)


def _kept_song(song: Song, moved: dict[str, str], journal: Journal) -> Song | None:
    path = moved.get(song.extra["file"], song.extra["file"])
    row = journal.rows.get(path)
    if row is None or row.outcome != KEPT:
        return None
    return dataclasses.replace(song, name=_song_name(path, song.extra["part"]), extra={**song.extra, "file": path})


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:  # a link to nowhere
        return 0, 0
    return status.st_size, status.st_mtime_ns


def _song_name(path: str, part: int) -> str:
    return path if part == 0 else f"{path} #{part + 1}"


def _prepared(
    source: Path, out: Path, names: list[str], journal: Journal, *, shortest_s: float, jobs: int, apart: bool
) -> Iterator[tuple[str, str, Prepared, Path]]:
    """Files read in `jobs` processes, in order; never more than `jobs` of them wait."""
    folder = out / "scratch"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    known = {row.sha256 for row in journal.rows.values() if row.outcome == KEPT}
    asked: deque[tuple[str, str, Path]] = deque()

    def calls() -> Iterator[tuple[Path, Path, float, bool]]:
        for number, name in enumerate(names):
            digest, scratch = file_hash(source / name), folder / f"{number % (jobs + 1)}.i16"
            asked.append((name, digest, scratch))
            yield source / name, scratch, shortest_s, bool(digest) and digest in known

    try:
        for prepared in in_order_apart(_prepare, calls(), jobs, apart):
            name, digest, scratch = asked.popleft()
            if isinstance(prepared, WorkerDiedError):  # libraries in C read the file, and they have faults of their own
                prepared = Prepared(reason=f"damaged: what reads it {prepared.how}")
            yield name, digest, prepared, scratch
            known |= {row.sha256 for row in [journal.rows[name]] if row.outcome == KEPT}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _prepare(path: Path, scratch: Path, shortest_s: float, known: bool) -> Prepared:
    """`prepare`, but for what is in the corpus already."""
    return Prepared() if known else prepare(path, scratch, shortest_s)


def _settle(
    path: Path,
    name: str,
    digest: str,
    prepared: Prepared,
    *,
    scratch: Path,
    journal: Journal,
    writer: CorpusWriter,
    licence: str,
) -> FileRow:
    """Decide about one file, append its songs, write its row."""
    size, mtime_ns = _stamp(path)
    like = to_text(prepared.like)
    row = FileRow(name, size, mtime_ns, digest, SKIPPED, prepared.reason, round(prepared.seconds, 2), like=like)
    twin = None if prepared.reason else _twin(digest, prepared.like, journal)
    if twin is not None:
        row = dataclasses.replace(row, reason=f"duplicate of {twin.path}", twin=twin.path)
    elif not prepared.reason:
        row = _append(row, prepared, scratch, writer, licence=licence)
    journal.write(row)
    return row


def _twin(digest: str, like: np.ndarray, journal: Journal) -> FileRow | None:
    kept = [row for row in journal.rows.values() if row.outcome == KEPT]
    for row in kept:
        if digest and row.sha256 == digest:
            return row
    for row in kept:
        if len(like) and alike(from_text(row.like), from_text(to_text(like))):
            return row
    return None


def _append(row: FileRow, prepared: Prepared, scratch: Path, writer: CorpusWriter, *, licence: str) -> FileRow:
    # the hash of the content decides about the split, so a new name does not move a song between splits
    split = split_of(row.sha256) if any(s.split == "train" for s in writer.songs) else "train"
    audio = np.memmap(scratch, np.int16, "r").reshape(-1, 2)
    start, confidence = 0, 0.0
    best: tuple[int, float | None, float | None] = (0, None, None)
    for number, part in enumerate(prepared.parts):
        grid = part.grid
        extra = {"file": row.path, "part": number, "confidence": round(grid.confidence, 3)}
        labels = SongLabels(
            _song_name(row.path, number),
            split,
            licence,
            grid.bpm,
            None if grid.beat0_s is None else grid.beat0_s * SAMPLE_RATE_HZ,
            np.round(grid.onset_s * SAMPLE_RATE_HZ).astype(np.int64),
            extra,
        )
        writer.append(audio[start : start + part.frames], labels)
        start += part.frames
        confidence += grid.confidence * part.frames
        # the longest steady part speaks for the file
        if (grid.bpm is not None, part.frames) > (best[1] is not None, best[0]):
            best = part.frames, grid.bpm, grid.tempo_bpm
    return dataclasses.replace(
        row,
        outcome=KEPT,
        parts=len(prepared.parts),
        confidence=round(confidence / start, 3),
        bpm=best[1],
        tempo_bpm=best[2],
    )
