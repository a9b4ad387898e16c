"""Builds the piano corpus: every pass plays all pieces once, up to three minutes of each, anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from musika_daw.score.density import density_curve
from training.corpus.fill import check_amount, fill_corpus
from training.corpus.piano.composed import composed_piece
from training.corpus.piano.pieces import Piece, read_pieces
from training.corpus.piano.render import Take, draw_rendition, render_take, song_windows
from training.corpus.piano.sampler import Sampler
from training.corpus.store import SAMPLE_RATE_HZ, SongLabels, split_of

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
    *,
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
    check_amount(hours, jobs)
    if not 0 <= composed <= 1:
        raise ValueError(f"composed: {composed}, must be in 0..1")
    sampler = Sampler(samples)

    def arguments() -> tuple[PianoSongs]:
        return (PianoSongs(read_pieces(midi), sampler, seed, composed),)

    fill_corpus(
        out,
        KIND,
        seed,
        hours,
        jobs=jobs,
        make=_worker_song,
        start=_start_worker,
        arguments=arguments,
        progress=progress,
    )


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
