"""A performance through the sampled piano: one rendition, a window of it as audio with its onsets."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from scipy.signal import resample_poly

from musika_daw.hearing.loudness import loudness
from musika_daw.score.density import merge_onsets
from musika_daw.score.roll import Notes
from training.corpus.piano.performance import Performance
from training.corpus.piano.room import Room, place_in_room
from training.corpus.piano.sampler import HIGHEST_KEY, LOWEST_KEY, Sampler
from training.corpus.store import SAMPLE_RATE_HZ

LONGEST_SONG_S = 180.0
LEAD_IN_S = 13.0  # the longest a string rings: notes that long before a window still sound in it
PAD_S = 0.05  # silence kept before the first note, or cut before a note inside a piece
TAIL_S = 5.0  # rendered after the last string is damped, then trimmed where it is inaudible
UNDAMPED_RELEASE_S = 5.0  # an SFZ release this long means a string without a damper
PEAK_LIMIT_DB = -1.0
_SILENCE = 10 ** (-66 / 20)
_CROSSOVER_VELOCITY = 4.0
_RETRIGGER_S = 0.25


@dataclass(frozen=True)
class Rendition:
    """How a piece is played this time. `tempo` is a factor (above 1: faster), `transpose` semitones,
    `velocity_top` what the piece's 90th velocity percentile becomes, `velocity_gamma` the exponent of its
    velocity curve, `dynamic` the exponent of loudness over velocity (SFZ: 2)."""

    transpose: int
    tempo: float
    tuning_cents: float
    velocity_top: float
    velocity_gamma: float
    dynamic: float
    layer_shift: float
    release_s: float
    loudness_lufs: float
    room: Room

    def as_extra(self) -> dict[str, Any]:
        """Flat and rounded, for a corpus row."""
        flat = asdict(self)
        room = flat.pop("room")
        flat |= {f"room_{k}": v for k, v in room.items() if k in ("decay_s", "wet_db", "width")}
        return {k: round(v, 3) if isinstance(v, float) else v for k, v in flat.items()}


@dataclass(frozen=True)
class Take:
    """Audio float32 `[frames, 2]`, onset frames int64 `[n]` (chords merged) and the notes, in frames, those that
    were struck before and ring into it included."""

    audio: np.ndarray
    onset_frames: np.ndarray
    notes: Notes


def draw_rendition(rng: np.random.Generator) -> Rendition:
    """A mild variation of tempo, pitch, touch and room."""
    room = Room(
        decay_s=float(rng.uniform(0.5, 2.0)),
        wet_db=float(rng.uniform(-24, -9)),
        predelay_s=float(rng.uniform(0.005, 0.03)),
        damping=float(rng.uniform(0.1, 0.35)),
        # A grand sampled with two far microphones is as wide as it is loud: only ever narrower than that.
        width=float(rng.uniform(0.4, 1.0)),
        low_db=float(rng.uniform(-2, 2)),
        high_db=float(rng.uniform(-3, 2)),
        seed=int(rng.integers(2**31)),
    )
    return Rendition(
        transpose=int(rng.integers(-3, 4)),
        tempo=float(np.exp(rng.uniform(np.log(0.85), np.log(1.15)))),
        tuning_cents=float(np.clip(rng.normal(0, 7), -15, 15)),
        velocity_top=float(rng.uniform(74, 112)),
        velocity_gamma=float(rng.uniform(0.8, 1.2)),
        dynamic=float(rng.uniform(1.3, 2.0)),
        layer_shift=float(rng.uniform(-6, 6)),
        release_s=float(rng.uniform(0.4, 0.8)),
        loudness_lufs=float(np.clip(rng.normal(-22, 2.5), -29, -16)),
        room=room,
    )


def song_windows(onset_s: np.ndarray, duration_s: float) -> list[tuple[float, float]]:
    """Windows of at most 180 s that cover a piece, each but the first beginning just before a note that
    follows a long gap; `onset_s` sorted."""
    slack_s = 15.0
    count = max(int(np.ceil(duration_s / (LONGEST_SONG_S - 2 * slack_s))), 1)
    if duration_s <= LONGEST_SONG_S:
        count = 1
    cuts = [0.0]
    for k in range(1, count):
        nominal_s = duration_s * k / count
        near = np.nonzero(np.abs(onset_s - nominal_s) < slack_s)[0]
        near = near[near > 0]
        if len(near):
            gaps = onset_s[near] - onset_s[near - 1]
            best = int(near[np.argmax(gaps)])
            cuts.append(float(onset_s[best] - min(PAD_S, gaps.max() / 2)))
        else:
            cuts.append(nominal_s)
    return list(zip(cuts, [*cuts[1:], duration_s], strict=True))


def shifted_keys(key: np.ndarray, transpose: int) -> np.ndarray:
    """Transposed keys, by fewer semitones where the piece would leave the keyboard."""
    moved = key + transpose
    low, high = int(moved.min()), int(moved.max())
    moved = moved + max(LOWEST_KEY - low, 0) - max(high - HIGHEST_KEY, 0)
    return np.clip(moved, LOWEST_KEY, HIGHEST_KEY)


def played_velocities(velocity: np.ndarray, rendition: Rendition) -> np.ndarray:
    """Velocities 1..127 as this rendition plays them."""
    top = max(float(np.percentile(velocity, 90)), 1.0)
    bent = rendition.velocity_top * (velocity / top) ** rendition.velocity_gamma
    return np.clip(bent, 1, 127)


def render_notes(
    sampler: Sampler,
    onset_frames: np.ndarray,
    off_frames: np.ndarray,
    key: np.ndarray,
    *,
    velocity: np.ndarray,
    frames: int,
    dynamic: float = 2.0,
    layer_shift: float = 0.0,
    release_s: float = 0.6,
) -> np.ndarray:
    """Dry sound of notes sorted by onset, float32 `[frames, 2]`; onsets below 0 are left out.

    A struck string that still sounds is faded out under its new note.
    """
    mix = np.zeros((frames, 2), np.float32)
    struck_again = _next_of_same_key(onset_frames, key)
    for i, start in enumerate(onset_frames.tolist()):
        if not 0 <= start < frames:
            continue
        gain = (velocity[i] / 127) ** dynamic
        for layer, share in sampler.layers_of(float(velocity[i]), _CROSSOVER_VELOCITY, layer_shift):
            voice = sampler.voice(int(key[i]), layer)
            stop_s = release_s + voice.release_s
            off = len(voice.audio)
            if voice.release_s < UNDAMPED_RELEASE_S:
                off = min(off, int(off_frames[i]) - start)
            if struck_again[i] - start < off:
                off, stop_s = int(struck_again[i]) - start, _RETRIGGER_S
            _add(mix, voice.audio, start, max(off, 1), _release(stop_s), np.float32(gain * share))
    return mix


def render_take(
    sampler: Sampler, piece: Performance, rendition: Rendition, window: tuple[float, float] | None = None
) -> Take:
    """One window (seconds of the piece at this rendition's tempo; None: the whole piece) as finished audio.

    Strings struck before the window ring into it; at the piece's end the sound dies away, elsewhere it is
    cut. The loudness is the rendition's, or lower where the peak would pass -1 dBFS.
    """
    onset_s, off_s = piece.onset_s / rendition.tempo, piece.off_s / rendition.tempo
    end_s = float(off_s.max())
    start_s, stop_s = window or (0.0, end_s)
    ends = stop_s >= end_s - 1e-6
    lead_s = min(LEAD_IN_S, start_s) + (PAD_S if start_s <= 0 else 0.0)
    # Rendered sharper or flatter by playing the whole mix at another rate: the grid stretches with it.
    stretch = Fraction(2 ** (rendition.tuning_cents / 1200)).limit_denominator(300)
    rate_hz = SAMPLE_RATE_HZ * float(stretch)
    origin_s = start_s - lead_s
    inside = (onset_s >= origin_s) & (onset_s < stop_s)
    at = np.round((onset_s[inside] - origin_s) * rate_hz).astype(np.int64)
    off = np.round((off_s[inside] - origin_s) * rate_hz).astype(np.int64)
    key = shifted_keys(piece.key, rendition.transpose)[inside]
    velocity = played_velocities(piece.velocity, rendition)[inside]
    length_s = stop_s - origin_s + (TAIL_S if ends else 0.0)
    dry = render_notes(
        sampler,
        at,
        off,
        key,
        velocity=velocity,
        frames=int(length_s * rate_hz),
        dynamic=rendition.dynamic,
        layer_shift=rendition.layer_shift,
        release_s=rendition.release_s,
    )
    if stretch != 1:
        dry = resample_poly(dry, stretch.denominator, stretch.numerator, axis=0)
    audio = place_in_room(dry, rendition.room)
    skip = 0 if start_s <= 0 else round(lead_s * SAMPLE_RATE_HZ)
    audio = audio[skip:]
    heard_s = merge_onsets(at / rate_hz) - skip / SAMPLE_RATE_HZ
    onset_frames = np.round(heard_s * SAMPLE_RATE_HZ).astype(np.int64)
    audio = _levelled(audio, rendition.loudness_lufs)
    if ends:
        audio = _trimmed(audio)
    _fade_edges(audio, start_s > 0)
    kept = onset_frames[(onset_frames >= 0) & (onset_frames < len(audio))]
    return Take(audio, kept, Notes(at / float(stretch) - skip, off / float(stretch) - skip, key, velocity / 127))


def _next_of_same_key(onset_frames: np.ndarray, key: np.ndarray) -> np.ndarray:
    following = np.full(len(key), np.iinfo(np.int64).max)
    for value in np.unique(key):
        at = np.nonzero(key == value)[0]
        following[at[:-1]] = onset_frames[at[1:]]
    return following


def _release(seconds: float) -> np.ndarray:
    """Damping curve float32 `[frames]`: 60 dB down exponentially, then zero."""
    frames = max(int(seconds * SAMPLE_RATE_HZ), 64)
    curve = np.exp(np.linspace(0, -6.908, frames))
    return ((curve - curve[-1]) / (1 - curve[-1])).astype(np.float32)


def _add(mix: np.ndarray, voice: np.ndarray, start: int, off: int, release: np.ndarray, gain: np.float32) -> None:
    """Add a voice from `start`, damped from `off` frames after it."""
    sound = min(off, len(voice), len(mix) - start)
    mix[start : start + sound] += voice[:sound] * gain
    tail = min(len(release), len(voice) - sound, len(mix) - start - sound)
    if off < len(voice) and tail > 0:
        damped = voice[sound : sound + tail] * (release[:tail, None] * gain)
        mix[start + sound : start + sound + tail] += damped


def _levelled(audio: np.ndarray, loudness_lufs: float) -> np.ndarray:
    if len(audio) >= SAMPLE_RATE_HZ // 2:
        measured = loudness(audio, SAMPLE_RATE_HZ, loops=False)
        if np.isfinite(measured):
            audio = audio * np.float32(10 ** ((loudness_lufs - measured) / 20))
    peak = float(np.abs(audio).max(initial=0.0))
    limit = 10 ** (PEAK_LIMIT_DB / 20)
    return audio * np.float32(limit / peak) if peak > limit else audio.copy()


def _trimmed(audio: np.ndarray) -> np.ndarray:
    loud = np.nonzero(np.abs(audio).max(axis=1) > _SILENCE)[0]
    return audio[: int(loud[-1]) + 1 + SAMPLE_RATE_HZ // 20] if len(loud) else audio


def _fade_edges(audio: np.ndarray, cut_start: bool) -> None:
    """A few milliseconds against the click of a cut; in place."""
    frames = min(256, len(audio))
    ramp = np.linspace(0, 1, frames, dtype=np.float32)[:, None]
    if cut_start:
        audio[:frames] *= ramp
    audio[len(audio) - frames :] *= ramp[::-1]
