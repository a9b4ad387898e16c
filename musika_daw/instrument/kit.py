"""The drums of a model of parts: each hit is made once, at the start of a latent, and played where the score says.

A hit's wave is another at every place within its latent, and a generator that had to find each anew never made two
kicks alike. Made once, a kick is the same kick at every beat, to the sample where the score has it, with its own whole
tail; a softer hit is the same at another level.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from musika_daw.instrument.kick import LEAD, late_s, tuned
from musika_daw.instrument.models import AnyDecoder
from musika_daw.score.conditioning import Conditions
from musika_daw.score.part_roll import part_roll
from musika_daw.score.parts import DRUMS, kind_of_key
from musika_daw.score.roll import ROLES, Notes, sorted_notes

KICK = DRUMS["kick"]
# latents that a hit lasts, those that ring longer, and those of silence on either side of it
_LATENTS, _LONG_LATENTS, _AROUND = 20, 42, 10
# and those that one is given to die away in where it is heard alone
_WHOLE_LATENTS = 64
_LONG = {DRUMS[voice] for voice in ("crash", "ride", "open", "tom")}
# which voices end a voice that still sounds
_CHOKED = {KICK: (KICK,), DRUMS["open"]: (DRUMS["open"], DRUMS["hat"])}
# samples after the end of a hit in which it fades out, and of a choke
_END, _CHOKE = 2048, 200
# a hit begins from so many samples before its latent's start to so many after, where level rises most from so many
# samples before to so many after, and there where a difference first reaches a share of the greatest; a kick that
# swells rises much the same several times, of which the first that is nearly as steep is where it begins
_SOONEST, _ATTACK = 256, 1024
_BEFORE, _AFTER, _BEGUN, _NEARLY = 132, 66, 0.3, 0.9
_HITS = 256
# power of the loudest 50 ms of a voice at full velocity, the median of hits of the corpus (which spread by 4 to 6 dB);
# styles spread by 5 dB about theirs, and a part of that is kept
_POWER_DB = {
    "kick": -14.2,
    "rim": -29.8,
    "snare": -19.8,
    "clap": -24.9,
    "hat": -33.3,
    "tom": -22.0,
    "open": -30.1,
    "crash": -32.3,
    "ride": -36.2,
    "perc": -29.7,
    "loop": -38.1,
    "shaker": -38.3,
}
_KEPT, _MOST_DB, _LOUD = 0.25, 18.0, 2205


class Kits:
    """The hits that were lately played; `latents` makes them of coordinates, style and conditions, as
    `Player.latents` does."""

    def __init__(
        self, latents: Callable[[Tensor, Tensor, Tensor], Tensor], decoder: AnyDecoder, coordinate: int
    ) -> None:
        self._latents, self._decoder, self._coordinate = latents, decoder, coordinate
        self._hit = lru_cache(maxsize=_HITS)(self._make)
        self._late_s = lru_cache(maxsize=_HITS)(self._measured_late_s)
        self._kick = lru_cache(maxsize=_HITS)(self._tuned)

    def first_struck(self, styles: Iterable[np.ndarray], key: int) -> np.ndarray:
        """The first of some styles in which a hit strikes; where it swells in all of them, that in which it is least
        late."""
        least_late: tuple[float, np.ndarray] | None = None
        for style in styles:
            late_s = self._late_s(style.tobytes(), key)
            if late_s <= 0:
                return style
            if least_late is None or late_s < least_late[0]:
                least_late = late_s, style
        if least_late is None:
            raise ValueError("styles: none, must be at least one")
        return least_late[1]

    def play(self, notes: Notes, styles: Mapping[int, np.ndarray], first: int, count: int, *, tonic: int) -> np.ndarray:
        """Drums of notes in seconds, `[count, 2]` float32, of which sample 0 is number `first` of the piece; `styles`
        are those of the keys that are struck, `tonic` is the pitch class that kicks are tuned to."""
        rate_hz = self._decoder.config.sample_rate_hz
        onset = np.round(notes.onset * rate_hz).astype(np.int64) - first - LEAD
        longest = (_LONG_LATENTS + 1) * self._decoder.config.r_time
        near = np.flatnonzero((onset < count) & (onset > -longest)).tolist()
        keys = notes.key.tolist()
        kit = {
            key: self._kick(styles[key].tobytes(), tonic) if key == KICK else self._hit(styles[key].tobytes(), key)
            for key in sorted({keys[i] for i in near})
        }
        enders = {key: onset[np.isin(notes.key, by)] for key, by in _CHOKED.items()}
        out = np.zeros((count, 2), np.float32)
        for i in near:
            sound = kit[keys[i]] * np.float32(notes.velocity[i])
            ends = enders.get(keys[i], onset[:0])
            after = ends[ends > onset[i]]
            if len(after) and (length := int(after.min()) - int(onset[i]) + LEAD) < len(sound):
                sound = sound[:length].copy()
                fall = min(length, _CHOKE)
                sound[length - fall :] *= np.linspace(1, 0, fall, dtype=np.float32)[:, None]
            at = int(onset[i])
            lo, hi = max(at, 0), min(at + len(sound), count)
            if lo < hi:
                out[lo:hi] += sound[lo - at : hi - at]
        return out

    def whole(self, style: np.ndarray, key: int) -> np.ndarray:
        """The sound of one hit with all of its tail, `[LEAD + n, 2]` float32."""
        return self._make(style.tobytes(), key, _WHOLE_LATENTS)

    def _measured_late_s(self, style: bytes, key: int) -> float:
        return late_s(self._hit(style, key), self._decoder.config.sample_rate_hz)

    def _tuned(self, style: bytes, tonic: int) -> np.ndarray:
        return _ended(tuned(self._hit(style, KICK), self._decoder.config.sample_rate_hz, tonic))

    @torch.inference_mode()
    def _make(self, style: bytes, key: int, length: int | None = None) -> np.ndarray:
        """Sound of a hit, `[LEAD + n, 2]`: by itself, since in a batch it would differ in its last bits."""
        r_time, length = self._decoder.config.r_time, length or _length(key)
        frames = length + 2 * _AROUND
        hit = sorted_notes([(_AROUND, _AROUND, key, 1.0, ROLES.index("drums"))])
        told = np.concatenate([Conditions(frames).features(), part_roll(hit, frames)], 1)
        latents = self._latents(
            torch.zeros(1, frames, self._coordinate),
            torch.from_numpy(np.frombuffer(style, np.float32).reshape(1, -1).copy()),
            torch.from_numpy(told)[None],
        )
        wave = self._decoder(latents, 0)[0].T.numpy()
        start = begun(wave, _AROUND * r_time)
        sound = np.array(wave[start - LEAD : start + length * r_time], np.float32)
        sound[:LEAD] *= np.linspace(0, 1, LEAD, dtype=np.float32)[:, None]
        return _ended(sound) * _balanced(sound, _POWER_DB[kind_of_key(key)])


def _ended(sound: np.ndarray) -> np.ndarray:
    """A hit that fades out at its end."""
    sound[-_END:] *= np.linspace(1, 0, _END, dtype=np.float32)[:, None]
    return sound


def _balanced(sound: np.ndarray, power_db: float) -> np.float32:
    """The gain that brings a hit near the level of its voice."""
    total = np.concatenate([[0.0], np.cumsum(np.square(sound, dtype=np.float64).mean(1))])
    loudest_db = 10 * np.log10(float((total[_LOUD:] - total[:-_LOUD]).max()) / _LOUD + 1e-12)
    gain_db = np.clip((1 - _KEPT) * (power_db - loudest_db), -_MOST_DB, _MOST_DB)
    return np.float32(10 ** (gain_db / 20))


def _length(key: int) -> int:
    return _LONG_LATENTS if key in _LONG else _LATENTS


def begun(wave: np.ndarray, start: int) -> int:
    """Where a hit `[n, 2]` begins whose latent starts at a sample: where its level rises most.

    What is coded of an attack may come milliseconds late, with a breath of noise before it that frames of a spectrum
    spread; differences of samples weigh the click of a kick as it is heard, beside the wave under it.
    """
    lo = start - _SOONEST - _BEFORE
    power = np.square(np.diff(wave[lo : start + _ATTACK + _AFTER], axis=0, prepend=0.0)).max(1)
    total = np.concatenate([[0.0], np.cumsum(power, dtype=np.float64)])
    places = np.arange(_BEFORE, len(power) - _AFTER)
    after = np.sqrt((total[places + _AFTER] - total[places]) / _AFTER)
    before = np.sqrt((total[places] - total[places - _BEFORE]) / _BEFORE)
    rise = after - before
    first = int(np.argmax(rise >= _NEARLY * rise.max()))
    rises = int(places[first + np.argmax(rise[first : first + _BEFORE + _AFTER])])
    attack = power[rises : rises + _AFTER]
    return lo + rises + int(np.argmax(attack >= _BEGUN**2 * attack.max()))
