from __future__ import annotations

import subprocess
import sys

import bridge
from bridge import TransportSource


def test_everything_public_is_there_once() -> None:
    assert sorted(set(bridge.__all__)) == sorted(bridge.__all__)
    assert all(hasattr(bridge, name) for name in bridge.__all__)


def test_every_source_is_a_transport_source_with_a_name() -> None:
    made = [
        bridge.FakeTransport(),
        bridge.InternalClock(),
        bridge.JackMidiClockSource(),
        bridge.JackSource(),
        bridge.LinkSource(),
        bridge.MidiClockSource("x"),
        bridge.MtcSource("x"),
        bridge.TcpSource(),
        bridge.UdpSource(),
        *(bridge.OscSource(name) for name in bridge.DIALECTS),
    ]
    names = {source.name for source in made}
    assert len(names) == len(made)
    for source in made:
        assert isinstance(source, TransportSource)
        assert source.counts == bridge.Counts()
        assert source.warnings == ()
        source.stop()


def test_importing_it_loads_neither_torch_nor_an_extra_nor_a_midi_system() -> None:
    code = "import bridge, sys; print([m for m in ('torch', 'link', 'jack', 'rtmidi') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
