"""Drums of a piece: which voice hits when, with fills and phrase marks, bar by bar."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from musika_daw.score.techno import patterns
from musika_daw.score.techno.arrangement import Arrangement, Section
from musika_daw.score.techno.grid import Hit, rng_of
from musika_daw.score.techno.patterns import Bar
from musika_daw.score.techno.style import Style

PHRASE_BARS = 4
Hits = dict[str, list[Hit]]


@dataclass(frozen=True)
class Track:
    """One motif of a voice: `pattern(bar)` says its steps; `free` ones ignore how much room the groove has."""

    voice: str
    layer: str
    pattern: Callable[[int], Bar]
    chance: float = 1.0
    free: bool = False


@dataclass(frozen=True)
class Drums:
    """All drum tracks of a piece, and what marks its phrases.

    `crash_every` and `fill_every` count bars; `fills` alternate; without the last kick now and then (`drops_kick`).
    """

    seed: int
    index: int
    tracks: tuple[Track, ...]
    human_s: float
    crash_every: int
    crash_level: float
    fill_every: int
    fills: tuple[str, str]
    drops_kick: bool

    @property
    def voices(self) -> list[str]:
        """Every voice that can sound, in the order in which they were drawn."""
        return list(dict.fromkeys([*(track.voice for track in self.tracks), "crash", "snare", "tom", "clap"]))

    def hits(self, bar: int, section: Section, arrangement: Arrangement, *, thinned: bool = True) -> Hits:
        """Hits of a bar by voice, sorted; those for which the groove has no room are left out if `thinned`."""
        out: Hits = {}
        for number, track in enumerate(self.tracks):
            if not arrangement.active(track.layer, section):
                continue
            rng = rng_of(self.seed, self.index, f"d{number}", bar)
            for hit in patterns.played(rng, bar, track.pattern(bar), track.chance, self.human_s):
                if track.free or not thinned or arrangement.allows(section, bar, hit.step):
                    out.setdefault(track.voice, []).append(hit)
        self._mark_phrase(bar, out, arrangement)
        self._fill(bar, section, out, arrangement)
        return {voice: sorted(set(hits)) for voice, hits in out.items() if hits}

    def _mark_phrase(self, bar: int, out: Hits, arrangement: Arrangement) -> None:
        """A crash on the first bar of phrases: where a section begins always, each 4, 8 or 16 bars besides."""
        if bar % PHRASE_BARS:
            return
        changed = arrangement.changed(bar)
        if changed or bar % self.crash_every == 0:
            out.setdefault("crash", []).append(Hit(bar, 0.0, self.crash_level * (1.0 if changed else 0.7)))

    def _fill(self, bar: int, section: Section, out: Hits, arrangement: Arrangement) -> None:
        """Fills in bar 4, 8 or 16, rolls into drops over up to four bars."""
        phrase, place = divmod(bar, PHRASE_BARS)
        end, back = phrase * PHRASE_BARS + PHRASE_BARS - 1, PHRASE_BARS - 1 - place
        rng = rng_of(self.seed, self.index, "fill", phrase)
        if arrangement.into_drop(end) and rng.random() < 0.7:
            if back < int(rng.choice([1, 2, 4])):
                gap = 4 if back == 3 else 2 if back else 1
                steps = range(0, 16, gap)
                roll = [Hit(bar, float(s), (1 - back * 0.25) * (0.35 + 0.65 * s / 16) * 0.8) for s in steps]
                out.setdefault("snare", []).extend(roll)
        elif not back and (bar + 1) % self.fill_every == 0 and section.kind != "break" and rng.random() < 0.85:
            for voice, extra in patterns.fill_bar(rng, self.fills[phrase % 2]).items():
                out.setdefault(voice, []).extend(Hit(bar, s, v) for s, v in extra)
        if self.drops_kick and (bar + 1) % 8 == 0 and section.kind != "break":
            out["kick"] = [hit for hit in out.get("kick", []) if hit.step < 12]


def draw_layers(rng: np.random.Generator, style: Style) -> list[str]:
    """Layers a piece has, drums and pitched."""
    layers = ["kick", "hat", "bass"]
    for name, share in (
        ("open", 0.8),
        ("ride", style.ride),
        ("shaker", 0.45),
        ("loop", style.loop),
        ("acid", style.acid),
        ("stab", style.stab),
        ("pad", style.pad),
        ("lead", style.lead),
        ("noise", 0.35),
    ):
        if rng.random() < share:
            layers.append(name)
    if not {"acid", "stab", "pad", "lead"} & set(layers):
        layers.append(str(rng.choice(["stab", "lead", "pad"])))
    count = int(rng.integers(1, style.percussion + 1))
    return layers + ["backbeat"] + [f"perc{i}" for i in range(count)]


def draw_drums(seed: int, index: int, style: Style, layers: list[str]) -> Drums:
    """The drums of a piece; the kick is on every beat for a four-on-the-floor style."""
    rng = rng_of(seed, index, "tracks")
    human_s = float(rng.choice([0.0, 0.0, 0.0015, 0.003]))
    tracks = [*_kick(rng, style), *_backbeat(rng, style)]
    if "hat" in layers:
        motif = patterns.hat_bar(rng, style.hats)
        tracks.append(_track("hat", motif, patterns.vary(rng, motif), float(rng.choice([1.0, 1.0, 0.93, 0.8]))))
        if rng.random() < 0.3:
            tracks.append(_track("hat", patterns.ghosts(rng, 0.3)))
    if "open" in layers:
        motif = patterns.open_bar(rng)
        ending: Bar = sorted({*motif, (14.0, 1.0), (float(rng.choice([7, 11, 15])), 0.7)})
        tracks.append(_track("open", motif, ending if rng.random() < 0.7 else None))
    if "ride" in layers:
        tracks.append(_track("ride", patterns.ride_bar(rng)))
    if "shaker" in layers:
        motif = patterns.shaker_bar(rng)
        tracks.append(_track("shaker", motif, patterns.vary(rng, motif, 0.2), 0.95))
    for name in layers:
        if name.startswith("perc"):
            phrase = patterns.percussion_phrase(rng)
            tracks.append(Track(name, name, phrase, float(rng.choice([1.0, 0.9, 0.7]))))
    if "loop" in layers:
        for part in range(4):
            steps = [(float(s), float(rng.uniform(0.2, 1))) for s in range(16) if rng.random() < 0.22]
            tracks.append(_track(f"loop{part}", steps, patterns.vary(rng, steps, 0.3), layer="loop"))
    fills = rng.choice(patterns.FILLS, size=2, replace=False)
    return Drums(
        seed,
        index,
        tuple(tracks),
        human_s,
        crash_every=int(rng.choice([4, 8, 16], p=[0.4, 0.4, 0.2])),
        crash_level=float(rng.uniform(0.5, 1.0)),
        fill_every=int(rng.choice([4, 8, 16], p=[0.5, 0.35, 0.15])),
        fills=(str(fills[0]), str(fills[1])),
        drops_kick=style.four_floor and bool(rng.random() < 0.2),
    )


def _track(
    voice: str,
    motif: Bar,
    ending: Bar | None = None,
    chance: float = 1.0,
    *,
    layer: str | None = None,
    free: bool = False,
) -> Track:
    """A motif that ends its phrases with `ending` (None: as it is)."""
    last = motif if ending is None else ending
    return Track(
        voice, layer or voice, lambda bar: last if bar % PHRASE_BARS == PHRASE_BARS - 1 else motif, chance, free
    )


def _kick(rng: np.random.Generator, style: Style) -> list[Track]:
    kick = patterns.kick_bar(rng, style.four_floor, style.broken)
    ending = list(kick)
    if rng.random() < 0.6:
        ending.append((float(rng.choice([11, 14, 15])), float(rng.uniform(0.5, 0.9))))
    if not style.four_floor:
        ending = sorted({*patterns.kick_bar(rng, False, style.broken), (0, 1.0)})
    return [_track("kick", kick, sorted(ending), free=True)]


def _backbeat(rng: np.random.Generator, style: Style) -> list[Track]:
    voice = style.backbeats[int(rng.integers(len(style.backbeats)))]
    if voice == "none":
        return []
    beat: Bar = [(4.0, 1.0), (12.0, 1.0)]
    extra = [(float(rng.choice([7, 9, 11, 14, 15])), float(rng.uniform(0.3, 0.7)))]
    ending = sorted(beat + (extra if rng.random() < 0.7 else []))
    tracks = [_track(voice, beat, ending, layer="backbeat", free=True)]
    if rng.random() < 0.3:
        tracks.append(_track(voice, patterns.ghosts(rng, 0.2), layer="backbeat", free=True))
    return tracks
