"""Which precision networks are fastest in on this machine, and what its processor has for them.

Asked once a process, and only where something is to run in it: it costs some milliseconds.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
import torch.nn.functional as F

from musika_daw.system.refusal import refused

PRECISIONS = ("auto", "32", "bf16")
VARIABLE = "MUSIKA_PRECISION"
# what a processor may have for matrix products of few bits, by PyTorch's names
FEATURES = ("avx2", "avx512_f", "avx512_bf16", "avx512_vnni", "amx_bf16", "amx_int8", "bf16", "i8mm", "sve")
# those of them with which products in bf16 are made at once, not by way of 32 bits
_NATIVE = {"avx512_bf16", "amx_bf16", "bf16"}
# rows, inputs and outputs of the products timed: what a generator of 512 channels makes of a few seconds
_SHAPE, _RUNS = (256, 512, 1024), 4
# between the products there is work that bf16 does not make faster, and that it adds to
_WORTH = 1.4


@dataclass(frozen=True)
class Probed:
    """What was found: features of the processor, and the rates of a product in GFLOP/s a thread (0: not tried)."""

    features: tuple[str, ...]
    rate_32: float
    rate_bf16: float

    @property
    def precision(self) -> str:
        """The faster one, `32` or `bf16`."""
        return "bf16" if self.rate_bf16 > _WORTH * self.rate_32 else "32"

    def __str__(self) -> str:
        has = ", ".join(self.features) or "nothing for matrices"
        rates = f"{self.rate_32:.0f} GFLOP/s a thread in 32 bits"
        if self.rate_bf16:
            rates += f", {self.rate_bf16:.0f} in bf16"
        return f"{has}; {rates}: {self.precision}"


@cache
def probed() -> Probed:
    """What this machine's processor has and does, on one thread."""
    features = _features()
    if not _multiplies_bf16():
        return Probed(features, _rate(torch.float32), 0.0)
    rates = {torch.float32: 0.0, torch.bfloat16: 0.0}
    for _ in range(_RUNS):  # in turn, so that another program's work takes from both
        for kind, rate in rates.items():
            rates[kind] = max(rate, _rate(kind, runs=1))
    return Probed(features, rates[torch.float32], rates[torch.bfloat16])


def chosen(asked: str = "auto", device: torch.device | None = None) -> torch.dtype | None:
    """The precision to run networks in, None for float32: as asked, as `MUSIKA_PRECISION` says, or the faster one.

    On a GPU the default is float32, whose products use TF32 there; ValueError for what is no precision.
    """
    for name, value in (("precision", asked), (VARIABLE, os.environ.get(VARIABLE, "auto"))):
        if value not in PRECISIONS:
            raise refused(name, value, f"must be one of {', '.join(PRECISIONS)}")
        if value != "auto":
            return torch.bfloat16 if value == "bf16" else None
    if device is not None and device.type != "cpu":
        return None
    return torch.bfloat16 if probed().precision == "bf16" else None


def for_rendering(asked: str = "auto") -> torch.dtype | None:
    """The precision of an engine: as `chosen`, but never by the clock, so that equal machines give equal sound.

    bf16 where the processor multiplies in it and no row of a product depends on how many others go with it: a sound is
    the same however it is cut. What was `asked` (of a pack made elsewhere) and cannot be had here is float32.
    """
    if asked == "bf16" and not _multiplies_bf16():
        return None
    if asked == "auto" and os.environ.get(VARIABLE, "auto") == "auto":
        return torch.bfloat16 if _renders_bf16() else None
    return chosen(asked)


@cache
def _renders_bf16() -> bool:
    return bool(_NATIVE & set(_features())) and _multiplies_bf16() and _rows_hold()


@torch.inference_mode()
def _rows_hold() -> bool:
    rows, inputs, outputs = _SHAPE
    table = torch.linspace(-1, 1, 4001)
    x, weight = (table.repeat(-(-n * inputs // 4001))[: n * inputs].view(n, inputs) for n in (rows, outputs))
    x, weight, bias = x.bfloat16(), weight.bfloat16(), table[:outputs].bfloat16()
    whole = F.linear(x, weight, bias)
    return all(torch.equal(F.linear(x[:n], weight, bias), whole[:n]) for n in (1, 2, 3, 7, 31, 64, 100))


def name_of(precision: torch.dtype | None) -> str:
    """`32` or `bf16`."""
    return "32" if precision is None else "bf16"


def _features() -> tuple[str, ...]:
    """Those of `FEATURES` that the processor has; none where PyTorch cannot tell."""
    tell: Callable[[], dict[str, object]] | None = getattr(torch.cpu, "get_capabilities", None)
    has = {} if tell is None else tell()
    return tuple(name for name in FEATURES if has.get(name))


def _multiplies_bf16() -> bool:
    """Whether products in bf16 are more than an emulation that takes seconds."""
    try:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    except (AttributeError, RuntimeError):
        return False


@torch.inference_mode()
def _rate(kind: torch.dtype, runs: int = _RUNS) -> float:
    """Best rate of some products in GFLOP/s; in bf16 what goes in and comes out is float32, as in a network."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        rows, inputs, outputs = _SHAPE
        x, weight = torch.ones(rows, inputs), torch.ones(outputs, inputs).to(kind)
        F.linear(x.to(kind), weight)
        spent = []
        for _ in range(runs):
            begin = time.perf_counter()
            F.linear(x.to(kind), weight).float()
            spent.append(time.perf_counter() - begin)
    finally:
        torch.set_num_threads(threads)
    return 2e-9 * rows * inputs * outputs / min(spent)
