"""`KeyRow` and `ChordRow`: the key and the chords of the music, typed while it plays, and what is heard and held."""

from __future__ import annotations

from PySide6.QtWidgets import QLabel, QWidget

from musika_daw.panel.link.status import HostStatus
from musika_daw.panel.score.written import WrittenRow

KEY_HINT = "Key of the music: Am, F#, Bbmin, 8A. Empty: the one that fits its chords, or its own"
CHORDS_HINT = "One chord a bar, round and round: Am | F | C | G7. Empty: the music's own"
NO_KEY = "This model plays no score, so it follows no key"
NO_CHORDS = "This model plays no score, so it follows no chords"


class KeyRow(WrittenRow):
    """The key."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Key", KEY_HINT, NO_KEY, parent)

    def show_status(self, status: HostStatus) -> None:
        """Show what the host has."""
        self.show_told(status.key, status)


class ChordRow(WrittenRow):
    """The chords, and below them the one that is heard and what is held."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Chords", CHORDS_HINT, NO_CHORDS, parent)
        self.heard = QLabel()
        self.heard.setProperty("role", "dim")
        self.heard.setAccessibleName("Chord that is heard")
        self.grid.addWidget(self.heard, 1, 1)

    def show_status(self, status: HostStatus) -> None:
        """Show what the host has."""
        self.show_told(status.chords, status)
        plays = status.heard_chord is not None
        held = f"   held {status.held_chord}" if status.held_chord else ""
        self.heard.setText(f"now {status.heard_chord}{held}" if plays else "")
        self.heard.setVisible(plays)  # the field says why it is off
