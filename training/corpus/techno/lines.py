"""How pitched lines sound: bass, acid, lead, stabs and pads of a piece, rendered to stereo."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from musika_daw.score.techno.grid import Grid, Tone, rng_of
from musika_daw.score.techno.piece import Piece
from training.corpus.store import SAMPLE_RATE_HZ as SR
from training.corpus.techno.mix import Mixer
from training.corpus.techno.synths import ChordPatch, LinePatch, Note, render_chord, render_line

Rng = np.random.Generator
BASS_WAVES = ("saw", "square", "triangle", "pulse", "hollow")
LEAD_WAVES = ("saw", "square", "pulse", "organ", "hollow", "vox", "triangle")
Tones = dict[str, list[Tone]]
"""Notes of a song by bus."""


@dataclass(frozen=True)
class Scene:
    """What every pitched line needs to know of the song."""

    seed: int
    index: int
    piece: Piece
    grid: Grid

    def rng(self, purpose: str) -> Rng:
        """Random numbers of one purpose."""
        return rng_of(self.seed, self.index, purpose)

    def notes(self, tones: list[Tone]) -> list[Note]:
        """Notes in frames, in the order in which they begin."""
        out = [
            Note(
                self.grid.frame(t.bar, t.step),
                round(t.length * self.grid.beat_frames / 4),
                t.pitch,
                t.velocity,
                t.accent,
                t.slide,
            )
            for t in tones
        ]
        return sorted(out, key=lambda n: n.start)


def add_lines(scene: Scene, tones: Tones, mixer: Mixer) -> dict[str, list[Note]]:
    """Render every line on its bus; returns the notes by bus."""
    return {bus: _ADDED[bus](scene, played, mixer) for bus, played in tones.items() if played}


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


def _add_bass(scene: Scene, tones: list[Tone], mixer: Mixer) -> list[Note]:
    rng, kind, notes = scene.rng("bass"), scene.piece.bass, scene.notes(tones)
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
    return notes


def _add_acid(scene: Scene, tones: list[Tone], mixer: Mixer) -> list[Note]:
    """A 303-like line with accents, slides and a moving resonant filter."""
    rng, notes = scene.rng("acid"), scene.notes(tones)
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
    return notes


def _add_lead(scene: Scene, tones: list[Tone], mixer: Mixer) -> list[Note]:
    rng, notes = scene.rng("lead"), scene.notes(tones)
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
    return notes


def _add_stabs(scene: Scene, tones: list[Tone], mixer: Mixer) -> list[Note]:
    """Struck chords: one render a chord and brightness."""
    rng = scene.rng("stab")
    length_s = tones[0].length / 4 * scene.grid.beat_frames / SR
    patch = ChordPatch(
        wave=str(rng.choice(["saw", "saw", "square", "pulse", "organ", "hollow"])),
        resonance=float(rng.uniform(0, 0.5)),
        poles=int(rng.choice([2, 4])),
        cutoff=float(rng.uniform(0.8, 3.5)),
        sweep=float(rng.uniform(0.3, 3.0)),
        decay_s=float(rng.uniform(0.03, 0.3)),
        amp_decay_s=float(np.exp(rng.uniform(np.log(0.05), np.log(0.6)))),
        length_s=length_s,
        voices=int(rng.choice([1, 2, 3])),
        detune_cents=float(rng.uniform(3, 18)),
        width=float(rng.uniform(0, 1)),
    )
    levels = int(rng.choice([1, 2, 3]))

    def rendered(chord: tuple[float, ...], bar: int) -> np.ndarray:
        bright = bar // 8 % levels
        return render_chord(list(chord), patch, scene.rng("stab v"), bright * 0.7)

    return _struck("stab", scene, tones, mixer, rendered, lambda step: 0.4 if step % 4 else 0.36)


def _add_pad(scene: Scene, tones: list[Tone], mixer: Mixer) -> list[Note]:
    """Sustained chords, one a bar."""
    rng = scene.rng("pad")
    patch = ChordPatch(
        wave=str(rng.choice(["saw", "saw", "square", "organ", "triangle", "vox"])),
        resonance=float(rng.uniform(0, 0.4)),
        poles=2,
        cutoff=float(rng.uniform(0.5, 3.0)),
        sweep=float(rng.uniform(-0.8, 1.5)),
        decay_s=float(rng.uniform(0.3, 1.5)),
        amp_decay_s=20.0,
        attack_s=float(rng.uniform(0.03, 0.4)),
        length_s=4 * scene.grid.beat_frames / SR + 0.02,
        voices=2,
        detune_cents=float(rng.uniform(4, 16)),
        width=1.0,
    )

    def rendered(chord: tuple[float, ...], bar: int) -> np.ndarray:
        return render_chord(list(chord), patch, scene.rng("pad v"))

    return _struck("pad", scene, tones, mixer, rendered, lambda step: 0.25)


def _struck(
    bus: str,
    scene: Scene,
    tones: list[Tone],
    mixer: Mixer,
    rendered: Callable[[tuple[float, ...], int], np.ndarray],
    level: Callable[[float], float],
) -> list[Note]:
    """Place chords, each rendered once in every eight bars; returns their notes."""
    chords: dict[tuple[int, float], list[Tone]] = {}
    for tone in tones:
        chords.setdefault((tone.bar, tone.step), []).append(tone)
    cache: dict[tuple[tuple[float, ...], int], np.ndarray] = {}
    notes: list[Note] = []
    for (bar, step), struck in chords.items():
        pitches = tuple(t.pitch for t in struck)
        key = (pitches, bar // 8)
        if key not in cache:
            cache[key] = rendered(pitches, bar)
        frame = scene.grid.frame(bar, step)
        mixer.place(bus, cache[key], frame, level(step))
        frames = round(struck[0].length * scene.grid.beat_frames / 4)
        notes += [Note(frame, frames, t.pitch, t.velocity) for t in struck]
    return notes


_ADDED = {"bass": _add_bass, "acid": _add_acid, "lead": _add_lead, "stab": _add_stabs, "pad": _add_pad}
