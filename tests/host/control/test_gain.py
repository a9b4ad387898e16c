"""The gain at which a host begins."""

from __future__ import annotations

from pathlib import Path

import pytest

from musika_daw.host.session import Session, SessionOptions


@pytest.mark.parametrize(
    ("model", "asked", "gain_db"), [("parts", None, -6), ("click", None, -15), ("parts", -3.0, -3), ("click", 0.0, 0)]
)
def test_a_level_that_nobody_chose_is_that_of_the_model(
    parts_model: Path, tmp_path: Path, model: str, asked: float | None, gain_db: float
) -> None:
    options = SessionOptions(
        sink=f"file:{tmp_path / 'a.wav'}",
        model=str(parts_model) if model == "parts" else model,
        values={"gain_db": asked},
    )
    session = Session(options)
    try:
        assert session.live.get("gain_db") == gain_db
        assert session.live.starts["gain_db"] == (-6 if model == "parts" else -15)
    finally:
        session.stop()
