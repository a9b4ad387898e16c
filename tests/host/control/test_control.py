"""Controls by name, MIDI controller, OSC and key, and what hostile input does to them: nothing."""

from __future__ import annotations

import os
import pty
import random
import re
import socket
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.osc.codec import encode, encode_bundle
from musika_daw.host.control.keys import Keys, press
from musika_daw.host.control.live import ACTIONS, PARAMETERS, LiveControls
from musika_daw.host.control.mapping import Binding, MidiMap, read_map, write_map
from musika_daw.host.control.remote import OscControl
from musika_daw.instrument.scores import unheeded
from musika_daw.score.controls import Controls
from tests.waiting import wait_for


def test_what_is_set_is_what_the_engine_is_told() -> None:
    live = LiveControls(density=0.3)
    live.set("seed", 7)
    live.set("morph_seed", 9)
    live.set("morph", 0.25)
    live.set("density", None)
    controls = live.controls()
    assert (controls.seed, controls.morph_seed, controls.morph, controls.density) == (7, 9, 0.25, None)
    live.set("gain_db", -6)
    assert live.gain == pytest.approx(0.5012, abs=1e-3)
    live.set("gain_db", -60)
    assert live.gain == 0


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("colour", 1, "control: 'colour', must be one of"),
        ("density", 1.5, r"density: 1.5, must be in 0\.\.1"),
        ("seed", 1.5, "must be a whole number"),
        ("morph", None, "morph: off"),
        ("morph", float("nan"), "a number"),
        ("morph", "x", "must be a number"),
        ("gain_db", 99, "gain_db: 99"),
    ],
)
def test_a_wrong_control_is_named(name: str, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LiveControls().set(name, value)  # type: ignore[arg-type]


def test_a_gain_that_nobody_chose_is_where_its_model_starts() -> None:
    left, told = LiveControls(gain_db=None), LiveControls(gain_db=0.0)
    for live in (left, told):
        live.start_at("gain_db", -15.0)
        assert live.starts["gain_db"] == -15
        assert live.last_change == ""
    assert left.get("gain_db") == -15
    assert told.get("gain_db") == 0


def test_what_is_written_is_what_the_score_is_asked() -> None:
    live = LiveControls(seed=3)
    live.write({"key": "Am", "chords": "Am | F", "parts": "bass, drums", "voices": "bass=7, kick=1"})
    live.write({"key": None})
    controls = live.controls()
    assert (controls.seed, controls.key, controls.chords, controls.parts) == (3, None, "Am | F", ("bass", "drums"))
    assert dict(controls.voices) == {"kick": 1, "bass": 7}
    assert live.written() == {"key": None, "chords": "Am | F", "parts": "bass, drums", "voices": "bass=7, kick=1"}


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"chords": "Am H"}, "chords: 'H', in bar 2, must be a chord"),
        ({"key": "Cm", "parts": "flute"}, "parts: flute, must be some of drums, bass, lead, chords"),
        ({"parts": ""}, "parts: none, must be some of"),
        ({"key": "13A"}, "key: '13A', must be like"),
        ({"voices": "flute=3"}, "voices: 'flute', must be one of drums, bass, lead, chords, kick"),
        ({"tempo": "1"}, "score: 'tempo', must be one of key, chords, parts"),
    ],
)
def test_what_cannot_be_written_changes_nothing(texts: dict[str, str], message: str) -> None:
    live = LiveControls()
    live.write({"chords": "Dm"})
    with pytest.raises(ValueError, match=re.escape(message)):
        live.write(texts)
    assert live.written() == {"key": None, "chords": "Dm", "parts": None, "voices": None}

    def check(controls: Controls) -> None:
        raise ValueError("no score")

    live.check = check
    with pytest.raises(ValueError, match="no score"):
        live.write({"chords": "Am"})
    assert live.controls().chords == "Dm"


def test_actions_are_passed_on_and_seeds_move() -> None:
    heard: list[str] = []
    live = LiveControls(heard.append, seed=4)
    for action in ACTIONS:
        live.act(action)
    assert heard == list(ACTIONS)
    assert live.get("seed") == 5
    assert live.get("style_seed") == 6
    with pytest.raises(ValueError, match="action: 'dance'"):
        live.act("dance")


@given(st.sampled_from(sorted(PARAMETERS)), st.floats(-1, 2))
def test_a_controller_never_leaves_the_range(name: str, share: float) -> None:
    live = LiveControls()
    live.sweep(name, share)
    value = live.get(name)
    assert value is not None
    assert PARAMETERS[name].low <= value <= PARAMETERS[name].high


