"""Builds the piano corpus: every pass plays all pieces once, up to three minutes of each, anew."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from musika_daw.score.density import density_curve
from training.corpus.piano.composed import composed_piece
from training.corpus.piano.pieces import Piece, read_pieces
from training.corpus.piano.render import Take, draw_rendition, render_take, song_windows
from training.corpus.piano.sampler import Sampler
from training.corpus.store import SAMPLE_RATE_HZ, CorpusWriter, SongLabels, split_of

KIND = "piano"
_GOLDEN = 0.6180339887498949
_ORDER_KEY, _SONG_KEY, _OFFSET_KEY, _COMPOSED_KEY = 0, 1, 2, 3


@dataclass(frozen=True)
class PianoSongs:
    """The endless list of songs of a corpus: song `i` depends on (pieces, samples, seed, composed, i) alone.

    A share `composed` of the songs, 0..1, are not of `pieces` but of the instrument's own score.
    """

    pieces: Sequence[Piece]
    sampler: Sampler
    seed: int = 0
    composed: float = 0.0

    def piece_of(self, index: int) -> Piece:
        """Piece of a song; each pass over all pieces is a shuffle of its own."""
        if np.random.default_rng([self.seed, _COMPOSED_KEY, index]).random() < self.composed:
            return composed_piece(self.seed, index)
        turn, place = divmod(index, len(self.pieces))
        order = np.random.default_rng([self.seed, _ORDER_KEY, turn]).permutation(len(self.pieces))
        return self.pieces[int(order[place])]

    def song(self, index: int) -> tuple[np.ndarray, SongLabels]:
        """Audio int16 `[frames, 2]` and labels of song `index`, at most 180 s and its last sound."""
        piece = self.piece_of(index)
        turn = index // len(self.pieces)
        rendition = draw_rendition(np.random.default_rng([self.seed, _SONG_KEY, index]))
        notes, tempo = piece.notes, rendition.tempo
        windows = song_windows(notes.onset_s / tempo, notes.duration_s / tempo)
        # Golden-ratio steps visit all parts of a long piece evenly, however its number of windows varies.
        offset = np.random.default_rng([self.seed, _OFFSET_KEY, *piece.name.encode()]).random()
        part = int((offset + turn * _GOLDEN) % 1 * len(windows))
        take = render_take(self.sampler, piece.notes, rendition, windows[part])
        labels = SongLabels(
            name=f"{index:05d} {piece.name}",
            split=split_of(piece.group),
            licence=f"midi: {piece.licence}; samples: {_samples_licence(self.sampler.folder)}",
            onset_frames=take.onset_frames,
            notes=take.notes,
            extra={
                "piece": piece.name,
                "group": piece.group,
                "part": part,
                "start_s": round(windows[part][0], 3),
                "notes": int(np.sum(take.notes.onset >= 0)),
                "density": _mean_density(take),
                **rendition.as_extra(),
            },
        )
        return np.round(take.audio * 32767).astype(np.int16), labels


def build_piano(
    out: Path,
    hours: float,
    midi: Sequence[Path],
    samples: Path,
    seed: int = 0,
    jobs: int = 1,
    composed: float = 0.3,
    progress: Callable[[int, float], None] | None = None,
) -> None:
    """Render performed MIDI through a sampled piano until the corpus holds `hours`; continues one begun.

    `midi` names files and folders, `samples` a folder with one SFZ file; `progress` is called after every
    song with the songs and hours held. A share `composed` of the songs is of the instrument's own score.
    Every job holds its own copy of the piano, about 1 GB. Raises ValueError for hours, jobs or a share out
    of range, or where no piece or sample can be used.
    """
    if not 0 < hours <= 10_000:
        raise ValueError(f"hours: {hours}, must be above 0 and at most 10000")
    if not 0 <= composed <= 1:
        raise ValueError(f"composed: {composed}, must be in 0..1")
    if not 1 <= jobs <= 256:
        raise ValueError(f"jobs: {jobs}, must be 1..256")
    sampler = Sampler(samples)
    with CorpusWriter(out, KIND, seed) as writer:
        goal = hours * 3600 * SAMPLE_RATE_HZ
        held = sum(song.frames for song in writer.songs)
        if held >= goal:
            return
        songs = PianoSongs(read_pieces(midi), sampler, seed, composed)
        for audio, labels in _rendered(songs, len(writer.songs), jobs):
            held += writer.append(audio, labels).frames
            if progress is not None:
                progress(len(writer.songs), held / SAMPLE_RATE_HZ / 3600)
            if held >= goal:
                return


def _rendered(songs: PianoSongs, first: int, jobs: int) -> Iterator[tuple[np.ndarray, SongLabels]]:
    """Songs from `first` on, in order; with several jobs a few are rendered ahead, never the endless rest."""
    if jobs == 1:
        while True:
            yield songs.song(first)
            first += 1
    with multiprocessing.get_context("spawn").Pool(jobs, _start_worker, (songs,)) as pool:
        ahead: deque[Any] = deque()
        while True:
            while len(ahead) < jobs + 2:
                ahead.append(pool.apply_async(_worker_song, (first,)))
                first += 1
            yield ahead.popleft().get()


_worker_songs: PianoSongs | None = None


def _start_worker(songs: PianoSongs) -> None:
    global _worker_songs
    _worker_songs = songs


def _worker_song(index: int) -> tuple[np.ndarray, SongLabels]:
    assert _worker_songs is not None
    return _worker_songs.song(index)


def _mean_density(take: Take) -> float:
    seconds = len(take.audio) / SAMPLE_RATE_HZ
    times = np.arange(0, seconds, 0.1)
    curve = density_curve(take.onset_frames / SAMPLE_RATE_HZ, times, seconds)
    return round(float(curve.mean()), 3)


def _samples_licence(folder: Path) -> str:
    for path in sorted(folder.glob("README*")):
        if "public domain" in path.read_text(errors="replace").lower():
            return "public domain"
    return "unknown"
