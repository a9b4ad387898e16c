"""What an evaluation leaves behind: `results.json` with every number and `table.md` with the rows."""

from __future__ import annotations

import json
import math
import operator
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from training.evaluate.measures.tools import versions

HELD_OUT = "held-out recordings"
_RULES = {">=": operator.ge, "<=": operator.le, "<": operator.lt, ">": operator.gt}


@dataclass(frozen=True)
class Row:
    """One line of the table: measured value, the same on held-out recordings, target such as ("<=", 4.0)."""

    name: str
    measured: float | None
    unit: str = ""
    reference: float | None = None
    target: tuple[str, float] | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without one. What could not be measured is not met."""
        if self.target is None:
            return None
        rule, limit = self.target
        return self.measured is not None and bool(_RULES[rule](self.measured, limit))


def table(rows: Sequence[Row], reference: str = HELD_OUT) -> str:
    """The rows as a Markdown table; `reference` heads the second column of numbers."""
    lines = [f"| row | measured | {reference} | target | met |", "|---|---|---|---|---|"]
    for row in rows:
        target = f"{row.target[0]} {row.target[1]:g} {row.unit}".strip() if row.target else "-"
        met = {True: "yes", False: "**no**", None: "-"}[row.met]
        name = f"{row.name} ({row.note})" if row.note else row.name
        cells = (name, _shown(row.measured, row.unit), _shown(row.reference, row.unit), target, met)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _shown(value: float | None, unit: str) -> str:
    return "-" if value is None else f"{value:.3g} {unit}".strip()


def write_report(
    out: Path,
    title: str,
    rows: Sequence[Row],
    facts: Mapping[str, Any],
    details: Mapping[str, Any],
    reference: str = HELD_OUT,
) -> None:
    """Write `results.json` and `table.md` into `out`, each whole or not at all."""
    out.mkdir(parents=True, exist_ok=True)
    # where things lay on one machine says nothing on another
    words = [Path(word).name if Path(word).is_absolute() else word for word in sys.argv[1:]]
    command = " ".join(["musika-train", *map(shlex.quote, words)])
    head = {"evaluation": title, "command": command, "versions": versions(), "reference": reference, **facts}
    listed = [{**asdict(r), "met": r.met} for r in rows]
    _write(out / "results.json", json.dumps(plain({**head, "rows": listed, **details}), indent=1) + "\n")
    lines = [f"# {title}", "", f"`{command}`", ""]
    lines += [f"{key}: {value}  " for key, value in facts.items() if isinstance(value, str | int | float)]
    _write(out / "table.md", "\n".join(lines) + "\n\n" + table(rows, reference))


def plain(value: Any) -> Any:
    """Values as JSON knows them; what is not finite becomes null."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    if isinstance(value, Path):
        return value.name
    return value


def _write(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(text)
    part.replace(path)
