"""Workers, sinks, captures and the commands, as a user meets them."""

from __future__ import annotations

import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from rich.console import Console

from bridge import CombinedSource, Counts, FakeTransport, Transport, host_time
from musika_daw import host as package
from musika_daw.commands.cli import main
from musika_daw.commands.view import bar_beat, monitor_table, run_table
from musika_daw.host.ahead.worker import Job, ProcessWorker, WorkerError
from musika_daw.host.follow.sources import SOURCES, SourceOptions, is_noisy, make_source
from musika_daw.host.play.cache import ChunkCache
from musika_daw.host.play.piece import CHUNK_FRAMES, Piece
from musika_daw.host.session import Session, SessionOptions
from musika_daw.host.sinks.file import FileSink
from musika_daw.host.sinks.sink import PortAudioSink, SinkError, list_devices
from musika_daw.score.controls import Controls
from tests.waiting import wait_for

RATE = 48_000
RENDERS_S = 150  # a process that renders has torch to load


def test_a_process_renders_into_shared_memory_and_says_what_it_cannot() -> None:
    cache = ChunkCache(8, shared=True)
    assert cache.memory_name
    worker = ProcessWorker("click", cache.memory_name, cache.slots)
    try:
        assert worker.facts["name"] == "click"
        piece = Piece(Fraction(120), Controls(), RATE)
        worker.submit(Job(1, piece, 0, (2, 3)))
        done: list[object] = []
        assert wait_for(lambda: done.extend(worker.finished()) or done, RENDERS_S)
        assert abs(cache.views[2][0, 0]) > 0.5
        worker.submit(Job(2, Piece(Fraction(120), Controls(), RATE, ("gain nothing=1",)), 0, (2,)))
        problems: list[object] = []
        assert wait_for(lambda: problems.extend(worker.finished()) or problems, RENDERS_S)
        assert "no parameter 'nothing'" in problems[0].problem  # type: ignore[attr-defined]
        import os
        import signal

        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGKILL)
        with pytest.raises(WorkerError, match="process has died"):
            wait_for(lambda: worker.finished(), RENDERS_S)
    finally:
        worker.close()
        cache.close()
    with pytest.raises(WorkerError, match=r"^model: 'nobody'"):
        ProcessWorker("nobody", "x", 8)


def test_a_session_plays_into_a_file_in_real_time_and_survives_its_renderer(tmp_path: Path) -> None:
    out = tmp_path / "take.wav"
    session = Session(
        SessionOptions(sink=f"file:{out}", model="click", play=False, osc_port=0, keep_to=tmp_path / "kept")
    )
    try:
        session.start()
        assert wait_for(lambda: session.host.scheduler.is_ready(0), RENDERS_S)
        session.live.act("play")
        time.sleep(1.0)
        session._worker._process.kill()
        assert wait_for(lambda: session.host.worker_deaths == 1, RENDERS_S)
        assert wait_for(lambda: session.host.scheduler.ahead(session.host.beat, session.host.grid) > 5, RENDERS_S)
        session.live.set("seed", 3)
        assert wait_for(lambda: session.host.player.generation.piece.controls.seed == 3, RENDERS_S)
        session.live.act("stop")
        time.sleep(0.1)
        status = session.host.status()
        console = Console(width=160, record=True)
        console.print(
            run_table(
                status,
                "internal",
                session.sink.name,
                session.sink.xruns,
                live=session.live,
                notes=["a note"],
                chords=session.chords.status(),
            )
        )
        text = console.export_text()
        assert "a note" in text
        assert "underruns" in text
        session.live.act("quit")
        assert session.quit
    finally:
        session.stop()
    audio, rate = soundfile.read(out)
    assert rate == RATE
    loud = np.flatnonzero(np.abs(audio[:, 0]) > 0.2)
    first = loud[np.diff(loud, prepend=-10_000) > 5000]
    assert len(first) >= 3
    assert np.abs(np.diff(first[1:3]) - RATE / 2).max() < RATE * 0.001
    assert not out.with_name("take.wav.part").exists()


