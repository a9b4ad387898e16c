"""Keys, four-bar chord progressions and melodic motifs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from musika_daw.score.following.held import chord_of
from musika_daw.score.harmony import MAJOR, MINOR, Chord, Key
from musika_daw.score.techno.grid import STEPS, Tone

Rng = np.random.Generator

SCALES: dict[str, tuple[int, ...]] = {
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "harmonic minor": (0, 2, 3, 5, 7, 8, 11),
    "major": (0, 2, 4, 5, 7, 9, 11),
}
SCALE_WEIGHTS = (0.58, 0.1, 0.18, 0.09, 0.05)
# Degrees of the scale, one a bar of the four-bar phrase: the bar in the phrase can be heard. Most dwell on the tonic,
# as techno does, so that its key is heard and not only meant.
PROGRESSIONS = (
    (0, 0, 0, 5),
    (0, 0, 0, 6),
    (0, 0, 0, 3),
    (0, 0, 0, 1),
    (0, 0, 5, 6),
    (0, 0, 3, 4),
    (0, 0, 2, 6),
    (0, 3, 0, 6),
    (0, 5, 0, 6),
    (0, 1, 0, 6),
    (0, 5, 2, 6),
    (0, 3, 5, 4),
    (0, 2, 3, 5),
    (0, 5, 3, 4),
)
PARALLEL, PEDAL = 0.25, 0.7  # shares of pieces whose chords are one shape moved along; whose bass stays
# the rung of a seven-note ladder that a tone of a chord stands on, by its semitones above the root
_RUNG = (0, 1, 1, 2, 2, 3, 4, 4, 4, 5, 6, 6)


@dataclass(frozen=True)
class Harmony:
    """A key and its progression: `root` MIDI note 33..44 of the bass, `degrees` one a bar of the phrase.

    Chords that were `asked`, one a bar, take the place of the degrees; the drawn motifs move along with them.
    """

    root: int
    scale: str
    degrees: tuple[int, ...]
    sevenths: bool
    parallel: bool  # one minor-seventh shape moved along, as a sampled chord is
    pedal: bool = False  # bass and acid stay on the tonic under chords that move
    asked: tuple[Chord, ...] = ()

    @property
    def key(self) -> Key:
        """Major or minor, whatever its scale."""
        return Key(self.root % 12, MAJOR if self.scale == "major" else MINOR)

    def in_key(self, key: Key) -> Harmony:
        """The same progression in another key; a scale stays as it is where it is of the key's mode.

        No minor seventh is moved along in a major one.
        """
        minor = key.steps == MINOR
        scale = self.scale if minor == (self.scale != "major") else "minor" if minor else "major"
        return replace(self, root=33 + (key.tonic - 33) % 12, scale=scale, parallel=self.parallel and minor)

    def with_chords(self, chords: tuple[Chord, ...]) -> Harmony:
        """These chords in the same key, on the scale of its mode that holds most of them, this one where it does."""

        def held(scale: str) -> int:
            tones = {(self.root + step) % 12 for step in SCALES[scale]}
            return sum(tone in tones for chord in chords for tone in chord.tones)

        scales = [self.scale, *(name for name in SCALES if (name == "major") == (self.scale == "major"))]
        return replace(self, asked=chords, scale=max(scales, key=held))

    def pitch(self, degree: int) -> int:
        """MIDI note of a scale degree (any integer) above the root."""
        steps = SCALES[self.scale]
        return self.root + 12 * (degree // 7) + steps[degree % 7]

    def bar_degree(self, bar: int) -> int:
        """Chord degree of a bar, folded near the root."""
        degree = self.degrees[bar % len(self.degrees)]
        return degree - 7 if degree >= 5 else degree

    def over(self, bar: int, step: Step, *, lands: bool = False, low: bool = False) -> int:
        """MIDI note of a motif's step over the chord of its bar.

        What `lands` plays a tone of an asked chord on each beat; what is `low` stands on the pedal where there is one.
        """
        if not self.asked:
            return self.pitch(step.degree + (0 if low and self.pedal else self.bar_degree(bar)))
        chord = self.asked[bar % len(self.asked)]
        ladder = _ladder(chord, self.root % 12, self.scale)
        tones = {(tone - chord.root) % 12 for tone in chord.tones}
        octave, rung = divmod(step.degree, 7)
        if lands and step.step % 4 == 0 and ladder[rung] not in tones:
            near = min(tones | {12}, key=lambda tone: (abs(tone - ladder[rung]), tone))
            return self.near(chord.root) + 12 * octave + near
        return self.near(chord.root) + 12 * octave + ladder[rung]

    def near(self, pitch_class: int) -> int:
        """MIDI note of a chord's root among the bass, folded near the key's own."""
        return self.root - 4 + (pitch_class - (self.root - 4)) % 12

    def led(self, bar: int, tones: list[Tone], role: str, stop: float = STEPS) -> list[Tone]:
        """The notes that a role plays in a bar as an asked chord has them: they end at a step, that of the next chord
        or the bar's end, and the bass begins with its lowest note."""
        if not self.asked:
            return tones
        led = [tone._replace(length=min(tone.length, stop - tone.step)) for tone in tones]
        if role == "bass" and led:
            first, low = min(led, key=lambda tone: tone.step), self.asked[bar % len(self.asked)].low
            pitch = first.pitch - 6 + (low - (first.pitch - 6)) % 12
            led[led.index(first)] = first._replace(pitch=pitch)
        return led

    def sounding(self, bar: int) -> Chord:
        """The chord of a bar, by what is played: asked chords as they are, drawn ones as the notes that they have."""
        if self.asked:
            return self.asked[bar % len(self.asked)]
        low = self.pitch(0 if self.pedal else self.bar_degree(bar)) - 12
        chord = chord_of([low, *map(int, self.chord(bar))], self.key)
        assert chord is not None
        return chord

    def chord(self, bar: int, centre: int = 60) -> list[float]:
        """Chord of a bar, close to `centre`, lowest note first."""
        degree = self.bar_degree(bar)
        if self.asked:
            notes = list(self.asked[bar % len(self.asked)].tones)
        elif self.parallel:
            bass = self.pitch(degree)
            shape = (0, 3, 7, 10) if self.sevenths else (0, 3, 7)
            notes = [bass + s for s in shape]
        else:
            notes = [self.pitch(degree + s) for s in ((0, 2, 4, 6) if self.sevenths else (0, 2, 4))]
        folded = sorted(centre - 6 + (n - (centre - 6)) % 12 for n in notes)
        return [float(n) for n in folded]


