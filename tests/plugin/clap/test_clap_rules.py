"""The rules that the validator of CLAP holds plugins to, each a test; its own names stand in the docstrings.

The validator itself is a program of its own that is not packaged; docs/test-plan.md says which rule is held where.
"""

from __future__ import annotations

import ctypes as c
import math
import os
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from musika_daw import __version__
from musika_daw.host.plugin.session import PluginSession
from tests.plugin.clap.clap_abi import Entry, Factory
from tests.plugin.clap.clap_host import PARAMETERS, ClapHost, ready
from tests.plugin.clap.clap_rules import Asked, NotePort, Port
from tests.plugin.plugin_stand_in import left_at

Clap = Callable[..., ClapHost]
STEPPED, READ_ONLY, BYPASS, AUTOMATED = 1, 8, 16, 32
MAIN, NO_PAIR = 1, 0xFFFFFFFF
RATE = 48_000
SET = [name for name in PARAMETERS if name != "state"]
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def asked(clap: Clap, folder: Path) -> Asked:
    return Asked(clap())


def test_the_descriptor_is_whole_and_of_one_kind(asked: Asked) -> None:
    """descriptor-consistency, features-categories, features-duplicates."""
    told = asked.descriptor()
    assert (told.id, told.name) == (b"org.musika-daw.generator", b"musika-daw")
    assert told.release.decode() == __version__
    features = asked.features()
    assert b"instrument" in features
    assert len(set(features)) == len(features)


def test_a_factory_makes_what_it_lists_and_nothing_else(built: Path) -> None:
    """scan-rtld-now, query-factory-nonexistent, create-id-with-trailing-garbage."""
    library = c.CDLL(str(built / "musika-daw.clap"), mode=os.RTLD_NOW)
    entry = Entry.in_dll(library, "clap_entry")
    assert entry.init(b"")
    assert not entry.factory(b"clap.plugin-factory-of-another-kind")
    at = entry.factory(b"clap.plugin-factory")
    factory = Factory.from_address(at)
    assert factory.count(at) == 1
    assert factory.descriptor(at, 0)
    assert not factory.descriptor(at, 1)
    host = ClapHost(built / "musika-daw.clap")
    for name in (b"", b"org.musika-daw.generator ", b"org.musika-daw.generatorX", b"org.musika-daw"):
        assert not factory.create(at, c.addressof(host._host), name)
    host.close()


def test_ports_are_one_stereo_output_and_notes_both_ways(asked: Asked) -> None:
    """layout rules: a main port is the first, ids are its own, indices beyond are refused."""
    assert asked.ports(b"clap.audio-ports", Port, True) == []
    [out] = asked.ports(b"clap.audio-ports", Port, False)
    assert (out.channels, out.kind, out.flags & MAIN, out.pair) == (2, b"stereo", MAIN, NO_PAIR)
    notes = [asked.ports(b"clap.note-ports", NotePort, side)[0] for side in (True, False)]
    assert notes[0].id != notes[1].id
    assert all(port.preferred & port.supported == port.preferred for port in notes)
    assert not asked.extension(b"clap.nothing-of-that-name")


def test_latency_is_none(asked: Asked) -> None:
    class Latency(c.Structure):
        _fields_ = [("get", c.CFUNCTYPE(c.c_uint32, c.c_void_p))]

    assert Latency.from_address(asked.extension(b"clap.latency")).get(asked.at) == 0


def test_parameters_begin_with_their_defaults_within_their_ranges(clap: Clap, built: Path, folder: Path) -> None:
    """param-default-values, param ids, names and flags."""
    host = ClapHost(built / "musika-daw.clap", full_scale=False)
    asked = Asked(host)
    infos = asked.infos()
    assert [info.id for info in infos] == list(range(len(PARAMETERS)))
    assert len({info.name for info in infos}) == len(infos)
    for info in infos:
        assert info.low < info.high
        assert info.low <= info.start <= info.high
        if info.id != PARAMETERS.index("state"):
            assert asked.value(info.id) == info.start
    assert [info.id for info in infos if info.flags & BYPASS] == [PARAMETERS.index("bypass")]
    bypass = infos[PARAMETERS.index("bypass")]
    assert (bypass.low, bypass.high, bypass.flags & STEPPED) == (0, 1, STEPPED)
    assert [info.id for info in infos if info.flags & READ_ONLY] == [PARAMETERS.index("state")]
    beyond = len(infos)
    assert not asked.params.info(asked.at, beyond, c.byref(infos[0]))
    assert not asked.params.value(asked.at, beyond, c.byref(c.c_double()))
    host.close()


