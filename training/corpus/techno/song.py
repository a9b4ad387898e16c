"""One song: draw it, sequence it, render every voice once, mix, master and label."""

from __future__ import annotations

import numpy as np
import pedalboard as pb

from musika_daw.score.techno.grid import Grid, Hit, onsets_in, rng_of
from musika_daw.score.techno.piece import PITCHED as PITCHED_ROLES
from musika_daw.score.techno.piece import draw_piece, risers
from musika_daw.score.techno.style import Style
from training.corpus.store import SAMPLE_RATE_HZ as SR
from training.corpus.store import SongLabels, split_of
from training.corpus.techno import lines
from training.corpus.techno.kit import Kit, build_kit
from training.corpus.techno.mix import (
    Mixer,
    db,
    delay_send,
    duck_curve,
    master,
    reverb_send,
    saturate,
    sweep_filter,
    widen,
)
from training.corpus.techno.oneshots import OneShots
from training.corpus.techno.parts import PARTS_LUFS, ROLES, draw_roles, notes_of

BARS = 32
ENGINE = 3  # raised whenever song i of seed s changes its sound
Rng = np.random.Generator
Struck = dict[str, list[tuple[int, float]]]
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
# The same for pitched buses, after each was placed at a fixed peak.
BUS_DB = {"bass": (-3, 2), "acid": (-4, 2.5), "lead": (-7, 3), "stab": (-3, 3), "pad": (-5, 3), "noise": (-22, 5)}
PITCHED = ("bass", "acid", "lead", "stab", "pad")


def song_name(seed: int, index: int) -> str:
    """Name of a song, which decides its split."""
    return f"techno-{seed}-{index:05d}"


def render_song(
    seed: int, index: int, oneshots: OneShots | None, bars: int = BARS, style: Style | None = None, parts: bool = False
) -> tuple[np.ndarray, SongLabels]:
    """Song `index` of `seed`: audio float32 `[frames, 2]` at 44.1 kHz in -1..1, and its labels.

    The same arguments give the same samples. Beat 0 is frame 0; the length is `bars` bars rounded once; a `style`
    of None is drawn. With `parts` often only some of the roles are heard (`extra["roles"]`)."""
    piece = draw_piece(seed, index, style)
    grid, style, harmony = piece.grid(bars), piece.style, piece.harmony
    score = [piece.bar(bar) for bar in range(bars)]
    tracks = {v: hits for v in piece.drums.voices if (hits := [h for bar in score for h in bar.hits.get(v, [])])}
    kit = build_kit(seed, index, style, harmony.root, list(tracks), oneshots)
    mixer = Mixer(grid.frames)
    struck = _place_drums(grid, tracks, kit, mixer, rng_of(seed, index, "levels"))
    tones = {bus: [t for bar in score for t in bar.tones.get(bus, [])] for bus in piece.lines}
    buses = lines.add_lines(lines.Scene(seed, index, piece, grid), tones, mixer)
    notes = {role: [n for bus, played in buses.items() if PITCHED_ROLES[bus] == role for n in played] for role in ROLES}
    present = [role for role, names in ROLES.items() if any(np.any(mixer.buses.get(bus, 0.0)) for bus in names)]
    roles = draw_roles(rng_of(seed, index, "parts"), present) if parts else present
    whole = roles == present
    mix_rng = rng_of(seed, index, "mix")
    if whole:
        _add_noise(grid, risers(piece, bars), "noise" in piece.layers, mixer, mix_rng)
    else:
        heard = {bus for role in roles for bus in ROLES[role]}
        mixer.buses = {bus: audio for bus, audio in mixer.buses.items() if bus in heard}
    kicks = [grid.hit_frame(h) for h in tracks.get("kick", [])]
    audio = _mix(mixer, grid, style, kicks, mix_rng)
    audio = master(audio, mix_rng, float(mix_rng.uniform(*(style.loud_lufs if whole else PARTS_LUFS))))
    _fade_edges(audio)
    if not np.isfinite(audio).all():
        raise RuntimeError(f"song {index} of seed {seed}: the mix is not finite")

    name = song_name(seed, index)
    licence = "generated, CC0-1.0"
    if kit.licences:
        licence = f"generated; one-shots: {', '.join(sorted(kit.licences))}"
    beats = sum(h.step in (0, 4, 8, 12) and h.velocity >= 0.9 for h in tracks.get("kick", []))
    extra = {
        "style": style.name,
        "energy": [round(bar.section.energy, 3) for bar in score],
        "kind": [bar.section.kind for bar in score],
        "swing": round(piece.swing, 4),
        "scale": harmony.scale,
        "root": harmony.root,
        "degrees": list(harmony.degrees),
        "bass": piece.bass,
        "layers": list(piece.layers),
        "bars": bars,
        "kick_beats": beats,
        "busy": round(piece.arrangement.busy, 3),
        "engine": ENGINE,
        "oneshots": kit.samples,
        "roles": roles,
    }
    starts = {"drums": [frame for placed in struck.values() for frame, _ in placed]}
    for bus, played in buses.items():
        if bus != "pad":  # a pad's swell is no onset
            starts.setdefault(PITCHED_ROLES[bus], []).extend(n.start for n in played if not n.slide)
    sounding = onsets_in([frame for role in roles for frame in starts.get(role, [])], grid.frames)
    labels = SongLabels(name, split_of(name), licence, grid.bpm, 0.0, sounding, extra, notes_of(notes, struck, roles))
    return np.ascontiguousarray(audio.T, np.float32), labels


