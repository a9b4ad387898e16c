"""Everything that speaks to a DAW: the `Transport` record, the sources that report it, MIDI clock out.

    with MidiClockSource("Ableton") as source:
        print(source.latest().tempo_bpm)

Sources need no model and no torch. Those of the extras (`LinkSource`, `JackSource`,
`JackMidiClockSource`) can always be made; starting one without its library raises SourceError naming the
extra.
"""

from bridge.clock import ClockFilter
from bridge.clock_state import ClockState
from bridge.dialects import DIALECTS, Command, Dialect
from bridge.fake import FakeTransport
from bridge.internal import InternalClock
from bridge.jack import JackSource
from bridge.jack_clock import JackMidiClockOut, JackMidiClockSource
from bridge.link import LinkSource
from bridge.midi_clock import MidiClock, MidiClockSource
from bridge.midi_out import ClockGenerator, MidiClockOut
from bridge.midi_port import list_ports
from bridge.motion import expected, is_jump, merge, position_error_s
from bridge.mtc import Mtc, MtcSource
from bridge.osc import OscSource, own_messages
from bridge.plugin_source import PluginSource
from bridge.priority import CombinedSource, Priority, combine
from bridge.source import Counts, SourceError, TransportSource, host_time
from bridge.tcp import TcpSource
from bridge.transport import Transport, Valid
from bridge.udp import UdpSender, UdpSource
from bridge.wire import WireMessage

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
