"""`WireSource`: what sources of the JSON protocol (docs/bridge-protocol.md) share, over datagrams or a stream."""

from __future__ import annotations

from collections.abc import Callable

from bridge.clock.motion import merge
from bridge.clock.source import Listener, TransportSource
from bridge.clock.transport import Transport
from bridge.sockets.listen import L, Listens
from bridge.sockets.wire import PORT, WireMessage, decode, encode

HOLD_S = 1.0


class WireReceiver:
    """What to make of wire messages from several senders: one is heard, until it says bye or falls silent."""

    def __init__(self, hold_s: float = HOLD_S) -> None:
        self._hold_s = hold_s
        self._speaker: object = None
        self._heard_s = float("-inf")
        self.transport = Transport()

    def take(self, message: WireMessage, sender: object, now_s: float) -> bool:
        """Work one message in; returns whether it was from the one who is heard."""
        if message.kind not in ("transport", "bye"):
            return True
        if sender != self._speaker:
            if now_s - self._heard_s < self._hold_s:
                return False
            # what another sender said is no ground to build this one's news on
            self._speaker, self.transport = sender, Transport()
        self._heard_s = now_s
        if message.kind == "bye":
            self.leave(sender)
            return True
        news = message.news.replace(host_time_s=now_s - message.age_s)
        self.transport = merge(self.transport.without(message.forgotten), news)
        return True

    def leave(self, sender: object) -> None:
        """The sender is gone: nothing is known any more, and anyone may speak."""
        if sender == self._speaker:
            self._speaker, self._heard_s = None, float("-inf")
            self.transport = Transport()


class WireSource(Listens[L], TransportSource):
    """Listens for JSON messages of at most 4096 bytes on loopback, or elsewhere if `allow_remote`.

    Messages that are malformed, too long, too many (`per_s` of each sender), or from a second sender while the first
    still speaks, are dropped and counted. Raises ValueError for a host or port that is not valid.
    """

    kind = "wire"

    def __init__(
        self,
        port: int = PORT,
        *,
        host: str = "127.0.0.1",
        allow_remote: bool = False,
        per_s: float = 2000.0,
        listener: Listener | None = None,
    ) -> None:
        super().__init__(self.kind, listener)
        self._listen_on(host, port, allow_remote)
        self._per_s = per_s
        self._receiver = WireReceiver()

    def start(self) -> None:
        """Open the port. Raises SourceError if it is taken."""
        if self._listening is None:
            self._receiver = WireReceiver()
        super().start()

    def _take(self, data: bytes, sender: object, now_s: float, answer: Callable[[bytes], bool]) -> None:
        """Work one message in; a ping is answered, by what returns whether it could. Raises ValueError."""
        message = decode(data)
        if message.kind == "ping" and not answer(encode(WireMessage("pong", id=message.id))):
            self._count(dropped=1)  # it does not read its answers; it will be gone or will ask again
            return
        if not self._receiver.take(message, sender, now_s):
            self._count(dropped=1)
            return
        self._count(received=1)
        if message.kind in ("transport", "bye"):
            self._publish(self._receiver.transport)
