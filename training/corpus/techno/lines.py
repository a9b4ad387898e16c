"""Pitched tracks of a song: bass, acid line, stabs, pads and leads, rendered to stereo."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from musika_daw.score.techno.arrangement import Arrangement
from musika_daw.score.techno.grid import Grid, rng_of
from musika_daw.score.techno.harmony import Harmony, Step, acid_motif, bass_motif, lead_motif
from training.corpus.store import SAMPLE_RATE_HZ as SR
from training.corpus.techno.mix import Mixer
from training.corpus.techno.synths import ChordPatch, LinePatch, Note, render_chord, render_line

Rng = np.random.Generator
BASS_WAVES = ("saw", "square", "triangle", "pulse", "hollow")
LEAD_WAVES = ("saw", "square", "pulse", "organ", "hollow", "vox", "triangle")


@dataclass(frozen=True)
class Scene:
    """What every pitched track needs to know of the song."""

    seed: int
    index: int
    grid: Grid
    harmony: Harmony
    arrangement: Arrangement

    def rng(self, purpose: str) -> Rng:
        """Random numbers of one purpose."""
        return rng_of(self.seed, self.index, purpose)


def notes_of(scene: Scene, layer: str, motif: list[Step], ending: list[Step], octave: int) -> list[Note]:
    """Notes of a motif moved onto the chord of each bar; `ending` plays in the last bar of a phrase."""
    out: list[Note] = []
    grid, harmony = scene.grid, scene.harmony
    for bar in range(grid.bars):
        if not scene.arrangement.active(layer, bar):
            continue
        degree = harmony.bar_degree(bar)
        for step in ending if bar % 4 == 3 else motif:
            if not scene.arrangement.allows(bar, step.step):
                continue
            start = grid.frame(bar, step.step)
            frames = round(step.length * grid.beat_frames / 4)
            pitch = harmony.pitch(degree + step.degree) + 12 * octave
            out.append(Note(start, frames, float(pitch), step.velocity, step.accent, step.slide))
    return sorted(out, key=lambda n: n.start)


def drift(rng: Rng, grid: Grid, depth_octaves: float) -> np.ndarray:
    """A slow curve `[frames]` float32: a walk by phrase and a sine of some bars, both sides of 0."""
    points = np.cumsum(rng.normal(0, 0.5, grid.bars // 2 + 2))
    points -= points.mean()
    points /= max(float(np.abs(points).max()), 1.0)
    coarse = np.linspace(0, len(points) - 1, 2048)
    curve = np.interp(coarse, np.arange(len(points)), points)
    turns = np.linspace(0, grid.bars / rng.choice([4, 8, 16, 32]), 2048) + rng.random()
    curve = curve * 0.7 + 0.5 * np.sin(2 * np.pi * turns)
    return np.interp(np.linspace(0, 2047, grid.frames), np.arange(2048), curve * depth_octaves).astype(np.float32)


def add_bass(scene: Scene, kind: str, mixer: Mixer) -> list[int]:
    """The bass line of one kind on bus `bass`; returns its onsets."""
    rng = scene.rng("bass")
    motif = bass_motif(rng, kind)
    ending = [Step(s.step, s.degree + int(rng.choice([0, 0, 2, 4, 7])), s.length, s.velocity) for s in motif]
    octave = 0 if kind in ("sub", "reese", "rolling") else int(rng.choice([0, 0, 1]))
    notes = notes_of(scene, "bass", motif, ending, octave)
    if not notes:
        return []
    sub = kind == "sub"
    patch = LinePatch(
        wave="triangle" if sub else str(rng.choice(BASS_WAVES)),
        resonance=float(rng.uniform(0, 0.5)),
        poles=int(rng.choice([2, 4])),
        cutoff=float(rng.uniform(0.3, 1.0) if sub else rng.uniform(0.8, 3.0)),
        sweep=float(rng.uniform(0, 1) if sub else rng.uniform(0.3, 3.0)),
        decay_s=float(rng.uniform(0.05, 0.3)),
        attack_s=float(rng.uniform(0.001, 0.004)),
        release_s=0.02,
        amp_decay_s=float(rng.uniform(0.25, 3.0)),
        drive=float(rng.uniform(0.5, 4.0)),
        detune_cents=float(rng.uniform(8, 30)) if kind == "reese" else 0.0,
        sub=float(rng.uniform(0.2, 0.8)) if not sub else 0.5,
    )
    line = render_line(notes, patch, scene.grid.frames, drift(rng, scene.grid, 0.2 if sub else 0.8))
    mixer.bus("bass")[:] += line * np.float32(0.6 / max(float(np.abs(line).max()), 1e-6))
    return [n.start for n in notes]


def add_acid(scene: Scene, mixer: Mixer) -> list[int]:
    """A 303-like line with accents, slides and a moving resonant filter on bus `acid`."""
    rng = scene.rng("acid")
    motif = acid_motif(rng)
    ending = (
        acid_motif(rng)
        if rng.random() < 0.5
        else [
            *motif[: len(motif) // 2],
            *(
                Step(s.step, s.degree + 7 * int(rng.integers(-1, 2)), s.length, s.velocity, True, s.slide)
                for s in motif[len(motif) // 2 :]
            ),
        ]
    )
    notes = notes_of(scene, "acid", motif, ending, int(rng.choice([0, 1, 1])))
    if not notes:
        return []
    patch = LinePatch(
        wave=str(rng.choice(["saw", "saw", "square"])),
        resonance=float(rng.uniform(0.55, 1.0)),
        poles=4,
        cutoff=float(rng.uniform(0.8, 2.6)),
        sweep=float(rng.uniform(0.8, 3.0)),
        decay_s=float(rng.uniform(0.06, 0.4)),
        amp_decay_s=float(rng.uniform(0.3, 2.0)),
        accent_sweep=float(rng.uniform(0.5, 1.8)),
        glide_s=float(rng.uniform(0.02, 0.06)),
        drive=float(np.exp(rng.uniform(np.log(0.7), np.log(8)))),
    )
    line = render_line(notes, patch, scene.grid.frames, drift(rng, scene.grid, float(rng.uniform(0.8, 1.8))))
    mixer.bus("acid")[:] += line * np.float32(0.5 / max(float(np.abs(line).max()), 1e-6))
    return [n.start for n in notes if not n.slide]


def add_lead(scene: Scene, mixer: Mixer) -> list[int]:
    """An arpeggio or hook on bus `lead`."""
    rng = scene.rng("lead")
    motif = lead_motif(rng)
    if not motif:
        return []
    ending = [Step(s.step, s.degree + int(rng.choice([0, 0, 1, 2])), s.length, s.velocity) for s in motif]
    notes = notes_of(scene, "lead", motif, ending, int(rng.choice([1, 2, 2, 3])))
    if not notes:
        return []
    patch = LinePatch(
        wave=str(rng.choice(LEAD_WAVES)),
        resonance=float(rng.uniform(0, 0.7)),
        poles=int(rng.choice([2, 4])),
        cutoff=float(rng.uniform(0.8, 4.0)),
        sweep=float(rng.uniform(0.0, 3.0)),
        decay_s=float(rng.uniform(0.04, 0.4)),
        amp_decay_s=float(np.exp(rng.uniform(np.log(0.06), np.log(1.5)))),
        drive=float(rng.uniform(0.2, 3.0)),
        detune_cents=float(rng.choice([0, 0, 6, 12, 20])),
    )
    line = render_line(notes, patch, scene.grid.frames, drift(rng, scene.grid, 1.2))
    mixer.bus("lead")[:] += line * np.float32(0.4 / max(float(np.abs(line).max()), 1e-6))
    return [n.start for n in notes]


def add_stabs(scene: Scene, mixer: Mixer) -> list[int]:
    """Chord stabs on bus `stab`: one render a chord and brightness, placed by a two-bar rhythm."""
    rng = scene.rng("stab")
    patch = ChordPatch(
        wave=str(rng.choice(["saw", "saw", "square", "pulse", "organ", "hollow"])),
        resonance=float(rng.uniform(0, 0.5)),
        poles=int(rng.choice([2, 4])),
        cutoff=float(rng.uniform(0.8, 3.5)),
        sweep=float(rng.uniform(0.3, 3.0)),
        decay_s=float(rng.uniform(0.03, 0.3)),
        amp_decay_s=float(np.exp(rng.uniform(np.log(0.05), np.log(0.6)))),
        length_s=float(rng.uniform(0.15, 0.7)),
        voices=int(rng.choice([1, 2, 3])),
        detune_cents=float(rng.uniform(3, 18)),
        width=float(rng.uniform(0, 1)),
    )
    count = int(rng.choice([1, 2, 3, 4, 5], p=[0.2, 0.25, 0.25, 0.2, 0.1]))
    pool = [0, 2, 3, 4, 6, 7, 8, 10, 11, 12, 14, 15]
    rhythm = sorted(int(s) for s in rng.choice(pool, size=count, replace=False))
    answer = sorted(int(s) for s in rng.choice(pool, size=count, replace=False))
    twice = rng.random() < 0.5
    centre = int(rng.integers(54, 70))
    levels = int(rng.choice([1, 2, 3]))
    cache: dict[tuple[int, int], np.ndarray] = {}
    onsets = []
    for bar in range(scene.grid.bars):
        if not scene.arrangement.active("stab", bar):
            continue
        bright = (bar // 8) % levels
        key = (scene.harmony.bar_degree(bar), bright)
        if key not in cache:
            cache[key] = render_chord(scene.harmony.chord(bar, centre), patch, scene.rng("stab v"), bright * 0.7)
        for step in answer if (twice and bar % 2) or (not twice and bar % 4 == 3) else rhythm:
            if not scene.arrangement.allows(bar, step):
                continue
            frame = scene.grid.frame(bar, step)
            mixer.place("stab", cache[key], frame, 0.4 if step % 4 else 0.36)
            onsets.append(frame)
    return onsets


def add_pad(scene: Scene, mixer: Mixer) -> None:
    """Sustained chords on bus `pad`, one a bar, rendered once a phrase."""
    rng = scene.rng("pad")
    grid = scene.grid
    bar_s = 4 * grid.beat_frames / SR
    patch = ChordPatch(
        wave=str(rng.choice(["saw", "saw", "square", "organ", "triangle", "vox"])),
        resonance=float(rng.uniform(0, 0.4)),
        poles=2,
        cutoff=float(rng.uniform(0.5, 3.0)),
        sweep=float(rng.uniform(-0.8, 1.5)),
        decay_s=float(rng.uniform(0.3, 1.5)),
        amp_decay_s=20.0,
        attack_s=float(rng.uniform(0.03, 0.4)),
        length_s=bar_s + 0.02,
        voices=2,
        detune_cents=float(rng.uniform(4, 16)),
        width=1.0,
    )
    centre = int(rng.integers(52, 68))
    cache: dict[int, np.ndarray] = {}
    for bar in range(grid.bars):
        if not scene.arrangement.active("pad", bar):
            continue
        key = scene.harmony.bar_degree(bar)
        if key not in cache:
            cache[key] = render_chord(scene.harmony.chord(bar, centre), patch, scene.rng("pad v"))
        mixer.place("pad", cache[key], grid.frame(bar), 0.25)
