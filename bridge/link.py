"""`LinkSource`: Ableton Link, tempo and phase and start/stop shared by everybody in a network. No position.

Needs the extra `link` (LinkPython-extern). Link finds its peers by multicast on every network interface.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable
from typing import Any

from bridge.clock.source import Action, SourceError, TransportSource, host_time
from bridge.clock.transport import Transport

# A peer that is made and enabled at once gives a running session its own tempo now and then (half of the times after
# 50 ms, never after a second).
JOIN_S = 1.0


class LinkSource(TransportSource):
    """A peer in a Link session, polled: it has no listener, `latest()` asks Link, which answers at once.

    `tempo_bpm` is only the tempo of a session that nobody else is in yet: joining never changes that of
    others, and takes a second (`is_joined`). `quantum_beats` is what phase is counted in. `latency_s`, that of the
    audio output, is added to every time asked for. Before the first peer nothing is known, unless `alone_counts`;
    when the last one leaves, the session goes on. `start` raises SourceError without the extra; ValueError for values
    out of range.
    """

    def __init__(
        self,
        tempo_bpm: float = 120.0,
        *,
        quantum_beats: float = 4.0,
        latency_s: float = 0.0,
        alone_counts: bool = False,
        start_stop: bool = True,
        clock: Callable[[], float] = host_time,
    ) -> None:
        super().__init__("link", clock=clock)
        Transport.of(tempo_bpm=tempo_bpm, quantum_beats=quantum_beats)
        if not 20 <= tempo_bpm <= 999:
            raise ValueError(f"tempo_bpm: {tempo_bpm}, must be in 20..999 for Link")
        self._tempo_bpm, self.quantum_beats = tempo_bpm, quantum_beats
        self.latency_s = latency_s
        self._alone_counts, self._start_stop = alone_counts, start_stop
        self._link: Any = None
        self._clock: Any = None
        self._lock = threading.Lock()  # of joining against leaving
        self._joining: threading.Timer | None = None
        self._met = False

    def start(self) -> None:
        """Join. Raises SourceError if the extra is not installed."""
        if self._link is not None:
            return
        try:
            link = importlib.import_module("link")
        except ImportError as error:
            hint = "pip install 'musika-daw[link]'"
            raise SourceError(f"Ableton Link needs an extra: {hint} ({error})") from error
        session = link.Link(self._tempo_bpm)
        session.startStopSyncEnabled = self._start_stop
        # no callbacks: Link's thread would wait for Python's lock while leaving waits for that thread
        self._clock = session.clock()
        self._met = False
        self._link = session
        self._joining = threading.Timer(JOIN_S, self._join, (session,))
        self._joining.daemon = True
        self._joining.start()

    def _join(self, session: Any) -> None:
        with self._lock:
            if self._link is session:
                session.enabled = True
                self._joining = None

    def stop(self) -> None:
        """Leave the session."""
        with self._lock:
            session, self._link = self._link, None
            joining, self._joining = self._joining, None
            if joining is not None:
                joining.cancel()
            if session is not None:
                session.enabled = False

    @property
    def is_joined(self) -> bool:
        """Whether others can see it."""
        return self._link is not None and self._joining is None

    @property
    def warnings(self) -> tuple[str, ...]:
        """That nobody else is left in the session, where somebody was."""
        return ("the last peer has left the Link session, which goes on",) if self._met and not self.peers else ()

    @property
    def peers(self) -> int:
        """How many others are in the session."""
        return 0 if self._link is None else int(self._link.numPeers())

    def latest(self) -> Transport:
        """Tempo, phase and play of this moment (plus the latency); what a Link session lacks is unknown."""
        session = self._link
        before_s = self.clock()
        record = Transport.of(host_time_s=before_s)
        if session is None:
            return record
        self._met = self._met or session.numPeers() > 0
        if not self._met and not self._alone_counts:
            return record
        state = session.captureAppSessionState()
        # Link's clock and ours run apart: read ours on both sides of it and take the middle
        before_s = self.clock()
        micros = self._clock.micros()
        now_s = (before_s + self.clock()) / 2
        micros += round(self.latency_s * 1e6)
        quantum = self.quantum_beats
        record = record.replace(
            host_time_s=now_s,
            tempo_bpm=state.tempo(),
            quantum_beats=quantum,
            phase_beats=state.phaseAtTime(micros, quantum) % quantum,
        )
        return record.replace(playing=bool(state.isPlaying())) if self._start_stop else record

    def set_tempo(self, bpm: float) -> None:
        """Change the session's tempo. Raises ValueError outside 20..999, SourceError if not in a session."""
        if not 20 <= bpm <= 999:
            raise ValueError(f"bpm: {bpm}, must be in 20..999 for Link")
        self._edit(lambda state, micros: state.setTempo(bpm, micros))

    def set_playing(self, playing: bool) -> None:
        """Start or stop everybody who listens to that. Raises SourceError if not in a session."""
        self._edit(lambda state, micros: state.setIsPlaying(playing, micros))

    @property
    def steers(self) -> bool:
        """Whether it may start and stop: who joins is not told that the others play, and comes in by this."""
        return self._start_stop and self._link is not None

    def steer(self, action: Action) -> None:
        """Start or stop everybody; those who play already play on. Raises SourceError where it is not joined yet."""
        self.set_playing(action == "play")

    def _edit(self, change: Callable[[Any, int], None]) -> None:
        session = self._link
        if session is None:
            raise SourceError("Ableton Link is not started")
        if not self.is_joined:
            raise SourceError("Ableton Link is being joined, which takes a second")
        state = session.captureAppSessionState()
        change(state, self._clock.micros() + round(self.latency_s * 1e6))
        session.commitAppSessionState(state)
