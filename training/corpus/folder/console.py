"""What `musika-train corpus folder` says while it reads and at the end."""

from __future__ import annotations

from pathlib import Path

import click

from musika_daw.system.plain import plain
from training.corpus.folder.build import FolderReport
from training.corpus.folder.journal import KEPT, FileRow


def show_row(done: int, total: int, row: FileRow) -> None:
    """One line a file."""
    click.echo(f"{done:5d} of {total}  {plain(row.path)}: {told(row)}")


def told(row: FileRow) -> str:
    """What became of a file, in a few words."""
    if row.outcome != KEPT:
        return f"skipped, {plain(row.reason)}"
    if row.bpm is None:
        return f"{row.seconds:.0f} s, no steady beat (confidence {row.confidence:.2f})"
    return f"{row.seconds:.0f} s, {row.bpm:.2f} bpm (confidence {row.confidence:.2f})"


def show_report(report: FolderReport, out: Path) -> None:
    """The lists that ask for attention, and the sums."""
    sections = (
        ("without a steady beat, kept for the autoencoder and left out of tempo conditioning", report.unsteady),
        ("skipped", report.skipped),
    )
    for title, rows in sections:
        if rows:
            click.echo(f"\n{title}:")
            for row in rows:
                click.echo(f"  {plain(row.path)}: {told(row).removeprefix('skipped, ')}")
    for path in report.gone:
        click.echo(f"  {plain(path)}: no longer in the folder, dropped")
    for text in report.closed:
        click.echo(f"  {plain(text)}, passed over")
    click.echo(
        f"\n{out}: {len(report.kept)} files kept, {report.seconds / 3600:.2f} h, "
        f"{len(report.kept) - len(report.unsteady)} of them with a steady beat; {len(report.skipped)} skipped, "
        f"{report.unchanged} unchanged, {report.others} other files ignored"
    )
