"""Parts that are muted and soloed while they play."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from bridge import FakeTransport
from musika_daw.commands.view import run_table
from musika_daw.host.control.keys import press
from musika_daw.host.control.live import LiveControls
from musika_daw.host.control.mapping import MidiMap
from musika_daw.host.control.part_mix import PartMix
from musika_daw.host.control.remote import OscControl
from musika_daw.host.offline import VirtualClock, play_offline
from musika_daw.host.play.piece import Piece
from musika_daw.host.play.player import CROSS_FRAMES
from musika_daw.host.play.render import ChunkRenderer
from musika_daw.instrument.scores import check_asked
from musika_daw.score.controls import Controls
from musika_daw.score.parts import PARTS
from musika_daw.score.tempo import Beats, TempoMap, exact
from tests.host.playing import largest_step

RATE = 48_000
NO_CHORD: dict[str, object] = {"heard": None, "held": None, "keys": [], "port": None}


class Tones:
    """A tone a part, each a function of the frame alone."""

    name, kind, weights_hash, sample_rate_hz = "tones", "techno", "1" * 64, RATE

    def render(
        self, start_beat: Beats, beats: Beats, tempo_map: TempoMap, controls: Controls | None = None
    ) -> np.ndarray:
        controls = controls or Controls()
        start = exact(start_beat)
        place = np.arange(tempo_map.frame(start, RATE), tempo_map.frame(start + exact(beats), RATE), dtype=np.float64)
        wave = np.zeros(len(place))
        for number, part in enumerate(PARTS):
            if controls.hears(part):
                wave += 0.1 * np.sin(place * 0.011 * (1 + number * 0.37))
        return np.repeat(wave[:, None], 2, 1).astype(np.float32)


def sounding(live: LiveControls) -> list[str]:
    return [part for part in PARTS if live.controls().hears(part)]


def of(parts: tuple[str, ...] | None, frames: int) -> np.ndarray:
    piece = Piece(Fraction(120), Controls(parts=parts), RATE)
    return ChunkRenderer(Tones()).stretch(piece, 0, frames)[:, 0]


@pytest.mark.parametrize(("block", "render_s"), [(512, 0.0), (512, 0.12), (1000, 0.05), (4096, 0.0)])
def test_a_mute_is_heard_from_the_next_beat_on_and_the_beat_is_whole(block: int, render_s: float) -> None:
    clock, live = VirtualClock(), LiveControls()
    daw = FakeTransport(120).play(0)
    daw.clock = clock
    acts = {3.1: "mute_drums", 5.2: "solo_bass", 7.0: "mute_drums", 8.1: "solo_bass"}

    def turn(now_s: float, _host: object) -> None:
        for at_s in [at_s for at_s in acts if at_s <= now_s]:
            live.act(acts.pop(at_s))

    played = play_offline(daw, clock, Tones(), 10, block_frames=block, render_s=render_s, live=live, each_block=turn)
    audio = played.audio[:, 0]
    pieces = [None, PARTS[1:], ("bass",), None]
    want = {parts: of(parts, len(audio)) for parts in pieces}
    found, at = [], RATE
    for before, after in pairwise(pieces):
        differs = np.flatnonzero(np.abs(audio[at:] - want[before][at:]) > 1e-6)
        begin = at + int(differs[0])
        beat = -(-begin // (RATE // 2)) * (RATE // 2)
        assert beat - CROSS_FRAMES <= begin < beat
        share = np.arange(1, CROSS_FRAMES + 1) / CROSS_FRAMES
        over = slice(beat - CROSS_FRAMES, beat)
        np.testing.assert_allclose(
            audio[over], (1 - share) * want[before][over] + share * want[after][over], atol=2e-3, rtol=0
        )
        np.testing.assert_allclose(audio[beat : beat + 9000], want[after][beat : beat + 9000], atol=1e-6, rtol=0)
        found.append(beat / RATE)
        at = beat
    # the mute of a part that is not heard anyway (7.0) changes nothing
    assert found[0] == 3.5
    assert found[1] == 5.5
    assert found[2] in (8.5, 9.0)
    assert largest_step(played.audio[RATE:]) < 0.02
    assert played.host.player.underruns == 0
    assert played.host.fill_errors == 0


def test_a_mute_in_a_loop_and_after_a_locate_does_not_wait_for_a_beat_that_never_comes() -> None:
    clock, live = VirtualClock(), LiveControls()
    daw = FakeTransport(120).loop(0, 4, 8).locate(0, 4).play(0).locate(6.1, 40)
    daw.clock = clock
    acts = {2.8: "mute_drums", 6.08: "mute_bass"}  # on the last beat before the wrap, and before a locate

    def turn(now_s: float, _host: object) -> None:
        for at_s in [at_s for at_s in acts if at_s <= now_s]:
            live.act(acts.pop(at_s))

    played = play_offline(daw, clock, Tones(), 8, live=live, each_block=turn)
    audio = played.audio[:, 0]
    muted = of(PARTS[1:], 30 * RATE)
    place = 4 * RATE // 2 + (3 * RATE - 2 * RATE)  # one turn is 2 s: at 3 s the third beat of the second turn
    np.testing.assert_allclose(audio[3 * RATE : 3 * RATE + 4000], muted[place : place + 4000], atol=1e-6, rtol=0)
    generation = played.host.player.generation
    assert generation is not None
    assert generation.piece.controls.muted == PARTS[:2]
    assert played.host.player.coming is None


@given(st.lists(st.tuples(st.sampled_from(["mute", "solo"]), st.sampled_from(PARTS)), max_size=12))
@settings(deadline=None)
def test_any_row_of_presses_comes_back_by_pressing_them_again(presses: list[tuple[str, str]]) -> None:
    live = LiveControls()
    for press_ in presses:
        live.act("_".join(press_))
    state, controls = live.parts(), live.controls()
    heard = {part for part in PARTS if state[part]["heard"]}
    soloed = {part for part in PARTS if state[part]["solo"]}
    assert heard == (soloed or {part for part in PARTS if not state[part]["mute"]})
    assert heard == {part for part in PARTS if controls.hears(part)}
    for press_ in presses:
        live.act("_".join(press_))
    assert live.controls() == Controls()


def test_what_is_asked_for_limits_what_is_let_through() -> None:
    live = LiveControls()
    live.write({"parts": "bass, lead"})
    live.mix("mute", "bass", True)
    live.mix("mute", "bass", True)
    assert sounding(live) == ["lead"]
    live.mix("solo", "drums", True)
    assert sounding(live) == []
    live.mix("solo", "drums", False)
    live.mix("mute", "bass", False)
    assert sounding(live) == ["bass", "lead"]
    with pytest.raises(ValueError, match="part: 'flute', must be one of drums, bass, lead, chords"):
        PartMix().with_part("mute", "flute")
    with pytest.raises(ValueError, match="kind: 'pan', must be mute or solo"):
        PartMix().with_part("pan", "bass")


def test_a_model_without_parts_says_so_and_keys_and_controllers_live_on(tmp_path: Path) -> None:
    live = LiveControls()
    live.check = lambda controls: check_asked(controls, "piano", "piano")
    with pytest.raises(ValueError, match="mute: drums, but piano plays no score of parts"):
        live.act("mute_drums")
    said = "mute: drums, but piano plays no score of parts"
    assert live.problem == said
    assert live.parts() == {}
    live.set("seed", 0)
    assert live.problem is None
    assert press(live, "r")
    assert live.problem == said
    live.set("seed", 0)
    midi = MidiMap(live, tmp_path / "map.toml")
    midi.learn("mute_bass")
    assert midi.feed([0xB0, 7, 127])
    assert live.problem == "mute: bass, but piano plays no score of parts"
    assert live.controls() == Controls()


def test_keys_controllers_and_osc_mute_and_solo() -> None:
    from pythonosc.osc_message_builder import OscMessageBuilder

    live = LiveControls()
    for key in "rC":
        assert press(live, key)
    assert live.parts()["drums"] == {"mute": True, "solo": False, "heard": False}
    assert live.parts()["chords"] == {"mute": False, "solo": True, "heard": True}
    midi = MidiMap(live)
    midi.learn("solo_chords")
    midi.feed([0xB0, 7, 127])
    assert sounding(live) == ["bass", "lead", "chords"]

    def send(address: str, *values: float) -> None:
        builder = OscMessageBuilder(address)
        for value in values:
            builder.add_arg(value)
        osc._packet(builder.build().dgram, ("127.0.0.1", 1), 0.0)

    osc = OscControl(live, 0)
    send("/musika/mute/drums", 0)
    send("/musika/solo/bass", 1.0)
    send("/musika/action/mute_bass", 1)
    assert live.parts()["bass"] == {"mute": True, "solo": True, "heard": True}
    assert sounding(live) == ["bass"]
    with pytest.raises(ValueError, match="must be 1 or 0"):
        send("/musika/mute/drums", 0.5)
    with pytest.raises(ValueError, match="must be 1 or 0"):
        send("/musika/mute/drums")


def test_the_view_shows_parts_where_there_are_any() -> None:
    clock = VirtualClock()
    daw = FakeTransport(120)
    daw.clock = clock
    live = LiveControls()
    live.act("mute_bass")
    status = play_offline(daw, clock, Tones(), 0.1, live=live).host.status()
    console = Console(width=200, record=True)
    console.print(run_table(status, "internal", "file", 0, live=live, notes=[], chords=NO_CHORD))
    assert "drums  bass mute  lead  chords" in console.export_text()
    live.check = lambda controls: check_asked(controls, "", "techno")
    live.check(Controls())
    live = LiveControls()
    live.check = lambda controls: check_asked(controls, "", "techno")
    console.print(run_table(status, "internal", "file", 0, live=live, notes=[], chords=NO_CHORD))
    assert "parts" not in console.export_text()
    press(live, "r")
    console.print(run_table(status, "internal", "file", 0, live=live, notes=[], chords=NO_CHORD))
    assert console.export_text().count("mute: drums, but techno plays no score of parts") == 1