@given(number=st.integers(0, len(PARAMETERS) - 1), share=st.floats(0, 1), text=st.binary(max_size=12))
@QUICK
def test_texts_and_values_go_round(asked: Asked, number: int, share: float, text: bytes) -> None:
    """param-conversions: what a value is called means that value, which is called that again."""
    info = asked.infos()[number]
    called = asked.text(number, info.low + share * (info.high - info.low))
    assert called
    meant = asked.of_text(number, called)
    assert meant is not None
    assert info.low <= meant <= info.high
    assert asked.text(number, meant) == called
    other = asked.of_text(number, text.replace(b"\0", b""))
    assert other is None or info.low <= other <= info.high


def test_quiet_gains_are_called_by_what_they_mean(asked: Asked) -> None:
    gain = PARAMETERS.index("gain_db")
    assert asked.text(gain, -59.96) == asked.text(gain, -60) == b"silent"
    assert (asked.text(gain, -59.94), asked.text(gain, -0.04)) == (b"-59.9 dB", b"0.0 dB")


def fuzzed(one: ClapHost, seed: int) -> None:
    """Set every parameter to something, by an event."""
    random = np.random.default_rng(seed)
    for name, info in zip(PARAMETERS, Asked(one).infos(), strict=True):
        if name in SET:
            one.set(name, random.uniform(info.low, info.high))


@pytest.mark.parametrize("by_flush", [False, True], ids=["process", "flush"])
def test_what_was_set_is_kept_and_comes_back_the_same(clap: Clap, folder: Path, by_flush: bool) -> None:
    """state-reproducibility-basic, -flush, -null-cookies; state-buffered-streams: the host takes and gives pieces."""
    one, other = clap(), clap()
    fuzzed(one, 1)
    Asked(one).flush() if by_flush else one.process(0)
    kept = one.save()
    assert other.load(kept)
    of_state = PARAMETERS.index("state")
    mine, its = Asked(one).values(), Asked(other).values()
    del mine[of_state], its[of_state]
    assert mine == its
    assert other.save() == kept
    assert mine != [info.start for info in Asked(one).infos() if info.id != of_state]


def test_set_by_process_or_by_flush_is_the_same(clap: Clap, folder: Path) -> None:
    """state-reproducibility-flush."""
    one, other = clap(), clap()
    other.load(one.save())
    fuzzed(one, 2)
    one.process(0)
    fuzzed(other, 2)
    Asked(other).flush()
    assert Asked(one).values()[:7] == Asked(other).values()[:7]
    assert one.save() == other.save()


@pytest.mark.parametrize("data", [b"", b"\0", b"{", b"{}" * 4000, bytes(range(256))])
def test_a_state_that_is_none_is_refused_and_changes_nothing(clap: Clap, folder: Path, data: bytes) -> None:
    """state-invalid: an empty state is no state."""
    one = clap()
    before = one.save()
    assert not one.load(data)
    assert one.save() == before


def test_events_of_another_namespace_set_nothing(clap: Clap, folder: Path) -> None:
    """param-set-wrong-namespace."""
    one = clap()
    before = Asked(one).values()
    for name in SET:
        one.set(name, 1, space=0xB33F)
    one.process(0)
    assert Asked(one).values() == before


