"""`ChunkRenderer`: chunks of the device's frame grid from a renderer that speaks beats."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Protocol, runtime_checkable

import numpy as np

from musika_daw.host.play.effects import EffectChain
from musika_daw.host.play.piece import CHUNK_FRAMES, Piece
from musika_daw.host.play.resample import PositionResampler
from musika_daw.score.controls import Controls
from musika_daw.score.tempo import Beats, TempoMap

EFFECT_LEAD_S = 2.0


class Renderer(Protocol):
    """What the host needs of an engine: audio as a function of musical position."""

    name: str
    kind: str
    weights_hash: str
    sample_rate_hz: int

    def render(
        self, start_beat: Beats, beats: Beats, tempo_map: TempoMap, controls: Controls | None = None
    ) -> np.ndarray:
        """Audio of a stretch of the timeline, float32 `[frames, 2]` at `sample_rate_hz`."""


@runtime_checkable
class Interruptible(Protocol):
    """A renderer that can be stopped half way."""

    def watch(self, call: Callable[[], None]) -> None:
        """Have `call` called every few milliseconds of a rendering; what it raises ends it."""


def abilities(renderer: Renderer) -> dict[str, str]:
    """What a renderer can be asked: the kind of its `score` ("": it has none), and the conditions that it `knows`."""
    config = getattr(renderer, "config", None)
    return {"score": getattr(config, "score", ""), "knows": " ".join(getattr(renderer, "knows", ()))}


class ChunkRenderer:
    """Renders runs of chunks; which run a chunk was rendered in does not change it.

    Effects have a memory. They are run from silence over the two seconds before the run as well, so a chunk's
    sound depends on what comes before it in the song, not on what was played before it.
    """

    def __init__(self, renderer: Renderer) -> None:
        self.renderer = renderer
        self._resamplers: dict[int, PositionResampler] = {}
        self._chains: dict[tuple[str, ...], EffectChain] = {}

    def chunks(self, piece: Piece, first_chunk: int, count: int) -> np.ndarray:
        """Audio of chunks first_chunk..first_chunk+count, float32 `[2, count * CHUNK_FRAMES]`.

        Raises ValueError for effects that cannot be made.
        """
        first, last = first_chunk * CHUNK_FRAMES, (first_chunk + count) * CHUNK_FRAMES
        if not piece.effects:
            return np.ascontiguousarray(self.stretch(piece, first, last).T)
        lead = round(EFFECT_LEAD_S * piece.sample_rate_hz)
        dry = self.stretch(piece, first - lead, last)
        chain = self._chains.get(piece.effects)
        if chain is None:
            chain = EffectChain(piece.effects)
            self._chains = {piece.effects: chain}  # the last one only: plugins take memory
        return np.ascontiguousarray(chain.process(dry.T, piece.sample_rate_hz)[:, lead:])

    def stretch(self, piece: Piece, first: int, last: int) -> np.ndarray:
        """Dry audio of device frames first..last of a piece, float32 `[last-first, 2]`."""
        rate = self.renderer.sample_rate_hz
        resampler = self._resamplers.get(piece.sample_rate_hz)
        if resampler is None:
            resampler = self._resamplers[piece.sample_rate_hz] = PositionResampler(rate, piece.sample_rate_hz)
        start, stop = resampler.source_span(first, last)
        beats_per_frame = piece.bpm / (60 * Fraction(rate))
        tempo_map = TempoMap.constant(piece.bpm)
        source = self.renderer.render(
            start * beats_per_frame, (stop - start) * beats_per_frame, tempo_map, piece.controls
        )
        return resampler(source, first, last)


def load_renderer(model: str) -> Renderer:
    """The renderer of a model's short name, folder or file; `click` is the metronome. Raises ValueError."""
    if model == "click":
        from musika_daw.host.play.click import ClickRenderer

        return ClickRenderer()
    import torch

    from musika_daw.instrument.engine import Engine

    # more threads change the last bits of the sound, and take the cores that the DAW needs
    torch.set_num_threads(1)
    return Engine.load(model)
