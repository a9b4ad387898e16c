"""The stand-in engine, options for small packs, and a command line that runs against it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pack_builder.plan.options import BuildOptions
from tests.pack_builder.pack_helpers import Ran, small_texts


@pytest.fixture
def small(tmp_path: Path) -> Callable[..., BuildOptions]:
    def make(**texts: Any) -> BuildOptions:
        alone = {"loops_per_bpm": None} if texts.get("kinds") == ("piano",) else {}  # takes alone unless asked
        return BuildOptions.parse(**small_texts(**{"out": str(tmp_path / "pack")} | alone | texts))

    return make


@pytest.fixture(scope="module")
def built_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """`built_once(kits="1")`: the folder of a small pack, built once a module; tests that change it take a copy."""
    from pack_builder.run.build import build
    from tests.pack_builder.pack_helpers import Silent
    from tests.pack_builder.pack_stand_in import SOURCE

    def make(**texts: Any) -> Path:
        out = tmp_path_factory.mktemp("once") / "pack"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("pack_builder.publish.page.EMBEDDED_S", 0)
            build(BuildOptions.parse(**small_texts(**{"out": str(out)} | texts)), Silent(), SOURCE)
        return out

    return make


@pytest.fixture(autouse=True)
def no_sound_in_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages without embedded sound, which takes longer than all the rest of a small pack."""
    monkeypatch.setattr("pack_builder.publish.page.EMBEDDED_S", 0)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """`run("build", "--bpm", "120")`: the real command line, with the stand-in for the engine."""
    import pack_builder.run.build as module
    from pack_builder.cli import main
    from tests.pack_builder.pack_stand_in import SOURCE

    original = module.build
    monkeypatch.setattr(module, "build", lambda options, observer: original(options, observer, SOURCE))

    def call(*arguments: str) -> Ran:
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main(arguments)
        out, err = capsys.readouterr()
        return Ran(int(end.value.code or 0), out, err)

    return call
