"""Patience for another thread or program."""

from __future__ import annotations

import time
from collections.abc import Callable

from bridge.clock.source import host_time


def wait_for(condition: Callable[[], object], limit_s: float = 30.0) -> bool:
    """Wait until the condition holds; whether it came to."""
    end_s = host_time() + limit_s
    while not condition():
        if host_time() > end_s:
            return False
        time.sleep(0.01)
    return True
