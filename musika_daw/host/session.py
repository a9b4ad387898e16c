"""`Session`: a host put together from what a user asked for, started and stopped as one."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bridge import SourceError, TransportSource
from bridge.clock.source import Action
from musika_daw.host.ahead.worker import ProcessWorker
from musika_daw.host.audition import load_clip
from musika_daw.host.capture import Keeper, Kept
from musika_daw.host.control.chords_in import ChordOptions, ChordsIn
from musika_daw.host.control.live import LiveControls
from musika_daw.host.control.mapping import MidiMap
from musika_daw.host.control.midi_ports import MidiPorts
from musika_daw.host.control.remote import OscControl
from musika_daw.host.follow.follower import Follower
from musika_daw.host.follow.jack_follower import JackFollower
from musika_daw.host.follow.sources import SourceOptions, is_noisy, make_source
from musika_daw.host.host import Host
from musika_daw.host.notes.out import NotesOut
from musika_daw.host.play.cache import ChunkCache
from musika_daw.host.play.effects import EffectChain
from musika_daw.host.play.player import Player
from musika_daw.host.sinks.file import FileSink
from musika_daw.host.sinks.jack import JackSink
from musika_daw.host.sinks.sink import PortAudioSink, Sink, SinkError
from musika_daw.instrument.scores import SCORES, check_asked, check_known, unheeded
from musika_daw.score.controls import live_gain_db
from musika_daw.system.refusal import refused

SLOTS_AT_48K = 192
INTERNAL, JACK = "internal", "jack"
logger = logging.getLogger("musika_daw")


@dataclass(frozen=True, kw_only=True)
class SessionOptions:
    """What a session is made of; see `musika-daw run --help`. Among `values` a `gain_db` of None is the model's."""

    source: str = "internal"
    sink: str = "portaudio"
    model: str = "parts"
    source_options: SourceOptions = field(default_factory=SourceOptions)
    values: dict[str, float | None] = field(default_factory=dict)
    written: dict[str, str | None] = field(default_factory=dict)
    effects: tuple[str, ...] = ()
    ahead_s: float = 6.0
    block_frames: int = 512
    latency_s: float = 0.0
    connect: str | None = "system:playback"
    keep_to: Path = Path("kept")
    midi_control: str | None = None
    chords: ChordOptions = field(default_factory=ChordOptions)
    map_file: Path | None = None
    osc_port: int | None = None
    clock_out: str | None = None
    notes_out: str | None = None
    play: bool = False


def make_sink(text: str, options: SessionOptions) -> Sink:
    """The sink of a name: `jack`, `portaudio[:DEVICE]` or `file:PATH`. Raises ValueError, SinkError."""
    kind, _, argument = text.partition(":")
    if kind == "jack":
        sink: Sink = JackSink(
            server=options.source_options.jack_server, connect=options.connect, follow_transport=options.source == JACK
        )
    elif kind == "portaudio":
        device = int(argument) if argument.isdecimal() else argument or None
        sink = PortAudioSink(device, block_frames=options.block_frames)
    elif kind == "file":
        if not argument:
            raise ValueError("sink: 'file', must be followed by a path, as in file:take.wav")
        sink = FileSink(Path(argument), block_frames=options.block_frames)
    else:
        raise ValueError(f"sink: {text!r:.60}, must be jack, portaudio[:DEVICE] or file:PATH")
    sink.latency_s += options.latency_s
    return sink


