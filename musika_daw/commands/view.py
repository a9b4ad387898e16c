"""The terminal views of `musika-daw run` and `musika-daw monitor`, as rich tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.markup import escape
from rich.table import Table

from bridge import Counts, Transport, Valid
from bridge.plugin_link.codes import Flag, Format, Known, PluginState
from bridge.plugin_link.instance import PluginInstance
from musika_daw.host.control.keys import HELP, PARTS_HELP
from musika_daw.host.control.live import LiveControls
from musika_daw.host.host import Status
from musika_daw.host.plugin.host import PluginHost


def bar_beat(beat: float, numerator: int = 4, denominator: int = 4) -> str:
    """`17.3.25`: bar and beat from 1, and hundredths of a beat."""
    per_bar = numerator * 4 / denominator
    bar, within = divmod(beat, per_bar)
    count, share = divmod(within * denominator / 4, 1)
    return f"{int(bar) + 1}.{int(count) + 1}.{int(share * 100):02d}"


def run_table(
    status: Status,
    source: str,
    sink: str,
    xruns: int,
    *,
    live: LiveControls,
    notes: list[str],
    chords: Mapping[str, Any],
) -> Table:
    """What `musika-daw run` shows; `chords` as in the status of the control socket."""
    record, meter = status.record, status.meter
    table = Table.grid(padding=(0, 2))
    playing = record.is_rolling or (meter.sounding and not record.knows(Valid.PLAYING))
    table.add_row("source", source, "[green]playing[/]" if playing else "stopped")
    signature = (record.signature_numerator, record.signature_denominator)
    table.add_row("bar.beat", bar_beat(meter.beat, *signature), f"{status.bpm:.2f} bpm")
    late = " bent to it" if status.piece_bpm and abs(status.bpm / status.piece_bpm - 1) > 1e-4 else ""
    table.add_row("lock error", f"{meter.error_s * 1000:+.2f} ms", f"rendered at {status.piece_bpm:.2f}{late}")
    table.add_row("ahead", f"{status.ahead_s:.1f} s", f"renderer {status.render_share:.0%} of a core")
    holes = "[red]" if meter.underruns else ""
    table.add_row("underruns", f"{holes}{meter.underruns}", f"{xruns} late blocks at {sink}")
    clip = f"  [bold red]CLIP {meter.clipped}[/]" if meter.clipped else ""
    table.add_row("level", f"{20 * _log10(meter.peak):.1f} dB{clip}", _controls(live))
    if chords["heard"] is not None:
        held = f"held {chords['held']}" if chords["held"] else chords["port"] or ""
        table.add_row("chord", chords["heard"], escape(held))
    parts = live.parts()
    if parts:
        table.add_row("parts", "  ".join(_part(name, state) for name, state in parts.items()), "")
    told = [f"[yellow]{escape(live.problem)}[/]"] if live.problem else []
    for note in (*notes, *told, *([f"[red]{status.problem}[/]"] if status.problem else [])):
        table.add_row("", note, "")
    table.add_row("[dim]keys[/]", f"[dim]{HELP}[/]", "")
    if parts:
        table.add_row("", f"[dim]{PARTS_HELP}[/]", "")
    return table


def monitor_table(record: Transport, counts: Counts, warnings: tuple[str, ...], age_s: float | None) -> Table:
    """What `musika-daw monitor` shows: every field, known or not, and what came in."""
    table = Table(box=None, padding=(0, 2))
    table.add_column("field")
    table.add_column("value")
    known = record.known()
    for name in (bit.name.lower() for bit in Valid if bit.name and bit is not Valid.HOST_TIME_S):
        value = known.get(name)
        text = "[dim]unknown[/]" if value is None else f"{value:.4f}" if isinstance(value, float) else str(value)
        table.add_row(name, text)
    if record.knows(Valid.POSITION_BEATS):
        place = bar_beat(record.position_beats, record.signature_numerator, record.signature_denominator)
        table.add_row("[bold]bar.beat[/]", f"[bold]{place}[/]")
    table.add_row("last news", "never" if age_s is None else f"{age_s * 1000:.0f} ms ago")
    dropped = f"{counts.malformed} malformed, {counts.oversized} oversized, {counts.dropped} dropped"
    table.add_row("messages", f"{counts.received} understood, {dropped}")
    for warning in warnings:
        table.add_row("[yellow]warning[/]", f"[yellow]{warning}[/]")
    return table


def plugin_table(instances: list[PluginInstance], host: PluginHost, counts: Counts) -> Table:
    """What `musika-daw run plugin` shows: a line for each plugin."""
    table = Table(box=None, padding=(0, 2))
    for title in ("plugin", "rate", "bar.beat", "tempo", "state", "missing"):
        table.add_column(title)
    for instance in instances:
        news, stats = instance.transport, instance.stats
        state = PluginState(stats.state).name.lower() if stats.state in list(PluginState) else str(stats.state)
        place, tempo = "-", "-"
        if news is not None:
            state += " playing" if Flag.PLAYING in news.flags else " stopped"
            state += " offline" if Flag.OFFLINE in news.flags else ""
            place = bar_beat(news.beat, news.numerator or 4, news.denominator or 4) if Known.BEAT in news.known else "-"
            tempo = f"{news.bpm:.2f}" if Known.BPM in news.known else "-"
        name = f"{Format(instance.hello.format).name.lower()} {instance.hello.session:016x}"
        missing = f"{stats.missing_frames} frames, {stats.underruns} holes"
        table.add_row(name, f"{instance.sample_rate_hz}", place, tempo, state.replace("_", " "), missing)
    if not instances:
        table.add_row("[dim]none yet: insert musika-daw on a track[/]")
    rendered = f"{host.rendered_s:.0f} s rendered in {host.cpu_s:.0f} s"
    table.add_row(rendered, "", "", "", "rendering" if host.is_rendering else "", f"{counts.dropped} refused")
    if host.problem:
        table.add_row(f"[red]{host.problem}[/]")
    return table


def _part(name: str, state: Mapping[str, bool]) -> str:
    marks = "".join(f" {word}" for word in ("mute", "solo") if state[word])
    return f"{name}{marks}" if state["heard"] else f"[dim]{name}{marks or ' off'}[/]"


def _controls(live: LiveControls) -> str:
    values = live.values()
    shown = [f"{name} {'-' if value is None else format(value, 'g')}" for name, value in values.items()]
    return "  ".join(shown + [f"{name} {text}" for name, text in live.written().items() if text is not None])


def _log10(value: float) -> float:
    import math

    return math.log10(value) if value > 1e-6 else -6.0
