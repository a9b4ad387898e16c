"""What the terminal shows: a progress bar, or plain lines where nobody watches, and closing tables."""

import json
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from types import TracebackType
from typing import TYPE_CHECKING, Any

import click

from pack_builder.plan.jobs import DRAWS
from pack_builder.record.rows import Gap, Row

if TYPE_CHECKING:
    from rich.progress import TaskID


class Rate:
    """Seconds of audio per second of time, and the time left at the pace so far."""

    def __init__(self, files: int) -> None:
        self.files, self.done, self.audio_s = files, 0, 0.0
        self._began = time.monotonic()

    def add(self, row: Row) -> None:
        self.done += 1
        self.audio_s += row.seconds

    def skip(self) -> None:
        self.done += 1

    @property
    def elapsed_s(self) -> float:
        return max(1e-9, time.monotonic() - self._began)

    @property
    def times_real_time(self) -> float:
        return self.audio_s / self.elapsed_s

    @property
    def left_s(self) -> float:
        return self.elapsed_s / max(1, self.done) * (self.files - self.done)


def clock(seconds: float) -> str:
    """`1:05` or `2:00:05`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def summary(row: Row) -> str:
    """The main facts about one finished file."""
    facts, density, quality = [f"{row.seconds:.2f} s"], row.music.density_measured, row.quality
    if row.music.bpm is not None:
        measured = quality.measured_bpm
        facts.append("no steady pulse" if measured is None else f"measured {measured:.2f} bpm")
        facts.append(f"seam {quality.seam_score:.2f}")
    elif density is not None:
        facts.append(f"density {density:.2f}")
    if quality.loudness_lufs is not None:
        facts.append(f"{quality.loudness_lufs:.1f} LUFS")
    if quality.attempts > 1:
        facts.append(f"attempt {quality.attempts}" if quality.inside_limits else f"best of {quality.attempts}")
    if not quality.inside_limits:
        facts.append(f"OUTSIDE THE LIMITS: {', '.join(quality.broken)}")
    return ", ".join(facts)


def gap_line(gap: Gap) -> str:
    """What was given up, and why."""
    why = ", ".join(f"{name} {count}x" for name, count in gap.reasons.items())
    return f"{gap.job}: given up after {len(gap.tried)} attempts ({why}), no file is written for it"


class PlainLines:
    """One line a file, for logs and pipes."""

    def __init__(self) -> None:
        self._rate = Rate(0)
        self._total = 0

    def __enter__(self) -> "PlainLines":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def loading(self, models: int) -> None:
        click.echo(f"loading {models} model{'s' * (models != 1)}")

    def drew(self, done: int, loops: int) -> None:
        if done == 0:
            click.echo(f"drawing {DRAWS} of each of {loops} loops, to choose those that are far from each other")
        elif done == loops or done * 10 // loops > (done - 1) * 10 // loops:  # a line a tenth
            click.echo(f"drawn {done} of {loops} loops")

    def started(self, files: int, kept: int, jobs: int) -> None:
        self._rate, self._total = Rate(files - kept), files
        kept_text = f", {kept} of them finished before" if kept else ""
        click.echo(f"rendering {files} files{kept_text} on {jobs} worker{'s' * (jobs != 1)}")

    def finished(self, row: Row) -> None:
        rate = self._rate
        rate.add(row)
        number = self._total - rate.files + rate.done
        pace = f"{rate.times_real_time:.1f}x real time, {clock(rate.left_s)} left"
        click.echo(f"[{number}/{self._total}] {PurePosixPath(row.file).name}  {summary(row)}  ({pace})")

    def gave_up(self, gap: Gap) -> None:
        self._rate.skip()
        click.echo(f"[{self._total - self._rate.files + self._rate.done}/{self._total}] {gap_line(gap)}")


class JsonLines:
    """One JSON object a line, for programs: `event`, and what belongs to it (docs/packs.md).

    Nothing else reaches stdout meanwhile: what libraries print (Ray tells of lost workers there) goes to stderr.
    """

    def __init__(self) -> None:
        self._stream = sys.stdout
        self._aside = redirect_stdout(sys.stderr)

    def __enter__(self) -> "JsonLines":
        self._aside.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._aside.__exit__(kind, value, trace)

    def loading(self, models: int) -> None:
        self.tell("loading", models=models)

    def drew(self, done: int, loops: int) -> None:
        self.tell("drew", done=done, loops=loops)

    def started(self, files: int, kept: int, jobs: int) -> None:
        self.tell("started", files=files, kept=kept, jobs=jobs)

    def finished(self, row: Row) -> None:
        self.tell("finished", file=row.file, seconds=row.seconds, attempts=row.quality.attempts)

    def gave_up(self, gap: Gap) -> None:
        self.tell("gave_up", job=gap.job, text=gap_line(gap))

    def tell(self, event: str, **facts: Any) -> None:
        """Write a line at once."""
        click.echo(json.dumps({"event": event, **facts}), self._stream)
        self._stream.flush()


class ProgressBar:
    """A bar with rate and time left, for a terminal."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[pace]}"),
            transient=True,
        )
        self._task: TaskID = self._bar.add_task("starting", total=None, pace="")
        self._rate = Rate(0)

    def __enter__(self) -> "ProgressBar":
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def loading(self, models: int) -> None:
        self._bar.update(self._task, description=f"loading {models} model{'s' * (models != 1)}")

    def drew(self, done: int, loops: int) -> None:
        self._bar.update(self._task, description=f"drawing {DRAWS} of each loop", total=loops, completed=done)

    def started(self, files: int, kept: int, jobs: int) -> None:
        self._rate = Rate(files - kept)
        self._bar.update(self._task, description="rendering", total=files, completed=kept)

    def finished(self, row: Row) -> None:
        self._rate.add(row)
        pace = f"{self._rate.times_real_time:.1f}x real time, {clock(self._rate.left_s)} left"
        self._bar.update(self._task, advance=1, pace=pace, description=f"{row.music.kind} {row.source.word}")

    def gave_up(self, gap: Gap) -> None:
        self._rate.skip()
        self._bar.console.print(gap_line(gap), highlight=False, markup=False)
        self._bar.update(self._task, advance=1)


