"""What of a pack is finished: one line a file, appended while the pack is built, gone when it is whole.

Only the place of each line is kept in memory, so the journal of 100,000 files costs some megabytes.
"""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from musika_daw.system.atomic import inside, replacing, sha256_of
from pack_builder.record.manifest import MANIFEST
from pack_builder.record.rows import Gap, Model, Row, models_from, plain
from pack_builder.record.stream import iter_gaps, iter_rows, read_head

JOURNAL, CARDS = ".musika-pack.journal", ".musika-pack.cards"


@dataclass(frozen=True)
class State:
    """A pack as found in its folder: how it was asked for, with which models, and whether it is whole."""

    folder: Path
    recipe: dict[str, Any]
    models: tuple[Model, ...]
    created: str
    complete: bool

    def entries(self) -> Iterator[Row | Gap]:
        """Finished files and gaps, as recorded."""
        if self.complete:
            yield from iter_rows(self.folder)
            yield from iter_gaps(self.folder)
            return
        with (self.folder / JOURNAL).open("rb") as stream:
            stream.readline()
            for line in stream:
                try:
                    yield entry_of(line)
                except ValueError:
                    continue  # a line that a crash cut short: its file is rendered again

    def intact(self) -> Iterator[Row | Gap]:
        """The gaps, and the files that are still there, byte for byte, with what lies beside them."""
        for entry in self.entries():
            sums = {} if isinstance(entry, Gap) else entry.sums
            if all(_intact(inside(self.folder, name), digest) for name, digest in sums.items()):
                yield entry


def entry_of(line: bytes) -> Row | Gap:
    """A row or gap from a journal's line; raises ValueError where it is neither."""
    if not line.endswith(b"\n"):
        raise ValueError("journal line: cut short")
    values = json.loads(line)
    if isinstance(values, dict) and "file" in values:
        return Row.from_dict(values)
    return Gap.from_dict(values)


def _intact(path: Path, sha256: str) -> bool:
    return path.is_file() and sha256_of(path) == sha256


def read_state(folder: Path) -> State | None:
    """The pack in a folder, or None where it holds none; raises ValueError where its record is damaged."""
    if (folder / JOURNAL).is_file():
        with (folder / JOURNAL).open("rb") as stream:
            first = stream.readline()
        try:
            head = json.loads(first)
            return State(folder, head["recipe"], models_from(head["models"]), head["created"], False)
        except (ValueError, KeyError, TypeError):
            raise ValueError(f"{JOURNAL}: damaged") from None
    if not (folder / MANIFEST).is_file():
        return None
    head = read_head(folder)
    return State(folder, head.recipe, head.models, head.created, True)


class Journal:
    """Appends finished rows and gaps; every line is on disk before the next file is counted.

    Beside it lie the cards of the preview page (`page.card`). They can be made again, so they may be lost.
    """

    def __init__(self, folder: Path, state: State, kept: Iterable[Row | Gap] = ()) -> None:
        """Start with the entries `kept`, in place of any older journal."""
        self._path = folder / JOURNAL
        self._places: dict[str, int] = {}
        head = {"recipe": state.recipe, "models": [asdict(model) for model in state.models], "created": state.created}
        with replacing(self._path, "wb") as stream:
            stream.write(json.dumps(head).encode() + b"\n")
            for entry in kept:
                self._places[entry.job] = stream.tell()
                stream.write(_line(entry))
        self._stream = self._path.open("ab")
        self._reader = self._path.open("rb")
        self._cards_path = self._path.with_name(CARDS)
        self._cards: dict[str, int] = {}
        self._cards_stream = self._cards_path.open("a+b")
        self._find_cards()

    def __contains__(self, job: str) -> bool:
        return job in self._places

    def __len__(self) -> int:
        return len(self._places)

    def _find_cards(self) -> None:
        """Where the cards of the finished files are, of those that an earlier build left."""
        self._cards_stream.seek(0)
        place = 0
        for line in self._cards_stream:
            try:
                job, sha256 = json.loads(line)["job"], json.loads(line)["sha256"]
            except (ValueError, KeyError, TypeError):
                continue  # cut short
            finally:
                start, place = place, place + len(line)
            entry = self.read(job) if job in self._places else None
            if isinstance(entry, Row) and entry.sound.sha256 == sha256:
                self._cards[job] = start
        self._cards_stream.write(b"\n")  # an end for a line that was cut short

    def add(self, entry: Row | Gap, card: dict[str, str] | None = None) -> None:
        if card is not None and isinstance(entry, Row):
            self._cards_stream.seek(0, os.SEEK_END)
            self._cards[entry.job] = self._cards_stream.tell()
            values = {"job": entry.job, "sha256": entry.sound.sha256, **card}
            self._cards_stream.write(json.dumps(values).encode() + b"\n")
        place = self._stream.tell()
        self._stream.write(_line(entry))
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._places[entry.job] = place

    def read(self, job: str) -> Row | Gap:
        """The entry of a job."""
        self._reader.seek(self._places[job])
        return entry_of(self._reader.readline())

    def card(self, job: str) -> dict[str, str] | None:
        """What the page shows of a file, where that was kept."""
        if job not in self._cards:
            return None
        self._cards_stream.seek(self._cards[job])
        values: dict[str, str] = json.loads(self._cards_stream.readline())
        return {name: text for name, text in values.items() if name not in ("job", "sha256")}

    def remove(self) -> None:
        """End of the record: the manifest has it all."""
        self._cards_path.unlink()
        self._path.unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for stream in (self._stream, self._reader, self._cards_stream):
            stream.close()


def _line(entry: Row | Gap) -> bytes:
    return json.dumps(plain(entry)).encode() + b"\n"