@lru_cache(maxsize=1024)
def _ladder(chord: Chord, tonic: int, scale: str) -> tuple[int, ...]:
    """Seven rungs above the root of a chord, in semitones: its tones on theirs, the scale's between them.

    A root outside the scale takes the place of the note above or below it, whichever leaves more of the chord's tones.
    """
    notes = [(tonic + step) % 12 for step in SCALES[scale]]
    tones = {_RUNG[(tone - chord.root) % 12]: (tone - chord.root) % 12 for tone in chord.tones}
    tones.setdefault(2, tones.get(3, tones.get(1, 0)))  # what is suspended stands for the third
    if chord.root in notes:
        places = [notes.index(chord.root)]
    else:
        places = [notes.index(note) for note in ((chord.root + 1) % 12, (chord.root - 1) % 12) if note in notes]
    ladders = []
    for place in places:
        rungs = [0, *((notes[(place + rung) % 7] - chord.root) % 12 for rung in range(1, 7))]
        kept = sum(rungs[rung] == tone for rung, tone in tones.items())
        ladders.append((kept, tuple(tones.get(rung, own) for rung, own in enumerate(rungs))))
    return max(ladders, key=lambda ladder: ladder[0])[1]


def draw_harmony(rng: Rng, scales: tuple[float, ...] = SCALE_WEIGHTS) -> Harmony:
    """A key, mostly minor, and a progression, more often than not over a pedal; `scales` weigh `SCALES`.

    A shape that is moved along leaves the scale: then the pedal always holds the key.
    """
    names = list(SCALES)
    root = int(rng.integers(33, 45))
    scale = names[int(rng.choice(len(names), p=scales))]
    degrees = PROGRESSIONS[int(rng.integers(len(PROGRESSIONS)))]
    sevenths = bool(rng.random() < 0.7) and scale != "major"
    shape = float(rng.random())
    parallel, pedal = shape < PARALLEL and scale != "major", shape < PEDAL
    return Harmony(root, scale, degrees, sevenths, parallel, pedal)


