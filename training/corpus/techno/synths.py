"""Pitched voices: a wavetable oscillator whose rows are one wave through a resonant filter.

Row `r` of a table holds one cycle of the wave after the filter with its cutoff at `2**(r / ROWS_PER_OCTAVE)`
times the pitch. Sweeping the cutoff is then a walk over the rows: a time-varying resonant filter for the
price of two look-ups a sample, free of aliasing and vectorised over a whole song.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.corpus.store import SAMPLE_RATE_HZ as SR

SIZE = 4096
ROWS_PER_OCTAVE = 7
OCTAVES = 9
WAVES = ("saw", "square", "pulse", "hollow", "triangle", "organ", "vox")


def note_hz(note: float) -> float:
    """Frequency of a MIDI note number."""
    return float(440.0 * 2.0 ** ((note - 69.0) / 12.0))


def wave_harmonics(wave: str, count: int) -> np.ndarray:
    """Complex amplitudes of harmonics 1..count of a named wave."""
    k = np.arange(1, count + 1)
    if wave == "saw":
        amp = 1.0 / k
    elif wave == "square":
        amp = np.where(k % 2 == 1, 1.0 / k, 0.0)
    elif wave == "pulse":
        amp = np.sin(np.pi * k * 0.18) / k
    elif wave == "hollow":
        amp = np.where(k % 2 == 1, 1.0 / k, 0.25 / k)
    elif wave == "triangle":
        amp = np.where(k % 2 == 1, 1.0 / k**2, 0.02 / k)
    elif wave == "organ":
        amp = np.isin(k, (1, 2, 3, 4, 6, 8)) / np.sqrt(k)
    elif wave == "vox":
        amp = (np.exp(-(((k - 3) / 1.5) ** 2)) + 0.5 * np.exp(-(((k - 9) / 2.5) ** 2)) + 0.3 / k) * 0.7
    else:
        raise ValueError(f"wave: {wave!r}, must be one of {', '.join(WAVES)}")
    return -1j * amp


def filter_table(wave: str, resonance: float, poles: int, top_hz: float, *, pitch_max_hz: float) -> np.ndarray:
    """Table `[rows, SIZE]` of `wave` through a low-pass; `resonance` 0..1, `poles` 2 or 4.

    Harmonics end below `top_hz` at the highest pitch used, so that nothing aliases."""
    count = int(np.clip(top_hz / pitch_max_hz, 1, SIZE // 2 - 1))
    harmonics = wave_harmonics(wave, count)
    rows = ROWS_PER_OCTAVE * OCTAVES + 1
    cutoff = 2.0 ** (np.arange(rows) / ROWS_PER_OCTAVE)
    r = np.arange(1, count + 1)[None, :] / cutoff[:, None]
    q = 0.6 * 18.0**resonance
    response = 1.0 / (1.0 - r**2 + 1j * r / q)
    if poles == 4:
        response = response / (1.0 - r**2 + 1j * r * 1.6)
    response /= q**0.35  # resonance takes level from the body, as in the hardware
    spectrum = np.zeros((rows, SIZE // 2 + 1), np.complex128)
    spectrum[:, 1 : count + 1] = harmonics * response
    return (np.fft.irfft(spectrum, SIZE) * SIZE / 2).astype(np.float32)


def oscillate(table: np.ndarray, pitch_hz: np.ndarray, cutoff_octaves: np.ndarray, phase: float = 0.0) -> np.ndarray:
    """Play a table: `pitch_hz` `[n]` and the cutoff in octaves above the pitch `[n]` -> float32 `[n]`."""
    turns = np.cumsum(pitch_hz, dtype=np.float64)
    turns *= 1.0 / SR
    turns += phase
    turns -= np.floor(turns)
    column = (turns * SIZE).astype(np.int32)
    row = np.clip(cutoff_octaves * ROWS_PER_OCTAVE, 0, len(table) - 1.001).astype(np.float32)
    whole = row.astype(np.int32)
    share = row - whole
    column += whole * SIZE
    flat = table.ravel()
    low = flat.take(column)
    column += SIZE
    return low + (flat.take(column) - low) * share


@dataclass(frozen=True)
class Note:
    """A note of a line: start and length in frames, MIDI pitch, velocity; `slide` glides from the last."""

    start: int
    frames: int
    pitch: float
    velocity: float = 1.0
    accent: bool = False
    slide: bool = False


@dataclass(frozen=True)
class LinePatch:
    """Timbre of a monophonic line; times in seconds, filter amounts in octaves."""

    wave: str = "saw"
    resonance: float = 0.5
    poles: int = 4
    cutoff: float = 1.0
    sweep: float = 3.0
    decay_s: float = 0.2
    attack_s: float = 0.002
    release_s: float = 0.01
    amp_decay_s: float = 1.0
    accent_sweep: float = 1.0
    glide_s: float = 0.05
    drive: float = 1.0
    detune_cents: float = 0.0
    sub: float = 0.0


def render_line(notes: list[Note], patch: LinePatch, frames: int, cutoff_shift: np.ndarray) -> np.ndarray:
    """Monophonic line, mono float32 `[frames]`; `cutoff_shift` `[frames]` moves the cutoff in octaves.

    Notes are sorted by start; one that overlaps the next is cut (or glides into it, with `slide`)."""
    amp = np.zeros(frames, np.float32)
    octave = np.zeros(frames, np.float32)  # log2 of the pitch in Hz
    cutoff = np.full(frames, patch.cutoff, np.float32)
    attack = max(int(patch.attack_s * SR), 8)
    release = max(int(patch.release_s * SR), 16)
    top = max((n.pitch for n in notes), default=48.0)
    last_end = 0
    for i, note in enumerate(notes):
        start = note.start
        if start >= frames:
            break
        following = notes[i + 1] if i + 1 < len(notes) else None
        tied = following is not None and following.slide and following.start <= start + note.frames + 64
        end = min(start + note.frames, frames, following.start if following else frames)
        if end <= start:
            continue
        t = np.arange(end - start, dtype=np.float32) / SR
        level = np.log2(note_hz(note.pitch))
        octave[last_end:end] = level
        slid = note.slide and i > 0 and notes[i - 1].start + notes[i - 1].frames + 64 >= start
        if slid:
            before = np.log2(note_hz(notes[i - 1].pitch))
            octave[start:end] += (before - level) * np.exp(-t / patch.glide_s)
        decay = patch.decay_s * (0.5 if note.accent else 1.0)
        env = np.exp(-t / decay)
        depth = patch.sweep * (0.6 + 0.4 * note.velocity) + (patch.accent_sweep if note.accent else 0.0)
        cutoff[start:end] += depth * env
        shape = np.exp(-t / patch.amp_decay_s) * (note.velocity * (1.3 if note.accent else 1.0))
        if not slid:
            rise = min(attack, len(shape))
            shape[:rise] *= np.linspace(0, 1, rise, dtype=np.float32)
        if not tied:
            fall = min(release, len(shape))
            shape[len(shape) - fall :] *= np.linspace(1, 0, fall, dtype=np.float32)
        amp[start:end] = shape
        last_end = end
    octave[last_end:] = octave[last_end - 1] if last_end else 6.0
    pitch = np.exp2(octave)
    table = filter_table(patch.wave, patch.resonance, patch.poles, 16_000.0, pitch_max_hz=note_hz(top))
    cutoff += cutoff_shift
    out = oscillate(table, pitch, cutoff)
    if patch.detune_cents:
        out = (out + oscillate(table, pitch * np.float32(2 ** (patch.detune_cents / 1200)), cutoff, 0.3)) * 0.6
    if patch.sub:
        turns = np.cumsum(pitch, dtype=np.float64) * (2 * np.pi / SR)
        out = out * (1 - 0.5 * patch.sub) + patch.sub * np.sin(turns).astype(np.float32)
    out = out * amp
    if patch.drive > 0.05:
        out = np.tanh(out * patch.drive) / np.float32(np.tanh(patch.drive))
    return out.astype(np.float32)


@dataclass(frozen=True)
class ChordPatch:
    """Timbre of a chord voice (stab or pad)."""

    wave: str = "saw"
    resonance: float = 0.2
    poles: int = 2
    cutoff: float = 2.0
    sweep: float = 2.0
    decay_s: float = 0.15
    amp_decay_s: float = 0.3
    attack_s: float = 0.002
    length_s: float = 0.5
    voices: int = 2
    detune_cents: float = 8.0
    width: float = 0.7


def render_chord(pitches: list[float], patch: ChordPatch, rng: np.random.Generator, shift: float = 0.0) -> np.ndarray:
    """One chord, stereo float32 `[2, frames]`, attack at frame 0; `shift` moves the cutoff in octaves."""
    n = int(patch.length_s * SR)
    t = np.arange(n, dtype=np.float32) / SR
    lowest = min(pitches)
    table = filter_table(patch.wave, patch.resonance, patch.poles, 16_000.0, pitch_max_hz=note_hz(max(pitches)))
    sweep = patch.cutoff + shift + patch.sweep * np.exp(-t / patch.decay_s)
    out = np.zeros((2, n), np.float32)
    for pitch in pitches:
        for voice in range(patch.voices):
            spread = 0.0 if patch.voices == 1 else 2.0 * voice / (patch.voices - 1) - 1.0
            hz = note_hz(pitch) * 2.0 ** (spread * patch.detune_cents / 1200)
            cut = sweep - (pitch - lowest) / 12  # the cutoff is one for the chord, not one a note
            tone = oscillate(table, np.full(n, hz, np.float32), cut, float(rng.random()))
            pan = 0.5 + 0.5 * spread * patch.width
            out[0] += tone * np.float32(np.cos(pan * np.pi / 2))
            out[1] += tone * np.float32(np.sin(pan * np.pi / 2))
    env = np.exp(-t / patch.amp_decay_s)
    rise = min(max(int(patch.attack_s * SR), 8), n)
    env[:rise] *= np.linspace(0, 1, rise, dtype=np.float32)
    fall = min(int(0.02 * SR), n)
    env[n - fall :] *= np.linspace(1, 0, fall, dtype=np.float32)
    out *= env
    return out / max(float(np.abs(out).max()), 1e-9)
