"""`Colours`: what everything is painted with, dark and light."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication, QStyleFactory


@dataclass(frozen=True)
class Colours:
    """Colours by what they are for, as `#rrggbb`; texts keep a contrast of 4.5 to 1 or more on their grounds."""

    name: str
    window: str
    base: str
    raised: str
    line: str
    text: str
    dim: str
    accent: str
    on_accent: str
    good: str
    warn: str
    bad: str
    wave: str


DARK = Colours(
    "dark",
    window="#1e2126",
    base="#16181c",
    raised="#2a2e35",
    line="#3d434d",
    text="#e8eaee",
    dim="#a2a9b4",
    accent="#5aa9e6",
    on_accent="#0b1118",
    good="#5fd38d",
    warn="#f2b84b",
    bad="#ff7b72",
    wave="#7fb6dd",
)
LIGHT = Colours(
    "light",
    window="#f3f4f6",
    base="#ffffff",
    raised="#e6e8ec",
    line="#c3c8d0",
    text="#1b1f24",
    dim="#58606b",
    accent="#1a6fb5",
    on_accent="#ffffff",
    good="#1a7f42",
    warn="#8a5a00",
    bad="#b3261e",
    wave="#3c7fb1",
)
THEMES = ("system", "dark", "light")


def colours_of(name: str) -> Colours:
    """The colours of "dark" or "light"; "system" is what the desktop wants."""
    if name == "system":
        scheme = QGuiApplication.styleHints().colorScheme()
        name = "dark" if scheme == Qt.ColorScheme.Dark else "light"
    return DARK if name == "dark" else LIGHT


def palette(colours: Colours) -> QPalette:
    """The same as Qt's widgets know it."""
    made = QPalette()
    roles = {
        QPalette.ColorRole.Window: colours.window,
        QPalette.ColorRole.WindowText: colours.text,
        QPalette.ColorRole.Base: colours.base,
        QPalette.ColorRole.AlternateBase: colours.raised,
        QPalette.ColorRole.Text: colours.text,
        QPalette.ColorRole.Button: colours.raised,
        QPalette.ColorRole.ButtonText: colours.text,
        QPalette.ColorRole.BrightText: colours.bad,
        QPalette.ColorRole.Highlight: colours.accent,
        QPalette.ColorRole.HighlightedText: colours.on_accent,
        QPalette.ColorRole.ToolTipBase: colours.raised,
        QPalette.ColorRole.ToolTipText: colours.text,
        QPalette.ColorRole.PlaceholderText: colours.dim,
        QPalette.ColorRole.Link: colours.accent,
        QPalette.ColorRole.Accent: colours.accent,
        QPalette.ColorRole.Light: colours.line,
        QPalette.ColorRole.Midlight: colours.raised,
        QPalette.ColorRole.Mid: colours.line,
        QPalette.ColorRole.Dark: colours.line,
        QPalette.ColorRole.Shadow: colours.base,
    }
    for role, colour in roles.items():
        made.setColor(role, QColor(colour))
    texts = (QPalette.ColorRole.WindowText, QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText)
    for role in (*texts, QPalette.ColorRole.PlaceholderText):
        faded = QColor(colours.dim)
        faded.setAlpha(150)
        made.setColor(QPalette.ColorGroup.Disabled, role, faded)
    return made


def apply_theme(app: QApplication, name: str) -> Colours:
    """Paint the whole application in a theme of `THEMES`; returns its colours."""
    colours = colours_of(name)
    app.setStyle(QStyleFactory.create("Fusion"))
    app.setPalette(palette(colours))
    app.setStyleSheet(_SHEET.format(**vars(colours)))
    return colours


_SHEET = """
QToolTip {{ color: {text}; background: {raised}; border: 1px solid {line}; padding: 3px; }}
QLabel[role="dim"] {{ color: {dim}; }}
QLabel[role="bad"] {{ color: {bad}; }}
QLabel[role="number"] {{ font-size: 15pt; font-weight: 600; }}
QFrame[role="notice"] {{ border: 1px solid {line}; border-left: 4px solid {warn}; border-radius: 4px;
    background: {raised}; }}
QFrame[role="notice"][tone="bad"] {{ border-left-color: {bad}; }}
QFrame[role="notice"][tone="good"] {{ border-left-color: {good}; }}
QFrame[role="strip"] {{ background: {base}; border: 1px solid {line}; border-radius: 5px; }}
QGroupBox {{ border: 1px solid {line}; border-radius: 5px; margin-top: 8px; padding: 8px 6px 6px 6px; }}
QGroupBox::title {{ subcontrol-origin: margin; left: 8px; padding: 0 4px; color: {dim}; }}
QToolButton:checked, QPushButton:checked {{ background: {accent}; color: {on_accent}; }}
QToolButton:checked:disabled, QPushButton:checked:disabled {{ background: {line}; color: {dim}; }}
QCheckBox {{ spacing: 6px; padding-right: 4px; }}
QCheckBox::indicator:unchecked {{ border: 1px solid {dim}; border-radius: 2px; background: {base};
    width: 11px; height: 11px; }}
QCheckBox::indicator:unchecked:disabled {{ border-color: {line}; }}
QListView {{ outline: 0; }}
*:focus {{ outline: none; }}
QPushButton:focus, QToolButton:focus, QComboBox:focus, QLineEdit:focus, QAbstractSpinBox:focus, QListView:focus
    {{ border: 1px solid {accent}; }}
"""
