"""`urgent`: a short while before all ordinary work, where the system allows it."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def urgent(on: bool = True) -> Iterator[None]:
    """Give this thread the lowest real-time priority meanwhile: after every audio thread, before all others.

    Where that is not allowed, or not known (it is on Linux, with the rights that programs for JACK are given),
    nothing changes.
    """
    if sys.platform != "linux" or not on:
        yield
        return
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(os.sched_get_priority_min(os.SCHED_RR)))
    except OSError:
        yield
        return
    try:
        yield
    finally:
        os.sched_setscheduler(0, *before)
