"""`PluginFeed`: what one plugin needs next, and the chunks of its timeline put together from rendered pieces."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from bridge.plugin_link.codes import Flag, Known
from bridge.plugin_link.instance import PluginInstance
from bridge.plugin_link.keys import Keys
from bridge.plugin_link.wire import CHUNK_FRAMES, PluginTransport, chunk_range
from musika_daw.host.play import piece as grid
from musika_daw.host.play.piece import Piece
from musika_daw.host.plugin.played import PlayedBars, PlayedNotes
from musika_daw.host.plugin.song_map import Place, SongMap, segments

RUN_CHUNKS, RUN_CHUNKS_MOST = 8, 16  # at 48 kHz, and at any rate
CROSS_FRAMES = 256
URGENT_S = 0.7
SENDS_A_STEP = 48
# Frames first..last of a piece, float32 `[2, last - first]`, or None if they are not rendered yet
Read = Callable[[Piece, int, int], np.ndarray | None]


def run_chunks(sample_rate_hz: int) -> int:
    """Chunks of a run. Those of a high sample rate are short, so a run of eight would cost more time than it gives; but
    a plugin is sent no more ahead than two of the longest.

    Runs are rendered whole and always in the same places: then a chunk has the same bits whenever it is rendered.
    """
    return min(max(RUN_CHUNKS, RUN_CHUNKS * sample_rate_hz // 48_000), RUN_CHUNKS_MOST)


class Urgency(IntEnum):
    """Why a run is needed, the most urgent first."""

    WAITED_FOR = 0  # by an offline bounce
    PLAYING = 1
    LANDING = 2  # where the loop begins, or the song: people go there next
    STANDING = 3
    BOUNCED_NEXT = 4
    AHEAD = 5
    TOO_LATE = 6  # over before it would be rendered


@dataclass(frozen=True)
class Want:
    """A run of a piece that a plugin needs."""

    urgency: Urgency
    piece: Piece
    run: int


class PluginFeed:
    """Looks after one plugin. `read` gives rendered audio, `bars` the notes of a score that is played; `ahead_s` is how
    far ahead of play they are sent."""

    def __init__(
        self,
        instance: PluginInstance,
        song: SongMap,
        read: Read,
        ahead_s: float = 6.0,
        *,
        bars: PlayedBars | None = None,
    ) -> None:
        self.instance, self.song = instance, song
        self._notes = None if bars is None else PlayedNotes(song, bars)
        self._read = read
        # the plugin's slots go round: what is sent ahead must leave room for what is being played
        self._ahead = min(round(ahead_s * instance.sample_rate_hz / CHUNK_FRAMES), instance.hello.slots // 2)
        self._fade = (np.arange(1, CROSS_FRAMES + 1) / (CROSS_FRAMES + 1)).astype(np.float32)
        self._news: PluginTransport | None = None
        self._looked: tuple[object, ...] | None = None
        self._wants: list[Want] = []
        self._missing: int | None = None

    def moved(self, news: PluginTransport) -> None:
        """Take what the plugin told, and let it know that it was taken in."""
        known = self._news
        flush = Known.FRAME in news.known and self.song.observe(news)
        if flush or known is None or news.place != known.place:
            self.instance.take_in(news.place, self.song.next_boundary(news.frame), flush=flush)
        self._news = news

    def play(self, keys: Keys) -> None:
        """Take keys that the plugin met; where it is then it tells next."""
        self.song.play(keys.events)

    @property
    def is_offline(self) -> bool:
        """Whether a bounce waits for it."""
        return self._news is not None and Flag.WAITING in self._news.flags

    def feed(self, rendered: int, late_s: float = 0.0) -> list[Want]:
        """Send what is rendered and not sent yet; returns the runs that what is missing is made of.

        In real time, what will be over in `late_s` is rendered last.

        `rendered` is a number that changes with everything that is rendered: as long as it, the place and the
        chunk being played are the same there is nothing to look for.
        """
        news = self._news
        if news is None or Known.FRAME not in news.known:
            return []
        looking = (
            rendered,
            self.instance.generation,
            news.frame // CHUNK_FRAMES,
            news.flags,
            news.known,
            news.loop_start_beat,
            news.loop_end_beat,
        )
        if looking == self._looked:
            return self._wants
        in_time = news.frame
        if Flag.PLAYING in news.flags and Flag.OFFLINE not in news.flags:
            in_time += round(late_s * self.song.sample_rate_hz)
        sends = SENDS_A_STEP
        wants: dict[tuple[Piece, int], Want] = {}
        self._missing = None
        for chunk, urgency in self._path(news):
            if self.instance.holds(chunk):
                continue
            audio = self.audio(chunk) if sends else None
            if audio is not None:
                if self._notes is not None:
                    self.instance.send_notes(chunk, self._notes.of(chunk * CHUNK_FRAMES, CHUNK_FRAMES))
                self.instance.send_audio(chunk, audio.T)
                sends -= 1
            else:
                self._missing = chunk if self._missing is None else self._missing
                if news.frame // CHUNK_FRAMES <= chunk < in_time // CHUNK_FRAMES:
                    urgency = Urgency.TOO_LATE
                for key in self._runs(chunk):
                    if key not in wants or wants[key].urgency > urgency:
                        wants[key] = Want(urgency, *key)
        self._wants = list(wants.values())
        self._looked = looking if sends else None
        return self._wants

    def prepare(self) -> None:
        """Work out notes of the next chunk that is missing, a bar at a time, while it is rendered."""
        if self._notes is not None and self._missing is not None:
            self._notes.prepare(self._missing * CHUNK_FRAMES, CHUNK_FRAMES)

    def audio(self, chunk: int) -> np.ndarray | None:
        """A chunk of the DAW's timeline, float32 `[2, CHUNK_FRAMES]`, or None if it is not all rendered yet."""
        first = chunk * CHUNK_FRAMES
        out = np.empty((2, CHUNK_FRAMES), np.float32)
        for start, stop, place in segments(self.song, first, first + CHUNK_FRAMES):
            part = self._piece_audio(place, start, stop)
            if part is None:
                return None
            boundary = self._crossed(start)
            if boundary is not None:
                along = start - boundary
                # the place before goes on under this one and fades away
                count = min(stop - start, CROSS_FRAMES - along)
                before = self._piece_audio(self.song.place(boundary - 1), start, start + count)
                if before is None:
                    return None
                share = self._fade[along : along + count]
                part = part.copy()
                part[:, :count] = before + share * (part[:, :count] - before)
            out[:, start - first : stop - first] = part
        return out

    def _crossed(self, frame: int) -> int | None:
        """The boundary that a frame is so shortly behind that the place before is still heard; none at the start."""
        boundary = self.song.boundary_before(frame)
        return boundary if boundary and frame - boundary < CROSS_FRAMES else None

    def _piece_audio(self, place: Place, first: int, last: int) -> np.ndarray | None:
        return self._read(place.piece, first + place.shift_frames, last + place.shift_frames)

    def _runs(self, chunk: int) -> Iterator[tuple[Piece, int]]:
        """The runs that a chunk is put together from."""
        first = chunk * CHUNK_FRAMES
        for start, stop, place in segments(self.song, first, first + CHUNK_FRAMES):
            yield from _runs_of(place, start, stop)
            if (boundary := self._crossed(start)) is not None:
                yield from _runs_of(self.song.place(boundary - 1), start, min(stop, boundary + CROSS_FRAMES))

    def _path(self, news: PluginTransport) -> Iterator[tuple[int, Urgency]]:
        """(chunk, urgency) in the order of need: from here on, around the loop; no two in one slot."""
        rate = self.song.sample_rate_hz
        urgent = round(URGENT_S * rate / CHUNK_FRAMES)
        offline = Flag.OFFLINE in news.flags and Flag.PLAYING in news.flags
        taken: dict[int, int] = {}
        slots = self.instance.hello.slots

        def fresh(chunk: int) -> bool:
            return taken.setdefault(chunk % slots, chunk) == chunk

        for index, chunk in enumerate(self._ahead_of(news)):
            if not fresh(chunk):
                continue
            if Flag.WAITING in news.flags and index < 2:
                yield chunk, Urgency.WAITED_FOR
            elif index <= urgent:
                yield chunk, Urgency.PLAYING if Flag.PLAYING in news.flags else Urgency.STANDING
                if index == urgent:
                    yield from ((c, Urgency.LANDING) for c in self._landing(news, urgent) if fresh(c))
            else:
                yield chunk, Urgency.BOUNCED_NEXT if offline else Urgency.AHEAD

    def _ahead_of(self, news: PluginTransport) -> Iterator[int]:
        """Chunks that play will come through, round the loop."""
        left, position = self._ahead, news.frame
        loop = self._loop(news)
        while left > 0:
            stop = position + left * CHUNK_FRAMES
            if loop is not None and position < loop[1]:
                stop = min(stop, loop[1])
            chunks = chunk_range(position, stop)
            yield from chunks
            left -= max(len(chunks), 1)
            if loop is None or stop != loop[1]:
                return
            position = loop[0]

    def _landing(self, news: PluginTransport, count: int) -> Iterator[int]:
        loop = self._loop(news)
        if loop is not None:
            yield from chunk_range(loop[0], loop[0] + count * CHUNK_FRAMES)
        elif Flag.PLAYING not in news.flags:
            yield from range(count)

    def _loop(self, news: PluginTransport) -> tuple[int, int] | None:
        if Known.LOOP not in news.known or Flag.LOOP_ON not in news.flags:
            return None
        first = self.song.beats_to_frames(news.frame, news.loop_start_beat)
        last = self.song.beats_to_frames(news.frame, news.loop_end_beat)
        return (first, last) if last - first >= CHUNK_FRAMES and news.frame < last else None


def _runs_of(place: Place, first: int, last: int) -> Iterator[tuple[Piece, int]]:
    low, high = first + place.shift_frames, last + place.shift_frames
    frames = run_chunks(place.piece.sample_rate_hz) * grid.CHUNK_FRAMES
    yield from ((place.piece, run) for run in range(low // frames, -(-high // frames)))
