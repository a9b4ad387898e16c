"""Examples of what a run can do by now: held-out music beside what the model makes of it, as files and pictures.

```
RUN/examples/000120-0-target.flac .png    held-out music
RUN/examples/000120-0-made.flac .png      its reconstruction, or a new piece under the same conditions
```
Making them changes neither the trainer nor the random numbers that training will draw.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import soundfile
import torch
from torch import Tensor, nn

from musika_daw.system.atomic import part_of, write_atomic
from training.runs.pictures import latents_picture, png, spectrogram
from training.runs.report import write_report
from training.runs.run import Run, logger

COUNT = 3
Pair = tuple[np.ndarray, np.ndarray]
# pairs of audio `[frames, channels]` with their rate, or of latents `[time, channels]` with rate 0
MakePairs = Callable[[], tuple[list[Pair], int]]


class Examples:
    """Makes examples of one run by `pairs`; a failure is logged and training goes on."""

    def __init__(self, run: Run, trainer: Any, pairs: MakePairs) -> None:
        self.run, self.trainer, self._pairs = run, trainer, pairs

    def make(self, step: int) -> None:
        """Write one set of examples, and the audio to TensorBoard."""
        try:
            with torch.random.fork_rng(devices=[]), torch.inference_mode(), averaged(self.trainer):
                torch.manual_seed(0)
                pairs, rate_hz = self._pairs()
            for number, pair in enumerate(pairs):
                for role, values in zip(("target", "made"), pair):
                    self._write(step, number, role, values, rate_hz=rate_hz)
        except Exception as error:  # a run of days must not end by its examples
            logger.warning("no examples at step %d: %s", step, " ".join(str(error).split()))

    def report(self) -> None:
        """Bring `report.html` up to date."""
        try:
            write_report(self.run.folder)
        except OSError as error:  # a full disk, say: checkpoints matter more
            logger.warning("no report: %s", error)

    def _write(self, step: int, number: int, role: str, values: np.ndarray, *, rate_hz: int) -> None:
        base = self.run.folder / "examples" / f"{step:06d}-{number}-{role}"
        if rate_hz:
            write_atomic(base.with_suffix(".png"), png(spectrogram(values, rate_hz)))
            with part_of(base.with_suffix(".flac")) as part:
                soundfile.write(part, np.clip(values, -1, 1), rate_hz, subtype="PCM_16", format="FLAC")
            sound = torch.from_numpy(np.ascontiguousarray(values.mean(1))).clamp(-1, 1)[None]
            if self.run.tensorboard:
                self.run.board().add_audio(f"{role}/{number}", sound, step, rate_hz)
        else:
            write_atomic(base.with_suffix(".png"), png(latents_picture(values)))


@contextmanager
def averaged(trainer: Any) -> Iterator[None]:
    """Inside, what is trained holds its moving averages and is not in training."""
    module = getattr(trainer, "trained", None) or trainer.generator
    present = {k: v.clone() for k, v in module.state_dict().items()}
    training = module.training
    module.load_state_dict(trainer.ema.shadow)
    module.eval()
    try:
        yield
    finally:
        module.load_state_dict(present)
        module.train(training)


def here(tensor: Tensor, module: nn.Module) -> Tensor:
    """A tensor on the device of a module."""
    return tensor.to(next(module.parameters()).device)
