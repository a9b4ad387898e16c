"""Where sound comes from: the engine, behind the calls that a pack needs of it."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol

import numpy as np

from musika_daw.instrument.played import Stretch
from musika_daw.score.roll import Notes


class EngineLike(Protocol):
    """What the pack builder uses of `musika_daw.instrument.engine.Engine`."""

    kind: str
    name: str
    weights_hash: str
    precision: str

    @property
    def parts(self) -> tuple[str, ...]: ...

    @property
    def knows(self) -> tuple[str, ...]: ...

    def loop(
        self, bpm: Fraction | float, bars: int, controls: Any, sample_rate_hz: int = ..., start_beat: int = ...
    ) -> np.ndarray: ...

    def stems(
        self, bpm: Fraction | float, bars: int, controls: Any, sample_rate_hz: int = ..., start_beat: int = ...
    ) -> dict[str, np.ndarray]: ...

    def take(
        self, seconds: float, controls: Any, sample_rate_hz: int = ..., start_s: float = ..., bpm: Fraction | None = ...
    ) -> np.ndarray: ...

    @property
    def sounds(self) -> tuple[str, ...]: ...

    def one_shot(self, sound: str, controls: Any, sample_rate_hz: int = ...) -> np.ndarray: ...

    def key(self, controls: Any) -> str | None: ...

    def played(self, stretch: Stretch, controls: Any) -> Notes | None: ...


@dataclass(frozen=True)
class EngineSource:
    """How to load an engine by model name or path, in a precision that is not `auto` if told, and to make its controls.

    Both are module-level functions, so that a source can be sent to a worker process.
    """

    load: Callable[..., EngineLike]
    controls: Callable[..., Any]
    precision: str = "auto"


def load_musika(model: str, precision: str = "auto") -> EngineLike:
    """Load `musika_daw.instrument.engine.Engine` on one thread; raises ValueError for unknown or damaged weights.

    One thread always: the order in which threads add numbers up changes the last bits of the sound, and a pack
    must not depend on how many cores rendered it. Cores are used by rendering several files at once.
    """
    import torch

    from musika_daw.instrument.engine import Engine

    torch.set_num_threads(1)
    return Engine.load(model, precision)


def musika_controls(**values: Any) -> Any:
    """`musika_daw.score.controls.Controls` from keyword values."""
    from musika_daw.score.controls import Controls

    return Controls(**values)


MUSIKA = EngineSource(load_musika, musika_controls)
