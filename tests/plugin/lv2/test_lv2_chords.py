"""Keys of a chord track in an LV2 host: MIDI in a port of its own."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np

from bridge.plugin_link.codes import PluginState
from musika_daw.host.plugin.session import PluginSession
from musika_daw.score.controls import Controls
from tests.plugin.lv2.lv2_host import Lv2Host
from tests.plugin.plugin_stand_in import code_of, left_at

RATE, BLOCK = 48_000, 1000
BAR = 2 * RATE
KEYS = {0: (57, 60, 64), BAR + 250: (53, 57, 60)}


def messages(frame: int) -> list[tuple[int, bytes]]:
    """The chord of a frame, struck after the one before was let go."""
    found = []
    for at, keys in KEYS.items():
        found += [(at - frame - 1, bytes((0x80, key, 0))) for before in KEYS.values() for key in before if at > 0]
        found += [(at - frame, bytes((0x90, key, 90))) for key in keys]
    return [(at, message) for at, message in found if 0 <= at < BLOCK]


def bounce(built: Path) -> np.ndarray:
    one = Lv2Host(built / "musika-daw.lv2", RATE)
    parts = []
    for frame in range(0, 2 * BAR, BLOCK):
        time = {"frame": frame, "speed": 1.0, "beatsPerMinute": 120.0, "beatsPerBar": 4.0, "beatUnit": 4.0}
        beats = {"bar": frame // BAR, "barBeat": frame % BAR / (RATE // 2)}
        parts.append(one.process(BLOCK, time | beats, messages(frame)))
    assert one.state != PluginState.GAVE_UP
    one.close()
    return np.concatenate(parts)


def test_a_bounce_in_lv2_has_each_chord_from_its_frame_on(built: Path, host: Callable[..., PluginSession]) -> None:
    host(model=f"parts:{RATE}:0")
    audio = bounce(built)
    assert np.allclose(audio[:, 0], left_at(np.arange(2 * BAR)), atol=1e-6)
    first, second = (code_of(Fraction(120), Controls(style_seed=0, morph_seed=1), name) for name in ("Am", "F"))
    assert np.all(audio[: BAR + 250, 1] == first)
    assert np.all(audio[BAR + 250 + 256 :, 1] == second)
    assert np.array_equal(bounce(built), audio)