def test_the_own_clock_goes_on_where_the_music_is_and_as_fast(tmp_path: Path) -> None:
    out = tmp_path / "take.wav"
    session = Session(SessionOptions(sink=f"file:{out}", model="click", keep_to=tmp_path / "kept"))
    daw = FakeTransport(131).locate(0, 32.3).play(1)
    session.source = session.host.source = daw
    try:
        session.start()
        assert wait_for(lambda: session.host.scheduler.is_ready(32.3), RENDERS_S)
        daw.epoch_s = daw.clock()  # the script begins now
        assert wait_for(lambda: session.host.beat > 36.4, 10)
        session.host.soon.put(lambda: session.switch_source("internal"))
        assert wait_for(lambda: session.host.beat > 41.4, 10)
        assert session.source_name == "internal"
        now_s = daw.clock()
        assert session.host.grid.bpm == pytest.approx(131)
        off_beats = session.host.grid.beat_at(now_s) - daw.truth(now_s - daw.epoch_s).position_beats
        assert abs(off_beats) < 0.002
        session.live.act("stop")
        assert wait_for(lambda: not session.host.grid.playing, 10)
        session.host.soon.put(lambda: session.switch_source("internal", 99))
        assert wait_for(lambda: session.host.grid.bpm == pytest.approx(99), 10)
        assert not session.host.grid.playing
        assert session.host.beat > 41
    finally:
        session.stop()
    audio, _ = soundfile.read(out)
    loud = np.flatnonzero(np.abs(audio[:, 0]) > 0.1)
    first = loud[np.diff(loud, prepend=-10_000) > 5000]
    assert len(first) == 9  # beats 33 to 41
    assert np.abs(np.diff(first) - RATE * 60 / 131).max() < RATE * 0.001


@pytest.mark.parametrize(
    "text", ["internal", "link", "midi:X", "midi", "jack", "jack-midi:a:b", "mtc:X", "mtc", "udp", "tcp", "osc:reaper"]
)
def test_every_source_has_a_name(text: str) -> None:
    source = make_source(text, SourceOptions(listen_port=0))
    assert source.name
    assert text.partition(":")[0] in SOURCES


def test_sources_are_joined_by_what_each_knows_best() -> None:
    source = make_source("osc:ableton+link", SourceOptions())
    assert isinstance(source, CombinedSource)
    assert source.priority.groups["tempo"] == ("link", "osc-ableton")
    assert source.priority.groups["position"] == ("osc-ableton", "link")
    assert is_noisy("midi:X")
    assert not is_noisy("midi:X+link")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: make_source("radio", SourceOptions()), "source: 'radio', must be internal"),
        (lambda: make_source("osc:cubase", SourceOptions()), "dialect: 'cubase'"),
        (lambda: make_source("udp", SourceOptions(host="0.0.0.0")), "must be a loopback address"),
        (lambda: Session(SessionOptions(sink="tape")), "sink: 'tape', must be jack"),
        (lambda: Session(SessionOptions(sink="file:a.mp3")), "must end in .wav"),
        (lambda: Session(SessionOptions(sink="file")), "must be followed by a path"),
        (lambda: Session(SessionOptions(sink="file:a.wav", effects=("shine",))), "effect: 'shine'"),
    ],
)
def test_what_cannot_be_made_is_named(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message.partition(":")[0]) as error:
        make()
    assert message in str(error.value)


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="nowhere"):
        FileSink(tmp_path / "nowhere" / "a.wav").start(lambda block, at_s: None)


