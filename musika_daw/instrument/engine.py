"""`Engine`: audio as a function of musical position.

```
latent frames   ... |  k-1  |   k   |  k+1  | ...      r_time samples each, frame 0 starts at song position 0
asked                             [==== frames ====)
generated       [-- G --|-- before --|== k0..k1 ==|- after -|-- G --]
```
Frame k's conditions are read at its centre. To get samples k0..k1, latents are decoded with frames of context
(`Decoder.context_before`, `context_after`) and generated with G more a side (`GeneratorConfig.context`), and the
context is cut off: a sample depends on its position alone, not on where a chunk began.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from scipy import signal
from torch import nn

from musika_daw.instrument.checkpoint import find_model, load_weights
from musika_daw.instrument.damping import damped
from musika_daw.instrument.models import AnyDecoder, GeneratorConfig, build_decoder
from musika_daw.instrument.models.config import autoencoder_from_dict, generator_from_dict
from musika_daw.instrument.models.generator import build_generator
from musika_daw.instrument.models.precision import store_in_precision
from musika_daw.instrument.played import Loop, Stretch, Take
from musika_daw.instrument.player import Player, Span
from musika_daw.instrument.probe import for_rendering, name_of
from musika_daw.instrument.scores import SCORES, check_asked
from musika_daw.instrument.shot import rendered, sounds_of
from musika_daw.score import coordinates as place
from musika_daw.score.controls import Controls
from musika_daw.score.harmony import Chord
from musika_daw.score.roll import Notes
from musika_daw.score.techno.shot import shot_score
from musika_daw.score.tempo import Beats, TempoMap, exact, on_timeline

CHUNK_LATENTS = 256


class Engine:
    """A loaded model; every method is a pure function of its arguments.

    `kind`, `name`, `weights_hash`, `precision` and `sample_rate_hz` say what it is; `labels` which conditions it knows.
    """

    def __init__(
        self,
        generator: nn.Module,
        decoder: AnyDecoder,
        config: GeneratorConfig,
        *,
        mean: np.ndarray,
        deviation: np.ndarray,
        labels: tuple[str, ...],
        kind: str,
        name: str,
        weights_hash: str,
    ) -> None:
        self.generator, self.decoder, self.config = generator.eval(), decoder.eval(), config
        self.score = SCORES.get(config.score)
        latents = torch.from_numpy(mean), torch.from_numpy(deviation)
        self.player = Player(self.generator, self.decoder, config, *latents, labels, name, self.score)
        self.labels, self.kind, self.name, self.weights_hash = labels, kind, name, weights_hash
        self.sample_rate_hz, self.r_time = decoder.config.sample_rate_hz, decoder.config.r_time
        self.precision = name_of(getattr(generator, "precision", None))

    @classmethod
    def load(cls, model: str | Path, precision: str = "32") -> Engine:
        """The model of a short name, a folder or a file; ValueError says in one line what is wrong with it.

        Its networks multiply in `precision` (`for_rendering`); of another one every sound differs by its rounding. In
        bf16 what comes a second later, a chord that nobody knows yet, is heard at -34 dB: for what is known whole only.
        """
        path = find_model(model)
        weights = load_weights(path, "generator")
        decoder_weights = load_weights(path.parent / weights.facts["decoder"], "decoder")
        if decoder_weights.hash != weights.facts["decoder_hash"]:
            raise ValueError(f"model: {path} was made for another decoder than {decoder_weights.path}")
        try:
            config = generator_from_dict(weights.config)
            decoder = build_decoder(autoencoder_from_dict(decoder_weights.config))
            generator = build_generator(config)
            tensors = dict(weights.tensors)
            mean, deviation = tensors.pop("latent_mean").numpy(), tensors.pop("latent_deviation").numpy()
            generator.load_state_dict(tensors)
            decoder.load_state_dict(decoder_weights.tensors)
        except (KeyError, TypeError, RuntimeError) as error:
            raise ValueError(f"model: the weights in {path} do not fit their configuration") from error
        store_in_precision([generator, decoder], for_rendering(precision))
        facts = {"kind": weights.facts["kind"], "name": weights.facts["name"], "weights_hash": weights.hash}
        labels = tuple(weights.facts["labels"])
        return cls(generator, decoder, config, mean=mean, deviation=deviation, labels=labels, **facts)

    @property
    def knows(self) -> tuple[str, ...]:
        """What it can be told of phase, tempo, density and energy; a score follows the last two by itself."""
        by_score = () if self.score is None else ("density", "energy")
        return tuple(dict.fromkeys([*self.labels, *by_score]))

    def key(self, controls: Controls | None = None) -> str | None:
        """Key that the music of these controls is written in, like `Amin`; None for a model that plays no score."""
        return None if self.score is None else self.score.key(controls or Controls())

    def chord(self, beat: float, controls: Controls | None = None) -> Chord | None:
        """Chord that is played at a beat of the timeline; None for a model that plays no score."""
        return None if self.score is None else self.score.chord(controls or Controls(), beat)

    @property
    def parts(self) -> tuple[str, ...]:
        """Roles that `stems` plays apart; none where the model plays no score of parts."""
        return self.score.roles if self.score is not None and len(self.score.roles) > 1 else ()

    def played(self, stretch: Stretch, controls: Controls | None = None) -> Notes | None:
        """Notes that the generator is told of a stretch, in seconds of its sound; None where it plays no score."""
        controls = controls or Controls()
        check_asked(controls, self.config.score, self.name)
        frame_s = Fraction(self.r_time, self.sample_rate_hz)
        return None if self.score is None else stretch.notes(self.score, controls, frame_s)

    def watch(self, call: Callable[[], None]) -> None:
        """Have `call` called between the layers of both networks; what it raises ends the rendering."""
        for network in (self.generator, self.decoder):
            for module in network.modules():
                if next(module.children(), None) is None:
                    module.register_forward_pre_hook(lambda *_: call())

    def render(
        self, start_beat: Beats, beats: Beats, tempo_map: TempoMap, controls: Controls | None = None
    ) -> np.ndarray:
        """Audio of a stretch of the timeline, float32 `[frame(end) - frame(start), 2]` at `sample_rate_hz`."""
        blocks = list(self.blocks(start_beat, beats, tempo_map, controls))
        return np.concatenate(blocks) if blocks else np.zeros((0, 2), np.float32)

    def blocks(
        self, start_beat: Beats, beats: Beats, tempo_map: TempoMap, controls: Controls | None = None
    ) -> Iterator[np.ndarray]:
        """The audio of `render` in consecutive blocks of some seconds, memory the same for any length."""
        start = on_timeline(start_beat)
        first = tempo_map.frame(start, self.sample_rate_hz)
        last = tempo_map.frame(start + exact(beats), self.sample_rate_hz)
        yield from self._frames(first, last, tempo_map, controls or Controls(), grid=True)

    def loop(
        self,
        bpm: Beats,
        bars: int,
        controls: Controls | None = None,
        sample_rate_hz: int = 44_100,
        start_beat: Beats = 0,
    ) -> np.ndarray:
        """A seamless loop, float32 `[round(bars*4*60/bpm*sample_rate_hz), 2]`, downbeat on frame 0.

        The loop is made on a circle: N whole latent frames, N the nearest to its length, with position and
        coordinates periodic in it, decoded with their own continuation as context. The circle of N * r_time
        samples is then resampled to the exact length by Fourier series, which keeps it a circle. The ratio
        is within 0.5 / N of 1 (at most 6 cents for 4 bars at 160 bpm).
        """
        stems = self._circle(bpm, bars, controls or Controls(), start_beat)
        return self._resampled(sum(stems.values(), np.zeros((1, 2), np.float32)), bpm, bars, sample_rate_hz)

    def stems(
        self,
        bpm: Beats,
        bars: int,
        controls: Controls | None = None,
        sample_rate_hz: int = 44_100,
        start_beat: Beats = 0,
    ) -> dict[str, np.ndarray]:
        """The parts of a loop by role, each as long as it; they add up to `loop`, those that rest are left out.

        The mix is held below full scale; a part alone may be louder where others are of opposite sign.
        ValueError for a model that plays no score of parts.
        """
        if not self.parts:
            raise ValueError(f"stems: {self.name} plays no score of parts")
        stems = self._circle(bpm, bars, controls or Controls(), start_beat)
        return {role: self._resampled(audio, bpm, bars, sample_rate_hz) for role, audio in stems.items()}

    @property
    def sounds(self) -> tuple[str, ...]:
        """One-shots that the model can render, of `score.parts.ONE_SHOTS`; none where it plays no score of parts."""
        return sounds_of(self.player)

    def one_shot(
        self,
        sound: str,
        controls: Controls | None = None,
        sample_rate_hz: int = 44_100,
        *,
        keys: Sequence[int] | None = None,
        velocity: float | None = None,
    ) -> np.ndarray:
        """One hit, note or chord alone from its attack until it has died away, float32 `[n, 2]`.

        A tone is the tonic of the controls' key or its chord, where no MIDI `keys` are given; see `shot_score`.
        ValueError for a model that plays no score of parts, and for what is no sound, key or velocity.
        """
        if not self.sounds:
            raise ValueError(f"one-shot: {self.name} plays no score of parts")
        controls = controls or Controls()
        return rendered(self.player, shot_score(sound, controls, keys, velocity), controls, sample_rate_hz)

    def _circle(self, bpm: Beats, bars: int, controls: Controls, start_beat: Beats) -> dict[str, np.ndarray]:
        """Parts of a loop by role, on a circle of whole latents."""
        length_beats = bars * 4
        asked = Loop(bpm, bars, start_beat)
        count, circle_bpm = asked.circle(Fraction(self.r_time, self.sample_rate_hz))
        # patches stand alone, so a circle of them needs no context, only whole ones
        first, last = self._generated_range(0, count)
        index = np.arange(first, last)
        share = np.mod((index + 0.5) / count, 1.0)
        start = float(on_timeline(start_beat))
        beats = start + share * length_beats
        span = Span(
            index,
            beats,
            np.full(len(index), circle_bpm),
            place.there_and_back(beats, start, length_beats),
            share * length_beats * 60 / float(exact(bpm)),
            self.player.notes(index, TempoMap.constant(circle_bpm), controls, asked.turn),
            grid=True,
        )
        turned = np.mod(np.arange(-self.player.before, count + self.player.after), count) - first
        return self.player.stems(span, controls, 0, count, turned, count)

    def _resampled(self, circle: np.ndarray, bpm: Beats, bars: int, sample_rate_hz: int) -> np.ndarray:
        frames = round(bars * 4 * 60 * Fraction(sample_rate_hz) / exact(bpm))
        return np.asarray(signal.resample(circle, frames), np.float32)

    def take(
        self,
        seconds: float,
        controls: Controls | None = None,
        sample_rate_hz: int = 44_100,
        start_s: float = 0.0,
        bpm: Beats | None = None,
    ) -> np.ndarray:
        """A take without a grid, float32 `[round(seconds*sample_rate_hz), 2]`, that dies away at its end.

        A score has the pulse `bpm`, or one of its own where none is given.
        Over its last 3 s (at most a quarter) density and energy are led to 0 and the level follows them
        like a string under a damper, so no note is cut.
        """
        audio = np.concatenate(list(self._undamped(seconds, controls, start_s, bpm)))
        if sample_rate_hz != self.sample_rate_hz:
            ratio = Fraction(sample_rate_hz, self.sample_rate_hz)
            audio = signal.resample_poly(audio, ratio.numerator, ratio.denominator, axis=0)
        frames = round(seconds * sample_rate_hz)
        audio = np.pad(audio, ((0, max(0, frames - len(audio))), (0, 0)))[:frames].astype(np.float32)
        return damped(audio, 0, seconds, sample_rate_hz)

    def take_blocks(
        self, seconds: float, controls: Controls | None = None, start_s: float = 0.0, bpm: Beats | None = None
    ) -> Iterator[np.ndarray]:
        """The audio of `take` at `self.sample_rate_hz` in blocks of some seconds, memory the same for any length."""
        done = 0
        for block in self._undamped(seconds, controls, start_s, bpm):
            yield damped(np.array(block, np.float32), done, seconds, self.sample_rate_hz)
            done += len(block)

    def _undamped(
        self, seconds: float, controls: Controls | None, start_s: float, bpm: Beats | None
    ) -> Iterator[np.ndarray]:
        """The music of a take, led to its end by density and energy alone."""
        tempo, led = Take(seconds, start_s, bpm).asked(self.score, controls or Controls())
        first = round(start_s * self.sample_rate_hz)
        last = first + round(seconds * self.sample_rate_hz)
        yield from self._frames(first, last, tempo, led, grid=False)

    def _frames(
        self, first: int, last: int, tempo_map: TempoMap, controls: Controls, *, grid: bool
    ) -> Iterator[np.ndarray]:
        """Samples first..last of the timeline, in blocks."""
        begin, end = first // self.r_time, -(-last // self.r_time)
        for k0 in range(begin, end, CHUNK_LATENTS):
            k1 = min(end, k0 + CHUNK_LATENTS)
            outer0, outer1 = k0 - self.player.before, k1 + self.player.after
            g0, g1 = self._generated_range(outer0, outer1)
            seconds = (np.arange(g0, g1) + 0.5) * self.r_time / self.sample_rate_hz
            beats = tempo_map.beat_at_seconds(seconds)
            index = np.arange(g0, g1)
            notes = self.player.notes(index, tempo_map, controls)
            span = Span(index, beats, tempo_map.bpm_at_beats(beats), beats, seconds, notes, grid)
            stems = self.player.stems(span, controls, k0, k1, np.arange(outer0, outer1) - g0)
            audio = sum(stems.values(), np.zeros(((k1 - k0) * self.r_time, 2), np.float32))
            origin = k0 * self.r_time
            yield audio[max(first - origin, 0) : min(last, k1 * self.r_time) - origin]

    def _generated_range(self, start: int, stop: int) -> tuple[int, int]:
        """Latent frames to generate so that start..stop are as they would be in an endless piece."""
        if self.config.kind == "fastgan":
            size = self.config.seq_len
            return start // size * size, -(-stop // size) * size
        return start - self.config.context, stop + self.config.context
