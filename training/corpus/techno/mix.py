"""Mixing: buses, ducking, sends, bus effects and the master; nothing here moves an attack in time."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pedalboard as pb
from scipy.signal import butter, oaconvolve, sosfilt

from musika_daw.hearing.loudness import loudness
from training.corpus.store import SAMPLE_RATE_HZ as SR

Rng = np.random.Generator
SILENCE_LUFS = -70.0
CEILING = 10 ** (-0.35 / 20)


def db(value_db: float) -> float:
    """Gain of a level in dB."""
    return float(10 ** (value_db / 20))


def pan_stereo(audio: np.ndarray, pan: float) -> np.ndarray:
    """Mono `[frames]` or stereo `[2, frames]` placed at pan -1..1, constant power."""
    angle = (pan + 1) * np.pi / 4
    gains = np.array([[np.cos(angle)], [np.sin(angle)]], np.float32) * np.float32(np.sqrt(2))
    stereo = np.broadcast_to(audio, (2, audio.shape[-1])) if audio.ndim == 1 else audio
    return np.ascontiguousarray(stereo * gains, np.float32)


def widen(audio: np.ndarray, rng: Rng, amount: float, length_s: float = 0.012) -> np.ndarray:
    """Stereo width without touching the attack: a short diffuse tail of the middle, in the side signal only.

    The middle, and so the mono sum, stays as it was."""
    taps = int(length_s * SR)
    tail = rng.standard_normal(taps) * np.exp(-np.arange(taps) / (taps / 4))
    tail[:8] = 0.0
    tail *= amount / np.sqrt(np.sum(tail**2))
    side = oaconvolve(audio.mean(0), tail.astype(np.float32))[: audio.shape[1]].astype(np.float32)
    return np.stack([audio[0] + side, audio[1] - side])


@dataclass
class Mixer:
    """Named stereo buses `[2, frames]`, made when first used."""

    frames: int
    buses: dict[str, np.ndarray] = field(default_factory=dict)

    def bus(self, name: str) -> np.ndarray:
        """The buffer of a bus."""
        if name not in self.buses:
            self.buses[name] = np.zeros((2, self.frames), np.float32)
        return self.buses[name]

    def place(self, name: str, audio: np.ndarray, frame: int, gain: float, cut: int | None = None) -> None:
        """Add a stereo hit at a frame; `cut` chokes it after that many frames with a short fade."""
        n = min(audio.shape[1], self.frames - frame)
        if cut is not None and cut < n:
            n = max(cut, 0)
        if n <= 0 or frame < 0:
            return
        part = audio[:, :n] * np.float32(gain)
        if n < audio.shape[1]:
            fall = min(n, 200)
            part[:, n - fall :] *= np.linspace(1, 0, fall, dtype=np.float32)
        self.bus(name)[:, frame : frame + n] += part


def duck_curve(frames: int, kicks: list[int], depth: float, length_s: float, *, curve: float) -> np.ndarray:
    """Sidechain gain `[frames]`: falls in the 3 ms before each kick, comes back over `length_s`."""
    gain = np.ones(frames, np.float32)
    before = int(0.003 * SR)
    t = np.linspace(0, 1, int(length_s * SR), dtype=np.float32)
    shape = np.concatenate([np.linspace(1, 1 - depth, before, dtype=np.float32), 1 - depth * (1 - t**curve)])
    for kick in kicks:
        a = kick - before
        lo, hi = max(a, 0), min(a + len(shape), frames)
        if hi > lo:
            np.minimum(gain[lo:hi], shape[lo - a : hi - a], out=gain[lo:hi])
    return gain


def sweep_filter(audio: np.ndarray, cutoff_hz: np.ndarray, kind: str, resonance_db: float = 0.0) -> np.ndarray:
    """Two-pole low- or high-pass whose cutoff moves, one value a block; `[2, frames]` in and out."""
    block = -(-audio.shape[1] // len(cutoff_hz))
    make = pb.LowpassFilter if kind == "low" else pb.HighpassFilter
    first, second = make(float(cutoff_hz[0])), make(float(cutoff_hz[0]))
    peak = pb.PeakFilter(float(cutoff_hz[0]), resonance_db, 2.0)
    out = np.empty_like(audio)
    for i, hz in enumerate(cutoff_hz):
        part = audio[:, i * block : (i + 1) * block]
        if not part.shape[1]:
            break
        first.cutoff_frequency_hz = second.cutoff_frequency_hz = peak.cutoff_frequency_hz = float(hz)
        part = second.process(first.process(part, SR, reset=False), SR, reset=False)
        if resonance_db:
            part = peak.process(part, SR, reset=False)
        out[:, i * block : (i + 1) * block] = part
    return out


def delay_send(
    send: np.ndarray, left_s: float, right_s: float, feedback: float, *, low_hz: float, high_hz: float
) -> np.ndarray:
    """Tempo-synced stereo echoes of a send, wet only, band-limited."""
    out = np.empty_like(send)
    for channel, seconds in enumerate((left_s, right_s)):
        chain = pb.Pedalboard([pb.HighpassFilter(low_hz), pb.LowpassFilter(high_hz), pb.Delay(seconds, feedback, 1.0)])
        out[channel] = chain(send[channel], SR)
    return out


def reverb_send(send: np.ndarray, room: float, damping: float, width: float, *, low_hz: float) -> np.ndarray:
    """Reverb of a send, wet only, without its low end."""
    return pb.Pedalboard(
        [
            pb.HighpassFilter(low_hz),
            pb.Reverb(room_size=room, damping=damping, wet_level=0.6, dry_level=0.0, width=width),
        ]
    )(send, SR)


def saturate(audio: np.ndarray, drive: float) -> np.ndarray:
    """Memoryless tanh saturation of about constant level for `drive` above 1."""
    return np.tanh(audio * np.float32(drive)) / np.float32(drive**0.7)


def mono_below(audio: np.ndarray, corner_hz: float = 140.0) -> np.ndarray:
    """Take the stereo width out of the low end: high-pass of the side signal."""
    mid, side = (audio[0] + audio[1]) * 0.5, (audio[0] - audio[1]) * 0.5
    sos = butter(2, corner_hz, "highpass", fs=SR, output="sos").astype(np.float32)
    side = sosfilt(sos, side).astype(np.float32)
    return np.stack([mid + side, mid - side])


def soft_clip(audio: np.ndarray, knee: float = 0.7) -> np.ndarray:
    """Memoryless limiter: straight below `knee`, tanh above, never beyond -0.35 dBFS."""
    over = np.abs(audio) - np.float32(knee)
    np.maximum(over, 0, out=over)
    room = np.float32(CEILING - knee)
    return np.sign(audio) * (np.minimum(np.abs(audio), np.float32(knee)) + room * np.tanh(over / room))


def lufs(audio: np.ndarray) -> float:
    """Loudness of `[2, frames]` in LUFS, of silence too."""
    return max(SILENCE_LUFS, loudness(audio.T, SR, loops=False))


def master(audio: np.ndarray, rng: Rng, target_lufs: float) -> np.ndarray:
    """Tone, mono low end, glue compression, loudness and soft limiting; `[2, frames]`."""
    audio = pb.Pedalboard(
        [
            pb.HighpassFilter(float(rng.uniform(18, 32))),
            pb.LowShelfFilter(float(rng.uniform(60, 160)), float(rng.uniform(-2, 3)), 0.7),
            pb.PeakFilter(float(rng.uniform(250, 3000)), float(rng.uniform(-3, 2)), 0.6),
            pb.HighShelfFilter(float(rng.uniform(4000, 9000)), float(rng.uniform(-4, 4)), 0.7),
        ]
    )(audio, SR)
    audio = mono_below(audio, float(rng.uniform(110, 180)))
    audio *= db(-16 - lufs(audio))
    if rng.random() < 0.75:
        audio = pb.Compressor(
            float(rng.uniform(-22, -12)),
            float(rng.uniform(1.5, 4)),
            float(rng.uniform(3, 30)),
            float(rng.uniform(60, 250)),
        )(audio, SR)
    knee = float(rng.uniform(0.45, 0.85))
    gain_db = target_lufs - lufs(audio)
    out = soft_clip(audio * np.float32(db(gain_db)), knee)
    # clipping takes level away: give a part of it back, once
    missing = float(np.clip(target_lufs - lufs(out), 0, 4))
    if missing > 0.5:
        out = soft_clip(audio * np.float32(db(gain_db + missing)), knee)
    return out


def fade_edges(audio: np.ndarray) -> None:
    """End `[2, frames]` without a click: the last 2 ms fade, in place."""
    n = min(88, audio.shape[1])
    audio[:, audio.shape[1] - n :] *= np.linspace(1, 0, n, dtype=np.float32)