def test_portaudio_is_asked_by_name_and_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    import types

    class Stream:
        time = 5.0

        def __init__(self, **options: object) -> None:
            self.options = options

        def start(self) -> None:
            out = np.ones((512, 2), np.float32)
            stamp = types.SimpleNamespace(outputBufferDacTime=5.02)
            for _ in range(3):
                self.options["callback"](out, 512, stamp, types.SimpleNamespace(output_underflow=True))  # type: ignore[operator]
            heard.append(float(out.min()))
            self.options["finished_callback"]()  # type: ignore[operator]

        def abort(self, ignore_errors: bool) -> None:
            heard.append("abort")

        def close(self, ignore_errors: bool) -> None:
            heard.append("close")

    heard: list[object] = []
    devices = [{"name": "Box", "hostapi": 0, "max_output_channels": 2, "default_samplerate": 44_100.0}]
    fake = types.SimpleNamespace(
        PortAudioError=RuntimeError,
        OutputStream=Stream,
        query_hostapis=lambda: [{"name": "ALSA"}],
        query_devices=lambda device=None, kind=None: devices[0] if kind else devices,
    )
    monkeypatch.setitem(__import__("sys").modules, "sounddevice", fake)
    assert list_devices() == [("ALSA", "Box")]
    sink = PortAudioSink("Box")
    times: list[float] = []

    def fill(block: np.ndarray, at_s: float) -> None:
        times.append(at_s - host_time())
        block.fill(0.25)

    sink.latency_s = 0.3  # what lies behind the device
    with sink:
        sink.start(fill)
        sink.step()
        sink.revive()
        assert sink.sample_rate_hz == 44_100
        assert heard[0] == 0.25
        assert sink.xruns == 6
        assert times[0] == pytest.approx(0.32, abs=0.01), "the device says that it is 20 ms away"
    assert "close" in heard
    monkeypatch.setitem(__import__("sys").modules, "sounddevice", None)
    with pytest.raises(SinkError, match=r"pip install 'musika-daw\[audio\]'"):
        PortAudioSink()


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(main, [str(a) for a in arguments])
    return result.exit_code, result.output


def test_run_follows_chords_that_change_while_it_plays(parts_model: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.wav"
    written = {"key": "Am", "chords": "Am | F", "parts": "chords, bass"}
    session = Session(SessionOptions(sink=f"file:{out}", model=str(parts_model), play=True, written=written))
    try:
        session.start()
        host = session.host
        assert wait_for(lambda: host.piece is not None and host.status().ahead_s > 1, RENDERS_S)
        assert host.piece is not None
        controls = host.piece.controls
        assert (controls.key, controls.chords, controls.parts) == ("Am", "Am | F", ("chords", "bass"))
        session.live.write({"chords": "Dm", "parts": None})
        assert wait_for(lambda: host.piece is not None and host.piece.controls.chords == "Dm", RENDERS_S)
        assert wait_for(lambda: host.status().ahead_s > 1, RENDERS_S)
        assert host.status().problem is None
    finally:
        session.stop()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--bpm", "nan"), "error: --bpm: nan, must be a number within 1..1000\n"),
        (("--ahead", "inf"), "error: --ahead: "),
        (("--seconds", "inf"), "error: --seconds: inf, must be a number, 0.1 or more\n"),
        (("--chords", "Am | H"), "error: chords: 'H', in bar 2, must be a chord like Am"),
        (("--chords", "Am | F"), "error: chords: 'Am | F', but click plays no score, which would follow them\n"),
        (("--key", "Am"), "error: key: Am, but click plays no score, which a key would be written in\n"),
        (("--parts", "drums"), "error: parts: drums, but click plays no score of parts\n"),
        (
            ("--chords-in", "Keys"),
            "error: --chords-in: 'Keys', but click plays no score, which would follow its chords\n",
        ),
        (("--chords-at", "note"), "error: --chords-at: 'note' is not one of 'bar', 'beat'"),
        (("--chords-held", "stay"), "error: --chords-held: 'stay' is not one of 'keep', 'free'"),
        (("--parts", "drum"), "error: parts: drum, must be some of drums, bass, lead, chords, melody\n"),
        (("--density", "0.5"), "error: density: 0.5, but click knows no density\n"),
        (("--energy", "0.5"), "error: energy: 0.5, but click knows no energy\n"),
    ],
)
def test_run_refuses_in_one_line_what_it_would_not_heed(arguments: tuple[str, ...], line: str, tmp_path: Path) -> None:
    out = tmp_path / "a.wav"
    code, text = run("run", "--model", "click", "--sink", f"file:{out}", "--seconds", "1", "--no-control", *arguments)
    assert (code, text.count("\n")) == (2, 1)
    assert text.startswith(line)
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--density", "0.5"), "error: --density: 0.5, not allowed with plugin, each plugin has its own\n"),
        (("--seed", "3"), "error: --seed: 3, not allowed with plugin, each plugin has its own\n"),
        (("--chords-in", "K"), "error: --chords-in: 'K', not allowed with plugin, which deals with its DAW alone\n"),
        (("--osc-control", "9"), "error: --osc-control: 9, not allowed with plugin, which deals with its DAW alone\n"),
        (("--notes-out", "S"), "error: --notes-out: 'S', not allowed with plugin, which deals with its DAW alone\n"),
        (("--chords", "H"), "error: chords: 'H', in bar 1, must be a chord like"),
        (("--chords", "Am"), "error: chords: 'Am', but click plays no score, which would follow them\n"),
    ],
)
def test_run_plugin_refuses_what_plugins_would_not_heed(arguments: tuple[str, ...], line: str) -> None:
    code, text = run("run", "plugin", "--model", "click", "--no-view", "--seconds", "1", *arguments)
    assert (code, text.count("\n")) == (2, 1)
    assert text.startswith(line)


