"""A loop heard with the music: from the next bar, on the exact frame, whatever the transport does."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from bridge import FakeTransport
from musika_daw.host.audition import Clip, load_clip
from musika_daw.host.host import Host
from musika_daw.host.offline import Played
from musika_daw.score.controls import Controls
from musika_daw.score.tempo import TempoMap
from musika_daw.sound.riff import encode_wave
from musika_daw.sound.tags import Acid, Tags

RATE = 48_000


class Silence:
    """A renderer of nothing, so that only the audition is heard."""

    name, kind, weights_hash, sample_rate_hz = "silence", "techno", "0" * 64, RATE

    def render(
        self, start_beat: float, beats: float, tempo_map: TempoMap, controls: Controls | None = None
    ) -> np.ndarray:
        first = tempo_map.frame(start_beat, RATE)
        return np.zeros((tempo_map.frame(start_beat + beats, RATE) - first, 2), np.float32)


def ticks(bpm: float, beats: int = 4) -> Clip:
    """A loop with 20 ms of full level from each beat on, the first of them louder."""
    frames = round(beats * 60 / bpm * RATE)
    audio = np.zeros((2, frames), np.float32)
    for beat in range(beats):
        at = round(beat * 60 / bpm * RATE)
        audio[:, at : at + RATE // 50] = 0.5 if beat else 0.9
    return Clip("ticks.wav", audio, beats, bpm)


def asked_at(second: float, clip: Clip, then: Callable[[float, Host], None] | None = None) -> Callable[..., None]:
    asked: list[float] = []

    def each_block(now_s: float, host: Host) -> None:
        if now_s >= second and not asked:
            asked.append(now_s)
            host.audition.begin(clip)
        if then is not None:
            then(now_s, host)

    return each_block


def beats_of(played: Played, fake: FakeTransport, clicks: Callable[..., np.ndarray]) -> np.ndarray:
    return np.array([fake.truth(frame / RATE).position_beats for frame in clicks(played.audio)])


def test_it_begins_on_the_next_bar_and_stays_on_the_beat(
    play: Callable[..., Played], clicks: Callable[..., np.ndarray]
) -> None:
    fake = FakeTransport(120).play(0)
    played = play(fake, 8, Silence(), each_block=asked_at(2.3, ticks(120)))
    beats = beats_of(played, fake, clicks)
    assert beats[0] == pytest.approx(8, abs=1e-3)  # asked in bar 2 (beats 4 to 8)
    assert np.abs(beats - np.round(beats)).max() < 2e-3
    assert list(np.round(beats)) == list(range(8, 16))


def test_another_tempo_than_its_own_is_taken_over(
    play: Callable[..., Played], clicks: Callable[..., np.ndarray]
) -> None:
    fake = FakeTransport(132).play(0).tempo(5, 120)
    played = play(fake, 9, Silence(), each_block=asked_at(0.5, ticks(126)))
    beats = beats_of(played, fake, clicks)
    assert np.abs(beats - np.round(beats)).max() < 4e-3
    assert len(beats) >= 14


def test_in_a_loop_of_the_transport_it_begins_at_the_wrap(
    play: Callable[..., Played], clicks: Callable[..., np.ndarray]
) -> None:
    fake = FakeTransport(120).loop(0, 0, 8).play(0)
    played = play(fake, 10, Silence(), each_block=asked_at(3.2, ticks(120)))
    frames = clicks(played.audio)
    assert frames[0] == pytest.approx(4.0 * RATE, abs=32)  # it is faded in
    assert np.abs(np.diff(frames) - RATE / 2).max() <= 16


def test_a_locate_before_the_bar_waits_for_the_next_bar_there(
    play: Callable[..., Played], clicks: Callable[..., np.ndarray]
) -> None:
    fake = FakeTransport(120).play(0).locate(2.6, 100.5)
    played = play(fake, 6, Silence(), each_block=asked_at(2.3, ticks(120)))
    beats = beats_of(played, fake, clicks)
    assert beats[0] == pytest.approx(104, abs=2e-3)


def test_while_the_transport_stands_still_it_plays_at_once_at_its_own_tempo(
    play: Callable[..., Played], clicks: Callable[..., np.ndarray]
) -> None:
    fake = FakeTransport(100).play(4.0)
    states: list[str | None] = []
    played = play(
        fake, 9, Silence(), each_block=asked_at(1.0, ticks(150), lambda now_s, host: states.append(host.audition.state))
    )
    frames = clicks(played.audio)
    early = frames[frames < 3.9 * RATE]
    assert early[0] == pytest.approx(1.0 * RATE, abs=1024)
    assert np.abs(np.diff(early[1:]) - 0.4 * RATE).max() <= 2
    late = [frame for frame in frames if frame > 4.2 * RATE]
    beats = np.array([fake.truth(frame / RATE).position_beats for frame in late])
    assert np.abs(beats - np.round(beats)).max() < 4e-3
    assert {"free", "playing"} <= set(states)


def test_it_stops_with_the_transport_and_when_it_is_told_to(play: Callable[..., Played]) -> None:
    fake = FakeTransport(120).play(0).halt(4)

    def end(now_s: float, host: Host) -> None:
        if now_s >= 3:
            host.audition.end()

    stopped = play(fake, 6, Silence(), each_block=asked_at(0.1, ticks(120)))
    assert np.abs(stopped.audio[round(4.1 * RATE) :]).max() == 0
    assert np.abs(stopped.audio[: 4 * RATE]).max() > 0.5
    ended = play(fake, 6, Silence(), each_block=asked_at(0.1, ticks(120), end))
    assert np.abs(ended.audio[round(3.1 * RATE) :]).max() == 0
    assert ended.host.audition.file is None


def test_a_take_plays_once_at_its_own_speed(play: Callable[..., Played]) -> None:
    tone = np.full((2, RATE), 0.25, np.float32)
    fake = FakeTransport(173).play(0)
    played = play(fake, 6, Silence(), each_block=asked_at(0.1, Clip("a.wav", tone, None, 120.0)))
    heard = np.flatnonzero(np.abs(played.audio[:, 0]) > 0.2)
    assert heard[-1] - heard[0] == pytest.approx(RATE, abs=120)
    assert played.host.audition.state is None


def test_files_become_clips_at_the_rate_of_the_device(tmp_path: Path) -> None:
    loop = tmp_path / "loop.wav"
    time = np.arange(44_100 * 2) / 44_100
    wave = np.repeat(np.sin(2 * np.pi * 100 * time)[:, None], 2, 1) * 0.5
    loop.write_bytes(encode_wave(wave, 44_100, Tags(acid=Acid(4, 120.0))))
    clip = load_clip(loop, RATE)
    assert (clip.audio.shape, clip.beats, clip.bpm, clip.audio.dtype) == ((2, 2 * RATE), 4, 120.0, np.float32)
    expected = np.sin(2 * np.pi * 100 * np.arange(2 * RATE) / RATE) * 0.5
    assert np.abs(clip.audio[0] - expected).max() < 1e-4
    mono = tmp_path / "mono.flac"
    soundfile.write(mono, wave[:, 0], 44_100)
    assert load_clip(mono, RATE).audio.shape == (2, 2 * RATE)
    assert not load_clip(mono, RATE).repeats
    data = loop.read_bytes()
    odd = tmp_path / os.fsdecode(b"caf\xe9.wav" if sys.platform == "linux" else b"odd.wav")
    odd.write_bytes(data[:12] + b"note\3\0\0\0abc" + data[12:])  # libsndfile refuses it without a pad byte
    np.testing.assert_array_equal(load_clip(odd, RATE).audio, clip.audio)
    (tmp_path / "no.wav").write_bytes(b"no")
    with pytest.raises(ValueError, match=r"no\.wav"):
        load_clip(tmp_path / "no.wav", RATE)
    with pytest.raises(OSError, match="gone"):
        load_clip(tmp_path / "gone.wav", RATE)
