"""The one line in which bad input is refused, and that nothing words it otherwise."""

from __future__ import annotations

import ast
import re
from fractions import Fraction
from pathlib import Path

import pytest

from musika_daw.system.refusal import refused

ROOT = Path(__file__).parents[3]
# `--bpm 'fast': must ...` and `--bpm fast: must ...`, with `*` for a value that is put in
OTHERWISE = re.compile(r"^(--[a-z-]+|\*) '?\*'?: |^[a-z][a-z -]* '?\*'?: (must|is|holds|has|no|was|cannot) ")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("fast", "'fast'"),
        ("", "''"),
        ("two\nlines", r"'two\nlines'"),
        (Path("packs/first"), "'packs/first'"),
        (7, "7"),
        (0.25, "0.25"),
        (Fraction(257, 2), "128.5"),
        (Fraction(200_000_001, 1_000_000), "200.000001"),  # not 200, which is allowed
        ("x" * 999, f"'{'x' * 200}...'"),
    ],
)
def test_texts_are_quoted_and_numbers_are_exact(value: object, shown: str) -> None:
    assert str(refused("--bpm", value, "must be within 60..200")) == f"--bpm: {shown}, must be within 60..200"


@pytest.mark.parametrize("package", ["musika_daw", "pack_builder", "training", "bridge"])
def test_no_error_is_worded_otherwise(package: str) -> None:
    found = []
    for path in sorted((ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
                text = _pattern(node.exc.args[0])
                if OTHERWISE.search(text):
                    found.append(f"{path.relative_to(ROOT)}:{node.lineno} {text}")
    assert found == []


def _pattern(node: ast.expr) -> str:
    """The text of a string with `*` for what is put in; nothing for anything else."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join("*" if isinstance(part, ast.FormattedValue) else _pattern(part) for part in node.values)
    return ""
