"""A renderer that never comes ahead of the sound is told, and nothing that is over after a moment."""

from __future__ import annotations

from collections.abc import Callable

from musika_daw.host.ahead.behind import TEXT, Behind

Of = Callable[[float], int]


def _problem(
    behind: Behind,
    first_s: int,
    last_s: int,
    *,
    underruns: Of = lambda _: 0,
    jumps: Of = lambda _: 0,
    playing: bool = True,
    sounds: Callable[[float], bool] = lambda _: True,
) -> str | None:
    """What is said after these seconds."""
    for tenth in range(first_s * 10, last_s * 10):
        at_s = tenth / 10
        behind.see(at_s, jumps(at_s), underruns(at_s), playing=playing, sounds=sounds(at_s))
    return behind.problem


def test_holes_all_the_time_are_said_until_there_are_none() -> None:
    behind = Behind()
    assert _problem(behind, 0, 15, underruns=int) is None, "for 15 s it may be catching up"
    assert _problem(behind, 15, 18, underruns=int) == TEXT
    assert _problem(behind, 18, 29, underruns=lambda _: 17) is None


def test_a_hole_that_does_not_end_is_said() -> None:
    assert _problem(Behind(), 0, 18, sounds=lambda at_s: at_s < 1, underruns=lambda at_s: int(at_s > 1)) == TEXT


def test_silence_after_jumps_and_at_the_start_is_not() -> None:
    assert _problem(Behind(), 0, 40, sounds=lambda at_s: at_s > 4) is None
    assert _problem(Behind(), 0, 40, sounds=lambda at_s: at_s % 3 > 1, jumps=lambda at_s: int(at_s / 3)) is None


def test_what_stands_is_not_judged() -> None:
    behind = Behind()
    assert _problem(behind, 0, 40, playing=False, sounds=lambda _: False) is None
    assert _problem(behind, 40, 60, sounds=lambda _: False) == TEXT
    assert _problem(behind, 60, 61, playing=False) is None