@dataclass(frozen=True)
class Step:
    """One sixteenth of a melodic motif: scale degree above the chord, length in sixteenths."""

    step: int
    degree: int
    length: float
    velocity: float
    accent: bool = False
    slide: bool = False


def acid_motif(rng: Rng) -> list[Step]:
    """A 303 bar: sixteenths with rests, octave jumps, accents and slides."""
    out: list[Step] = []
    density = rng.uniform(0.55, 0.98)
    pool = rng.choice([-7, 0, 0, 0, 2, 2, 3, 4, 6, 7, 7, 9], size=5)
    for step in range(16):
        if step == 0 or rng.random() < density:
            degree = 0 if step == 0 else int(rng.choice(pool))
            slide = bool(out and rng.random() < 0.22)
            if slide:
                last = out[-1]
                out[-1] = Step(last.step, last.degree, step - last.step, last.velocity, last.accent, last.slide)
            out.append(Step(step, degree, float(rng.uniform(0.4, 0.8)), 0.8, bool(rng.random() < 0.25), slide))
    return out


def bass_motif(rng: Rng, kind: str) -> list[Step]:
    """A bar of bass: rolling, offbeat, sub, groove or reese."""
    if kind == "rolling":
        keep = rng.random() < 0.6
        return [Step(s, 0 if keep or s % 4 != 3 else 7, 0.75, 0.75 + 0.25 * (s % 4 == 2)) for s in range(16) if s % 4]
    if kind == "offbeat":
        steps = [2, 6, 10, 14]
        extra = [s for s in (3, 7, 11, 15) if rng.random() < 0.25]
        return [
            Step(s, 7 if s in extra and rng.random() < 0.5 else 0, 1.3 if s in steps else 0.8, 1.0)
            for s in sorted(steps + extra)
        ]
    if kind in ("sub", "reese"):
        cuts = sorted({0, *rng.choice([3, 4, 6, 8, 10, 11, 12, 14], size=int(rng.integers(0, 4)), replace=False)})
        ends = [*cuts[1:], 16]
        return [Step(int(a), 0, float(b - a) * 0.92, 0.95) for a, b in zip(cuts, ends)]
    out = [Step(0, 0, 1.5, 1.0)] if rng.random() < 0.6 else []
    taken = {0}
    for _ in range(int(rng.integers(3, 8))):
        step = int(rng.choice([2, 3, 5, 6, 7, 8, 10, 11, 13, 14, 15]))
        if step not in taken:
            taken.add(step)
            degree = int(rng.choice([0, 0, 0, 7, 4, 2, -1]))
            out.append(Step(step, degree, float(rng.choice([0.6, 0.9, 1.6])), float(rng.uniform(0.7, 1))))
    return sorted(out, key=lambda s: s.step)


def lead_motif(rng: Rng, arpeggios: float = 0.6) -> list[Step]:
    """A bar of arpeggio, with this probability, or of a sparse hook over the chord."""
    if rng.random() < arpeggios:
        order = [4, 6, 7, 9, 11]
        rng.shuffle(order)
        cell = [0, 2, *order[: int(rng.integers(1, 5))]]  # 3, 5, 6 steps run against the bar
        rng.shuffle(cell)
        gap = int(rng.choice([1, 1, 2, 3]))
        rest = rng.uniform(0, 0.25)
        return [
            Step(s, cell[i % len(cell)], gap * rng.uniform(0.4, 0.9), rng.uniform(0.7, 1.0))
            for i, s in enumerate(range(0, 16, gap))
            if rng.random() >= rest
        ]
    steps = sorted(rng.choice(16, size=int(rng.integers(2, 6)), replace=False))
    return [Step(int(s), int(rng.choice([0, 0, 2, 2, 4, 6, 7])), float(rng.choice([0.7, 1.5, 3])), 0.9) for s in steps]
