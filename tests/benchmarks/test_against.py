"""Two trees are measured in turn, each by its own sources."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks import against

NEEDS_GIT = pytest.mark.skipif(
    shutil.which("git") is None or not (against.ROOT / ".git").exists(), reason="a checkout with git is needed"
)


def worktrees() -> set[str]:
    command = ["git", "-C", str(against.ROOT), "worktree", "list", "--porcelain"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {line for line in listed.splitlines() if line.startswith("worktree ")}


@NEEDS_GIT
def test_a_loop_is_measured_in_this_commit_and_in_this_tree() -> None:
    there = worktrees()
    arguments = ["--commit", "HEAD", "--small", "--pairs", "2", "--only", "loop-techno"]
    told = CliRunner().invoke(against.main, arguments, catch_exceptions=False)
    (line,) = [line for line in told.stdout.splitlines() if line.startswith("loop-techno")]
    before, now, ratio, least, most = (float(number) for number in re.findall(r"\d+\.\d+", line))
    assert min(before, now) > 0
    assert least <= ratio <= most
    assert worktrees() <= there, "its own is gone"


@NEEDS_GIT
def test_a_commit_that_is_none_is_named() -> None:
    told = CliRunner().invoke(against.main, ["--commit", "no-such"])
    assert told.exit_code == 1
    assert "--commit: 'no-such', must be a commit of" in told.output


def test_a_tree_whose_sources_are_not_the_ones_imported_is_refused(tmp_path: Path) -> None:
    tree = against.Tree(tmp_path, "loop-techno", small=True)
    with pytest.raises(RuntimeError, match="must be those of"):
        tree.begun()
    tree.end()


def test_help_shows_examples() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "benchmarks.against", "--help"], cwd=against.ROOT, capture_output=True, text=True
    )
    assert "--only loop-techno --only loop-parts --pairs 9" in told.stdout