def _place_drums(grid: Grid, tracks: dict[str, list[Hit]], kit: Kit, mixer: Mixer, rng: Rng) -> Struck:
    """Place every hit; returns frame and velocity of each by voice."""
    struck: Struck = {}
    closed = np.array([grid.hit_frame(h) for h in tracks.get("hat", [])], np.int64)
    shift = float(rng.normal(0, 1.5))  # drums against the kick, for the whole song
    for voice, hits in tracks.items():
        kind = voice.rstrip("0123456789")
        mean, spread = LEVELS_DB[kind]
        level = db(float(np.clip(rng.normal(mean, spread), mean - 6, mean + 6)) + (0 if kind == "kick" else shift))
        frames = [grid.hit_frame(h) for h in hits]
        bus = {
            "kick": "kick",
            "loop": "loop",
            "hat": "tops",
            "open": "tops",
            "ride": "tops",
            "shaker": "tops",
            "crash": "tops",
        }.get(kind, "drums")
        for i, (hit, frame) in enumerate(zip(hits, frames)):
            cut = frames[i + 1] - frame if i + 1 < len(frames) and kind in ("kick", "open") else None
            if kind == "open" and len(closed):  # the closed hat chokes the open one
                after = int(np.searchsorted(closed, frame, "right"))
                if after < len(closed):
                    cut = min(cut or grid.frames, int(closed[after]) - frame)
            variants = kit.voices[voice]
            mixer.place(bus, variants[0 if hit.velocity > 0.8 else -1], frame, level * hit.velocity, cut)
        struck[voice] = [(frame, hit.velocity) for hit, frame in zip(hits, frames)]
    return struck


