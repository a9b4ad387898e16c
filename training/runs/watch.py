"""Progress of a run on a terminal: a live table, or one line at a time where nobody looks on."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from training.runs.run import Report

# a loss is compared with its mean over the reports before, this much of it kept each time
_MEMORY = 0.9


def line(step: int, seconds: float, losses: dict[str, float]) -> None:
    """One report as one line."""
    shown = " ".join(f"{k} {v:.3f}" for k, v in losses.items())
    click.echo(f"{seconds / 60:6.1f} min  step {step:6d}  {shown}")


class LiveTable:
    """A table of the losses, their means and lowest values, with what is left of the time box."""

    def __init__(self, run: Path, minutes: float, steps: int | None = None) -> None:
        self.run, self.minutes, self.steps = run, minutes, steps
        self._begin = time.monotonic()
        self._first: int | None = None
        self._losses: dict[str, float] = {}
        self._means: dict[str, float] = {}
        self._lowest: dict[str, float] = {}
        self._step, self._seconds = 0, 0.0

    def __call__(self, step: int, seconds: float, losses: dict[str, float]) -> None:
        """Take in one report."""
        if self._first is None:
            self._first, self._begin = step, time.monotonic()
        self._step, self._seconds, self._losses = step, seconds, losses
        for name, value in losses.items():
            self._means[name] = _MEMORY * self._means.get(name, value) + (1 - _MEMORY) * value
            self._lowest[name] = min(value, self._lowest.get(name, value))

    def __rich__(self) -> RenderableType:
        if self._first is None:
            return Text("starting")
        table = Table(box=None, pad_edge=False)
        for title, side in (("loss", "left"), ("now", "right"), ("mean", "right"), ("lowest", "right")):
            table.add_column(title, justify=side)  # type: ignore[arg-type]
        for name, value in self._losses.items():
            table.add_row(name, f"{value:.4f}", f"{self._means[name]:.4f}", f"{self._lowest[name]:.4f}")
        spent_s = time.monotonic() - self._begin
        speed = (self._step - self._first) / spent_s if spent_s > 0 else 0.0
        share = spent_s / (self.minutes * 60)
        if self.steps:
            share = max(share, self._step / self.steps)
        head = (
            f"{self.run}  step {self._step}, {speed:.2f} steps a second, {self._seconds / 60:.1f} minutes "
            f"over all; open {self.run / 'report.html'}; Ctrl-C stops and keeps everything"
        )
        return Group(Text(head), ProgressBar(total=1.0, completed=min(1.0, share), width=60), table)


@contextmanager
def watching(run: Path, minutes: float, steps: int | None = None, *, quiet: bool = False) -> Iterator[Report | None]:
    """What to give a trainer as its `report`: live on a terminal, lines elsewhere, None where `quiet`."""
    if quiet:
        yield None
        return
    if not sys.stdout.isatty():
        yield line
        return
    table = LiveTable(run, minutes, steps)
    with Live(table, console=Console(), refresh_per_second=2):
        yield table
