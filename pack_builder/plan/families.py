"""What is made of each kind of model: loops or takes, their folder and genre tag."""

from dataclasses import dataclass
from fractions import Fraction

from musika_daw.score.parts import ONE_SHOTS, PLAYED


@dataclass(frozen=True)
class Family:
    """One kind of model; `shape` is what its plain files are, `models` the names of those that ship for packs: the one
    that is used now, and those that packs were made with before."""

    kind: str
    models: tuple[str, ...]
    shape: str
    folder: str
    genre: str


FAMILIES = {
    "techno": Family("techno", ("parts", "techno"), "loop", "Loops/Techno_Loops", "Techno"),
    "piano": Family("piano", ("piano",), "take", "Loops/Piano_Takes", "Piano"),
}
TAKES_BPM = Fraction(120)  # takes have no tempo; a MIDI file and a project must have one
CUT_SHOTS = ("kick", "hat", "clap", "stab")
"""One-shots that are found in loops of a model without a score; one with a score renders all of `ONE_SHOTS`."""
CHORDS = tuple(sound for sound, role in PLAYED.items() if role == "chords")
INTENSITIES = {"low": "0.15", "mid": "0.5", "high": "0.85"}  # energy of a kit's loops


def shots_of(kind: str, scored: tuple[str, ...] | None) -> tuple[str, ...]:
    """The one-shots of a kind: all sounds where its model renders them from a score, else those that can be cut."""
    return ONE_SHOTS if kind in (scored or ()) else CUT_SHOTS
