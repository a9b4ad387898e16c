"""What is made of each kind of model: loops or takes, their folder and genre tag."""

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Family:
    """One kind of model; `shape` is what its plain files are."""

    kind: str
    shape: str
    folder: str
    genre: str


FAMILIES = {
    "techno": Family("techno", "loop", "Loops/Techno_Loops", "Techno"),
    "piano": Family("piano", "take", "Loops/Piano_Takes", "Piano"),
}
TAKES_BPM = Fraction(120)  # takes have no tempo; a MIDI file and a project must have one
SHOTS = ("kick", "hat", "clap", "stab")
INTENSITIES = {"low": "0.15", "mid": "0.5", "high": "0.85"}  # energy of a kit's loops
