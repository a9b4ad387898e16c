"""What is made of each kind of model: loops, takes, kits, and their folders and genre tag."""

from dataclasses import dataclass
from fractions import Fraction

from musika_daw.score.parts import ONE_SHOTS, PLAYED


@dataclass(frozen=True)
class Family:
    """One kind of model; `models` are the names of those that ship for packs: the one that is used now, and those that
    packs were made with before.

    `takes` says that its plain files are takes, and loops only where they are asked for; else they are loops, of which
    there are kits, one-shots and stems. `every_beat` says that something is struck on each.
    """

    kind: str
    models: tuple[str, ...]
    genre: str
    takes: bool = False
    every_beat: bool = True

    def folder(self, shape: str) -> str:
        """Folder of its plain loops or takes."""
        return f"Loops/{self.genre}_{'Takes' if shape == 'take' else 'Loops'}"


FAMILIES = {
    "techno": Family("techno", ("parts", "techno"), "Techno"),
    "piano": Family("piano", ("piano",), "Piano", takes=True, every_beat=False),
}
TAKES_BPM = Fraction(120)  # takes have no tempo; a MIDI file and a project must have one
CUT_SHOTS = ("kick", "hat", "clap", "stab")
"""One-shots that are found in loops of a model without a score; one with a score renders all of `ONE_SHOTS`."""
CHORDS = tuple(sound for sound, role in PLAYED.items() if role == "chords")
INTENSITIES = {"low": "0.15", "mid": "0.5", "high": "0.85"}  # energy of a kit's loops


def shots_of(kind: str, scored: tuple[str, ...] | None) -> tuple[str, ...]:
    """The one-shots of a kind: all sounds where its model renders them from a score, else those that can be cut."""
    return ONE_SHOTS if kind in (scored or ()) else CUT_SHOTS
