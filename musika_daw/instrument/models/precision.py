"""The precision in which a network multiplies: its own, told to it, and nothing else's.

A network whose `precision` is `torch.bfloat16` runs its matrix products and convolutions in it and gives float32 back.
What is outside of networks (spectra, phases, losses, optimisers) never learns of it, and weights stay float32 unless
they are stored for good, as an engine's are.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any, Concatenate, ParamSpec, TypeVar

import torch
from torch import Tensor, nn

P = ParamSpec("P")
R = TypeVar("R")
N = TypeVar("N", bound="Network")


class Network(nn.Module):
    """A module with a precision of its own: None is float32."""

    precision: torch.dtype | None = None


def in_own_precision(call: Callable[Concatenate[N, P], R]) -> Callable[Concatenate[N, P], R]:
    """A network's `forward`, or another of its calls, in the network's precision; tensors come back as float32."""

    @functools.wraps(call)
    def within(self: N, /, *args: P.args, **kwargs: P.kwargs) -> R:
        if self.precision is None:
            return call(self, *args, **kwargs)
        device = next(self.parameters()).device.type
        with torch.autocast(device, self.precision):
            out = call(self, *args, **kwargs)
        full: R = _full(out)
        return full

    return within


def set_precision(modules: Iterable[nn.Module], precision: torch.dtype | None) -> None:
    """Tell all networks in `modules`, and those within them, their precision."""
    for module in modules:
        for network in module.modules():
            if isinstance(network, Network):
                network.precision = precision


def store_in_precision(modules: Iterable[nn.Module], precision: torch.dtype | None) -> None:
    """`set_precision` of networks that learn no more: weights of products are rounded once, not with every call."""
    modules = list(modules)
    set_precision(modules, precision)
    for network in (each for module in modules for each in module.modules()):
        if isinstance(network, Network) and precision is not None:
            for layer in network.modules():
                if isinstance(layer, nn.Linear | nn.Conv1d):
                    layer.to(precision)


def _full(out: Any) -> Any:
    if isinstance(out, Tensor):
        return out.float() if out.is_floating_point() else out
    if isinstance(out, tuple):
        return tuple(_full(each) for each in out)
    if isinstance(out, list):
        return [_full(each) for each in out]
    return out
