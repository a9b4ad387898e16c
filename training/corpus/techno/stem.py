"""One part of a piece by itself, as it lies on a desk before it is mixed: not ducked, at its level in the mix.

An engine plays parts apart and mixes them, so this is what its generator has to learn. Each song is another piece and
one of its parts: timbres are learned alone, and there are as many as songs. Of drums the engine plays each hit from its
kit, so a song of drums is a kit: hits one by one, each with its tail, each at the start of a latent as the engine asks
for it.
"""

from __future__ import annotations

import numpy as np
import pedalboard as pb

from musika_daw.score.techno.grid import Tone, onsets_in, rng_of
from musika_daw.score.techno.piece import PITCHED, Piece, draw_piece
from training.corpus.store import SAMPLE_RATE_HZ as SR
from training.corpus.store import SongLabels, split_of
from training.corpus.techno import lines
from training.corpus.techno.kit import Struck, build_kit, place_drums
from training.corpus.techno.mix import Mixer, db, fade_edges, lufs, mono_below, soft_clip
from training.corpus.techno.mixdown import mixdown
from training.corpus.techno.oneshots import OneShots
from training.corpus.techno.parts import notes_of

Rng = np.random.Generator
ENGINE = 3  # raised whenever stem i of seed s changes its sound
# samples of a latent of all autoencoders here
LATENT = 2048
# how often each part is drawn; drums have most to learn
_CHANCES = {"drums": 0.4, "bass": 0.2, "lead": 0.2, "chords": 0.2}
# a kick's peak in dB, and how loud other parts are; four together then reach about full scale
_KICK_DB = -9.0
_LUFS = {"bass": -21.0, "lead": -23.0, "chords": -22.0}
_SPREAD_DB, _LOUDEST, _KNEE = 2.0, 0.4, 0.85
# latents until the next hit of a kit: what rings long gets more
_ROOM, _LONG_ROOM = (14, 30), (36, 60)
_LONG = ("crash", "ride", "open", "tom")
_HITS = 10
_VELOCITIES = (1.0, 1.0, 0.75, 0.5)
_STRETCHES = 32


def render_stem(seed: int, index: int, oneshots: OneShots | None, bars: int) -> tuple[np.ndarray, SongLabels]:
    """Stem `index` of `seed`: audio float32 `[frames, 2]` at 44.1 kHz in -1..1, and its labels with its notes.

    The same arguments give the same samples. A line is some phrases into its piece; a kit has no tempo."""
    piece, rng = draw_piece(seed, index), rng_of(seed, index, "stem")
    layers = {role for bus, role in PITCHED.items() if bus in piece.lines} | {"drums"}
    shares = {role: chance for role, chance in _CHANCES.items() if role in layers}
    role = str(rng.choice(list(shares), p=np.array(list(shares.values())) / sum(shares.values())))
    tones = {} if role == "drums" else _tones(piece, 4 * int(rng.integers(_STRETCHES)), bars, role, rng=rng)
    if not tones:  # a line for which the groove has no room
        role = "drums"
    name = f"stem-{seed}-{index:05d}"
    extra = {"style": piece.style.name, "bars": bars, "engine": ENGINE, "roles": [role]}
    licence, bpm, beat0 = "generated, CC0-1.0", None, None
    if role == "drums":
        struck = _hits(piece, rng)
        kit = build_kit(seed, index, piece.style, piece.harmony.root, names=list(struck), oneshots=oneshots)
        mixer = Mixer(max(frame for hits in struck.values() for frame, _ in hits) + _LONG_ROOM[1] * LATENT)
        place_drums(struck, kit, mixer, rng_of(seed, index, "levels"))
        notes = notes_of({}, struck, [role])
        starts = [frame for hits in struck.values() for frame, _ in hits]
        if kit.licences:
            licence = f"generated; one-shots: {', '.join(sorted(kit.licences))}"
    else:
        grid = piece.grid(bars)
        bpm, beat0, mixer = grid.bpm, 0.0, Mixer(grid.frames)
        played = lines.add_lines(lines.Scene(seed, index, piece, grid), tones, mixer)
        notes = notes_of({role: [n for of_bus in played.values() for n in of_bus]}, {}, [role])
        starts = [n.start for bus, of_bus in played.items() if bus != "pad" for n in of_bus if not n.slide]
    audio = _finished(mixdown(mixer, piece.grid(bars), piece.style, [], rng=rng, apart=True), role, rng)
    if not np.isfinite(audio).all():
        raise RuntimeError(f"stem {index} of seed {seed}: it is not finite")
    onsets = onsets_in(starts, mixer.frames)
    labels = SongLabels(name, split_of(name), licence, bpm, beat0, onsets, extra, notes)
    return np.ascontiguousarray(audio.T, np.float32), labels


def _tones(piece: Piece, first: int, bars: int, role: str, *, rng: Rng) -> dict[str, list[Tone]]:
    """Tones of one part by bus; where its section lets it rest, it plays as in a full one."""
    for energy in (None if rng.random() < 0.5 else 1.0, 1.0):
        tones: dict[str, list[Tone]] = {}
        for bar in range(bars):
            score = piece.bar(first + bar, energy)
            for bus, played in score.tones.items():
                if PITCHED[bus] == role and played:
                    tones.setdefault(bus, []).extend(tone._replace(bar=bar) for tone in played)
        if tones:
            return tones
    return {}


def _hits(piece: Piece, rng: Rng) -> Struck:
    """Hits one by one, each at the start of a latent: the kick at least once, others as they come."""
    voices = list(piece.drums.voices)
    order = ["kick", *rng.permutation(voices).tolist()]
    struck: Struck = {}
    at = int(rng.integers(2, 12))
    for voice in (order[int(place)] for place in rng.permutation(min(len(order), _HITS))):
        velocity = float(rng.choice(_VELOCITIES))
        struck.setdefault(str(voice), []).append((at * LATENT, velocity))
        at += int(rng.integers(*(_LONG_ROOM if voice in _LONG else _ROOM)))
    return struck


def _finished(audio: np.ndarray, role: str, rng: Rng) -> np.ndarray:
    """A little tone, a mono low end and the level of a part, `[2, frames]`.

    Drums keep their level to the kick, which may not be among them; a line that is hardly heard in its mix would
    teach nothing, so others are brought to the loudness of their role."""
    audio = pb.Pedalboard(
        [
            pb.HighpassFilter(float(rng.uniform(18, 32))),
            pb.PeakFilter(float(rng.uniform(250, 3000)), float(rng.uniform(-3, 2)), 0.6),
            pb.HighShelfFilter(float(rng.uniform(4000, 9000)), float(rng.uniform(-3, 3)), 0.7),
        ]
    )(audio, SR)
    audio = mono_below(audio, float(rng.uniform(110, 180)))
    level_db = float(np.clip(rng.normal(0, _SPREAD_DB), -2 * _SPREAD_DB, 2 * _SPREAD_DB))
    if role == "drums":
        level_db = _KICK_DB + level_db / 2
    else:
        level_db += _LUFS[role] - lufs(audio)
        peak_db = 20 * float(np.log10(np.abs(audio).max() + 1e-9))
        level_db = min(level_db, 20 * float(np.log10(_LOUDEST)) - peak_db)
    audio = soft_clip(audio * np.float32(db(level_db)), _KNEE)
    fade_edges(audio)
    return audio