@pytest.mark.parametrize("frames", [0, 1, 7, 8192, 65_536])
def test_blocks_of_no_frame_and_of_very_many_are_played(
    clap: Clap, built: Path, host: Callable[..., PluginSession], frames: int
) -> None:
    """process-audio-out-of-place-basic, process-varying-block-sizes; every sample is written."""
    host()
    one = clap()
    one.deactivate()
    one.frames_max = 65_536
    one.activate()
    assert ready(one)
    one.set_offline(True)
    fuzzed(one, 3)
    one.set("bypass", 0)
    one.set("gain_db", 0)
    one.set("seed", 0)
    for name in ("density", "energy", "style"):
        one.set(name, -1)
    for name in ("mute_drums", "mute_bass", "mute_lead", "mute_chords", "morph"):
        one.set(name, 0)
    out = one.process(0, frames=frames)
    assert one.status == 1
    assert out.shape == (frames, 2)
    assert np.isfinite(out).all()
    out = one.process(frames, frames=512)
    assert np.isfinite(out).all()
    np.testing.assert_allclose(out[:, 0], left_at(np.arange(frames, frames + 512)), atol=1e-6)


@pytest.mark.parametrize("rate_hz", [8000, 12_345.678, 192_000, 384_000])
def test_any_rate_is_played_or_refused(clap: Clap, folder: Path, rate_hz: float) -> None:
    """process-varying-sample-rates."""
    one = clap()
    one.deactivate()
    for wrong_hz in (0, -48_000, 7999, 768_000, math.nan):
        assert not one.plugin.activate(one.address, wrong_hz, 1, 512)
    one.activate(rate_hz)
    for block in range(20):
        assert np.isfinite(one.process(block * 512)).all()
    assert one.status == 1


@given(seed=st.integers(0, 2**31), matched=st.booleans())
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_notes_leave_the_sound_finite(clap: Clap, folder: Path, seed: int, matched: bool) -> None:
    """process-note-out-of-place-basic, process-note-inconsistent, param-fuzz-basic."""
    random, one = np.random.default_rng(seed), clap()
    for block in range(5):
        fuzzed(one, seed + block)
        for offset in sorted(random.integers(0, 512, 40)):
            key = int(random.integers(0, 128))
            on, midi, channel = bool(random.integers(0, 2)), bool(random.integers(0, 2)), int(random.integers(0, 16))
            one.strike(key, int(offset), on=matched or on, midi=midi, channel=channel)
            if matched:
                one.strike(key, int(offset), on=False, midi=midi, channel=channel)
        out = one.process(block * 512)
        assert np.isfinite(out).all()
        assert not np.any((out != 0) & (np.abs(out) < np.finfo(np.float32).tiny))  # no subnormal number
        assert one.status == 1


def test_after_a_reset_the_same_is_played(clap: Clap, host: Callable[..., PluginSession]) -> None:
    """process-audio-reset-determinism."""
    host()
    one = clap()
    assert ready(one)
    one.set_offline(True)
    first = one.play(0, RATE // 2)
    one.reset()
    assert np.array_equal(one.play(0, RATE // 2), first)


def test_it_is_made_used_and_ended_over_and_over(clap: Clap, built: Path, folder: Path) -> None:
    """State transitions: active, processing, neither, ended, in any order that a host may take."""
    before = threading.active_count()
    for turn in range(10):
        one = ClapHost(built / "musika-daw.clap")
        for _ in range(turn % 3):
            one.deactivate()
            one.activate()
        one.process(0)
        assert math.isfinite(Asked(one).value(0))
        one.close()
    assert threading.active_count() == before


def test_parameters_are_read_and_states_saved_while_it_plays(clap: Clap, folder: Path) -> None:
    """Threads: the main thread asks, the audio thread plays."""
    one, ended, problems = clap(), threading.Event(), []
    asked = Asked(one)

    def ask() -> None:
        while not ended.is_set():
            if len(asked.values()) != len(PARAMETERS) or not one.save().startswith(b"{"):
                problems.append("asked")

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        for block in range(300):
            one.set("density", block % 100)
            assert np.isfinite(one.process(block * 512)).all()
    finally:
        ended.set()
        thread.join(20)
    assert not thread.is_alive()
    assert problems == []
    assert asked.value(0) == 99
