"""Which pitches a line has: at every point of the deep band that of the note struck last, in every long frame those of
all notes that sound."""

from __future__ import annotations

import numpy as np

from musika_daw.score.roll import Notes

# what is coded of an attack may come so much sooner: in the deep band, and in a frame of 93 ms
_SOONER_S, _SOONER_IN_FRAMES_S = 0.02, 0.05
# a note rings so long after its end; longer, and a stretch that begins in a rest would not know what the whole piece
# does, since it is told the notes of one bar before it
_RINGS_S = 0.5
# in frames it is followed for a shorter time, or it would keep the notes after it from standing alone; so long after
# its end it counts as held, then less and less until it is not
_FOLLOWED_S, _FALLS_AFTER_S = 0.3, 0.1
# so many notes are followed in a frame, those struck last; notes struck within this are one chord
VOICES = 8
_TOGETHER_S = 0.015


def tuning(notes: Notes, index: np.ndarray, frame_s: float, points: int) -> np.ndarray:
    """Pitches in Hz, float64 `[T * points]`, of notes in seconds over latent frames number `index` `[T]`, each
    `frame_s` long and of so many points; of a chord its lowest, NaN in rests."""
    if not len(notes):
        return np.full(len(index) * points, np.nan)
    order = np.lexsort((-notes.key, notes.onset))
    onset, off, key = (part[order] for part in (notes.onset, notes.off, notes.key))
    seconds = _middles(index, frame_s, points)
    number = np.searchsorted(onset, seconds + _SOONER_S, "right") - 1
    last = np.maximum(number, 0)
    rings = (number >= 0) & (seconds < off[last] + _RINGS_S)
    return np.where(rings, _hz(key[last]), np.nan)


def sounding(notes: Notes, index: np.ndarray, frame_s: float, frames: int) -> np.ndarray:
    """What sounds in each of so many long frames a latent, float64 `[3, T * frames, VOICES]`: pitches in Hz (NaN where
    there are fewer notes), the number of the chord that each was struck with, and how far it is held: 1, from .1 s
    after its end on less, a third where it is no longer followed, 0 where there is none."""
    seconds = _middles(index, frame_s, frames)[:, None]
    out = np.stack([np.full((len(seconds), VOICES), value) for value in (np.nan, -1.0, 0.0)])
    if not len(notes):
        return out
    order = np.lexsort((notes.key, notes.onset))
    onset, off, key = (part[order] for part in (notes.onset, notes.off, notes.key))
    chord = np.cumsum(np.diff(onset, prepend=onset[0]) > _TOGETHER_S)
    begins = onset - _SOONER_IN_FRAMES_S
    # a key that is struck again is the new note
    again = np.full(len(key), np.inf)
    for each in np.unique(key):
        (same,) = np.nonzero(key == each)
        again[same[:-1]] = begins[same[1:]]
    sounds = (begins <= seconds) & (seconds < np.minimum(off + _FOLLOWED_S, again))
    voice = sounds[:, ::-1].cumsum(1)[:, ::-1] - 1  # the last note is voice 0
    frame, note = np.nonzero(sounds & (voice < VOICES))
    held = np.clip((off[note] + _FOLLOWED_S - seconds[frame, 0]) / (_FOLLOWED_S - _FALLS_AFTER_S), 0, 1)
    out[:, frame, voice[frame, note]] = _hz(key[note]), chord[note], held
    return out


def _middles(index: np.ndarray, frame_s: float, parts: int) -> np.ndarray:
    """Seconds of the middles of so many parts of each latent frame, `[T * parts]`."""
    return np.asarray(((index[:, None] + (np.arange(parts) + 0.5) / parts) * frame_s).ravel())


def _hz(key: np.ndarray) -> np.ndarray:
    """Pitches of MIDI keys."""
    return np.asarray(440 * 2 ** ((key - 69) / 12), np.float64)
