"""The score of a one-shot: one hit, one note or one chord, and nothing beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from musika_daw.score.controls import Controls
from musika_daw.score.part_roll import KEYS, LOWEST_KEY
from musika_daw.score.parts import DRUMS, ONE_SHOTS, PLAYED, STRUCK
from musika_daw.score.roll import ROLES, Notes, sorted_notes
from musika_daw.score.techno.grid import rng_of
from musika_daw.score.techno.harmony import Harmony
from musika_daw.score.techno.playing import piece_of

# how loud the composer writes each line, and how long a single note of it is held
_VELOCITY = {"bass": 0.9, "lead": 0.8, "stab": 0.9, "pad": 0.6}
_HELD_S = {"bass": 0.5, "lead": 0.12, "stab": 0.2, "pad": 2.0}
_LEAD_OCTAVES = (1, 2, 2, 3)


@dataclass(frozen=True)
class ShotScore:
    """What a one-shot plays: its `role`, the MIDI `keys` that sound together (lowest first), how hard (0..1) and for
    how long. `root` is the key that it is named after; a drum has none."""

    role: str
    keys: tuple[int, ...]
    velocity: float
    held_s: float
    root: int | None = None

    def notes(self, onset_s: float) -> Notes:
        """The score in seconds, begun at `onset_s`."""
        role = ROLES.index(self.role)
        return sorted_notes([(onset_s, onset_s + self.held_s, key, self.velocity, role) for key in self.keys])


def shot_score(
    sound: str, controls: Controls, keys: Sequence[int] | None = None, velocity: float | None = None
) -> ShotScore:
    """What a one-shot of `ONE_SHOTS` plays with these controls.

    A tone is the tonic of the piece's key, or its chord, in an octave that the seed draws, as is the voice of a
    percussion. MIDI `keys` replace what is drawn, `velocity` (above 0, at most 1) how hard it is played. ValueError
    names what is wrong.
    """
    if sound not in ONE_SHOTS:
        raise ValueError(f"sound: {sound!r}, must be one of {', '.join(ONE_SHOTS)}")
    if velocity is not None and not 0 < velocity <= 1:
        raise ValueError(f"velocity: {velocity:g}, must be above 0 and at most 1")
    rng = rng_of(controls.seed, ONE_SHOTS.index(sound), "one-shot")
    if sound in STRUCK:
        if keys is not None:
            raise ValueError(f"keys: {_listed(keys)}, but a {sound} has none; must be left out")
        voices = STRUCK[sound]
        voice = voices[int(rng.integers(len(voices)))]
        return ShotScore("drums", (DRUMS[voice],), 1.0 if velocity is None else velocity, 0.0)
    root = None
    if keys is None:
        harmony = piece_of(controls).harmony
        centre, octave = int(rng.integers(52, 68)), int(rng.choice(_LEAD_OCTAVES))
        keys = (
            _chord(harmony, centre) if PLAYED[sound] == "chords" else (harmony.root + 12 * octave * (sound == "lead"),)
        )
        root = next(key for key in keys if (key - harmony.root) % 12 == 0)
    lowest, highest = LOWEST_KEY, LOWEST_KEY + KEYS - 1
    if not keys or not all(lowest <= key <= highest for key in keys) or len(set(keys)) < len(keys):
        raise ValueError(f"keys: {_listed(keys)}, must be different ones within {lowest}..{highest}")
    loudness = _VELOCITY[sound] if velocity is None else velocity
    struck = tuple(sorted(map(int, keys)))
    return ShotScore(PLAYED[sound], struck, loudness, _HELD_S[sound], struck[0] if root is None else root)


def _chord(harmony: Harmony, centre: int) -> tuple[int, ...]:
    """The chord of the tonic, close to `centre`: of the key's own scale, also where the piece moves one shape along."""
    keys = (harmony.pitch(degree) for degree in ((0, 2, 4, 6) if harmony.sevenths else (0, 2, 4)))
    return tuple(sorted(centre - 6 + (key - (centre - 6)) % 12 for key in keys))


def _listed(keys: Sequence[int]) -> str:
    return ", ".join(map(str, keys)) or "none"
