"""The window for every eye and hand: names, focus, contrast, small screens."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QApplication,
    QComboBox,
    QLineEdit,
    QListView,
    QSlider,
    QWidget,
)

from musika_daw.panel.window.theme import DARK, LIGHT, Colours
from musika_daw.panel.window.window import PanelWindow
from tests.panel.conftest import PARTS, StandIn, status

Until = Callable[..., bool]


def test_everything_that_takes_the_focus_has_a_name_and_is_reached_by_tab(window: PanelWindow) -> None:
    for page in range(window.tabs.count()):
        window.tabs.setCurrentIndex(page)
        QApplication.processEvents()
        kinds = (QAbstractButton, QComboBox, QLineEdit, QSlider, QListView)
        wanted = set()
        for widget in window.findChildren(QWidget):
            focusable = widget.focusPolicy() & Qt.FocusPolicy.TabFocus
            if not (widget.isVisible() and widget.isEnabled() and focusable and isinstance(widget, kinds)):
                continue
            if widget.focusProxy() is not None or widget.objectName().startswith("qt_"):
                continue
            interface = QAccessible.queryAccessibleInterface(widget)
            name = interface.text(QAccessible.Text.Name)
            assert name or widget.parent().accessibleName(), f"{widget} of {widget.parent()} has no name"  # type: ignore[attr-defined]
            wanted.add(widget)
        reached, at = set(), window.nextInFocusChain()
        for _ in range(3000):
            reached.add(at)
            at = at.nextInFocusChain()
        assert wanted <= reached


def test_loops_have_names_for_screen_readers(window: PanelWindow) -> None:
    index = window.model.index(
        window.model.row_of(
            next(s.path for s in (window.model.sound(window.model.index(r)) for r in range(3)) if "cobalt" in s.name)
        )
    )
    text = window.model.data(index, Qt.ItemDataRole.AccessibleTextRole)
    assert text == "MSK_130bpm_Amin_cobalt, 130 bpm, 1 bar, A minor"


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colours", [DARK, LIGHT], ids=lambda c: c.name)
def test_texts_can_be_read(colours: Colours) -> None:
    pairs = [
        (text, ground)
        for text in (colours.text, colours.dim)
        for ground in (colours.window, colours.base, colours.raised)
    ] + [(colours.on_accent, colours.accent), (colours.bad, colours.raised)]
    for text, ground in pairs:
        light, dark = sorted((luminance(text), luminance(ground)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (text, ground)


def beside(window: PanelWindow) -> int:
    """How many tiles stand in the first row, which must be seen whole."""
    view, model = window.shelf.view, window.model
    areas = [view.visualRect(model.index(row)) for row in range(model.rowCount())]
    assert all(area.left() >= 0 and area.right() < view.viewport().width() for area in areas)
    return sum(area.top() == areas[0].top() for area in areas)


@pytest.mark.parametrize("parts", [{}, PARTS])
def test_at_720_pixels_nothing_scrolls_sideways_and_two_tiles_stand_side_by_side(
    window: PanelWindow, host: StandIn, app: QApplication, until: Until, parts: dict
) -> None:
    host.status = status(parts=parts)
    assert until(lambda: window.steering.parts.isVisible() == bool(parts))
    assert until(lambda: window.strip.own_tempo.isVisible())
    window.resize(720, 640)
    window.warn("the pack was not made: " + "a long reason " * 12)
    for learning in (False, True):
        window.steering.learn_mode.setChecked(learning)
        assert until(lambda: window.steering.parentWidget().width() >= window.steering.minimumSizeHint().width())
        assert window.width() == 720
        assert until(lambda learning=learning: beside(window) >= 2 - learning)
    bars = [area.horizontalScrollBar() for area in window.findChildren(QAbstractScrollArea)]
    assert not any(bar.isVisible() for bar in bars)
