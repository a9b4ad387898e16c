"""Measurements of packs: what building one costs, and who else opens it."""