def observer(progress: str = "auto") -> "PlainLines | ProgressBar | JsonLines":
    """JSON lines where `progress` is "json"; else a bar where stdout is a terminal, and lines elsewhere."""
    if progress == "json":
        return JsonLines()
    return ProgressBar() if sys.stdout.isatty() else PlainLines()


def table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table: ruled on a terminal, aligned columns elsewhere. All columns but the first are numbers."""
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.table import Table

        ruled = Table(title=title, title_justify="left")
        for index, head in enumerate(heads):
            ruled.add_column(head, justify="right" if index else "left")
        for row in rows:
            ruled.add_row(*row)
        Console().print(ruled)
        return
    widths = [max(len(row[index]) for row in [heads, *rows]) for index in range(len(heads))]
    click.echo(title)
    for row in [heads, *rows]:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))]
        click.echo("  " + "  ".join(cells).rstrip())


@dataclass
class _Group:
    """What the closing table tells of one folder, gathered row by row."""

    files: int = 0
    seconds: float = 0.0
    attempts: int = 0
    worst: dict[str, float] = field(default_factory=dict)
    low: dict[str, float] = field(default_factory=dict)
    high: dict[str, float] = field(default_factory=dict)

    def add(self, row: Row) -> None:
        self.files += 1
        self.seconds += row.seconds
        self.attempts += row.quality.attempts
        quality = row.quality
        for name, value in (
            ("tempo", quality.tempo_error_pct),
            ("beat", quality.beat_offset_ms),
            ("seam", quality.seam_score),
            ("density", row.music.density_measured),
            ("loudness", quality.loudness_lufs),
        ):
            if value is not None:
                self.worst[name] = max(self.worst.get(name, 0.0), abs(value))
                self.low[name] = min(self.low.get(name, value), value)
                self.high[name] = max(self.high.get(name, value), value)

    def cells(self) -> list[str]:
        def worst(name: str, form: str) -> str:
            return form.format(self.worst[name]) if name in self.worst else "-"

        def span(name: str) -> str:
            low, high = (f"{side[name]:.1f}" if name in side else "-" for side in (self.low, self.high))
            return low if low == high else f"{low} .. {high}"

        return [
            str(self.files),
            clock(self.seconds),
            f"{self.attempts / self.files:.1f}",
            worst("tempo", "{:.3f} %"),
            worst("beat", "{:.1f} ms"),
            worst("seam", "{:.2f}"),
            span("density"),
            span("loudness"),
        ]


def pack_table(title: str, rows: Iterable[Row]) -> None:
    """A closing table: one line a folder, with the worst of what was measured in it."""
    groups: dict[str, _Group] = {}
    for row in rows:
        name = str(PurePosixPath(row.file).parent).removeprefix("Loops/")
        groups.setdefault(name, _Group()).add(row)
    heads = ["folder", "files", "length", "attempts", "tempo off by", "beat off by", "seam", "density", "LUFS"]
    table(title, heads, [[name, *group.cells()] for name, group in groups.items()])
