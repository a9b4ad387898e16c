"""One song: draw it, sequence it, render every voice once, mix, master and label."""

from __future__ import annotations

import numpy as np
import pedalboard as pb

from musika_daw.score.techno.grid import Grid, onsets_in, rng_of
from musika_daw.score.techno.piece import PITCHED as PITCHED_ROLES
from musika_daw.score.techno.piece import draw_piece, risers
from musika_daw.score.techno.style import Style
from training.corpus.store import SAMPLE_RATE_HZ as SR
from training.corpus.store import SongLabels, split_of
from training.corpus.techno import lines
from training.corpus.techno.kit import build_kit, place_drums
from training.corpus.techno.mix import Mixer, fade_edges, master, sweep_filter
from training.corpus.techno.mixdown import mixdown
from training.corpus.techno.oneshots import OneShots
from training.corpus.techno.parts import PARTS_LUFS, ROLES, draw_roles, notes_of

BARS = 32
ENGINE = 4  # raised whenever song i of seed s changes its sound
Rng = np.random.Generator


def song_name(seed: int, index: int) -> str:
    """Name of a song, which decides its split."""
    return f"techno-{seed}-{index:05d}"


def render_song(
    seed: int,
    index: int,
    oneshots: OneShots | None,
    bars: int = BARS,
    *,
    style: Style | None = None,
    parts: bool = False,
) -> tuple[np.ndarray, SongLabels]:
    """Song `index` of `seed`: audio float32 `[frames, 2]` at 44.1 kHz in -1..1, and its labels.

    The same arguments give the same samples. Beat 0 is frame 0; the length is `bars` bars rounded once; a `style`
    of None is drawn. With `parts` often only some of the roles are heard (`extra["roles"]`)."""
    piece = draw_piece(seed, index, style)
    grid, style, harmony = piece.grid(bars), piece.style, piece.harmony
    score = [piece.bar(bar) for bar in range(bars)]
    tracks = {v: hits for v in piece.drums.voices if (hits := [h for bar in score for h in bar.hits.get(v, [])])}
    kit = build_kit(seed, index, style, harmony.root, names=list(tracks), oneshots=oneshots)
    mixer = Mixer(grid.frames)
    struck = {voice: [(grid.hit_frame(hit), hit.velocity) for hit in hits] for voice, hits in tracks.items()}
    place_drums(struck, kit, mixer, rng_of(seed, index, "levels"))
    tones = {bus: [t for bar in score for t in bar.tones.get(bus, [])] for bus in piece.lines}
    buses = lines.add_lines(lines.Scene(seed, index, piece, grid), tones, mixer)
    notes = {role: [n for bus, played in buses.items() if PITCHED_ROLES[bus] == role for n in played] for role in ROLES}
    present = [role for role, names in ROLES.items() if any(np.any(mixer.buses.get(bus, 0.0)) for bus in names)]
    roles = draw_roles(rng_of(seed, index, "parts"), present) if parts else present
    whole = roles == present
    mix_rng = rng_of(seed, index, "mix")
    if whole:
        _add_noise(grid, risers(piece, bars), "noise" in piece.layers, mixer, rng=mix_rng)
    else:
        heard = {bus for role in roles for bus in ROLES[role]}
        mixer.buses = {bus: audio for bus, audio in mixer.buses.items() if bus in heard}
    kicks = [grid.hit_frame(h) for h in tracks.get("kick", [])]
    audio = mixdown(mixer, grid, style, kicks, rng=mix_rng)
    audio = master(audio, mix_rng, float(mix_rng.uniform(*(style.loud_lufs if whole else PARTS_LUFS))))
    fade_edges(audio)
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


def _add_noise(grid: Grid, rises: list[tuple[int, int]], bed: bool, mixer: Mixer, *, rng: Rng) -> None:
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
