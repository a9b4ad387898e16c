"""A host that the panel starts again is what the one before it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from musika_daw.panel.window.window import PanelWindow
from tests.panel.conftest import PARTS, StandIn, status


class Process:
    """A host that the panel started, with the process id of the second stand-in."""

    pid, is_running = 2, True

    def stop(self, _ask: object) -> None:
        return


def test_a_host_started_again_has_parts_effects_and_inputs_as_before(
    window: PanelWindow, host: StandIn, until: Callable[..., bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window.link, "process", Process())
    parts = {
        "drums": {"mute": True, "solo": False, "heard": False},
        "bass": {"mute": False, "solo": True, "heard": True},
    }
    host.status = status(parts=PARTS | parts, effects_on=False, midi={"port": "Knobs"}, chords={"port": "Keys"})
    assert until(lambda: window.link._status is not None and window.link._status.chords_port == "Keys")
    port = host.port
    host.server.close()
    assert until(lambda: window.strip.lamp.state == "no host")
    again = StandIn(Path("kept"), port, pid=2)
    again.status = status(parts=PARTS)
    try:
        assert until(lambda: again.asked("chords_in"))
        assert again.asked("part") == [
            {"name": "drums", "what": "mute", "on": True},
            {"name": "bass", "what": "solo", "on": True},
        ]
        assert again.asked("effects") == [{"on": False}]
        assert again.asked("midi") == [{"port": "Knobs"}]
        assert again.asked("chords_in") == [{"port": "Keys"}]
    finally:
        again.server.close()


@pytest.mark.parametrize(("before_db", "after_db"), [(0.0, -15.0), (-6.0, -21.0), (-60.0, -60.0), (12.0, -3.0)])
def test_another_model_is_as_far_from_where_its_gain_begins(
    window: PanelWindow,
    host: StandIn,
    until: Callable[..., bool],
    monkeypatch: pytest.MonkeyPatch,
    before_db: float,
    after_db: float,
) -> None:
    monkeypatch.setattr(window.link, "process", Process())
    host.status["values"]["gain_db"] = before_db
    assert until(lambda: window.link.values.get("gain_db") == before_db)
    port = host.port
    host.server.close()
    assert until(lambda: window.strip.lamp.state == "no host")
    again = StandIn(Path("kept"), port, pid=2, gain_start_db=-15.0)
    try:
        assert until(lambda: again.asked("set"))
        assert again.asked("set")[0]["values"]["gain_db"] == after_db
        window.steering.sliders["gain_db"].reset()
        assert until(lambda: again.status["values"]["gain_db"] == -15)
    finally:
        again.server.close()


def test_what_is_worth_knowing_is_shown_until_it_was_read(
    window: PanelWindow, host: StandIn, until: Callable[..., bool]
) -> None:
    notice = window.host_notice
    host.status = status(midi={"problem": "map: m.toml: not a map"})
    assert until(lambda: notice.text == "map: m.toml: not a map")
    host.status = status(sound={"told": "recorded into a-2.wav"})
    assert until(lambda: notice.text == "recorded into a-2.wav")
    notice.buttons[0].click()
    assert until(lambda: not notice.isVisible() and window.link._status is not None)
    host.status = status(sound={"told": "recorded into a-2.wav"}, transport={"bar": 9})
    assert until(lambda: window.link._status is not None and window.link._status.bar == 9)
    assert not notice.isVisible()
