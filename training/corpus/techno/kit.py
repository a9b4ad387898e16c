"""The drum kit of a song: every voice rendered once in a few variants, synthesised or from one-shots."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from musika_daw.score.techno.grid import rng_of
from musika_daw.score.techno.style import Style
from training.corpus.techno import drums
from training.corpus.techno.mix import Mixer, db, pan_stereo, widen
from training.corpus.techno.oneshots import OneShots
from training.corpus.techno.synths import note_hz

Rng = np.random.Generator
Struck = dict[str, list[tuple[int, float]]]
"""Frame and velocity of each hit by voice."""
# Level in dB against the kick, and its spread, of each kit voice.
LEVELS_DB = {
    "kick": (0, 0),
    "snare": (-5, 2),
    "clap": (-4.5, 2.5),
    "rim": (-8, 2.5),
    "hat": (-11, 3),
    "open": (-10, 3),
    "ride": (-14, 3),
    "shaker": (-14, 3),
    "crash": (-11, 3),
    "tom": (-7, 2),
    "perc": (-9.5, 3.5),
    "loop": (-13, 3),
}
WIDE = ("clap", "hat", "open", "ride", "crash", "shaker", "perc", "loop")


@dataclass
class Kit:
    """Variants `[2, frames]` by voice and the names and licences of the samples used."""

    voices: dict[str, list[np.ndarray]] = field(default_factory=dict)
    samples: list[str] = field(default_factory=list)
    licences: set[str] = field(default_factory=set)


def build_kit(seed: int, index: int, style: Style, root: int, *, names: list[str], oneshots: OneShots | None) -> Kit:
    """Render the named voices (`kick`, `hat`, `perc0`, ...) for one song."""
    kit = Kit()
    rng = rng_of(seed, index, "kit")
    share = 0.0 if oneshots is None else float(rng.choice([0.0, 0.25, 0.6, 0.9], p=[0.35, 0.25, 0.25, 0.15]))
    colour = int(rng.integers(2**31))
    tune = [float(t) for t in rng.uniform(0.8, 1.25, 8)]
    for name in names:
        voice_rng = rng_of(seed, index, f"v {name}")
        kind = name.rstrip("0123456789")
        pan = 0.0 if kind in ("kick", "snare") else float(np.clip(voice_rng.normal(0, 0.25), -0.7, 0.7))
        if kind in ("perc", "rim", "tom", "loop"):
            pan = float(voice_rng.uniform(-0.85, 0.85))
        shot = None
        if oneshots is not None and voice_rng.random() < share:
            shot = oneshots.draw(voice_rng, "perc" if kind == "loop" else kind)
        if shot is not None:
            audio = _retune(shot.audio, tune[len(kit.samples) % 8] if kind not in ("kick",) else 1.0)
            if kind == "kick":
                audio = _mono_attack(audio, voice_rng)
            kit.voices[name] = [pan_stereo(audio, pan)]
            kit.samples.append(shot.name)
            kit.licences.add(shot.licence)
            continue
        variants = 1 if kind in ("kick", "crash", "ride") else 2
        wide = float(voice_rng.uniform(0.1, 1.0)) if kind in WIDE else 0.0
        state = voice_rng.bit_generator.state
        kit.voices[name] = []
        for variant in range(variants):
            voice_rng.bit_generator.state = state
            hit = _synthesise(kind, voice_rng, style, root, colour=colour)
            if variant:  # the same voice, a little duller and its noise moved on
                hit = drums.finish(drums.band(hit, None, 9000.0, 1))
            stereo = pan_stereo(hit, pan)
            if wide:
                stereo = widen(stereo, voice_rng, wide)
            kit.voices[name].append(stereo / max(float(np.abs(stereo).max()), 1e-9))
    return kit


def place_drums(struck: Struck, kit: Kit, mixer: Mixer, rng: Rng) -> None:
    """Place every hit of every voice on its bus, each voice at a level of its own."""
    closed = np.array([frame for frame, _ in struck.get("hat", [])], np.int64)
    shift = float(rng.normal(0, 1.5))  # drums against the kick, for the whole song
    for voice, hits in struck.items():
        kind = voice.rstrip("0123456789")
        mean, spread = LEVELS_DB[kind]
        level = db(float(np.clip(rng.normal(mean, spread), mean - 6, mean + 6)) + (0 if kind == "kick" else shift))
        bus = {
            "kick": "kick",
            "loop": "loop",
            "hat": "tops",
            "open": "tops",
            "ride": "tops",
            "shaker": "tops",
            "crash": "tops",
        }.get(kind, "drums")
        variants = kit.voices[voice]
        for i, (frame, velocity) in enumerate(hits):
            cut = hits[i + 1][0] - frame if i + 1 < len(hits) and kind in ("kick", "open") else None
            if kind == "open" and len(closed):  # the closed hat chokes the open one
                after = int(np.searchsorted(closed, frame, "right"))
                if after < len(closed):
                    cut = min(cut or mixer.frames, int(closed[after]) - frame)
            mixer.place(bus, variants[0 if velocity > 0.8 else -1], frame, level * velocity, cut)


def _synthesise(kind: str, rng: Rng, style: Style, root: int, *, colour: int) -> np.ndarray:
    family_rng = np.random.Generator(np.random.Philox(colour))
    if kind == "kick":
        end = note_hz(root) if rng.random() < 0.6 else float(rng.uniform(41, 62))
        while end > 66:
            end /= 2
        while end < 38:
            end *= 1.5
        return drums.kick(rng, style.kicks[int(rng.integers(len(style.kicks)))], end)
    if kind == "hat":
        return drums.hat(rng, float(np.exp(rng.uniform(np.log(0.012), np.log(0.07)))), family_rng)
    if kind == "open":
        return drums.hat(rng, float(np.exp(rng.uniform(np.log(0.08), np.log(0.28)))), family_rng)
    if kind in ("perc", "loop"):
        names = list(drums.PERCUSSION)
        return drums.PERCUSSION[names[int(rng.integers(len(names)))]](rng)
    simple = {
        "snare": drums.snare,
        "clap": drums.clap,
        "ride": drums.ride,
        "crash": drums.crash,
        "rim": drums.rim,
        "shaker": drums.shaker,
        "tom": drums.tom,
    }
    return simple[kind](rng)


def _retune(audio: np.ndarray, ratio: float) -> np.ndarray:
    n = int(audio.shape[1] / ratio)
    at = np.arange(n) * ratio
    return np.stack([np.interp(at, np.arange(audio.shape[1]), c) for c in audio]).astype(np.float32)


def _mono_attack(audio: np.ndarray, rng: Rng) -> np.ndarray:
    """A sampled kick in mono with a click on its first millisecond, so that its attack is exact."""
    out = audio.mean(0)
    n = min(int(0.004 * 44_100), len(out))
    t = np.arange(n) / 44_100
    out[:n] += (rng.uniform(0.25, 0.5) * np.exp(-t / 0.0008) * np.cos(2 * np.pi * 2500 * t)).astype(np.float32)
    return out / max(float(np.abs(out).max()), 1e-9)
