"""Two trees are measured in turn, each by its own sources."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from click.testing import CliRunner

from benchmarks import against
from benchmarks.sides.beside import busy

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


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with the classes of the original's names, which give silence, and a package of TensorFlow's name."""
    checkout, packages = tmp_path / "checkout", tmp_path / "packages"
    (checkout / "parse").mkdir(parents=True)
    packages.mkdir()
    (packages / "tensorflow.py").write_text(
        dedent("""
        from types import SimpleNamespace
        config = SimpleNamespace(threading=SimpleNamespace(set_intra_op_parallelism_threads=lambda threads: None))
        """)
    )
    (checkout / "layers.py").write_text("")
    (checkout / "parse" / "parse_generate.py").write_text(
        dedent("""
        import sys
        from types import SimpleNamespace
        def parse_args():
            assert sys.argv[1:] == ["--cpu", "True", "--mixed_precision", "False"]
            return SimpleNamespace(sr=100, truncation=2.0)
        """)
    )
    (checkout / "models.py").write_text(
        dedent("""
        from types import SimpleNamespace
        class Models_functions:
            def __init__(self, args): pass
            def build_generator(self): return SimpleNamespace(count_params=lambda: 7)
            build_decoder = build_decoder2 = build_generator
        """)
    )
    (checkout / "utils.py").write_text(
        dedent("""
        import time
        import gradio as gr
        from huggingface_hub import hf_hub_download
        class Utils_functions:
            def get_noise_interp_multi(self, fac, var): return fac, var, self.args.sr
            def generate_waveform(self, given, gen, dec, dec2):
                assert given == (1, 2.0, 100) and gen.count_params() == 7
                time.sleep(0.5)
                return [0] * 100
        """)
    )
    monkeypatch.setenv("PYTHONPATH", str(packages))
    return checkout


def test_the_originals_own_classes_are_measured_beside_ours(stand_in: Path) -> None:
    arguments = ["--small", "--pairs", "1", "--only", "sound-techno"]
    arguments += ["--original", str(stand_in), "--original-python", sys.executable]
    told = CliRunner().invoke(against.main, arguments, catch_exceptions=False)
    rates = {
        side.strip(): float(clock)
        for side, clock in re.findall(r"^sound-techno +(.{12}) +(\d+\.\d) +\d+\.\d$", told.stdout, re.MULTILINE)
    }
    assert rates.keys() == {"1 thread", "2 threads", "2 spinning", "2 jobs", "original"}
    assert 0.5 < rates["original"] <= 2.0, "a second of sound in half a second"
    assert set(re.findall(r"2 jobs / ([a-z0-9 ]+):", told.stdout)) == rates.keys() - {"2 jobs"}


def test_an_original_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "models.py").touch()
    for arguments, why in (
        (["--original", str(tmp_path)], "--original and --original-python go together"),
        (
            ["--original", str(tmp_path), "--original-python", sys.executable],
            f"--original: '{tmp_path}', must be a checkout that has layers.py, utils.py, parse/parse_generate.py",
        ),
    ):
        told = CliRunner().invoke(against.main, arguments)
        assert told.exit_code == 1
        assert why in told.output


def test_a_python_that_is_none_is_named(stand_in: Path) -> None:
    told = CliRunner().invoke(against.main, ["--original", str(stand_in), "--original-python", "no-such"])
    assert told.exit_code == 1
    assert "--original-python: 'no-such', must be a program" in told.output


def test_busy_programs_end_with_the_block() -> None:
    with busy(2) as programs:
        assert [program.poll() for program in programs] == [None, None]
    assert all(program.poll() is not None for program in programs)
