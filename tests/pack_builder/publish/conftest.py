"""A small pack whose page holds its sound, built once."""

from __future__ import annotations

from pathlib import Path

import pytest

from pack_builder.plan.options import BuildOptions
from pack_builder.run.build import build
from tests.pack_builder.pack_helpers import Silent, small_texts
from tests.pack_builder.pack_stand_in import SOURCE


@pytest.fixture(scope="package")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("page") / "pack"
    build(BuildOptions.parse(**small_texts(out=str(out), takes="1")), Silent(), SOURCE)
    return out
