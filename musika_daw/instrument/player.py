"""Both networks of a model: curves and notes of a span of latent frames in, sound out, each part of a score apart."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn

from musika_daw.instrument.desk import MARGIN, Desk, reach
from musika_daw.instrument.kit import Kits
from musika_daw.instrument.models import AnyDecoder, GeneratorConfig
from musika_daw.instrument.models.ears import EarsDecoder, Pitches
from musika_daw.instrument.scores import Score, check_asked
from musika_daw.instrument.tuning import sounding, tuning
from musika_daw.score import coordinates as place
from musika_daw.score.conditioning import Conditions
from musika_daw.score.controls import Controls, sample_curve
from musika_daw.score.harmony import tonic_of
from musika_daw.score.parts import DRUMS, PARTS, kind_of_key
from musika_daw.score.roll import ROLES, Notes
from musika_daw.score.tempo import TempoMap

# a third of the styles that are drawn have a kick that swells instead of striking: so many are tried
_KICK_DRAWS, _KEYS = 8, 128


@dataclass(frozen=True)
class Span:
    """Curves over latent frames `[T]`, number `index`: `beats` may be wrapped (a loop), `coordinate_beats` folded;
    `notes` in seconds on the scale in which frame 0 begins at 0. Without a `grid` beat and tempo are not told."""

    index: np.ndarray
    beats: np.ndarray
    bpm: np.ndarray
    coordinate_beats: np.ndarray
    seconds: np.ndarray
    notes: Notes | None
    grid: bool


@dataclass(frozen=True)
class Player:
    """A generator and a decoder; `labels` are the conditions that it knows, `name` is that of the model."""

    generator: nn.Module
    decoder: AnyDecoder
    config: GeneratorConfig
    mean: Tensor
    deviation: Tensor
    labels: tuple[str, ...]
    name: str
    score: Score | None = None

    @property
    def margin(self) -> tuple[int, int]:
        """Latents before and after a stretch that a desk needs of what it mixes."""
        if self.score is None or self.score.ducking is None:
            return 0, 0
        r_time = self.decoder.config.r_time
        return -(-reach(self.decoder.config.sample_rate_hz) // r_time), -(-MARGIN // r_time)

    @property
    def before(self) -> int:
        """Latents before a stretch that are decoded with it, and cut off."""
        return self.decoder.context_before + self.margin[0]

    @property
    def after(self) -> int:
        """Latents after a stretch that are decoded with it, and cut off."""
        return self.decoder.context_after + self.margin[1]

    @property
    def frame_s(self) -> float:
        """Seconds of a latent frame."""
        return self.decoder.config.r_time / self.decoder.config.sample_rate_hz

    def notes(
        self, index: np.ndarray, tempo_map: TempoMap, controls: Controls, turn: tuple[int, int] | None = None
    ) -> Notes | None:
        """What is played within latent frames number `index` and rings into them; None without a score."""
        check_asked(controls, self.config.score, self.name)
        if self.score is None:
            return None
        return self.score.notes(index[0] * self.frame_s, (index[-1] + 1) * self.frame_s, tempo_map, controls, turn)

    def stems(
        self, span: Span, controls: Controls, first: int, stop: int, taken: np.ndarray, ring: int | None = None
    ) -> dict[str, np.ndarray]:
        """Sound of latents number `first` to `stop`, `[n, 2]` float32 by role; parts add up to the mix, those that
        rest are left out, and what has no score is of role "".

        `taken` are the places in the span of the latents from `before` to `after` of the stretch; `ring` is the length
        of the circle that the stretch is.
        """
        r_time, (back, ahead) = self.decoder.config.r_time, self.margin
        desk = self._desk(span, controls)
        roles = self._roles(span, controls)
        if desk is not None:
            roles = [role for role in roles if desk.sounds(role, (first - back) * r_time, (stop + ahead) * r_time)]
        sound = {}
        lines = [role for role in roles if desk is None or role != "drums"]
        if lines:
            begin = first - self.before
            if ring is not None:  # what the desk needs beside a circle is the circle itself
                taken, begin = taken[back : len(taken) - ahead], first - self.decoder.context_before
            latents, pitches = self._of_span(span, lines, controls)[:, taken], self._pitches(span, lines, taken)
            decoded = self._decoded(latents, begin, ring, pitches, self.decoder.memory)
            inner = slice(self.decoder.context_after * r_time, -self.decoder.context_after * r_time)
            sound = {role: audio[inner] for role, audio in zip(lines, decoded)}
            if ring is not None:
                around = ((back * r_time, ahead * r_time), (0, 0))
                sound = {role: np.pad(audio, around, mode="wrap") for role, audio in sound.items()}
        if desk is None or not roles:
            return sound
        if "drums" in roles:
            count = (back + stop - first + ahead) * r_time
            drums, begin = desk.notes.of("drums"), (first - back) * r_time
            styles = {int(key): self._drum_style(controls, int(key)) for key in np.unique(drums.key)}
            sound["drums"] = self.kits.play(drums, styles, begin, count, tonic=self._tonic(controls))
        cut = slice(back * r_time, (back + stop - first) * r_time)
        return {role: audio[cut] for role, audio in desk.stems(sound, (first - back) * r_time).items()}

    def alone(self, notes: Notes, controls: Controls, latents: int) -> np.ndarray:
        """The notes of one line by themselves, in seconds from the first of so many latents on: `[n, 2]` as it is
        decoded, before any desk."""
        index = np.arange(latents)
        seconds = (index + 0.5) * self.frame_s
        beats = 2 * seconds
        span = Span(index, beats, np.full(latents, 120.0), beats, seconds, notes, grid=False)
        lines = [ROLES[notes.roles[0]]]
        return self._decoded(self._of_span(span, lines, controls), 0, None, self._pitches(span, lines, index))[0]

    def struck(self, key: int, controls: Controls) -> np.ndarray:
        """One hit of a drum with all of its tail, `[n, 2]`, that begins `kit.LEAD` samples in."""
        return self.kits.whole(self._drum_style(controls, key), key)

    @cached_property
    def kits(self) -> Kits:
        """The drums of a model of parts."""
        return Kits(self.latents, self.decoder, self.config.coordinate)

    def _roles(self, span: Span, controls: Controls) -> list[str]:
        if self.score is None:
            return [""]
        if len(self.score.roles) == 1:  # which of its notes are left out is the score's own
            return list(self.score.roles)
        return [role for role in self.score.roles if controls.hears(role)]

    def _desk(self, span: Span, controls: Controls) -> Desk | None:
        if span.notes is None or self.score is None or self.score.ducking is None:
            return None
        frames_s = (span.index + 0.5) * self.frame_s

        def beat_s(second: float) -> float:
            return 60 / float(np.interp(second, frames_s, span.bpm))

        return Desk(span.notes, self.score.ducking(controls), beat_s, self.decoder.config.sample_rate_hz)

    @torch.inference_mode()
    def latents(self, coordinates: Tensor, style: Tensor, told: Tensor) -> Tensor:
        """`[rows, T, coordinate]`, `[rows, style]` and what is told, `[rows, T, K]`, to latents `[rows, T, C]`."""
        # the encoder's latents never leave -1..1
        return torch.clamp(self.generator(coordinates, style, told) * self.deviation + self.mean, -1, 1)

    def _tonic(self, controls: Controls) -> int:
        """Pitch class of the key that the piece is in; chords that are played on the way do not change its drums."""
        assert self.score is not None
        return tonic_of(self.score.key(replace(controls, changes=())))

    def _drum_style(self, controls: Controls, key: int) -> np.ndarray:
        """Style of a drum; of a kick the first of some that makes it strike."""
        own = controls.voiced(kind_of_key(key), "drums")
        drawn = (self._style(controls, key + _KEYS * draw, own) for draw in range(_KICK_DRAWS))
        return self.kits.first_struck(drawn, key) if key == DRUMS["kick"] else next(drawn)

    def _style(self, controls: Controls, voice: int = 0, own: int | None = None) -> np.ndarray:
        """Style of a piece, or of one of its voices: a drum by its key, a line by its number among the parts; `own` is
        the seed of a voice that has one."""
        size = self.config.style
        if own is not None:
            return np.asarray(place.style(own, size, voice) * controls.truncation, np.float32)
        seed = controls.seed if controls.style_seed is None else controls.style_seed
        style = place.style(seed, size, voice)
        if controls.morph_seed is not None and controls.morph:
            style = place.morph(style, place.style(controls.morph_seed, size, voice), controls.morph)
        return np.asarray(style * controls.truncation, np.float32)

    def _of_span(self, span: Span, roles: list[str], controls: Controls) -> Tensor:
        """Latents of a span, `[roles, T, C]`."""
        config = self.config
        where = place.coordinates(span.coordinate_beats, controls.seed, config.coordinate, config.anchor_beats)
        conditions = Conditions(
            len(span.beats),
            beat=span.beats if span.grid and "phase" in self.labels else None,
            bpm=span.bpm if span.grid and "tempo" in self.labels else None,
            density=sample_curve(controls.density, span.seconds) if "density" in self.labels else None,
            energy=sample_curve(controls.energy, span.seconds) if "energy" in self.labels else None,
        ).features()
        rows = []
        for role in roles:
            told = [conditions]
            if self.score is not None and span.notes is not None:
                told.append(self.score.told(span.notes.of(role), span.index, self.frame_s))
            rows.append(np.concatenate(told, 1))
        return self.latents(
            torch.from_numpy((where * controls.truncation).astype(np.float32)).expand(len(roles), -1, -1),
            torch.from_numpy(np.stack([self._style(controls, _voice(role), controls.voiced(role)) for role in roles])),
            torch.from_numpy(np.stack(rows)),
        )

    def _pitches(self, span: Span, roles: list[str], taken: np.ndarray) -> Pitches | None:
        """What is known of the notes of the places in a span that are taken, for a decoder that is told them."""
        decoder = self.decoder
        if self.score is None or span.notes is None or not isinstance(decoder, EarsDecoder):
            return None

        def of_taken(values: np.ndarray) -> np.ndarray:
            each = values.reshape(len(span.index), -1, *values.shape[1:])
            return np.asarray(each[taken].reshape(-1, *values.shape[1:]), np.float32)

        deep, frames = [], []
        for role in roles:
            notes = span.notes.of(role)
            deep.append(of_taken(tuning(notes, span.index, self.frame_s, decoder.points)))
            frames.append([of_taken(each) for each in sounding(notes, span.index, self.frame_s, decoder.frames)])
        return Pitches(torch.from_numpy(np.stack(deep)), *torch.from_numpy(np.stack(frames, 1)))

    @torch.inference_mode()
    def _decoded(
        self, latents: Tensor, first: int, ring: int | None, pitches: Pitches | None, unheard: int = 0
    ) -> list[np.ndarray]:
        """Latents `[roles, T, C]`, the first of which is number `first`, to samples `[n, 2]` of each role; the first
        `unheard` are there to be remembered."""
        if isinstance(self.decoder, EarsDecoder):
            waves = self.decoder(latents, first, ring, pitches, unheard=unheard)
            return [np.ascontiguousarray(wave.T.numpy()) for wave in waves]
        if self.decoder.config.channels == 2:
            waves = self.decoder(latents, first, ring, unheard=unheard)
            return [np.ascontiguousarray(wave.T.numpy()) for wave in waves]
        out = []
        for of_role in latents:
            halves = torch.stack(of_role.chunk(2, -1)) if self.config.stereo_stack == 2 else of_role[None]
            wave = self.decoder(halves, first, ring, unheard=unheard)[:, 0].expand(2, -1)
            out.append(np.ascontiguousarray(wave.T.numpy()))
        return out


def _voice(role: str) -> int:
    """Number of a line's own style; what is not one of several parts has that of the piece, 0."""
    return PARTS.index(role) if role in PARTS else 0
