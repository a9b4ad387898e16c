"""`musika-daw monitor`: what a source sends, field by field."""

from __future__ import annotations

import re
import time
from typing import Any

import click

from musika_daw.commands.console import Number
from musika_daw.commands.options.source import source_options, source_options_of


@click.command()
@click.argument("source")
@click.option("--seconds", type=Number(0.1), help="Stop by itself after this long.")
@click.option("--plain", is_flag=True, help="One line a second instead of the live view.")
@source_options
def monitor(source: str, seconds: float | None, plain: bool, **values: Any) -> None:
    """Show what SOURCE sends: every field, how old it is, and what was dropped. SOURCE is as for run."""
    from rich.live import Live

    from bridge import SourceError, Valid, host_time
    from musika_daw.commands.view import monitor_table
    from musika_daw.host.follow.sources import make_source

    watched = make_source(source, source_options_of(values))
    end_s = time.monotonic() + seconds if seconds is not None else float("inf")

    def age_s(record: Any) -> float | None:
        known = record.knows(Valid.HOST_TIME_S) and len(record.known()) > 1
        return max(0.0, host_time() - record.host_time_s) if known else None

    try:
        with watched:
            if plain:
                while time.monotonic() < end_s:
                    click.echo(plain_line(watched.latest(), watched.counts, watched.warnings))
                    time.sleep(max(0.0, min(1.0, end_s - time.monotonic())))
                return
            with Live(refresh_per_second=10) as live:
                while time.monotonic() < end_s:
                    record = watched.latest()
                    live.update(monitor_table(record, watched.counts, watched.warnings, age_s(record)))
                    time.sleep(0.1)
    except KeyboardInterrupt:
        return
    except SourceError as error:
        raise ValueError(str(error)) from error


def plain_line(record: Any, counts: Any, warnings: tuple[str, ...]) -> str:
    """A record on one line: only what is known."""
    known = {name: value for name, value in record.known().items() if name != "host_time_s"}
    parts = [f"{n}={v:.4f}" if isinstance(v, float) else f"{n}={v}" for n, v in known.items()]
    bad = counts.malformed + counts.oversized + counts.dropped
    parts += [f"messages={counts.received}", f"bad={bad}", *(f"warning: {w}" for w in warnings)]
    return re.sub(r"\s+", " ", " ".join(parts))
