"""What our programs tell the libraries that compute, before they are loaded."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from musika_daw.system.threads import OF_WORKERS, SETTINGS, one_thread_each, share_cores
from musika_daw.system.workers import Workers

pytestmark = pytest.mark.slow

NAMES = {**SETTINGS, **OF_WORKERS}
PROGRAMS = {
    "musika-daw": "from musika_daw.commands.cli import main",
    "musika-pack": "from pack_builder.cli import main",
    "musika-train": "from training.cli import main",
}


def without_settings(**more: str) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in NAMES} | more


LISTENS = """
import json, os, sys
told = {}
class Asked:
    def find_spec(self, name, path=None, target=None):
        if name in ("numpy", "torch"):
            told.setdefault(name, dict(os.environ))
sys.meta_path.insert(0, Asked())
"""


def told_by(program: str, environment: dict[str, str]) -> dict[str, dict[str, str]]:
    """The environment in which a program loads numpy and torch, in this order."""
    code = f"{LISTENS}\n{PROGRAMS[program]}\nimport numpy, torch\nprint(json.dumps(told))"
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return dict(json.loads(ended.stdout))


def in_worker() -> tuple[int, dict[str, str | None]]:
    import torch

    return torch.get_num_threads(), {name: os.environ.get(name) for name in NAMES}


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_says_it_before_anything_that_listens_is_loaded(program: str) -> None:
    told = told_by(program, without_settings())
    assert told.keys() == {"numpy", "torch"}
    for there in told.values():
        assert {name: there.get(name) for name in SETTINGS} == SETTINGS


def test_what_the_user_set_stays() -> None:
    there = told_by("musika-daw", without_settings(OMP_WAIT_POLICY="active"))["torch"]
    assert there["OMP_WAIT_POLICY"] == "active"
    assert there["OPENBLAS_NUM_THREADS"] == "1"


def test_worker_processes_have_one_thread_whatever_program_starts_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    with Workers(2) as workers:
        threads, settings = workers.call(in_worker)
        ((each, again),) = workers.each(in_worker, [()])
    assert threads == each == 1
    assert settings == again == NAMES
    assert not NAMES.keys() & os.environ.keys(), "the caller's own environment is as it was"


def test_the_environment_comes_back_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    before = dict(os.environ)
    with one_thread_each():
        assert (os.environ["OMP_NUM_THREADS"], os.environ["OMP_WAIT_POLICY"]) == ("1", "passive")
    assert dict(os.environ) == before


def test_a_program_leaves_the_number_of_openmp_threads_to_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    share_cores()
    found = {name: os.environ.pop(name, None) for name in NAMES}
    assert found == SETTINGS | dict.fromkeys(OF_WORKERS)
