"""The key of a recording: of bright chords over a bass and drums, and none where there is none."""

from __future__ import annotations

import numpy as np
import pytest

from musika_daw.hearing.key import chroma, key_fits, key_of
from musika_daw.score.harmony import NOTES, relative_of

RATE_HZ = 44_100
BEAT_S = 0.5
# triads of i VI III VII and of I vi IV V, in semitones above the tonic
PROGRESSIONS = {
    "min": ((0, 3, 7), (8, 12, 15), (3, 7, 10), (10, 14, 17)),
    "maj": ((0, 4, 7), (9, 12, 16), (5, 9, 12), (7, 11, 14)),
}


def saw(note: float, seconds: float, third: float = 1.5) -> np.ndarray:
    """A note with a strong third partial, the fifth above it, as many sounds of clubs have."""
    time_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    hertz = 440 * 2 ** ((note - 69) / 12)
    partials = [(n, (third if n == 3 else 1) / n) for n in range(1, 30) if n * hertz < 12_000]
    return np.sum([level * np.sin(2 * np.pi * n * hertz * time_s) for n, level in partials], 0) * np.exp(-time_s / 2)


def drums(seconds: float) -> np.ndarray:
    rng, out = np.random.default_rng(5), np.zeros(round(seconds * RATE_HZ))
    for beat in range(int(seconds / BEAT_S)):
        hit = rng.normal(size=6000) * np.exp(-np.arange(6000) / 900)
        first = round(beat * BEAT_S * RATE_HZ)
        out[first : first + 6000] += hit[: len(out) - first]
    return out


def played(tonic: int, mode: str) -> np.ndarray:
    """Two seconds of each chord over its root, with drums, `[n, 2]`."""
    bars = [
        sum((saw(57 + tonic + tone, 2.0) for tone in chord), saw(33 + (tonic + chord[0]) % 12, 2.0) * 1.5)
        for chord in PROGRESSIONS[mode]
    ]
    music = np.concatenate(bars)
    return np.repeat((0.1 * music + 0.2 * drums(len(music) / RATE_HZ))[:, None], 2, 1)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["min", "maj"])
@pytest.mark.parametrize("tonic", range(12))
def test_bright_chords_under_drums_are_heard_in_their_key(tonic: int, mode: str) -> None:
    name = f"{NOTES[(9 + tonic) % 12]}{mode}"
    key, fit = key_of(played(tonic, mode), RATE_HZ)
    assert key in (name, relative_of(name), None)
    assert fit > 0.75
    fits = key_fits(chroma(played(tonic, mode), RATE_HZ)[0])
    assert max(fits, key=lambda each: fits[each]) in (name, relative_of(name))


@pytest.mark.parametrize("third", [1.0, 6.0])
def test_a_note_speaks_most_for_itself_even_where_its_fifth_is_louder(third: float) -> None:
    for note in range(45, 64):
        weights, tuned = chroma(np.repeat(saw(note, 2.0, third)[:, None], 2, 1), RATE_HZ)
        assert weights.argmax() == note % 12
        assert tuned > 0.8
        assert weights.sum() == pytest.approx(1)


def test_drums_silence_and_what_is_between_two_notes_have_no_key() -> None:
    between = np.sum([saw(note + 0.5, 4.0) for note in (57, 60, 64)], 0)
    for sound in (drums(4.0), np.zeros(RATE_HZ), between):
        assert key_of(np.repeat(sound[:, None], 2, 1), RATE_HZ)[0] is None
