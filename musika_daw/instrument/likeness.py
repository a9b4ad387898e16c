"""Styles that sound like a recording: of some that are drawn, those nearest to it, each part's by itself.

```
recording ----------------------------------------> vector --+
draws 1..n of drums, bass, lead, chords --> one of each --> mix --> vector --> distance; part after part is changed
```
The paper's generator has one style for all that sounds, and a network could read it off a recording. A model of parts
has a style for each voice, measured before training on songs of that voice alone (`training.generator.styles`); a mix
does not tell them apart. So they are looked for by ear: what is drawn is rendered, and vectors of log-mel statistics
are compared, each number by how much it differs among the draws. What is found is a seed, which is a style everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy import signal

from musika_daw.hearing.embedding import log_mel_statistics
from musika_daw.instrument.engine import Engine
from musika_daw.instrument.played import Loop
from musika_daw.score.controls import Controls
from musika_daw.score.parts import checked_voices
from musika_daw.system.refusal import refused

MOST_TRIES = 512
_BARS, _ROUNDS = 2, 4
# enough to play whatever a piece has; not every piece has all parts: the first is played that has, within so many bars
_ENERGY, _LOOKED_AT, _PIECES = 1.0, 32, 32


@dataclass(frozen=True)
class Likeness:
    """`controls` with the styles that were found, and how far they sound from the recording: `distance`, beside that
    of `typical` draws (the median)."""

    controls: Controls
    distance: float
    typical: float


def like(
    engine: Engine,
    recording: np.ndarray,
    sample_rate_hz: int,
    bpm: float,
    controls: Controls | None = None,
    *,
    tries: int = 24,
    report: Callable[[int], None] | None = None,
) -> Likeness:
    """Controls whose styles sound like a recording `[frames, channels]` with a tempo.

    Of a model of parts each has its `voices` set, of others the `style_seed`; what they play stays as it was asked.
    `report` is told how many of the `tries` have been rendered. Equal arguments find the same. ValueError for silence.
    """
    controls = controls or Controls()
    if not 1 <= tries <= MOST_TRIES:
        raise refused("tries", tries, f"must be in 1..{MOST_TRIES}")
    if not np.any(recording):
        raise ValueError("like: the recording is silent, must sound like something")
    asked, start_beat = _fullest(engine, bpm, controls)
    draws = []
    for number in range(tries):
        draws.append(_parts(engine, bpm, _drawn(engine, asked, controls.seed + number), start_beat))
        if report is not None:
            report(number + 1)
    wanted = _vector(_resampled(recording, sample_rate_hz, engine.sample_rate_hz), engine.sample_rate_hz)
    vectors = np.stack([_vector(_mix(parts), engine.sample_rate_hz) for parts in draws])
    deviation = np.concatenate([vectors, wanted[None]]).std(0)
    scale = np.where(deviation > 1e-9, deviation, np.inf)

    def apart(vector: np.ndarray) -> float:
        return float(np.sqrt(np.mean(np.square((vector - wanted) / scale))))

    distances = [apart(vector) for vector in vectors]
    best = int(np.argmin(distances))
    typical = float(np.median(distances))
    if not engine.parts:
        return Likeness(_drawn(engine, controls, controls.seed + best), distances[best], typical)
    chosen, distance = _descended(
        draws, dict.fromkeys(draws[best], best), distances[best], lambda mix: apart(_vector(mix, engine.sample_rate_hz))
    )
    voices = checked_voices(tuple((role, controls.seed + number) for role, number in chosen.items()))
    return Likeness(replace(controls, voices=voices), distance, typical)


def _descended(
    draws: list[dict[str, np.ndarray]], chosen: dict[str, int], distance: float, apart: Callable[[np.ndarray], float]
) -> tuple[dict[str, int], float]:
    """The draw of each part, one changed after the other while that brings their mix nearer."""
    for _ in range(_ROUNDS):
        before = dict(chosen)
        for role in chosen:
            for number in range(len(draws)):
                tried = chosen | {role: number}
                if number != chosen[role] and (other := apart(_mix(_picked(draws, tried)))) < distance:
                    chosen, distance = tried, other
        if chosen == before:
            break
    return chosen, distance


def _picked(draws: list[dict[str, np.ndarray]], chosen: Mapping[str, int]) -> dict[str, np.ndarray]:
    return {role: draws[number][role] for role, number in chosen.items()}


def _mix(parts: Mapping[str, np.ndarray]) -> np.ndarray:
    return np.sum(list(parts.values()), axis=0)


def _drawn(engine: Engine, controls: Controls, seed: int) -> Controls:
    """Controls with the styles of a seed."""
    if engine.parts:
        return replace(controls, voices=tuple((part, seed) for part in engine.parts))
    return replace(controls, style_seed=seed)


def _fullest(engine: Engine, bpm: float, controls: Controls) -> tuple[Controls, int]:
    """Controls of a piece, and the beat from which on most of its parts play: all of them where some piece has them."""
    if not engine.parts:
        return controls, 0
    if controls.energy is None:
        controls = replace(controls, energy=_ENERGY)
    wanted = sum(controls.hears(part) for part in engine.parts)
    best = (-1, controls, 0)
    for number in range(_PIECES):
        piece = replace(controls, seed=controls.seed + number)
        for start_beat in range(0, 4 * _LOOKED_AT, 4 * _BARS):
            notes = engine.played(Loop(bpm, _BARS, start_beat), piece)
            playing = 0 if notes is None else len(np.unique(notes.roles))
            if playing > best[0]:
                best = playing, piece, start_beat
            if playing == wanted:
                return piece, start_beat
    return best[1:]


def _parts(engine: Engine, bpm: float, controls: Controls, start_beat: int) -> dict[str, np.ndarray]:
    """Sound of some bars by part; a model that plays no score of parts has one."""
    if engine.parts:
        return engine.stems(bpm, _BARS, controls, start_beat=start_beat)
    return {"": engine.loop(bpm, _BARS, controls, start_beat=start_beat)}


def _vector(audio: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    return np.asarray(log_mel_statistics(audio, sample_rate_hz).mean(0))


def _resampled(audio: np.ndarray, rate_hz: int, wanted_hz: int) -> np.ndarray:
    if rate_hz == wanted_hz:
        return audio
    return np.asarray(signal.resample_poly(audio, wanted_hz, rate_hz, axis=0))