def test_a_controller_is_learnt_kept_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "maps" / "midi.toml"
    live = LiveControls()
    first = MidiMap(live, path)
    first.learn("density")
    assert first.feed([0xB2, 20, 127])
    assert live.get("density") == 1
    first.learn("keep_4")
    first.feed([0xB0, 64, 0])
    assert not first.feed([0xB0, 99, 5])
    heard: list[str] = []
    live.on_action = heard.append
    again = MidiMap(live, path)
    assert again.bindings == {"density": Binding(20, 3), "keep_4": Binding(64, 1)}
    again.feed([0xB2, 20, 0])
    assert live.get("density") == 0
    for value in (10, 80, 90, 0, 70):
        again.feed([0xB0, 64, value])
    assert heard == ["keep_4", "keep_4"]
    again.learn("energy")
    again.feed([0xB2, 20, 3])  # taken over
    assert "density" not in again.bindings
    again.forget("energy")
    assert set(read_map(path)) == {"keep_4"}
    assert [p.name for p in path.parent.iterdir()] == ["midi.toml"]
    with pytest.raises(ValueError, match="control: 'nothing'"):
        again.learn("nothing")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[x", "map"),
        ("[colour]\ncontroller=1", "'colour', must be one of"),
        ("[morph]\nchannel=1", "must hold controller"),
        ("[morph]\ncontroller=200", "controller 200"),
        ("[morph]\ncontroller=1\nchannel=17", "channel 17"),
        ("morph=3", "must hold controller"),
        ("[morph]\ncontroller=true", "controller True"),
    ],
)
def test_a_wrong_map_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "m.toml").write_text(text)
    with pytest.raises(ValueError, match="map") as error:
        MidiMap(LiveControls(), tmp_path / "m.toml")
    assert message in str(error.value)


@given(st.lists(st.lists(st.integers(0, 255), max_size=4), max_size=30))
@settings(max_examples=40)
def test_any_midi_is_survived(messages: list[list[int]]) -> None:
    midi = MidiMap(LiveControls())
    midi.learn("density")
    for message in messages:
        midi.feed(message)
    assert len(midi.bindings) <= 1


def test_an_odd_message_does_not_cost_its_neighbours() -> None:
    live = LiveControls()
    control = OscControl(live, 0)
    bundle = encode_bundle(
        [
            ("/musika/control/density", [("f", 0.5)]),
            ("/musika/control/density", [("f", 7.0)]),
            ("/nowhere", []),
            ("/musika/control/seed", [("i", 12)]),
        ]
    )
    with pytest.raises(ValueError, match="density"):
        control._packet(bundle, ("127.0.0.1", 1), 0.0)
    assert (live.get("density"), live.get("seed"), control.counts.received) == (0.5, 12, 2)


def test_osc_moves_controls_and_asks_for_actions() -> None:
    heard: list[str] = []
    live = LiveControls(heard.append)
    control = OscControl(live, 0)
    control.start()
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            address = ("127.0.0.1", control.port)
            sender.sendto(encode("/musika/control/density", [("f", 0.5)]), address)
            sender.sendto(encode("/musika/control/seed", [("f", 12.0)]), address)
            sender.sendto(encode("/musika/action/keep_8", []), address)
            sender.sendto(encode("/musika/action/keep_8", [("i", 0)]), address)
            assert wait_for(lambda: control.counts.received == 4)
            assert (live.get("density"), live.get("seed"), heard) == (0.5, 12, ["keep_8"])
            for address_, arguments in (
                ("/musika/control/density", [("f", 7.0)]),
                ("/musika/control/density", []),
                ("/other", []),
                ("/musika/action/fly", []),
            ):
                sender.sendto(encode(address_, arguments), address)
            assert wait_for(lambda: control.counts.malformed == 4)
            assert live.get("density") == 0.5
    finally:
        control.stop()
        control.stop()


def test_a_flood_of_hostile_packets_is_dropped_and_counted_and_the_port_stays_up() -> None:
    live = LiveControls()
    control = OscControl(live, 0)
    control.start()
    shake = random.Random(1)
    good = encode("/musika/control/morph", [("f", 0.75)])
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            address = ("127.0.0.1", control.port)
            for index in range(3000):
                packet = bytearray(shake.randbytes(shake.randrange(120)) if index % 2 else good)
                if packet:
                    packet[shake.randrange(len(packet))] ^= 1 << shake.randrange(8)
                sender.sendto(bytes(packet), address)
            for _ in range(5):
                sender.sendto(b"/" + b"x" * 20_000, address)
            time.sleep(1.2)
            assert wait_for(lambda: sender.sendto(good, address) > 0 and live.get("morph") == 0.75)
        # what a busy machine's kernel drops before us is nobody's to count
        assert control.counts.malformed > 10
        assert control.counts.received > 0
    finally:
        control.stop()


def test_controls_listen_on_loopback_unless_told_otherwise() -> None:
    with pytest.raises(ValueError, match="must be a loopback address"):
        OscControl(LiveControls(), host="0.0.0.0")
    assert OscControl(LiveControls(), 0, "0.0.0.0", allow_remote=True).port == 0


def test_keys_move_controls() -> None:
    heard: list[str] = []
    live = LiveControls(heard.append)
    for key in "DDMMs4q":
        assert press(live, key)
    assert not press(live, "?")
    assert (live.get("density"), live.get("morph")) == (0.6, 0.2)
    assert heard == ["new_style", "keep_4", "quit"]


