"""What all tests share: models of untrained weights, and a limit of time for what talks to other programs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import is_hypothesis_test, settings

# how long an example takes says how busy the machine is, not whether it is right
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")
# networks of tests are so small that a second thread only waits for the first; programs that tests start inherit this
os.environ.setdefault("OMP_NUM_THREADS", "1")
PEER_LIMIT_S = 300
HERE = Path(__file__).parent
PEERS = HERE / "peers"  # have limits of their own
# rooms in which most tests start processes, load networks or listen for seconds: not in the quick run
SLOW = (
    "host",
    "panel",
    "peers",
    "plugin",
    "bridge/clock/test_clock.py",
    "bridge/jack",
    "bridge/midi",
    "musika_daw/commands",
    "musika_daw/instrument",
    "musika_daw/system/test_workers.py",
    "pack_builder/publish",
    "pack_builder/render",
    "pack_builder/run",
    "pack_builder/plan/test_chain.py",
    "pack_builder/plan/test_chain_vst3.py",
    "pack_builder/plan/test_curve.py",
    "pack_builder/plan/test_families.py",
    "pack_builder/test_again.py",
    "pack_builder/test_cli.py",
    "pack_builder/test_verify.py",
    "training",
)
# whose tests ask how soon something happens: of these one at a time
TIMED = (
    "host/control/test_control.py",
    "host/control/test_control_socket.py",
    "host/test_ending.py",
    "host/test_session.py",
    "plugin/clap/test_clap_faults.py",
    "bridge/jack/test_jack.py",
    "bridge/midi/test_midi_out.py",
    "bridge/sockets/test_line_server.py",
    "bridge/sockets/test_sockets.py",
    "bridge/test_extras.py",
)
# what listens to the wall clock, or keeps a socket or a process waiting: two at a time, a timed one and one that waits
# for its answer as long as it takes, and nothing beside them
LIVE = (*TIMED, "peers", "plugin")
# files that take long: they begin first, so that no core is left with one when all others are done
LONG = (
    "training/folder",
    "training/run",
    "training/test_pipeline.py",
    "training/evaluate",
    "pack_builder/render",
    "pack_builder/publish/test_page.py",
    "pack_builder/publish/test_page_tempo.py",
    "pack_builder/run",
    "plugin/clap",
    "host/test_session.py",
    "host/test_ending.py",
)
# folders whose files share what takes long to make, so that one worker runs all of them
TOGETHER = ("training/folder",)
# whose tests play minutes of clocks, message by message
SIMULATIONS = ("bridge/clock/test_clock.py", "bridge/jack/test_jack_frames.py", "host/follow/test_meters.py")
# of a slow room, yet quick
QUICK = ("training/corpus/test_store.py", "training/autoencoder/test_losses.py")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """No test that talks to another program waits for ever; slow and live ones are marked, a file stays together, long
    ones come first.

    Properties go a hundred times over lines that other tests count, three times as slowly while lines are counted.
    """
    for item in items:
        place = item.path.relative_to(HERE).as_posix()
        if place.startswith(SLOW) and place not in QUICK:
            item.add_marker(pytest.mark.slow)
        if place.startswith(LIVE):
            item.add_marker(pytest.mark.live)
        together = next((folder for folder in TOGETHER if place.startswith(folder)), place)
        together = "timed" if place.startswith(TIMED) else together
        item.add_marker(pytest.mark.xdist_group(together))
        if is_hypothesis_test(getattr(item, "obj", None)) or place in SIMULATIONS:
            item.add_marker(pytest.mark.no_cover)
        if item.get_closest_marker("peer") is not None and PEERS not in item.path.parents:
            item.add_marker(pytest.mark.timeout(PEER_LIMIT_S))
    items.sort(key=lambda item: not item.path.relative_to(HERE).as_posix().startswith(LONG))


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a tiny model with random weights: everything that does not depend on how it sounds."""
    from training.export import random_run

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
def parts_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a tiny model of random weights that is told a score of parts."""
    from training.export import random_run

    folder = tmp_path_factory.mktemp("parts")
    random_run(folder, "tiny-ears", "techno")
    return folder


@pytest.fixture(scope="session")
def paper_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a model of the paper's sizes with random weights."""
    from training.export import random_run

    folder = tmp_path_factory.mktemp("paper")
    random_run(folder, "paper", "techno")
    return folder
