"""`Behind`: whether the renderer never comes ahead of the sound, which has holes again and again, or is one."""

from __future__ import annotations

WINDOW_S = 5.0
WINDOWS = 3
HOLE_S = 0.25
TEXT = "this machine renders slower than it plays, the sound has holes: close other programs, or play --model techno"


class Behind:
    """Looks at whether what plays sounds, in windows of five seconds without a jump: holes in three of them count."""

    def __init__(self) -> None:
        self._bad = 0
        self._window: tuple[float, int, int] | None = None  # since when, and underruns and jumps then
        self._silent_s = 0.0
        self._last_s = 0.0

    def see(self, now_s: float, jumps: int, underruns: int, *, playing: bool, sounds: bool) -> None:
        """Take what holds at this moment; while nothing plays nothing is judged."""
        elapsed_s, self._last_s = now_s - self._last_s, now_s
        if not playing:
            self._bad, self._window = 0, None
        elif self._window is None or jumps != self._window[2]:
            self._window, self._silent_s = (now_s, underruns, jumps), 0.0
        else:
            self._silent_s += 0.0 if sounds else elapsed_s
            if now_s - self._window[0] >= WINDOW_S:
                holes = self._silent_s >= HOLE_S or underruns > self._window[1]
                self._bad = min(self._bad + 1, WINDOWS) if holes else 0
                self._window, self._silent_s = (now_s, underruns, jumps), 0.0

    @property
    def problem(self) -> str | None:
        """What is to be said about it."""
        return TEXT if self._bad >= WINDOWS else None
