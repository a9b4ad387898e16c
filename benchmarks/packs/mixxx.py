"""What Mixxx finds in a pack: `python -m benchmarks.packs.mixxx DIR`.

Mixxx (`apt install mixxx xvfb`) starts on a screen of its own with empty settings and the pack as its music folder,
scans it, and is ended; its library then holds tempo, key and artist of each file as its readers found them. Prints one
JSON object; fails if anything differs from the manifest.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from musika_daw.score.harmony import key_in_text
from pack_builder.plan.families import CHORDS
from pack_builder.record.manifest import read_manifest
from pack_builder.record.rows import Row

BEGIN_S, LIMIT_S, STILL_S = 15.0, 600.0, 10.0
SETTINGS = "[Library]\nRescanOnStartup 1\n"
Found = tuple[float, str | None, str, str]
"""Tempo, key, artist and genre."""


def library_of(pack: Path, files: int) -> dict[str, Found]:
    """What the library holds of so many files, by their names."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        settings, database = home / "settings", home / "settings" / "mixxxdb.sqlite"
        settings.mkdir(mode=0o700)
        (settings / "mixxx.cfg").write_text(SETTINGS)
        _run(home, settings, lambda: database.exists())  # it makes its tables
        with contextlib.closing(sqlite3.connect(database)) as tables, tables:
            tables.execute("INSERT INTO directories VALUES (?)", (str(pack.resolve()),))
        _run(home, settings, lambda: len(_rows(database)) >= files)
        return {location: (bpm, key, artist, genre) for location, bpm, key, artist, genre in _rows(database)}


def _rows(database: Path) -> list[tuple[str, float, str | None, str, str]]:
    query = (
        "SELECT filename, bpm, key, artist, genre FROM library "
        "JOIN track_locations ON library.location = track_locations.id"
    )
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as tables:
        try:
            return tables.execute(query).fetchall()
        except sqlite3.OperationalError:  # it is being written, or not there yet
            return []


def _run(home: Path, settings: Path, done: Callable[[], bool]) -> None:
    """Mixxx on a screen of its own until something is so for a while."""
    environment = {**os.environ, "HOME": str(home), "XDG_RUNTIME_DIR": str(settings)}
    command = ["xvfb-run", "-a", "mixxx", "--settingsPath", f"{settings}/"]
    with subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as program:
        try:
            time.sleep(BEGIN_S)
            ends = time.monotonic() + LIMIT_S
            while not done() and time.monotonic() < ends:
                time.sleep(1)
            time.sleep(STILL_S)
        finally:
            os.killpg(program.pid, signal.SIGTERM)  # the group of this program alone: the screen and what is on it


def differences(row: Row, found: Found | None, label: str) -> str | None:
    """What Mixxx says otherwise than the manifest of a file."""
    if found is None:
        return f"{row.file}: not in the library"
    music = row.music
    # tags of a bass and a lead have the note instead
    told = music.key if music.shape != "shot" or music.role in CHORDS else None
    # it shows some keys by both of their names: D\u266fm/E\u266dm
    heard = [key_in_text(name.replace("\u266f", "#").replace("\u266d", "b")) for name in (found[1] or "").split("/")]
    said = {"tempo": (found[0], music.bpm or 0.0), "key": (heard[-1], told), "artist": (found[2], label)}
    wrong = {name: pair for name, pair in said.items() if pair[0] != pair[1]}
    return f"{row.file}: {wrong}" if wrong else None


def main() -> None:
    """Read the pack named on the command line."""
    pack = Path(sys.argv[1])
    manifest = read_manifest(pack)
    found = library_of(pack, len(manifest.rows))
    wrong = [
        text for row in manifest.rows if (text := differences(row, found.get(Path(row.file).name), manifest.label))
    ]
    timed = sorted({bpm for bpm, *_ in found.values() if bpm})
    json.dump({"files": len(manifest.rows), "found": len(found), "tempi": timed, "wrong": wrong}, sys.stdout, indent=2)
    print()
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
