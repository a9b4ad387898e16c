"""The mixdown of a song: effects of each bus, ducking under the kick, sends, and their sum."""

from __future__ import annotations

import numpy as np
import pedalboard as pb

from musika_daw.score.techno.grid import Grid
from musika_daw.score.techno.style import Style
from training.corpus.store import SAMPLE_RATE_HZ as SR
from training.corpus.techno.mix import Mixer, db, delay_send, duck_curve, reverb_send, saturate, sweep_filter, widen

Rng = np.random.Generator
# The same for pitched buses, after each was placed at a fixed peak.
BUS_DB = {"bass": (-3, 2), "acid": (-4, 2.5), "lead": (-7, 3), "stab": (-3, 3), "pad": (-5, 3), "noise": (-22, 5)}
PITCHED = ("bass", "acid", "lead", "stab", "pad")


def mixdown(mixer: Mixer, grid: Grid, style: Style, kicks: list[int], *, rng: Rng, apart: bool = False) -> np.ndarray:
    """Bus effects, ducking, sends and the sum, `[2, frames]`; `kicks` are the frames of the kick's hits.

    What is heard `apart` will be mixed later: nothing makes way for the kick, drums have no echo and no rumble."""
    buses = mixer.buses
    beat_s = grid.beat_frames / SR
    for name in [n for n in BUS_DB if n in buses]:
        mean, spread = BUS_DB[name]
        buses[name] *= np.float32(db(float(np.clip(rng.normal(mean, spread), mean - 6, mean + 6))))
    drive = float(np.exp(rng.uniform(*np.log(style.drive))))
    if drive > 1.0:
        for name in ("kick", "drums", "bass", "loop"):
            if name in buses and rng.random() < 0.6:
                buses[name] = saturate(buses[name], drive if name == "kick" else 1 + (drive - 1) * 0.6)
    if "loop" in buses:
        if rng.random() < 0.4:
            buses["loop"] = pb.Bitcrush(float(rng.integers(5, 9)))(buses["loop"], SR)
        low = float(np.exp(rng.uniform(np.log(120), np.log(1500))))
        high = min(low * float(rng.uniform(4, 16)), 16_000.0)  # above Nyquist the filter is unstable
        buses["loop"] = pb.Pedalboard([pb.HighpassFilter(low), pb.LowpassFilter(high)])(buses["loop"], SR)
    for name in ("stab", "pad", "lead", "acid"):
        if name in buses and rng.random() < 0.3:
            chorus = pb.Chorus(float(rng.uniform(0.1, 1.5)), float(rng.uniform(0.1, 0.4)), 7.0, 0.0, 0.35)
            buses[name] = chorus(buses[name], SR)
        if name in ("lead", "acid", "stab") and name in buses and rng.random() < (0.3 if name == "acid" else 0.65):
            buses[name] = widen(buses[name], rng, float(rng.uniform(0.2, 0.9)), float(rng.uniform(0.005, 0.025)))
        if name in buses and rng.random() < 0.35:
            points = np.cumsum(rng.normal(0, 0.8, 9))
            octaves = np.interp(np.linspace(0, 8, max(mixer.frames // 1024, 9)), np.arange(9), points - points.mean())
            cut = np.clip(float(rng.uniform(1200, 4000)) * 2.0**octaves, 200, 15_000)
            buses[name] = sweep_filter(buses[name], cut, "low", float(rng.uniform(0, 8)))
    if "stab" in buses or "pad" in buses:
        for name in ("stab", "pad", "lead"):
            if name in buses:
                buses[name] = pb.HighpassFilter(float(rng.uniform(90, 320)))(buses[name], SR)

    depth = float(rng.choice([0.3, 0.6, 0.85, 0.97]))
    length = beat_s * float(rng.uniform(0.35, 0.95))
    curve = float(rng.uniform(0.6, 2.2))
    heeded = [] if apart else kicks
    duck = duck_curve(mixer.frames, heeded, depth, length, curve=curve)
    light = duck_curve(mixer.frames, heeded, depth * 0.4, length, curve=curve)
    for name, weight in (
        ("bass", duck),
        ("pad", duck),
        ("noise", duck),
        ("stab", light),
        ("acid", light),
        ("lead", light),
        ("fx", light),
    ):
        if name in buses:
            buses[name] *= weight

    wet = float(rng.uniform(*style.wet))
    echo, hall = np.zeros((2, mixer.frames), np.float32), np.zeros((2, mixer.frames), np.float32)
    for name in buses:
        if name in ("kick", "bass", "noise"):
            continue
        pitched = name in PITCHED
        if rng.random() < (0.75 if pitched else 0.0 if apart else 0.15):
            echo += buses[name] * np.float32(wet * rng.uniform(0.3, 1.0) * (1.0 if pitched else 0.4))
        if rng.random() < 0.7:
            hall += buses[name] * np.float32(wet * rng.uniform(0.2, 0.9) * (1.0 if pitched else 0.8))
    total = np.zeros((2, mixer.frames), np.float32)
    if echo.any():
        left, right = (float(rng.choice([0.5, 0.75, 1.0, 1.5, 0.25, 2 / 3])) for _ in range(2))
        wet_echo = delay_send(
            echo,
            left * beat_s,
            right * beat_s,
            float(rng.uniform(0.15, 0.65)),
            low_hz=float(rng.uniform(150, 700)),
            high_hz=float(rng.uniform(1500, 9000)),
        )
        hall += wet_echo * np.float32(0.3)
        total += wet_echo * light
    if hall.any():
        wet_hall = reverb_send(
            hall,
            float(rng.uniform(0.15, 0.95)),
            float(rng.uniform(0.1, 0.9)),
            float(rng.uniform(0.7, 1.0)),
            low_hz=float(rng.uniform(150, 500)),
        )
        total += wet_hall * light
    if not apart and "kick" in buses and rng.random() < (0.6 if "rumble" in style.kicks else 0.1):
        total += _rumble(buses["kick"], duck_curve(mixer.frames, kicks, 0.97, beat_s * 0.8, curve=1.5), rng)
    for bus in buses.values():
        total += bus
    return total


def _rumble(kick: np.ndarray, duck: np.ndarray, rng: Rng) -> np.ndarray:
    """The techno rumble: the kick through a dark reverb and drive, ducked by itself, mono."""
    wet = pb.Pedalboard(
        [
            pb.Reverb(room_size=float(rng.uniform(0.3, 0.8)), damping=0.8, wet_level=0.7, dry_level=0.0, width=0.0),
            pb.LowpassFilter(float(rng.uniform(80, 220))),
            pb.HighpassFilter(35.0),
        ]
    )(kick, SR)
    wet = np.tanh(wet * np.float32(rng.uniform(2, 8))) * duck
    return wet * np.float32(rng.uniform(0.15, 0.45))