def test_run_plays_and_counts(tmp_path: Path) -> None:
    out = tmp_path / "a.wav"
    code, text = run(
        "run",
        "internal",
        "--model",
        "click",
        "--sink",
        f"file:{out}",
        "--seconds",
        1,
        "--map",
        tmp_path / "m.toml",
        "--learn",
        "density",
    )
    assert code == 0, text
    assert "0 underruns" in text
    assert soundfile.info(out).frames > RATE // 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "radio"], "source: 'radio'"),
        (["run", "--sink", "tape"], "sink: 'tape'"),
        (["run", "--bpm", "0"], "error: --bpm: 0.0 is not in the range"),
        (["monitor"], "missing argument 'source'"),
        (["run", "--sink", "file:x.wav", "--model", "nobody"], "model: 'nobody', is neither"),
        (["run", "udp", "--listen-host", "1.2.3.4", "--sink", "file:x.wav"], "must be a loopback address"),
        (["run", "--sink", "file:x.wav", "--effect", "shine"], "effect: 'shine'"),
    ],
)
def test_a_wrong_command_is_one_line(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, text = run(*arguments)
    assert code == 2
    assert message in text.lower()
    assert text.lower().count("model:") <= 1
    assert text.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_monitor_and_ports_say_what_there_is() -> None:
    code, text = run("monitor", "internal", "--seconds", 0.2, "--plain")
    assert code == 0, text
    assert "playing=False" in text
    code, text = run("monitor", "udp", "--listen-port", 0, "--seconds", 0.3)
    assert code == 0, text
    code, text = run("ports")
    assert code == 0, text
    assert "JACK" in text
    assert "MIDI in" in text


def test_the_monitor_shows_every_field_and_every_warning() -> None:
    record = Transport.of(host_time_s=0, playing=True, position_beats=65.5, tempo_bpm=128.25)
    console = Console(width=120, record=True)
    console.print(monitor_table(record, Counts(7, 1, 2, 3), ("too far",), 0.05))
    text = console.export_text()
    for part in (
        "17.2.50",
        "128.2500",
        "unknown",
        "7 understood, 1 malformed, 2 oversized, 3 dropped",
        "too far",
        "50 ms ago",
    ):
        assert part in text
    assert bar_beat(-1) == "0.4.00"
    assert bar_beat(3.5, 7, 8) == "2.1.00"


def test_the_package_gives_its_names() -> None:
    for name in package.__all__:
        assert getattr(package, name)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = package.nothing
    assert CHUNK_FRAMES == 8192
    assert FakeTransport(120).truth(0).tempo_bpm == 120