class Session:
    """Everything of one `musika-daw run`. Raises what its parts raise, before any sound is made."""

    def __init__(self, options: SessionOptions) -> None:
        self.options = options
        self.live = LiveControls(self._act, **options.values)
        self.live.write(options.written)  # a wrong text is refused before a model is loaded
        self.midi_map = MidiMap(self.live, options.map_file)
        if options.effects:
            EffectChain(options.effects)  # a wrong line is refused at once, not by the renderer
        self.source: TransportSource = make_source(options.source, options.source_options)
        self.sink = make_sink(options.sink, options)
        self._worker: Any = None
        self._cache: ChunkCache | None = None
        self._started: list[Any] = []
        self.source_name = options.source
        self.source_problem: str | None = None
        self.quit = False
        try:
            self.host = self._make_host()
            self.chords = ChordsIn(self.host, self.live, self._check_asked(), options.chords)
            self.notes = self._make_notes()
        except BaseException:
            self._free()
            raise
        self.midi = MidiPorts(self.host, options.source_options.jack_server, self.midi_map.feed, self.chords)
        self.keeper = Keeper(options.model, options.keep_to)

    def _make_host(self) -> Host:
        options, rate = self.options, self.sink.sample_rate_hz
        player = Player(rate)
        slots = max(SLOTS_AT_48K, SLOTS_AT_48K * rate // 48_000)
        self._cache = cache = ChunkCache(slots, shared=True, blocks_played=lambda: player.blocks)
        name = cache.memory_name
        assert name is not None

        def new_worker() -> ProcessWorker:
            self._worker = ProcessWorker(options.model, name, slots)
            return self._worker

        bpm = options.source_options.bpm
        host = Host(
            self.source,
            self._follower(bpm),
            self.live,
            cache,
            new_worker(),
            player,
            noisy=is_noisy(options.source),
            effects=options.effects,
            ahead_s=options.ahead_s,
            new_worker=new_worker,
        )
        host.on_step += [self.sink.step, lambda: host.play_at(self.sink.sample_rate_hz)]
        for thing in (self.source, self.sink):
            (host.revived_here if thing.in_jack else host.revived).append(thing)
        self.sink.give_transport(host.fill, host.is_ready)
        # where the server is held up, such a source and the sink stand still together
        self.sink.in_server_time, host.shift_s = self.source.in_server_time, self.sink.shift_s
        host.is_outrun = lambda: self.sink.free_wheels
        return host

    def _check_asked(self) -> dict[str, str]:
        """Refuse what the model cannot be asked, now and whenever it is asked later; returns the model's facts."""
        facts: dict[str, str] = self._worker.facts
        name, score, knows = facts["name"], facts["score"], facts["knows"].split()
        self.live.check = lambda controls: check_asked(controls, score, name)
        self.live.unheeded = lambda controls: unheeded(controls, knows, name)
        self.live.start_at("gain_db", live_gain_db(bool(score)))
        self.live.check(self.live.controls())
        check_known(self.live.controls(), knows, name)
        return facts

    def _make_notes(self) -> NotesOut | None:
        name, facts = self.options.notes_out, self._worker.facts
        if name is None:
            return None
        if facts["score"] not in SCORES:
            raise refused("--notes-out", name, f"but {facts['name']} plays no score, whose notes could be sent")
        server = self.options.source_options.jack_server
        return NotesOut(self.host, self.sink, SCORES[facts["score"]], name, server=server)

    def start(self) -> None:
        """Start to listen and to play. Raises SourceError, SinkError."""
        options = self.options
        self.source.start()
        self._started.append(self.source)
        if options.osc_port is not None:
            control = OscControl(
                self.live, options.osc_port, options.source_options.host, options.source_options.allow_remote
            )
            control.start()
            self._started.append(control)
        self._started.append(self.midi)
        self.midi.listen(options.midi_control)
        self.midi.follow_chords(options.chords.port)
        if options.clock_out is not None:
            self.midi.send_clock(self.source, options.clock_out)
        if self.notes is not None:
            self._started.append(self.notes)
            self.notes.start()
        self.host.start()
        self.sink.start(self.host.fill)
        if options.play:
            self._act("play")

    def _follower(self, bpm: float) -> Follower | JackFollower:
        if self.sink.follows_transport:
            return JackFollower(bpm, period_s=lambda: self.sink.period_s)
        return Follower(bpm)

    def end(self) -> None:
        """Ask whoever runs this session to stop it."""
        self.quit = True

    def stop(self) -> None:
        """Stop everything and give everything back."""
        self.sink.stop()
        self.host.stop()
        for thing in reversed(self._started):
            thing.stop()
        self.keeper.close()
        self._free()

    def _free(self) -> None:
        if self._worker is not None:
            self._worker.close()
        if self._cache is not None:
            self._cache.close()
        self.sink.stop()

    def _act(self, action: str) -> None:
        if action == "quit":
            self.end()
        elif action == "play":
            self._steer("play")
        elif action == "stop":
            self._steer("stop")
        elif action == "effects":
            self.switch_effects(not self.host.effects)
        elif action.startswith("keep_"):
            self.keep(int(action[5:]))

    @property
    def steers(self) -> bool:
        """Whether the source can be told to play and stop."""
        return self.source.steers

    def switch_source(self, name: str, bpm: float | None = None) -> None:
        """Follow another source. For the control thread. Raises ValueError for an unknown name, SourceError or
        SinkError for a source that cannot start; the old one then goes on.

        A clock of our own goes on where the song is, at its tempo unless `bpm` is given.
        """
        if bpm is None:
            bpm = self._present_bpm() if name == INTERNAL else self.options.source_options.bpm
        fresh = make_source(name, dataclasses.replace(self.options.source_options, bpm=bpm))
        old = self.source
        old.stop()
        try:
            fresh.start()
            self.sink.follow_transport(name == JACK)
        except (SourceError, SinkError) as error:
            self.source_problem = f"{name}: {error}"
            fresh.stop()
            with contextlib.suppress(SourceError):
                old.start()
            raise
        host = self.host
        fresh.take_over(host.here(), host.grid.playing)
        for things in (host.revived, host.revived_here):
            if old in things:
                things.remove(old)
        (host.revived_here if fresh.in_jack else host.revived).append(fresh)
        if old in self._started:
            self._started[self._started.index(old)] = fresh
        self.midi.follow(fresh)
        self.source, self.source_name, self.source_problem = fresh, name, None
        self.sink.in_server_time = fresh.in_server_time
        host.follow(fresh, self._follower(bpm), is_noisy(name))

    def _present_bpm(self) -> float:
        """Tempo of the music; where the source's trembles, the one that is rendered."""
        piece = self.host.piece
        return float(piece.bpm) if piece is not None and is_noisy(self.source_name) else self.host.grid.bpm

    def switch_effects(self, on: bool) -> None:
        """Hear the effects, or the music without them."""
        self.host.effects = self.options.effects if on else ()

    def audition(self, file: str | None, gain_db: float = 0.0) -> None:
        """Hear a file from the next bar on; None is silence. Raises ValueError, OSError for what cannot be read."""
        if file is None:
            self.host.audition.end()
        else:
            self.host.audition.begin(load_clip(Path(file), self.sink.sample_rate_hz), gain_db)

    def keep(self, bars: int) -> None:
        """Have the last bars that were heard kept; too few are told among the keeper's results."""
        if (piece := self.host.piece) is None or not self.host.player.blocks:
            return
        try:
            self.keeper.ask(self.host.heard.last(bars, piece))
        except ValueError as error:
            self.keeper.results.append(Kept(problem=str(error)))

    def _steer(self, action: Action) -> None:
        """Start or stop a source that can be told to."""
        if not self.source.steers:
            return
        try:
            self.source.steer(action)
        except SourceError as error:
            logger.warning("%s: %s", action, error)
