"""Fixtures that several packages' tests share: a model of untrained weights, and one computing thread."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a tiny model with random weights: everything that does not depend on how it sounds."""
    import torch

    from training.export import random_run

    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("tiny")
    random_run(folder, "tiny", "techno")
    return folder


@pytest.fixture(scope="session")
def paper_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a model of the paper's sizes with random weights."""
    from training.export import random_run

    folder = tmp_path_factory.mktemp("paper")
    random_run(folder, "paper", "techno")
    return folder
