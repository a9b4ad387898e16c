"""How the density of a take was counted, and by which density it is filed, as its row says."""

from typing import Any

NOTES, HEARD = "notes", "heard"
"""Told notes that are heard, or whatever is heard; the rows of older packs do not say and mean the latter."""


def counts_notes(curves: dict[str, Any] | None) -> bool:
    """Whether the `density_curve` of a row is one of told notes."""
    return curves is not None and curves.get("counted", HEARD) == NOTES


def density_filed(curves: dict[str, Any] | None, measured: float | None) -> float | None:
    """The density whose class a take is filed under: the asked one where its model plays notes as dense as it is asked,
    else the `measured` one. What is asked as a curve has no class of its own."""
    asked = curves.get("asked") if curves is not None and counts_notes(curves) else None
    return float(asked[0][1]) if asked and len(asked) == 1 else measured
