"""`report.html` of a run: one file with curves, spectrograms and players inside, to open, keep or send.

It is written anew at every checkpoint, so it grows while the run trains. Of the audio it carries the first and
the latest sets, of the pictures some in between, so that it stays a few megabytes however long the run.
"""

from __future__ import annotations

import base64
import csv
import html
import json
import math
from pathlib import Path
from typing import Any

POINTS = 400
PICTURE_SETS = 6
_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 360, 170, 48, 18
_STYLE = """
body{font:14px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;color:#222;background:#fff}
h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}.curves{display:flex;flex-wrap:wrap;gap:1rem}
figure{margin:0}figcaption{font-size:.85rem;color:#555}svg text{font-size:10px;fill:#666}
.pair{display:grid;grid-template-columns:1fr 1fr;gap:.75rem;margin:.75rem 0}
.pair img{width:100%;height:128px;image-rendering:auto}audio{width:100%;height:32px}
table{border-collapse:collapse}td,th{padding:.1rem .8rem .1rem 0;text-align:left;font-variant-numeric:tabular-nums}
@media(prefers-color-scheme:dark){body{color:#ddd;background:#161616}figcaption,svg text{color:#999;fill:#999}}
"""


def write_report(run: Path) -> Path:
    """Write `RUN/report.html` from the run's own files, whole or not at all; returns its path."""
    run = Path(run)
    settings = _settings(run)
    steps, seconds, columns = read_log(run / "log.csv")
    title = f"{settings.get('stage', 'run')} {run.name}"
    spent = f"step {steps[-1]}, {seconds[-1] / 60:.1f} minutes" if steps else "no steps yet"
    curves = "".join(curve(name, steps, values) for name, values in sorted(columns.items(), key=_rank))
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>",
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style>",
        f"<h1>{html.escape(title)}</h1><p>{spent}</p>",
        f"<h2>Losses</h2><div class=curves>{curves}</div>",
        _example_sets(run / "examples"),
        f"<h2>Settings</h2>{_table(settings)}</html>",
    ]
    path = run / "report.html"
    part = path.with_name("report.part")
    part.write_text("\n".join(parts), encoding="utf-8")
    part.replace(path)
    return path


def read_log(path: Path) -> tuple[list[int], list[float], dict[str, list[float | None]]]:
    """Steps, seconds and every column of a run's log, thinned to some hundreds of rows."""
    if not path.exists():
        return [], [], {}
    with path.open() as file:
        rows = [row for row in csv.DictReader(file) if row.get("step") and row.get("seconds")]
    every = max(1, len(rows) // POINTS)
    rows = rows[(len(rows) - 1) % every :: every] if rows else []
    names = [n for n in (rows[0] if rows else {}) if n not in ("step", "seconds") and n]
    columns = {n: [_number(row.get(n)) for row in rows] for n in names}
    return [int(r["step"]) for r in rows], [float(r["seconds"]) for r in rows], columns


def curve(name: str, steps: list[int], values: list[float | None]) -> str:
    """One loss over the steps as an SVG figure; logarithmic where it spans more than a factor of twenty."""
    points = [(s, v) for s, v in zip(steps, values) if v is not None]
    if not points:
        return ""
    low, high = min(v for _, v in points), max(v for _, v in points)
    logarithmic = low > 0 and high / low > 20
    scaled = [(s, math.log10(v) if logarithmic else v) for s, v in points]
    bottom, top = min(v for _, v in scaled), max(v for _, v in scaled)
    first, last = scaled[0][0], scaled[-1][0]
    width, height = _WIDTH - _LEFT, _HEIGHT - _BOTTOM - 8

    def place(step: float, value: float) -> str:
        x = _LEFT + width * (step - first) / max(last - first, 1)
        y = 8 + height * (1 - (value - bottom) / (top - bottom or 1))
        return f"{x:.1f},{y:.1f}"

    line = " ".join(place(s, v) for s, v in scaled)
    return (
        f"<figure><svg width={_WIDTH} height={_HEIGHT} role=img aria-label='{html.escape(name)}'>"
        f"<path d='M{_LEFT} 8V{8 + height}H{_WIDTH}' fill=none stroke=#999 />"
        f"<polyline points='{line}' fill=none stroke=#c2410c stroke-width=1.5 />"
        f"<text x=2 y=16>{high:.3g}</text><text x=2 y={8 + height}>{low:.3g}</text>"
        f"<text x={_LEFT} y={_HEIGHT - 4}>{first}</text>"
        f"<text x={_WIDTH} y={_HEIGHT - 4} text-anchor=end>{last}</text></svg>"
        f"<figcaption>{html.escape(name)}: {points[-1][1]:.4g}{' (log)' if logarithmic else ''}</figcaption></figure>"
    )


def _example_sets(folder: Path) -> str:
    steps = sorted({p.name.split("-")[0] for p in folder.glob("*-made.png")})
    if not steps:
        return ""
    spread = sorted({steps[round(i * (len(steps) - 1) / (PICTURE_SETS - 1))] for i in range(PICTURE_SETS)})
    out = ["<h2>Held-out music (left) and what the model makes (right)</h2>"]
    for step in reversed(spread):
        out.append(f"<h3>step {int(step)}</h3>")
        for made in sorted(folder.glob(f"{step}-*-made.png")):
            target = made.with_name(made.name.replace("-made", "-target"))
            with_audio = step in (steps[0], steps[-1])
            out.append(f"<div class=pair>{_half(target, with_audio)}{_half(made, with_audio)}</div>")
    return "\n".join(out)


def _half(picture: Path, with_audio: bool) -> str:
    if not picture.exists():
        return "<figure></figure>"
    out = f"<img alt='{html.escape(picture.stem)}' src='{_inside(picture, 'image/png')}'>"
    sound = picture.with_suffix(".flac")
    if with_audio and sound.exists():
        out += f"<audio controls preload=none src='{_inside(sound, 'audio/flac')}'></audio>"
    return f"<figure>{out}</figure>"


def _inside(path: Path, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"


def _table(settings: dict[str, Any]) -> str:
    flat = {k: v for k, v in settings.items() if not isinstance(v, dict)}
    flat.update(settings.get("settings", {}))
    rows = (f"<tr><th>{html.escape(str(k))}<td>{html.escape(str(v))}" for k, v in flat.items())
    return f"<table>{''.join(rows)}</table>"


def _settings(run: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((run / "run.json").read_text()))
    except (OSError, json.JSONDecodeError):
        return {}


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _rank(item: tuple[str, Any]) -> tuple[bool, str]:
    return item[0] != "total", item[0]
