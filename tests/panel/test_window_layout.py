"""Everything in the window can be seen and reached, whatever it shows."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import QPoint

from musika_daw.panel.window.steering import SteeringScroll
from musika_daw.panel.window.window import PanelWindow
from tests.panel.conftest import PARTS, StandIn, status

Until = Callable[..., bool]


def test_learning_can_be_ended_in_a_low_window(window: PanelWindow, until: Until) -> None:
    window.resize(720, 480)
    window.steering.learn_mode.setChecked(True)
    assert until(lambda: window.findChild(SteeringScroll).verticalScrollBar().maximum() > 0)
    button = window.steering.learn_mode
    assert not button.visibleRegion().isEmpty()
    assert button.visibleRegion().boundingRect().height() == button.height()
    for enabled in (False, True):  # as where there is no host
        window.steering.setEnabled(enabled)
        assert button.isEnabled() == enabled


@pytest.mark.parametrize("width", [720, 960])
def test_no_control_is_cut_off_at_the_side(window: PanelWindow, host: StandIn, until: Until, width: int) -> None:
    """A model with parts needs a wider column than the one before, and a bar to scroll it."""
    window.resize(width, 640)
    assert until(lambda: window.strip.tempo.text() == "128.00")
    window.splitter.setSizes([1, width])
    host.status = status(parts=PARTS)
    assert until(lambda: window.steering.parts.isVisible())
    view = window.findChild(SteeringScroll).viewport()
    controls = (*window.steering.parts.buttons.values(), *(seed.dice for seed in window.steering.seeds.values()))

    def inside() -> bool:
        return all(one.mapTo(view, QPoint(one.width(), 0)).x() <= view.width() for one in controls)

    assert until(inside)
    for learning in (True, False):
        window.steering.learn_mode.setChecked(learning)
        assert until(inside)


def test_an_error_bar_brings_no_scroll_bar(window: PanelWindow, until: Until) -> None:
    window.resize(960, 690)
    assert until(lambda: window.height() == 690)
    bar = window.findChild(SteeringScroll).verticalScrollBar()
    assert not until(bar.isVisible, 0.3)
    window.host_notice.say("The host has ended: it crashed, or was killed", [("Start it again", print)], "bad")
    assert until(window.host_notice.isVisible)
    assert not until(bar.isVisible, 0.5)


def test_a_message_moves_nothing(window: PanelWindow, until: Until) -> None:
    """Who captures twice presses the same button twice."""
    button = window.steering.keep_buttons[16]
    assert until(lambda: window.strip.tempo.text() == "128.00")
    before = button.mapTo(window, QPoint(0, 0))
    window.say("Capturing the last 16 bars…")
    assert not until(lambda: button.mapTo(window, QPoint(0, 0)) != before, 0.5)


def test_at_first_all_controls_of_a_model_with_parts_are_seen_below_an_error_bar(
    window: PanelWindow, host: StandIn, until: Until
) -> None:
    bar = window.findChild(SteeringScroll).verticalScrollBar()
    host.status = status(parts=PARTS)
    assert until(lambda: window.steering.parts.isVisible())
    window.warn("the pack was not made")
    assert until(window.notice.isVisible)
    assert not until(bar.isVisible, 0.5)
