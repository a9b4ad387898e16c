"""What `benchmarks.against` measures, in a process of one tree of sources.

Runs as `python -P benchmarks/sides/works.py KIND [small]`. Whose sources these are PYTHONPATH says, so nothing of this
folder is imported.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

BPM, SEED = 128, 1
# what is measured: the call that makes its work, what of it, and the precision that is forced on it
KINDS: dict[str, tuple[str, str, str | None]] = {
    "loop-techno": ("loop", "techno", None),
    "loop-techno-32": ("loop", "techno", "32"),
    "loop-parts": ("loop", "parts", None),
    "loop-parts-32": ("loop", "parts", "32"),
    "step-generator": ("generator", "studio", None),
    "step-autoencoder": ("autoencoder", "ears", None),
    "pack": ("pack", "", None),
}
Work = Callable[[], dict[str, float]]


def timed(call: Callable[[], object]) -> Work:
    """Processor seconds of a call on one thread."""

    def work() -> dict[str, float]:
        begin = time.process_time()
        call()
        return {"s": time.process_time() - begin}

    return work


def loop(model: str, small: bool) -> Work:
    """A loop of eight bars."""
    from musika_daw.instrument.engine import Engine
    from musika_daw.score.controls import Controls

    try:
        engine = Engine.load(model, "auto")  # as packs do
    except TypeError:  # the older one knows no precision
        engine = Engine.load(model)
    return timed(lambda: engine.loop(BPM, 1 if small else 8, Controls(SEED)))


def generator(config: str, small: bool) -> Work:
    """Steps of a generator's training with the adversary at work, as many as lie between two penalties."""
    import dataclasses

    import torch

    from musika_daw.instrument.models import config_named
    from training.generator.excerpts import ANCHORS, Batch
    from training.generator.gan import GanTrainer
    from training.runs.recipes import GanSettings

    settings, sizes = dataclasses.replace(GanSettings(), adversary_from_step=0), config_named(config).generator
    trainer = GanTrainer(sizes, settings)
    told, shape = sizes.told, (2 if small else settings.batch, sizes.seq_len)
    batch = Batch(
        torch.randn(*shape, sizes.channels), torch.randn(*shape, told), torch.full((*shape, ANCHORS), 1 / ANCHORS)
    )

    def step() -> Any:
        made = trainer.step(batch)
        trainer.steps += 1
        return made

    return _trained(trainer, step, 1 if small else settings.r1_every)


def autoencoder(config: str, small: bool) -> Work:
    """A step of the first phase of an autoencoder's training."""
    import torch

    from musika_daw.instrument.models import config_named
    from training.autoencoder.trainer import AutoencoderTrainer
    from training.runs.recipes import AutoencoderSettings

    settings = AutoencoderSettings()
    trainer = AutoencoderTrainer(config_named(config).autoencoder, settings, "both", 1)
    wave = 0.1 * torch.randn(1 if small else settings.batch, 2, trainer.excerpt_frames)
    return _trained(trainer, lambda: trainer.step(wave), 1)


def _trained(trainer: Any, step: Callable[[], Any], steps: int) -> Work:
    """Steps as `musika-train` takes them where nothing is said of a precision."""
    from training.runs import parallel

    try:
        processes = parallel.launch(1, "cpu", "auto")
    except ValueError:  # the older one has no other default than this
        processes = parallel.launch(1, "cpu", "32")
    processes.join(trainer)
    update = getattr(processes, "update", lambda call: call())

    def work() -> None:
        for _ in range(steps):
            update(step)

    return timed(work)


def pack(_: str, small: bool) -> Work:
    """The build of `make pack`, as a command: the clock's seconds, the processor's, and MB of the largest process."""
    asked = ["--bpm", "128", "--bars", "1", "--takes", "0"] if small else ["--bpm", "120-160"]
    # a fresh interpreter between us and the tool: a child's peak begins at its parent's size
    watch = "import json, resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, capture_output=True); "
    watch += "r = resource.getrusage(resource.RUSAGE_CHILDREN); "
    watch += "print(json.dumps({'cpu_s': r.ru_utime + r.ru_stime, 'mb': r.ru_maxrss / 1024}))"
    tool = [sys.executable, "-P", "-c", "from pack_builder.cli import cli; cli()", "build", *asked]

    def work() -> dict[str, float]:
        with tempfile.TemporaryDirectory() as folder:
            begin = time.perf_counter()
            command = [sys.executable, "-P", "-c", watch, *tool, "--out", f"{folder}/pack"]
            told = subprocess.run(command, check=True, capture_output=True, text=True)
            return {"s": time.perf_counter() - begin, **json.loads(told.stdout)}

    return work


MAKERS: dict[str, Callable[[str, bool], Work]] = {
    "loop": loop,
    "generator": generator,
    "autoencoder": autoencoder,
    "pack": pack,
}


def serve(kind: str, small: bool) -> None:
    """In a process of one tree: a run for each line that comes in, its figures as a line that goes out."""
    import torch

    import musika_daw

    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    maker, what, _ = KINDS[kind]
    work = MAKERS[maker](what, small)
    if maker != "pack":  # whose runs are whole processes anyway
        work()
    print(json.dumps({"tree": str(Path(str(musika_daw.__file__)).parents[1])}), flush=True)
    for _ in sys.stdin:
        print(json.dumps(work()), flush=True)


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2:] == ["small"])
