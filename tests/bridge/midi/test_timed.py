"""Messages that are sent each at its time."""

from __future__ import annotations

import pytest

from bridge import SourceError, host_time
from bridge.midi.timed import TimedMidiOut
from tests.waiting import wait_for


class Port:
    """Keeps what is sent, and when."""

    def __init__(self) -> None:
        self.sent: list[tuple[float, bytes]] = []
        self.closed = False

    def send(self, message: bytes) -> None:
        assert not self.closed
        self.sent.append((host_time(), message))

    def close(self) -> None:
        self.closed = True


def test_messages_go_out_in_order_and_never_before_their_time() -> None:
    port, opened = Port(), []

    def opener(name: str | None, virtual: str | None = None) -> Port:
        opened.append((name, virtual))
        return port

    out = TimedMidiOut("synth", opener=opener)
    out.start()
    out.start()  # once is enough
    assert opened == [("synth", None)]
    begin_s = host_time()
    due = [(begin_s + 0.02 * number, bytes((0x90, 60 + number, 1))) for number in range(10)]
    due.insert(5, (begin_s - 1, b"\x80\x3c\x00"))  # late already: after those before it, at once
    for due_s, message in due:
        out.put(due_s, message)
    assert wait_for(lambda: out.sent == 11, 10)
    assert [message for _, message in port.sent] == [message for _, message in due]
    late_s = [at_s - due_s for (at_s, _), (due_s, _) in zip(port.sent, due, strict=True)]
    assert min(late_s) >= 0
    assert sorted(late_s)[5] < 0.05  # of a machine that may be busy
    out.put(host_time() + 60, b"\x90\x01\x01")
    out.stop([b"\x80\x01\x00", b"\xb0\x7b\x00"])
    out.stop([b"\x80\x02\x00"])
    assert [message for _, message in port.sent[11:]] == [b"\x80\x01\x00", b"\xb0\x7b\x00"], "not what was to come"
    assert port.closed


def test_a_port_that_is_not_there_is_told() -> None:
    def opener(*_: object, **__: object) -> Port:
        raise SourceError("MIDI output port 'x' cannot be opened; there are: none")

    out = TimedMidiOut("x", opener=opener)
    with pytest.raises(SourceError, match="there are: none"):
        out.start()
    out.stop([b"\x80\x01\x00"])


def test_a_port_that_was_unplugged_is_told_once_and_what_comes_later_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    class Unplugged(Port):
        gone = True

        def send(self, message: bytes) -> None:
            if self.gone:
                raise RuntimeError("error sending MIDI message")
            super().send(message)

    port = Unplugged()
    out = TimedMidiOut("synth", opener=lambda *_, **__: port)
    out.start()
    out.put(0.0, b"\x90\x01\x01")
    out.put(0.0, b"\x90\x02\x01")
    assert wait_for(lambda: out.lost == 2, 10)
    port.gone = False
    out.put(0.0, b"\x90\x03\x01")
    assert wait_for(lambda: out.sent == 1, 10)
    assert [message for _, message in port.sent] == [b"\x90\x03\x01"]
    port.gone = True
    out.stop([b"\xb0\x7b\x00"])
    assert port.closed
    assert [record.getMessage() for record in caplog.records] == [
        "MIDI output port 'synth': error sending MIDI message"
    ]
