"""Fixtures of the trainers' tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.training.songs import write_corpus


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    """A command line's threads and its flushing of denormals are a process's own matter; this one goes on."""
    yield
    torch.set_num_threads(1)
    torch.set_flush_denormal(False)


@pytest.fixture(scope="session")
def corpus_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus") / "techno")
