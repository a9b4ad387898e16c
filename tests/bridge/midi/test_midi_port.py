from __future__ import annotations

import importlib.util
import random
import sys
from typing import Any

import pytest

if sys.version_info >= (3, 13) and importlib.util.find_spec("rtmidi") is None:
    pytest.skip("python-rtmidi has no wheel for this Python", allow_module_level=True)
import rtmidi

from bridge import SourceError, list_ports
from bridge.midi.port import Stamps, choose, open_input, open_output


class Device:
    """Stands for an rtmidi input or output."""

    ports: tuple[str, ...] = ()
    fails = False

    def __init__(self, api: int, name: str = "") -> None:
        if self.fails:
            raise rtmidi.SystemError("cannot   create\nclient")
        self.opened: object = None
        self.callback: Any = None
        self.sent: list[list[int]] = []
        self.deleted = False
        devices.append(self)

    def get_ports(self) -> list[str]:
        return list(self.ports)

    def open_port(self, index: int, name: str) -> None:
        self.opened = self.ports[index]

    def open_virtual_port(self, name: str) -> None:
        self.opened = f"virtual {name}"

    def ignore_types(self, **which: bool) -> None:
        self.ignored = which

    def set_callback(self, callback: Any) -> None:
        self.callback = callback

    def cancel_callback(self) -> None:
        self.callback = None

    def send_message(self, message: list[int]) -> None:
        self.sent.append(message)

    def close_port(self) -> None:
        self.opened = None

    def delete(self) -> None:
        self.deleted = True


devices: list[Device] = []


@pytest.fixture
def fake_rtmidi(monkeypatch: pytest.MonkeyPatch) -> type[Device]:
    class Local(Device):
        ports = ("IAC Bus 1", "IAC Bus 2", "Ableton Sync")

    devices.clear()
    monkeypatch.setattr(rtmidi, "MidiIn", Local)
    monkeypatch.setattr(rtmidi, "MidiOut", Local)
    monkeypatch.setattr(rtmidi, "get_compiled_api", lambda: [rtmidi.API_LINUX_ALSA])
    return Local


def test_a_port_is_found_by_part_of_its_name(fake_rtmidi: type[Device]) -> None:
    heard: list[tuple[object, float]] = []
    port = open_input("ableton", lambda message, time_s: heard.append((message, time_s)))
    device = devices[-1]
    assert (port.name, device.opened) == ("Ableton Sync", "Ableton Sync")
    assert device.ignored == {"sysex": False, "timing": False, "active_sense": True}
    device.callback(([0xF8], 0.0), None)
    assert heard[0][0] == [0xF8]
    port.close()
    assert device.deleted
    assert device.callback is None


def test_an_unknown_or_ambiguous_port_is_an_error_that_lists_the_ports(fake_rtmidi: type[Device]) -> None:
    for wanted in ("nonsense", "IAC"):
        with pytest.raises(SourceError, match=f"input port '{wanted}'.*IAC Bus 1, IAC Bus 2, Ableton Sync"):
            open_input(wanted, lambda message, time_s: None)
    assert all(device.deleted for device in devices)


def test_virtual_ports_and_outputs(fake_rtmidi: type[Device]) -> None:
    assert open_input(None, lambda m, t: None, virtual="musika").name == "musika"
    output = open_output("Bus 2")
    output.send(b"\xf2\x01\x02")
    assert devices[-1].sent == [[0xF2, 1, 2]]
    output.close()
    assert devices[-1].deleted


def test_ports_are_listed_with_their_system(fake_rtmidi: type[Device]) -> None:
    assert list_ports() == [("alsa", "IAC Bus 1"), ("alsa", "IAC Bus 2"), ("alsa", "Ableton Sync")]


def test_without_a_midi_system_the_error_says_why(fake_rtmidi: type[Device]) -> None:
    fake_rtmidi.fails = True
    told = r"no MIDI system works here \(alsa: cannot create client\); a JACK port is named jack-midi:PORT"
    with pytest.raises(SourceError, match=told):
        list_ports()


def test_a_system_that_is_none_or_is_not_built_in(fake_rtmidi: type[Device]) -> None:
    with pytest.raises(SourceError, match="must be one of alsa, core, winmm"):
        list_ports(api="oss")
    with pytest.raises(SourceError, match="winmm: not built into"):
        list_ports(api="winmm")


def test_rtmidi_never_joins_a_jack_server(fake_rtmidi: type[Device], monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[int] = []

    class Noted(fake_rtmidi):  # type: ignore[misc, valid-type]
        def __init__(self, api: int, name: str = "") -> None:
            opened.append(api)
            super().__init__(api, name)

    monkeypatch.setattr(rtmidi, "MidiIn", Noted)
    monkeypatch.setattr(rtmidi, "MidiOut", Noted)
    monkeypatch.setattr(rtmidi, "get_compiled_api", lambda: [rtmidi.API_UNIX_JACK, rtmidi.API_LINUX_ALSA])
    list_ports()
    list_ports(output=True)
    with pytest.raises(SourceError, match=r"nonsense.*a JACK port is named jack-midi:PORT"):
        open_input("nonsense", lambda message, time_s: None)
    assert set(opened) == {rtmidi.API_LINUX_ALSA}


def test_choosing_prefers_the_exact_name() -> None:
    assert choose("a", ["ab", "a"]) == 1
    assert choose("B", ["ab", "a"]) == 0
    assert choose("a", ["ab", "ac"]) is None
    # the number of an ALSA client is another after it was plugged in again
    through, pad = "Midi Through:Midi Through Port-0 14:0", "nanoKONTROL2:nanoKONTROL2 MIDI 1"
    assert choose(f"{pad} 24:0", [through, f"{pad} 28:0"]) == 1
    assert choose(f"{pad} 24:0", [f"{pad} 28:0", f"{pad} 24:0"]) == 1
    assert choose(f"{pad} 24:0", [f"{pad} 28:0", f"{pad} 32:0"]) is None, "two of a kind: nobody knows which"
    assert choose(f"{pad} 24:0", [through, "nanoKONTROL2:nanoKONTROL2 MIDI 2 24:1"]) is None


def test_stamps_are_steadier_than_callbacks_and_follow_a_drifting_driver() -> None:
    rng = random.Random(1)
    stamps, errors = Stamps(), []
    last_s = 0.0
    for i in range(5000):
        true_s = i / 48
        late_s = rng.expovariate(1 / 0.002)
        # the driver's clock runs 100 ppm fast
        error_s = stamps.stamp((true_s - last_s) * 1.0001 if i else 0.0, true_s + late_s) - true_s
        errors.append(error_s)
        last_s = true_s
    assert max(errors[500:]) < 0.0015
    assert min(errors) > -0.0005


def test_stamps_recover_when_the_driver_forgets_time() -> None:
    stamps = Stamps()
    assert stamps.stamp(0.0, 10.0) == 10.0
    assert stamps.stamp(1.0, 11.001) == pytest.approx(11.0, abs=0.001)
    assert stamps.stamp(0.0, 15.0) == 15.0
    assert stamps.stamp(0.5, 15.5) == 15.5


def test_stamps_follow_a_driver_that_loses_time() -> None:
    stamps = Stamps()
    late = [stamps.stamp(1 / 48, i / 48 + (0.02 if i > 200 else 0.0)) - i / 48 for i in range(500)]
    assert late[400] - late[100] == pytest.approx(0.02, abs=1e-6)
