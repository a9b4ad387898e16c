"""Density curves: asked as points, followed by a take, and measured on what came out."""

import csv
import io
import itertools
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from musika_daw.system.refusal import refused
from pack_builder.plan.parse import number

POINT_LIMIT = 1000
Points = tuple[tuple[Fraction, Fraction], ...]


@dataclass(frozen=True)
class DensityCurve:
    """Density 0..1 over seconds through points, straight between them and level beyond them.

    It is called as `musika_daw.score.controls.Curve` is: seconds float64 [T] to density float64 [T].
    """

    points: tuple[tuple[float, float], ...]

    def __call__(self, seconds: np.ndarray) -> np.ndarray:
        at, values = zip(*self.points, strict=True)
        return np.interp(seconds, at, values)


def parse_curve(text: str) -> Points:
    """Points from `0:0.2 8:0.8 16:0.3` (seconds:density), or from a CSV file of two such columns.

    A first line of the file that holds no numbers is its heading. Raises ValueError where seconds do not rise, a
    value is out of range (seconds 0..600, density 0..1) or the file cannot be read.
    """
    option = "--density-curve"
    if ":" in text and not text.strip().lower().endswith(".csv"):
        pairs = [item.split(":", 1) for item in text.replace(",", " ").split() if ":" in item]
        if len(pairs) != len(text.replace(",", " ").split()):
            raise refused(option, text, 'must be like "0:0.2 8:0.8 16:0.3" or a csv file')
    else:
        pairs = _rows_of(option, text)
    if not 1 <= len(pairs) <= POINT_LIMIT:
        raise refused(option, text, f"holds {len(pairs)} points, allowed 1..{POINT_LIMIT}")
    points = tuple((number(option, at, 0, 600), number(option, value, 0, 1)) for at, value in pairs)
    if any(after <= before for (before, _), (after, _) in itertools.pairwise(points)):
        raise refused(option, text, "seconds must rise from point to point")
    return points


def _rows_of(option: str, text: str) -> list[list[str]]:
    try:
        content = Path(text).read_text("utf-8-sig")
    except (OSError, ValueError):
        raise refused(option, text, 'must be like "0:0.2 8:0.8 16:0.3" or a readable csv file') from None
    rows = [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(content)) if any(map(str.strip, row))]
    if rows and not any(cell[:1].isdigit() for cell in rows[0]):
        del rows[0]
    for row in rows:
        if len(row) != 2:
            raise refused(option, text, f"each row must hold seconds and density, found {row!r:.60}")
    return rows


def agreement(asked: DensityCurve, measured: list[list[float]]) -> float | None:
    """Pearson's r of the measured curve and the asked one; None where either does not move."""
    if len(measured) < 3:
        return None
    times, values = np.array(measured).T
    wanted = asked(times)
    if np.ptp(wanted) < 1e-6 or np.ptp(values) < 1e-6:
        return None
    return round(float(np.corrcoef(wanted, values)[0, 1]), 4)
