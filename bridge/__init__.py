"""Everything that speaks to a DAW: the `Transport` record, the sources that report it, MIDI clock out.

    with MidiClockSource("Ableton") as source:
        print(source.latest().tempo_bpm)

Sources need no model and no torch. Those of the extras (`LinkSource`, `JackSource`,
`JackMidiClockSource`) can always be made; starting one without its library raises SourceError naming the
extra.
"""

from bridge.clock.clock import ClockFilter
from bridge.clock.clock_state import ClockState
from bridge.clock.fake import FakeTransport
from bridge.clock.internal import InternalClock
from bridge.clock.motion import expected, is_jump, merge, position_error_s
from bridge.clock.priority import CombinedSource, Priority, combine
from bridge.clock.source import Counts, SourceError, TransportSource, host_time
from bridge.clock.transport import Transport, Valid
from bridge.jack.clock import JackMidiClockOut, JackMidiClockSource
from bridge.jack.source import JackSource
from bridge.link import LinkSource
from bridge.midi.clock import MidiClock, MidiClockSource
from bridge.midi.mtc import Mtc, MtcSource
from bridge.midi.out import ClockGenerator, MidiClockOut
from bridge.midi.port import list_ports
from bridge.osc.dialects import DIALECTS, Command, Dialect
from bridge.osc.source import OscSource, own_messages
from bridge.plugin_link.source import PluginSource
from bridge.sockets.tcp import TcpSource
from bridge.sockets.udp import UdpSender, UdpSource
from bridge.sockets.wire import WireMessage

__all__ = [
    "DIALECTS",
    "ClockFilter",
    "ClockGenerator",
    "ClockState",
    "CombinedSource",
    "Command",
    "Counts",
    "Dialect",
    "FakeTransport",
    "InternalClock",
    "JackMidiClockOut",
    "JackMidiClockSource",
    "JackSource",
    "LinkSource",
    "MidiClock",
    "MidiClockOut",
    "MidiClockSource",
    "Mtc",
    "MtcSource",
    "OscSource",
    "PluginSource",
    "Priority",
    "SourceError",
    "TcpSource",
    "Transport",
    "TransportSource",
    "UdpSender",
    "UdpSource",
    "Valid",
    "WireMessage",
    "combine",
    "expected",
    "host_time",
    "is_jump",
    "list_ports",
    "merge",
    "own_messages",
    "position_error_s",
]
