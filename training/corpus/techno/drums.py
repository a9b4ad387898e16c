"""Synthesised drum voices: one hit each, mono float32 `[frames]`, peak 1, attack at frame 0."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.signal import butter, sosfilt

from training.corpus.store import SAMPLE_RATE_HZ as SR

Rng = np.random.Generator
TAU = 2 * np.pi


def band(audio: np.ndarray, low_hz: float | None, high_hz: float | None, order: int = 2) -> np.ndarray:
    """Butterworth high-pass, low-pass or band-pass along the last axis."""
    top = SR * 0.49
    if low_hz and high_hz:
        sos = butter(order, [low_hz, min(max(high_hz, low_hz * 1.1), top)], "bandpass", fs=SR, output="sos")
    elif low_hz:
        sos = butter(order, low_hz, "highpass", fs=SR, output="sos")
    else:
        sos = butter(order, min(high_hz or top, top), "lowpass", fs=SR, output="sos")
    return sosfilt(sos, audio).astype(np.float32)


def finish(audio: np.ndarray, fade_s: float = 0.004) -> np.ndarray:
    """Fade the end out and scale to peak 1."""
    n = min(int(fade_s * SR), len(audio))
    audio = audio.astype(np.float32)
    audio[len(audio) - n :] *= np.linspace(1, 0, n, dtype=np.float32)
    return audio / max(float(np.abs(audio).max()), 1e-9)


def _time(seconds: float) -> np.ndarray:
    return np.arange(int(seconds * SR)) / SR


def _uni(rng: Rng, low: float, high: float) -> float:
    return float(rng.uniform(low, high))


def _log(rng: Rng, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _squares(rng: Rng, t: np.ndarray, base_hz: float, count: int = 6) -> np.ndarray:
    """The metallic cluster of 808-style cymbals: square waves at inharmonic ratios."""
    ratios = np.array([1.0, 1.304, 1.466, 1.787, 1.932, 2.536, 3.14, 3.77])[:count]
    ratios = ratios * rng.uniform(0.95, 1.05, count)
    phases = rng.uniform(0, 1, count)
    out = np.zeros(len(t))
    for ratio, phase in zip(ratios, phases):
        out += ((t * base_hz * ratio + phase) % 1.0 < 0.5) * 2.0 - 1.0
    return out / count


def kick(rng: Rng, family: str = "909", end_hz: float = 50.0) -> np.ndarray:
    """Bass drum: two-stage pitch envelope, click, drive; families 909, 808, 606, hard, soft, rumble."""
    sweep = {
        "909": (180, 420),
        "808": (40, 120),
        "606": (120, 260),
        "hard": (300, 900),
        "soft": (80, 180),
        "rumble": (200, 500),
    }[family]
    decay = {
        "909": (0.10, 0.22),
        "808": (0.22, 0.55),
        "606": (0.06, 0.12),
        "hard": (0.05, 0.16),
        "soft": (0.09, 0.18),
        "rumble": (0.10, 0.18),
    }[family]
    drive = {
        "909": (1.0, 3.0),
        "808": (0.8, 2.0),
        "606": (1.0, 2.0),
        "hard": (4.0, 16.0),
        "soft": (0.7, 1.4),
        "rumble": (1.5, 5.0),
    }[family]
    tau = _uni(rng, *decay)
    t = _time(min(tau * 5, 1.2))
    fast, slow = _log(rng, 0.004, 0.012), _log(rng, 0.02, 0.07)
    height = _uni(rng, *sweep)
    freq = end_hz + height * np.exp(-t / slow) * 0.35 + height * _uni(rng, 1.0, 3.0) * np.exp(-t / fast)
    phase = TAU * np.cumsum(freq) / SR
    hold = _uni(rng, 0.0, 0.06)
    body = np.sin(phase + _uni(rng, 0.2, 1.3)) * np.exp(-np.maximum(t - hold, 0) / tau)
    click = rng.standard_normal(len(t)) * np.exp(-t / _log(rng, 0.0006, 0.003))
    click = band(click, _log(rng, 800, 4000), None, 1)
    tick = np.exp(-t / 0.0005) * np.cos(TAU * _log(rng, 1500, 6000) * t)
    out = body + _uni(rng, 0.05, 0.5) * click + _uni(rng, 0.1, 0.5) * tick
    gain = _log(rng, *drive)
    out = np.tanh(out * gain) / np.tanh(gain)
    if family == "hard":
        out = np.tanh(band(out, 35, None, 1) * _uni(rng, 1, 4)) * np.exp(-np.maximum(t - tau * 2, 0) / (tau * 0.7))
    if rng.random() < 0.3:
        soft = band(out, None, _log(rng, 1500, 8000), 1)
        out = soft + 0.25 * click * (t < 0.004)
    return finish(out, 0.02)


def snare(rng: Rng) -> np.ndarray:
    """Snare: two pitched shells and a band of noise."""
    tau = _log(rng, 0.04, 0.18)
    t = _time(min(tau * 6, 0.8))
    low = _uni(rng, 140, 240)
    bend = 1 + _uni(rng, 0.2, 1.2) * np.exp(-t / 0.008)
    tone = np.sin(TAU * np.cumsum(low * bend) / SR + 0.8) * np.exp(-t / _uni(rng, 0.03, 0.09))
    tone += _uni(rng, 0.3, 0.9) * np.sin(TAU * low * _uni(rng, 1.5, 1.9) * t + 0.8) * np.exp(-t / 0.04)
    noise = band(rng.standard_normal(len(t)), _log(rng, 500, 3000), _log(rng, 7000, 18000), 1) * np.exp(-t / tau)
    out = _uni(rng, 0.2, 1.0) * tone + _uni(rng, 0.5, 1.2) * noise
    return finish(np.tanh(out * _log(rng, 0.8, 4.0)))


def clap(rng: Rng) -> np.ndarray:
    """Clap: three to five bursts of band-passed noise, then a tail."""
    tau = _log(rng, 0.05, 0.22)
    t = _time(min(tau * 5 + 0.05, 1.0))
    gap = _uni(rng, 0.007, 0.013)
    count = int(rng.integers(2, 5))
    env = np.zeros(len(t))
    for i in range(count):
        late = t - i * gap
        env += (late >= 0) * np.exp(-np.maximum(late, 0) / _uni(rng, 0.002, 0.005))
    late = t - count * gap
    env += (late >= 0) * np.exp(-np.maximum(late, 0) / tau) * _uni(rng, 0.4, 0.9)
    centre = _log(rng, 900, 2200)
    noise = band(rng.standard_normal(len(t)), centre / 1.7, centre * _uni(rng, 1.6, 5), 1)
    noise += _uni(rng, 0.0, 0.5) * band(rng.standard_normal(len(t)), 4000, None, 1)
    return finish(np.tanh(noise * env * _log(rng, 1, 4)))


def hat(rng: Rng, tau: float = 0.04, colour: Rng | None = None) -> np.ndarray:
    """Hi-hat: square cluster and noise above a high-pass; `tau` is the decay, long for an open hat.

    `colour` draws the timbre: two equal generators give a closed and an open hat of one family."""
    colour = colour or rng
    t = _time(min(tau * 6, 1.2))
    base, edge, metal = _log(colour, 250, 900), _log(colour, 4500, 9500), _uni(colour, 0, 1)
    tone = _squares(colour, t, base) * metal * 1.6
    noise = rng.standard_normal(len(t)) * (1 - metal * 0.7) * 0.5
    out = band(tone + noise, edge, None, int(colour.integers(1, 4)))
    return finish(np.tanh(out * np.exp(-t / tau) * _log(colour, 1.0, 4.0)))


def ride(rng: Rng) -> np.ndarray:
    """Ride cymbal: long metallic wash under a ping."""
    tau = _log(rng, 0.12, 0.5)
    t = _time(min(tau * 5, 1.8))
    wash = band(
        _squares(rng, t, _log(rng, 350, 700), 8) + 0.3 * rng.standard_normal(len(t)), _log(rng, 3000, 6500), None
    )
    ping_hz = _log(rng, 2500, 5500)
    ping = sum(np.sin(TAU * ping_hz * r * t + 1) / (i + 1) for i, r in enumerate((1, 1.48, 2.17)))
    out = wash * np.exp(-t / tau) + _uni(rng, 0.05, 0.3) * ping * np.exp(-t / _uni(rng, 0.05, 0.2))
    return finish(np.tanh(out * (1 + _uni(rng, 0.3, 1.5) * np.exp(-t / 0.01))))


def crash(rng: Rng) -> np.ndarray:
    """Crash cymbal: bright noise and cluster, seconds long."""
    tau = _log(rng, 0.35, 1.0)
    t = _time(min(tau * 4, 3.0))
    out = rng.standard_normal(len(t)) * _uni(rng, 0.4, 1) + _squares(rng, t, _log(rng, 300, 800), 8)
    return finish(band(out, _log(rng, 2500, 6000), None) * np.exp(-t / tau), 0.05)


def rim(rng: Rng) -> np.ndarray:
    """Rim shot: two short clipped tones."""
    t = _time(0.09)
    out = np.sin(TAU * _log(rng, 400, 600) * t + 1) + np.sin(TAU * _log(rng, 1300, 2400) * t + 1)
    return finish(np.tanh(out * np.exp(-t / _log(rng, 0.006, 0.02)) * _log(rng, 1, 6)))


def tom(rng: Rng, pitch_hz: float | None = None) -> np.ndarray:
    """Tom or conga: falling sine with a little skin noise."""
    pitch = pitch_hz or _log(rng, 70, 320)
    tau = _log(rng, 0.05, 0.25)
    t = _time(min(tau * 6, 1.0))
    phase = TAU * np.cumsum(pitch * (1 + _uni(rng, 0.1, 0.9) * np.exp(-t / _log(rng, 0.01, 0.06)))) / SR
    skin = band(rng.standard_normal(len(t)), 300, 3000, 1) * np.exp(-t / 0.01)
    return finish(np.tanh((np.sin(phase + 0.6) * np.exp(-t / tau) + _uni(rng, 0, 0.4) * skin) * _log(rng, 1, 3)))


def conga(rng: Rng) -> np.ndarray:
    """Conga or bongo: high tom with a slap."""
    return tom(rng, _log(rng, 180, 520))


def shaker(rng: Rng) -> np.ndarray:
    """Shaker: a soft grain of high noise."""
    tau = _log(rng, 0.012, 0.05)
    t = _time(tau * 6)
    rise = 1 - np.exp(-t / _log(rng, 0.0005, 0.004))
    return finish(band(rng.standard_normal(len(t)), _log(rng, 3500, 8000), None) * rise * np.exp(-t / tau))


def cowbell(rng: Rng) -> np.ndarray:
    """Cowbell: two squares in a band."""
    tau = _log(rng, 0.03, 0.2)
    t = _time(min(tau * 6, 0.7))
    low = _log(rng, 400, 800)
    out = np.sign(np.sin(TAU * low * t + 0.1)) + np.sign(np.sin(TAU * low * 1.481 * t + 0.1))
    out = band(out * (np.exp(-t / tau) + np.exp(-t / 0.01)), low * 0.8, low * 6, 1)
    return finish(out)


def claves(rng: Rng) -> np.ndarray:
    """Claves or wood block: one short ringing tone."""
    t = _time(0.12)
    return finish(np.sin(TAU * _log(rng, 900, 3200) * t + 1) * np.exp(-t / _log(rng, 0.006, 0.03)))


def metal(rng: Rng) -> np.ndarray:
    """Metallic or glassy FM percussion."""
    tau = _log(rng, 0.02, 0.25)
    t = _time(min(tau * 6, 0.9))
    carrier, ratio = _log(rng, 150, 2500), _uni(rng, 0.3, 5.0)
    index = _log(rng, 0.5, 9) * np.exp(-t / (tau * _uni(rng, 0.2, 1.0)))
    out = np.sin(TAU * carrier * t + index * np.sin(TAU * carrier * ratio * t) + 0.8)
    return finish(out * np.exp(-t / tau))


def zap(rng: Rng) -> np.ndarray:
    """Electronic zap: a very fast falling sweep."""
    tau = _log(rng, 0.02, 0.12)
    t = _time(tau * 6)
    freq = _log(rng, 60, 400) + _log(rng, 1000, 8000) * np.exp(-t / _log(rng, 0.004, 0.03))
    return finish(np.sin(TAU * np.cumsum(freq) / SR + 0.8) * np.exp(-t / tau))


def noise_hit(rng: Rng) -> np.ndarray:
    """A chopped band of noise, industrial or vinyl-like."""
    tau = _log(rng, 0.01, 0.15)
    t = _time(tau * 5)
    centre = _log(rng, 400, 9000)
    out = band(rng.standard_normal(len(t)), centre / _uni(rng, 1.1, 2), centre * _uni(rng, 1.1, 2), 1)
    return finish(np.tanh(out * np.exp(-t / tau) * _log(rng, 1, 10)))


PERCUSSION: dict[str, Callable[[Rng], np.ndarray]] = {
    "tom": tom,
    "conga": conga,
    "rim": rim,
    "cowbell": cowbell,
    "claves": claves,
    "metal": metal,
    "zap": zap,
    "noise": noise_hit,
    "shaker": shaker,
}
