"""`ControlServer`: the socket on which the panel, or any program, sees and steers a host; docs/control-protocol.md.

client --hello--> welcome, then status some times a second, kept for every captured file
client --set, act, source, audition, ...--> done or error, with the request's id
"""

from __future__ import annotations

import logging
import math
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bridge import Counts, SourceError, host_time
from bridge.sockets.lines import LineClient, LineServer
from bridge.sockets.listen import bind, check_port
from musika_daw.host.control.devices import devices
from musika_daw.host.control.live import ACTIONS, PARAMETERS
from musika_daw.host.control.steered import Steered
from musika_daw.host.control.wire import PORT, Request, decode_request, encode, request_id
from musika_daw.host.follow.health import source_health
from musika_daw.host.follow.sources import SOURCES
from musika_daw.host.sinks.sink import SinkError

HOST = "127.0.0.1"
CLIENTS_MAX = 8
TICK_S = 0.01
LOCKED_S = 0.002
logger = logging.getLogger("musika_daw")


class ControlServer:
    """Listens on loopback only. What is malformed is answered with an error and counted; a program whose first line is
    no request (a browser that was led here) is hung up on. Raises ValueError for a port that is not valid.
    """

    def __init__(self, session: Steered, port: int = PORT) -> None:
        self._session = session
        self._wanted_port = check_port("port", port)
        self._server: LineServer | None = None
        self._worker: ThreadPoolExecutor | None = None
        self._told = 0
        self._counts: dict[str, int] = {}

    def open(self) -> None:
        """Take the port; who connects waits until `start`. Raises bridge.SourceError if it is taken."""
        if self._server is not None:
            return
        bound = bind(socket.SOCK_STREAM, HOST, self._wanted_port, "control socket")
        self._worker = ThreadPoolExecutor(1, "control-work")  # what takes long, one after another
        self._server = LineServer(
            bound,
            self._line,
            self._problem,
            name="control",
            clients_max=CLIENTS_MAX,
            per_s=500.0,
            on_tick=self._tick,
            tick_s=TICK_S,
        )

    def start(self) -> None:
        """Begin to answer, once there is something to tell."""
        assert self._server is not None, "open it first"
        self._server.start()

    def stop(self) -> None:
        """Close the port."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        if self._worker is not None:
            self._worker.shutdown(wait=False, cancel_futures=True)

    @property
    def port(self) -> int:
        """The port listened on, once started."""
        return self._wanted_port if self._server is None else self._server.port

    @property
    def counts(self) -> Counts:
        """What came in."""
        return Counts(**self._counts)

    def _problem(self, kind: str, _client: LineClient | None) -> None:
        self._counts[kind] = self._counts.get(kind, 0) + 1

    def _line(self, client: LineClient, line: bytes, _now_s: float) -> None:
        try:
            request = decode_request(line)
            if client.data is None and request.kind != "hello":
                raise ValueError(f"kind: {request.kind!r}, must be hello first")
        except ValueError as error:
            if client.data is None:
                client.hang_up()
            else:
                client.send(encode("error", id=request_id(line), text=_one_line(error)))
            raise
        self._problem("received", client)
        self._answer(client, request)

    def _answer(self, client: LineClient, request: Request) -> None:
        values = request.values
        if request.kind == "hello":
            client.data = _Subscription(values["status_hz"])
            client.send(encode("welcome", id=request.id, **self._facts()))
        elif request.kind == "bye":
            client.hang_up()
        elif request.kind == "ping":
            client.send(encode("pong", id=request.id))
        elif request.kind == "source":
            self._in_control_thread(client, request, lambda: self._session.switch_source(values["name"], values["bpm"]))
        elif request.kind == "devices":
            self._later(client, request, lambda: client.send(encode("devices", id=request.id, **devices())))
        elif request.kind == "audition":
            self._later(client, request, lambda: self._session.audition(values["file"], values["gain_db"]))
        elif request.kind == "midi":
            self._in_control_thread(client, request, lambda: self._session.midi.listen(values["port"]))
        elif request.kind == "chords_in":
            self._in_control_thread(client, request, lambda: self._session.midi.follow_chords(values["port"]))
        else:
            _told(client, request, lambda: self._at_once(request))

    def _at_once(self, request: Request) -> str | None:
        """Do it; returns what of it will not be heard."""
        session, values = self._session, request.values
        if request.kind == "set":
            session.live.set_all(values["values"])
            return session.live.problem
        elif request.kind == "score":
            session.live.write(values["values"])
        elif request.kind == "part":
            session.live.mix(values["what"], values["name"], values["on"])
        elif request.kind == "act":
            session.live.act(values["action"])
        elif request.kind == "effects":
            session.switch_effects(values["on"])
        elif request.kind == "learn":
            session.midi_map.learn(values["name"])
        elif request.kind == "forget":
            session.midi_map.forget(values["name"])
        return None

    def _later(self, client: LineClient, request: Request, act: Callable[[], object]) -> None:
        """In a thread of its own: files and devices take their time."""
        assert self._worker is not None
        self._worker.submit(_told, client, request, act)

    def _in_control_thread(self, client: LineClient, request: Request, act: Callable[[], object]) -> None:
        self._session.host.soon.put(lambda: _told(client, request, act))

    def _tick(self, now_s: float) -> None:
        server = self._server
        if server is None or not server.clients:
            return
        self._session.keeper.poll()
        results = self._session.keeper.results
        news = results[self._told :]
        self._told += len(news)
        status: bytes | None = None
        for client in server.clients:
            subscription: _Subscription | None = client.data
            if subscription is None:
                continue
            for kept in news:
                if kept.file is None:
                    client.send(encode("problem", text=kept.problem))
                else:
                    client.send(encode("kept", file=str(kept.file.resolve())))
            if subscription.is_due(now_s):
                status = status or encode("status", **self.status())
                client.send(status, news=True)

    def _facts(self) -> dict[str, Any]:
        """What does not change while a host runs."""
        import os

        session, options = self._session, self._session.options
        controls = {
            name: {"low": p.low, "high": p.high, "start": start, "step": p.step, "whole": p.whole, "off": p.off}
            for (name, p), start in zip(PARAMETERS.items(), session.live.starts.values())
        }
        return {
            "host": "musika-daw",
            "pid": os.getpid(),
            "model": options.model,
            "sink": session.sink.name,
            "sample_rate_hz": session.sink.sample_rate_hz,
            "keep_to": str(options.keep_to.resolve()),
            "controls": controls,
            "actions": list(ACTIONS),
            "sources": list(SOURCES),
            "effects": list(options.effects),
        }

    def status(self) -> dict[str, Any]:
        """Everything that changes: see `status` in docs/control-protocol.md."""
        session = self._session
        host, status = session.host, session.host.status()
        record, meter, grid = status.record, status.meter, host.grid
        health = source_health(
            session.source_name, record, host_time(), warnings=session.source.warnings, steers=session.steers
        )
        counts = session.source.counts
        bar_beats = record.signature_numerator * 4 / record.signature_denominator
        bar, within = divmod(host.beat, bar_beats)
        locked = grid.playing and meter.sounding and abs(meter.error_s) < LOCKED_S
        return {
            "source": {
                "name": session.source_name,
                "state": health.state,
                "reason": health.reason,
                "fix": health.fix,
                "offers": health.offers,
                "age_s": health.age_s,
                "problem": session.source_problem,
                "steers": session.steers,
                "received": counts.received,
                "bad": counts.malformed + counts.oversized + counts.dropped,
            },
            "transport": {
                "playing": grid.playing,
                "bpm": status.bpm,
                "beat": host.beat,
                "bar": int(bar) + 1,
                "bar_beat": within * record.signature_denominator / 4 + 1,
                "signature": [record.signature_numerator, record.signature_denominator],
            },
            "lock": {"locked": locked, "error_ms": meter.error_s * 1000 if grid.playing else None},
            "cache": {
                "ahead_s": status.ahead_s,
                "wanted_s": host.scheduler.ahead_s,
                "bpm": status.piece_bpm,
                "renderer_share": status.render_share,
                "problem": status.problem,
            },
            "sound": {
                "underruns": meter.underruns,
                "late_blocks": session.sink.xruns,
                "errors": status.fill_errors,
                "peak_db": 20 * math.log10(meter.peak) if meter.peak > 1e-6 else None,
                "clipped": meter.clipped,
                "problem": session.sink.problem,
                "told": session.sink.told,
            },
            "values": session.live.values(),
            "score": session.live.written(),
            "parts": session.live.parts(),
            "chords": session.chords.status(),
            "problem": session.live.problem,
            "effects_on": bool(host.effects),
            "midi": {
                "port": session.midi.input_name,
                "learning": session.midi_map.learning,
                "bindings": {name: b.controller for name, b in session.midi_map.bindings.items()},
                "problem": session.midi_map.problem,
            },
            "audition": {"file": host.audition.file, "state": host.audition.state},
            "keeping": session.keeper.poll(),
        }


class _Subscription:
    """When a client is told the status next."""

    def __init__(self, status_hz: float) -> None:
        self._period_s = 1 / status_hz if status_hz else math.inf
        self._due_s = -math.inf

    def is_due(self, now_s: float) -> bool:
        """Whether it is now; the next time is a period later."""
        if now_s < self._due_s or math.isinf(self._period_s):
            return False
        self._due_s = max(self._due_s + self._period_s, now_s)
        return True


def _told(client: LineClient, request: Request, act: Callable[[], object]) -> None:
    """Do what was asked, and say whether that went well."""
    try:
        note = act()
    except (ValueError, OSError, SourceError, SinkError) as error:
        client.send(encode("error", id=request.id, text=_one_line(error)))
    except Exception as error:  # a driver or a plugin may raise anything, and the host plays on
        logger.exception("a request of the control socket failed: %s", request.kind)
        client.send(encode("error", id=request.id, text=f"{type(error).__name__}: {_one_line(error)}"))
    else:
        if request.kind != "devices":
            client.send(encode("done", id=request.id, **({"note": note} if isinstance(note, str) else {})))


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'file'}: {error.strerror.lower()}"
    return " ".join(str(error).split())
