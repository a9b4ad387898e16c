"""What play waits for is rendered before other programs' work, where that is allowed, and only that."""

from __future__ import annotations

import os
import sys

import pytest

from musika_daw.host.ahead.urgency import urgent

linux = sys.platform == "linux"


def test_a_thread_is_as_it_was_afterwards() -> None:
    before = os.sched_getscheduler(0) if linux else None
    with pytest.raises(KeyError), urgent():
        raise KeyError
    assert (os.sched_getscheduler(0) if linux else None) == before


def test_it_asks_for_the_lowest_priority_of_audio_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(os, "sched_getscheduler", lambda pid: 0, raising=False)
    monkeypatch.setattr(os, "sched_getparam", lambda pid: 0, raising=False)
    monkeypatch.setattr(os, "sched_param", lambda priority: priority, raising=False)
    monkeypatch.setattr(os, "sched_get_priority_min", lambda policy: 1, raising=False)
    monkeypatch.setattr(os, "SCHED_RR", 2, raising=False)
    monkeypatch.setattr(
        os, "sched_setscheduler", lambda pid, policy, param: asked.append((policy, param)), raising=False
    )
    with urgent(False):
        assert asked == []
    with urgent():
        assert asked == [(2, 1)]
    assert asked == [(2, 1), (0, 0)]


def test_without_the_right_to_it_work_goes_on_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", refuse, raising=False)
    done = []
    with urgent():
        done.append(1)
    assert done == [1]
