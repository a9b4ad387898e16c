"""The networks of the original (marcoppasini/musika) as one side of `benchmarks.against`, by its own classes.

Runs as `PYTHON benchmarks/sides/original.py CHECKOUT THREADS` in a Python that has TensorFlow and tf_keras, and imports
nothing of this project. Generator and both decoders have their 44.1 kHz stereo sizes and random weights, since what
they weigh changes no speed; a run is 23.8 s of sound, the least that it generates. Packages that it imports and makes
no sound with (librosa, gradio and others) are replaced by empty ones where they are not installed.
"""

import importlib
import json
import os
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock

_NEEDS = ("models.py", "layers.py", "utils.py", "parse/parse_generate.py")
_NOT_FOR_SOUND = [
    *("gradio", "huggingface_hub", "librosa", "matplotlib", "matplotlib.pyplot", "tqdm"),
    *("scipy", "scipy.io", "scipy.io.wavfile", "tensorflow.python.keras.utils.layer_utils"),
]


def lacking(checkout: Path) -> list[str]:
    """The files that a folder lacks to be a checkout of the original."""
    return [name for name in _NEEDS if not (checkout / name).is_file()]


def stand_in(names: list[str]) -> None:
    """Empty modules for those that are not installed."""
    for name in names:
        try:
            importlib.import_module(name)
        except ImportError:
            empty = ModuleType(name)
            empty.__getattr__ = lambda _: MagicMock()  # type: ignore[method-assign]
            empty.__path__ = []
            sys.modules[name] = empty


class Original:
    """Its generator and decoders, and the class that makes sound with them."""

    def __init__(self, checkout: Path, threads: int) -> None:
        os.environ["TF_USE_LEGACY_KERAS"] = "1"
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
        tensorflow = importlib.import_module("tensorflow")
        tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
        stand_in(_NOT_FOR_SOUND)
        sys.path.insert(0, str(checkout))
        sys.argv = ["generate", "--cpu", "True", "--mixed_precision", "False"]  # its options are read from there
        self.settings: Any = importlib.import_module("parse.parse_generate").parse_args()
        models = importlib.import_module("models").Models_functions(self.settings)
        made_by = importlib.import_module("utils").Utils_functions
        self.sound: Any = object.__new__(made_by)  # what it prepares is for mel spectra, which it trains with
        self.sound.args = self.settings
        self.networks = (models.build_generator(), models.build_decoder(), models.build_decoder2())

    def parameters(self) -> int:
        """How many numbers its networks have."""
        return sum(int(network.count_params()) for network in self.networks)

    def run(self) -> dict[str, float]:
        """Seconds of sound, and what they took by the clock and of the processor."""
        given = self.sound.get_noise_interp_multi(1, self.settings.truncation)
        clock, cpu = time.perf_counter(), time.process_time()
        wave = self.sound.generate_waveform(given, *self.networks)
        spent = {"s": time.perf_counter() - clock, "cpu_s": time.process_time() - cpu}
        return {"sound_s": len(wave) / self.settings.sr, **spent}


def main(checkout: str, threads: str) -> None:
    """A run for each line that comes in, its figures as a line that goes out."""
    original = Original(Path(checkout), int(threads))
    original.run()  # the first one traces and allocates
    print(json.dumps({"parameters": original.parameters()}), flush=True)
    for _ in sys.stdin:
        print(json.dumps(original.run()), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
