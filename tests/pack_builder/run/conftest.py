"""The audio of a small pack whose build nothing disturbed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.pack_builder.pack_helpers import audio_bytes


@pytest.fixture(scope="module")
def whole(built_once: Callable[..., Path]) -> dict[str, bytes]:
    return audio_bytes(built_once())
