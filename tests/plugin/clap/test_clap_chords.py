"""Keys of a chord track in a CLAP host, with a renderer whose every sample tells its chord and its frame."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np
import pytest

from bridge.plugin_link.codes import PluginState
from musika_daw.host.plugin.session import PluginSession
from musika_daw.score.controls import Controls
from tests.plugin.chord_notes import BAR, RATE, TRACK, Chord, Track
from tests.plugin.clap.clap_host import ClapHost, cached
from tests.plugin.plugin_stand_in import code_of, left_at

BEAT = BAR // 4
CROSS = 256


def code(chord: str | None) -> np.float32:
    return code_of(Fraction(120), Controls(morph_seed=1, style_seed=0), chord)


def check(audio: np.ndarray, first: int, chords: Sequence[tuple[int, str | None]]) -> None:
    """That each chord is heard from its frame on, but for crossing over to it, and nothing else."""
    last = first + len(audio)
    assert np.allclose(audio[:, 0], left_at(np.arange(first, last)), atol=1e-6)
    edges = [*chords, (last, None)]
    for (begins, name), (ends, _) in itertools.pairwise(edges):
        low, high = max(begins + (CROSS if begins else 0), first), min(ends, last)
        if low < high:
            wrong = np.flatnonzero(audio[low - first : high - first, 1] != code(name))
            assert len(wrong) == 0, (name, low, low + wrong[0])


HEARD = [(chord.first, chord.name) for chord in TRACK]


@pytest.mark.parametrize(("block", "midi"), [(512, False), (500, True), (37, True), (4096, False)])
def test_a_bounce_has_each_chord_from_its_frame_on(
    block: int, midi: bool, host: Callable[..., PluginSession], clap: Callable[..., ClapHost]
) -> None:
    host(model=f"parts:{RATE}:0")
    check(Track(clap(block=block), midi=midi).bounce(0, 4 * BAR), 0, HEARD)


def test_a_chord_is_heard_where_it_is_struck_and_on_the_line_that_it_is_for(
    host: Callable[..., PluginSession], clap: Callable[..., ClapHost]
) -> None:
    """Just behind a line it is late and heard at once; between lines it waits for the next."""
    host(model=f"parts:{RATE}:0")
    late, early = BAR + 2000, 2 * BAR - 9000
    track = (Chord("Am", 0, BAR), Chord("F", late, early - 100), Chord("C", early, 3 * BAR))
    heard = [(0, "Am"), (late, "F"), (2 * BAR, "C")]
    one = clap()
    audio = Track(one, track).bounce(0, 3 * BAR)
    # from where the keys were struck the next chord is known, and from its line on it is played
    check(audio, 0, heard)
    assert audio[late - 1, 1] == code("Am")
    one.set("chords_at", 1)
    check(
        Track(one, (Chord("Am", 0, BAR), Chord("F", BAR + BEAT, 2 * BAR))).bounce(0, 3 * BAR),
        0,
        [(0, "Am"), (2 * BAR, "F")],
    )


def test_what_is_bounced_again_from_anywhere_or_by_another_host_program_is_the_same(
    host: Callable[..., PluginSession], clap: Callable[..., ClapHost]
) -> None:
    host(model=f"parts:{RATE}:0")
    one = clap()
    whole = Track(one).bounce(0, 4 * BAR)
    assert np.array_equal(Track(one).bounce(0, 4 * BAR), whole)
    for chases in (False, True):
        track = Track(one, chases=chases)
        for first in (BAR + 30_000, 3 * BAR - 4096, 2 * BAR, 17):
            last = min(first + BAR + 5000, 4 * BAR)
            assert np.array_equal(track.bounce(first, last), whole[first:last]), (chases, first)
        assert np.array_equal(track.bounce(0, 4 * BAR), whole)
    one.deactivate()
    one.activate()
    assert np.array_equal(Track(one).bounce(BAR + 999, 3 * BAR), whole[BAR + 999 : 3 * BAR])
    fresh = clap(block=128)
    assert np.array_equal(Track(fresh, midi=True).bounce(0, 4 * BAR), whole)


def test_keys_played_in_real_time_are_those_of_the_bounce_after_it(
    host: Callable[..., PluginSession], clap: Callable[..., ClapHost]
) -> None:
    host(model=f"parts:{RATE}:0")
    one, other = clap(block=128), clap()
    track = Track(one)
    cached(one, 0, 2)
    first = one.play(0, 2 * BAR, real_time=True, on_block=track)
    # heard as soon as it is rendered, and crossed over to without a gap
    assert np.allclose(first[:, 0], left_at(np.arange(2 * BAR)), atol=1e-6)
    assert first[BAR + RATE // 2, 1] == code("F")
    # the second time through it is known, in real time too
    cached(one, 0, 4)
    check(one.play(0, 2 * BAR, real_time=True, on_block=track)[CROSS:], CROSS, HEARD[:2])
    bounced = Track(other).bounce(0, 2 * BAR)
    assert np.array_equal(track.bounce(0, 2 * BAR), bounced)


def test_keys_that_are_gone_from_the_track_are_gone_when_it_is_played_again(
    host: Callable[..., PluginSession], clap: Callable[..., ClapHost]
) -> None:
    host(model=f"parts:{RATE}:0")
    one = clap()
    Track(one).bounce(0, 4 * BAR)
    edited = [chord for chord in TRACK if chord.name != "F"]
    heard = [(0, "Am"), (2 * BAR, "C"), (3 * BAR, "G")]
    first = Track(one, edited).bounce(0, 4 * BAR)
    check(first, 0, heard)
    assert np.array_equal(Track(clap(), edited).bounce(0, 4 * BAR), first)


def test_with_no_key_down_the_chord_stays_or_the_piece_is_free(
    host: Callable[..., PluginSession], clap: Callable[..., ClapHost]
) -> None:
    host(model=f"parts:{RATE}:0")
    track = (Chord("Am", 0, BAR - 100), Chord("F", 2 * BAR, 3 * BAR))
    one = clap()
    check(Track(one, track).bounce(0, 4 * BAR), 0, [(0, "Am"), (2 * BAR, "F")])
    one.set("chords_held", 1)
    audio = Track(one, track).bounce(0, 3 * BAR)
    check(audio[:BAR], 0, [(0, "Am")])
    # that it was not the end of a gesture is known after 80 ms
    check(audio[BAR + RATE // 10 :], BAR + RATE // 10, [(BAR + RATE // 10 - CROSS, None), (2 * BAR, "F")])


def test_parts_are_muted_where_it_is_automated(
    host: Callable[..., PluginSession], clap: Callable[..., ClapHost]
) -> None:
    host(model=f"parts:{RATE}:0")
    one = clap(block=500)
    one.set_offline(True)

    def automate(frame: int) -> None:
        one.set("mute_drums", float(frame >= BAR))
        one.set("mute_chords", float(frame >= 2 * BAR))

    audio = one.play(0, 3 * BAR, on_block=automate)
    for bar, muted in enumerate([(), ("drums",), ("drums", "chords")]):
        wanted = code_of(Fraction(120), Controls(morph_seed=1, style_seed=0, muted=muted))
        assert np.all(audio[bar * BAR + CROSS : (bar + 1) * BAR, 1] == wanted)
    assert np.array_equal(one.play(0, 3 * BAR, on_block=automate), audio)


def test_a_model_without_a_score_says_that_it_follows_nothing(
    host: Callable[..., PluginSession], clap: Callable[..., ClapHost]
) -> None:
    host(model=f"frames:{RATE}:0")
    one = clap()
    one.set("mute_bass", 1)
    assert one.wait(lambda: one.state == PluginState.NO_PARTS)
    one.set("mute_bass", 0)
    assert one.wait(lambda: one.state == PluginState.READY)
    audio = Track(one).bounce(0, BAR)
    assert np.all(audio[:, 1] == code(None))
    assert one.state == PluginState.NO_CHORDS


def test_a_flood_of_keys_is_bounded_and_harms_nothing(
    host: Callable[..., PluginSession], clap: Callable[..., ClapHost]
) -> None:
    session = host(model=f"parts:{RATE}:0")
    one = clap(block=512)

    def flood(frame: int) -> None:
        for number in range(700):
            one.strike(
                (frame // 512 * 7 + number * 5) % 128, number % 512, on=number % 3 > 0, midi=True, channel=number % 16
            )

    one.set_offline(True)
    audio = one.play(0, 3 * 512, on_block=flood)
    assert np.allclose(audio[:, 0], left_at(np.arange(3 * 512)), atol=1e-6)
    assert session.source.counts.malformed == 0
    # and what is played after it is followed
    check(Track(one).bounce(0, 4 * BAR)[BAR:], BAR, HEARD)
