"""What all tests share: models of untrained weights, and a limit of time for what talks to other programs."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

# how long an example takes says how busy the machine is, not whether it is right
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")
PEER_LIMIT_S = 300
PEERS = Path(__file__).parent / "peers"  # have limits of their own


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """No test that talks to another program waits for it for ever."""
    for item in items:
        if item.get_closest_marker("peer") is not None and PEERS not in item.path.parents:
            item.add_marker(pytest.mark.timeout(PEER_LIMIT_S))


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
def piano_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a tiny model of random weights that is told a score."""
    from training.export import random_run

    folder = tmp_path_factory.mktemp("piano")
    random_run(folder, "tiny-piano", "piano")
    return folder


@pytest.fixture(scope="session")
def paper_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a model of the paper's sizes with random weights."""
    from training.export import random_run

    folder = tmp_path_factory.mktemp("paper")
    random_run(folder, "paper", "techno")
    return folder