def test_keys_are_read_one_by_one_and_the_terminal_is_left_as_it_was() -> None:
    import termios

    heard: list[str] = []
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    with os.fdopen(slave, "r") as stream:
        keys = Keys(LiveControls(heard.append), stream)
        keys.start()
        os.write(master, b"4q")
        assert wait_for(lambda: heard == ["keep_4", "quit"])
        keys.stop()
        assert termios.tcgetattr(stream.fileno()) == before
    os.close(master)
    with open(os.devnull) as nothing:
        silent = Keys(LiveControls(), nothing)
        silent.start()
        silent.stop()
        assert silent._thread is None


def test_osc_writes_what_a_score_is_asked_and_a_wrong_chord_keeps_the_last() -> None:
    live = LiveControls()
    control = OscControl(live, 0)
    control.start()
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:

            def send(name: str, *arguments: tuple[str, object]) -> None:
                sender.sendto(encode(f"/musika/score/{name}", list(arguments)), ("127.0.0.1", control.port))

            send("chords", ("s", "Am | F"))
            send("parts", ("s", "drums, bass"))
            assert wait_for(lambda: (live.written()["chords"], live.written()["parts"]) == ("Am | F", "drums, bass"))
            send("chords", ("s", "Am | H"))
            assert wait_for(lambda: live.problem is not None and "'H', in bar 2, must be a chord" in live.problem)
            send("chords", ("i", 3))
            send("chords")
            send("tempo", ("s", "Am"))
            assert wait_for(lambda: control.counts.malformed == 4)
            assert live.written()["chords"] == "Am | F"
            send("chords", ("N", None))
            assert wait_for(lambda: live.written()["chords"] is None)
    finally:
        control.stop()


def test_what_a_model_does_not_know_is_set_and_said() -> None:
    live = LiveControls()
    live.unheeded = lambda controls: unheeded(controls, ["energy"], "click")
    live.set("density", 0.25)
    assert live.problem == "density: 0.25, but click knows no density"
    live.set_all({"density": None, "energy": 0.5})
    assert live.problem is None


def test_what_others_wrote_into_the_map_meanwhile_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "m.toml"
    one, other = MidiMap(LiveControls(), path), MidiMap(LiveControls(), path)
    one.learn("density")
    one.feed((0xB0, 20, 64))
    other.learn("energy")
    other.feed((0xB0, 21, 64))
    both = {"density": Binding(20, 1), "energy": Binding(21, 1)}
    assert read_map(path) == other.bindings == both
    path.write_text(path.read_text() + "[keep_4]\ncontroller = 30\n")  # by hand
    one.forget("density")
    assert read_map(path) == one.bindings == {"energy": Binding(21, 1), "keep_4": Binding(30)}
    path.write_text("[keep_4\n")  # half-way through
    one.learn("morph")
    assert one.feed((0xB0, 22, 64))
    assert one.bindings["morph"] == Binding(22, 1)
    assert path.read_text() == "[keep_4\n"
    assert one.problem is not None
    assert one.problem.endswith("left as it is, what is learnt now is not kept")


NOTED = """# my box, by hand
[density]  # the big knob
controller = 20  # was 21
channel = 1

# pads
[keep_4]
controller = 64   # upper left
"""


def test_notes_in_a_map_stay_whatever_is_learnt_or_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "map.toml"
    path.write_text(NOTED)
    midi = MidiMap(LiveControls(), path)
    midi.learn("energy")
    midi.feed((0xB2, 30, 5))
    assert path.read_text() == NOTED + "\n[energy]\ncontroller = 30\nchannel = 3\n"
    midi.learn("keep_4")
    midi.feed((0xB0, 65, 5))
    assert "controller = 65   # upper left\nchannel = 1\n" in path.read_text()
    midi.forget("density")
    text = path.read_text()
    assert [note for note in ("my box", "big knob", "was 21", "pads", "upper left") if note not in text] == []
    assert read_map(path) == midi.bindings == {"keep_4": Binding(65, 1), "energy": Binding(30, 3)}
    path.write_text("density = {controller = 20}  # in another way\n")
    midi = MidiMap(LiveControls(), path)
    midi.learn("energy")
    midi.feed((0xB2, 30, 5))
    assert read_map(path) == {"density": Binding(20), "energy": Binding(30, 3)}


@given(
    st.dictionaries(
        st.sampled_from(sorted(PARAMETERS)),
        st.builds(Binding, st.integers(0, 127), st.none() | st.integers(1, 16)),
        max_size=4,
    ),
    st.lists(
        st.sampled_from([*NOTED.splitlines()[:4], "", "#x = 1", "[energy]", "controller=1", "  channel = 4"]),
        max_size=12,
    ),
)
def test_a_map_that_is_written_is_read_back(bindings: dict[str, Binding], before: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "map.toml"
        path.write_text("\n".join(before))
        write_map(path, bindings)
        assert read_map(path) == bindings