def _add_noise(grid: Grid, rises: list[tuple[int, int]], bed: bool, mixer: Mixer, rng: Rng) -> None:
    """Risers into drops, falls after them, and in some songs a bed of noise or crackle."""
    for first, end in rises:
        a, b = grid.frame(first), grid.frame(end)
        bars = int(rng.choice([1, 2, 4]))
        a = max(a, grid.frame(end - bars))
        n = b - a
        rise = np.linspace(0, 1, n, dtype=np.float32)
        noise = rng.standard_normal((2, n)).astype(np.float32) * rise**2 * np.float32(rng.uniform(0.06, 0.25))
        cut = np.geomspace(rng.uniform(200, 800), rng.uniform(6000, 14000), max(n // 1024, 2))
        mixer.bus("fx")[:, a:b] += sweep_filter(noise, cut, str(rng.choice(["low", "high"])), 8.0)
        if rng.random() < 0.6:
            n = min(int(rng.uniform(1.0, 4.0) * SR), grid.frames - b)
            fall = rng.standard_normal((2, n)).astype(np.float32) * np.geomspace(1, 1e-3, n, dtype=np.float32)
            cut = np.geomspace(9000, 300, max(n // 1024, 2))
            mixer.bus("fx")[:, b : b + n] += sweep_filter(fall, cut, "low") * np.float32(rng.uniform(0.1, 0.3))
    if not bed:
        return
    second = rng.standard_normal((2, 4 * SR)).astype(np.float32)
    if rng.random() < 0.5:  # crackle: rare grains instead of a steady noise
        second *= rng.random((2, 4 * SR)) < rng.uniform(1e-4, 8e-4)
        second *= 8
    second = pb.Pedalboard(
        [pb.HighpassFilter(float(rng.uniform(200, 3000))), pb.LowpassFilter(float(rng.uniform(3000, 14000)))]
    )(second, SR)
    repeats = -(-grid.frames // second.shape[1])
    mixer.bus("noise")[:] += np.tile(second, (1, repeats))[:, : grid.frames] * np.float32(0.5)


def _mix(mixer: Mixer, grid: Grid, style: Style, kicks: list[int], rng: Rng) -> np.ndarray:
    """Bus effects, ducking, sends and the sum, `[2, frames]`."""
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
            octaves = np.interp(np.linspace(0, 8, max(grid.frames // 1024, 9)), np.arange(9), points - points.mean())
            cut = np.clip(float(rng.uniform(1200, 4000)) * 2.0**octaves, 200, 15_000)
            buses[name] = sweep_filter(buses[name], cut, "low", float(rng.uniform(0, 8)))
    if "stab" in buses or "pad" in buses:
        for name in ("stab", "pad", "lead"):
            if name in buses:
                buses[name] = pb.HighpassFilter(float(rng.uniform(90, 320)))(buses[name], SR)

    depth = float(rng.choice([0.3, 0.6, 0.85, 0.97]))
    length = beat_s * float(rng.uniform(0.35, 0.95))
    curve = float(rng.uniform(0.6, 2.2))
    duck = duck_curve(grid.frames, kicks, depth, length, curve)
    light = duck_curve(grid.frames, kicks, depth * 0.4, length, curve)
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
    echo, hall = np.zeros((2, grid.frames), np.float32), np.zeros((2, grid.frames), np.float32)
    for name in buses:
        if name in ("kick", "bass", "noise"):
            continue
        pitched = name in PITCHED
        if rng.random() < (0.75 if pitched else 0.15):
            echo += buses[name] * np.float32(wet * rng.uniform(0.3, 1.0) * (1.0 if pitched else 0.4))
        if rng.random() < 0.7:
            hall += buses[name] * np.float32(wet * rng.uniform(0.2, 0.9) * (1.0 if pitched else 0.8))
    total = np.zeros((2, grid.frames), np.float32)
    if echo.any():
        left, right = (float(rng.choice([0.5, 0.75, 1.0, 1.5, 0.25, 2 / 3])) for _ in range(2))
        wet_echo = delay_send(
            echo,
            left * beat_s,
            right * beat_s,
            float(rng.uniform(0.15, 0.65)),
            float(rng.uniform(150, 700)),
            float(rng.uniform(1500, 9000)),
        )
        hall += wet_echo * np.float32(0.3)
        total += wet_echo * light
    if hall.any():
        wet_hall = reverb_send(
            hall,
            float(rng.uniform(0.15, 0.95)),
            float(rng.uniform(0.1, 0.9)),
            float(rng.uniform(0.7, 1.0)),
            float(rng.uniform(150, 500)),
        )
        total += wet_hall * light
    if "kick" in buses and rng.random() < (0.6 if "rumble" in style.kicks else 0.1):
        total += _rumble(buses["kick"], duck_curve(grid.frames, kicks, 0.97, beat_s * 0.8, 1.5), rng)
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


def _fade_edges(audio: np.ndarray) -> None:
    """End without a click: the last 2 ms fade."""
    n = min(88, audio.shape[1])
    audio[:, audio.shape[1] - n :] *= np.linspace(1, 0, n, dtype=np.float32)
