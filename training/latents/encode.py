"""Encodes a corpus once: latents, and the label curves of every latent frame, memory-mapped for the GAN.

```
LATENTS/
  latents.json  encoder hash, configuration, mean, deviation and audible effect of every latent channel, songs
  latents.f16   [frames, channels], song after song
  labels.f32    [frames, 2]: density and energy in 0..1
  notes.f64     [notes, 5]: onset and end in latent frames, key, velocity and role, where the corpus knows them
  rows.jsonl    songs that are finished, so that a run that was killed goes on
```
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch

from musika_daw.instrument.models import AnyEncoder, AutoencoderConfig
from musika_daw.instrument.models.config import autoencoder_from_dict, to_dict
from musika_daw.instrument.probe import name_of
from musika_daw.score.density import density_curve
from musika_daw.score.roll import Notes
from musika_daw.system.atomic import naming, write_atomic
from musika_daw.system.refusal import refused
from training.corpus import Corpus, Song
from training.corpus.store import NOTE_COLUMNS, note_table, notes_of_table, read_note_table
from training.runs.run import write_json

# energy 0 and 1, as RMS level over about a second
ENERGY_RANGE_DB = (-36.0, -8.0)
_CHUNK_LATENTS = 512


@dataclass(frozen=True)
class LatentSong:
    """Where a song's latents lie; `beat0_frame` and `bpm` as in the corpus (None: no steady grid)."""

    name: str
    split: str
    start: int
    frames: int
    bpm: float | None
    beat0_frame: float | None
    note_start: int = 0
    notes: int = 0


def energy_curve(audio: np.ndarray, r_time: int, sample_rate_hz: int, window_s: float = 1.0) -> np.ndarray:
    """Energy 0..1 of every latent frame of `[t, 2]` audio, `[t // r_time]`: level over `window_s`."""
    frames = len(audio) // r_time
    power = (audio[: frames * r_time].astype(np.float64) ** 2).mean(1).reshape(frames, r_time).mean(1)
    half = max(1, round(window_s * sample_rate_hz / r_time / 2))
    total = np.concatenate([[0.0], np.cumsum(power)])
    lo = np.maximum(np.arange(frames) - half, 0)
    hi = np.minimum(np.arange(frames) + half + 1, frames)
    level_db = 10 * np.log10((total[hi] - total[lo]) / (hi - lo) + 1e-10)
    low, high = ENERGY_RANGE_DB
    return np.clip((level_db - low) / (high - low), 0, 1)


def encoder_hash(encoder: AnyEncoder) -> str:
    """SHA-256 over an encoder's weights: latents of another encoder are another language."""
    digest = hashlib.sha256()
    for name, value in sorted(encoder.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().half().contiguous().numpy().tobytes())
    return digest.hexdigest()


@torch.inference_mode()
def encode_audio(encoder: AnyEncoder, audio: np.ndarray) -> np.ndarray:
    """Latents of `[t, 2]` audio, float32 `[t // r_time, channels]`, silence assumed outside.

    With a one-channel autoencoder the two audio channels' latents are stacked, as in the paper.
    """
    config = encoder.config
    frames = len(audio) // config.r_time
    context = encoder.context
    padded = np.pad(audio[: frames * config.r_time].T, ((0, 0), (context, context)))
    out = []
    for start in range(0, frames, _CHUNK_LATENTS):
        stop = min(frames, start + _CHUNK_LATENTS)
        part = padded[:, start * config.r_time : stop * config.r_time + 2 * context]
        wave = torch.from_numpy(np.ascontiguousarray(part, np.float32))
        latents = encoder(wave[None] if config.channels == 2 else wave[:, None])
        out.append(torch.cat(list(latents), -1).numpy())
    return np.concatenate(out) if out else np.zeros((0, config.level2.latent), np.float32)


def encode_corpus(
    corpus_path: Path,
    encoder: AnyEncoder,
    out: Path,
    progress: Callable[[int, int], None] | None = None,
    *,
    made_with: str | Path = "",
) -> None:
    """Encode every song of a corpus into `out`; the index is written last, so a torn run is no corpus.

    Songs that an earlier call with the same encoder has finished are kept. `made_with` notes which autoencoder
    the encoder belongs to.
    """
    corpus, config = Corpus(corpus_path), encoder.config
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    precision = name_of(encoder.level1.precision)
    known = {"encoder_hash": encoder_hash(encoder), "corpus": str(Path(corpus_path).resolve())}
    _check_same(out, known)
    (out / "latents.json").unlink(missing_ok=True)
    head = json.dumps(known if precision == "32" else {**known, "precision": precision})
    songs = _finished(out / "rows.jsonl", head, corpus.songs, config.r_time)
    start = songs[-1].start + songs[-1].frames if songs else 0
    note_start = songs[-1].note_start + songs[-1].notes if songs else 0
    channels = _channels(config)
    with (
        naming(out),
        _open_at(out / "latents.f16", start * channels * 2) as latent_file,
        _open_at(out / "labels.f32", start * 8) as label_file,
        _open_at(out / "notes.f64", note_start * 8 * len(NOTE_COLUMNS)) as note_file,
        (out / "rows.jsonl").open("a") as rows,
    ):
        for number in range(len(songs), len(corpus.songs)):
            song = corpus.songs[number]
            latents, labels = _encode_song(corpus, song, encoder, config)
            latent_file.write(latents.astype(np.float16).tobytes())
            label_file.write(labels.astype(np.float32).tobytes())
            note_file.write(_notes_in_latents(corpus.notes(song), config.r_time).tobytes())
            for file in (latent_file, label_file, note_file):
                file.flush()
            row = _row(song, start, note_start, config.r_time)
            rows.write(_row_text(row, song.start_frame))
            rows.flush()
            songs.append(row)
            start, note_start = start + row.frames, note_start + row.notes
            if progress:
                progress(number + 1, len(corpus.songs))
    mean, deviation = _spread(out / "latents.f16", channels)
    write_json(
        out / "latents.json",
        {
            "kind": corpus.kind,
            "encoder_hash": encoder_hash(encoder),
            "autoencoder": to_dict(config),
            "made_with": str(made_with),
            "precision": precision,
            "mean": mean.tolist(),
            "deviation": deviation.tolist(),
            "note_columns": NOTE_COLUMNS,
            "songs": [asdict(s) for s in songs],
        },
    )


def _channels(config: AutoencoderConfig) -> int:
    return config.level2.latent * (2 if config.channels == 1 else 1)


def _row(song: Song, start: int, note_start: int, r_time: int) -> LatentSong:
    return LatentSong(
        song.name, song.split, start, song.frames // r_time, song.bpm, song.beat0_frame, note_start, song.notes
    )


def _notes_in_latents(notes: Notes, r_time: int) -> np.ndarray:
    return note_table(notes) / [r_time, r_time, 1, 1, 1]


def _row_text(row: LatentSong, start_frame: int) -> str:
    return json.dumps({**asdict(row), "start_frame": start_frame}) + "\n"


def _check_same(out: Path, known: dict[str, str]) -> None:
    """Refuse to write over what was encoded of another corpus, or by another autoencoder."""
    try:
        first, *songs = (out / "rows.jsonl").read_text("utf-8").splitlines()
        there = json.loads(first)
    except (OSError, ValueError):
        return
    for name, what in (("corpus", f"corpus {there.get('corpus')}"), ("encoder_hash", "another autoencoder")):
        if songs and there.get(name, known[name]) != known[name]:
            raise refused("out", out, f"holds latents of {what}; give another folder, or delete it")


def _finished(path: Path, head: str, songs: Sequence[Song], r_time: int) -> list[LatentSong]:
    """Rows of songs encoded before, as far as they are what the corpus holds now; the file is cut to them."""
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    done: list[LatentSong] = []
    if lines and lines[0] == head + "\n":
        for line, song in zip(lines[1:], songs):
            start = done[-1].start + done[-1].frames if done else 0
            row = _row(song, start, done[-1].note_start + done[-1].notes if done else 0, r_time)
            if line != _row_text(row, song.start_frame):
                break
            done.append(row)
    write_atomic(path, head + "\n" + "".join(lines[1 : 1 + len(done)]))
    return done


def _open_at(path: Path, size: int) -> BinaryIO:
    file = path.open("r+b" if path.exists() else "w+b")
    file.truncate(size)
    file.seek(size)
    return file


def _spread(path: Path, channels: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of every channel of a latents file, read in pieces."""
    latents = np.memmap(path, np.float16, "r").reshape(-1, channels)
    total, square = np.zeros(channels), np.zeros(channels)
    for start in range(0, len(latents), 1 << 16):
        part = latents[start : start + (1 << 16)].astype(np.float64)
        total += part.sum(0)
        square += (part**2).sum(0)
    mean = total / len(latents)
    return mean, np.sqrt(np.maximum(square / len(latents) - mean**2, 1e-6))


def _encode_song(
    corpus: Corpus, song: Song, encoder: AnyEncoder, config: AutoencoderConfig
) -> tuple[np.ndarray, np.ndarray]:
    audio = corpus.audio(song)
    latents = encode_audio(encoder, audio)
    centre_s = (np.arange(len(latents)) + 0.5) * config.r_time / config.sample_rate_hz
    onset_s = corpus.onset_frames(song) / config.sample_rate_hz
    density = density_curve(onset_s, centre_s, duration_s=song.frames / config.sample_rate_hz)
    energy = energy_curve(audio, config.r_time, config.sample_rate_hz)[: len(latents)]
    return latents, np.stack([density, energy], 1)


class LatentCorpus:
    """Reads what `encode_corpus` wrote, without loading it."""

    def __init__(self, folder: Path) -> None:
        path = Path(folder) / "latents.json"
        if not path.exists():
            raise refused("latents", folder, "no latents.json there; make them with `musika-train encode`")
        index = json.loads(path.read_text())
        self.kind: str = index["kind"]
        self.encoder_hash: str = index["encoder_hash"]
        self.made_with: str = index.get("made_with", "")
        self.config = autoencoder_from_dict(index["autoencoder"])
        self.mean = np.array(index["mean"], np.float32)
        self.spread = np.array(index["deviation"], np.float32)
        # latents divided by this are measured by what is heard of them
        self.deviation = self.spread / np.array(index.get("effect", 1.0), np.float32)
        self.songs = [LatentSong(**row) for row in index["songs"]]
        self.latents = np.memmap(Path(folder) / "latents.f16", np.float16, "r").reshape(-1, len(self.mean))
        self.labels = np.memmap(Path(folder) / "labels.f32", np.float32, "r").reshape(-1, 2)
        # those of before roles have four columns
        self._notes = read_note_table(Path(folder) / "notes.f64", len(index.get("note_columns", NOTE_COLUMNS[:4])))

    @property
    def score(self) -> str:
        """Whose notes are known: of "parts" of some songs, of a "piano" in every song, or of none ("")."""
        if self._notes.shape[1] > 4 and self._notes[:, 4].any():
            return "parts"
        return "piano" if all(song.notes for song in self.songs) else ""

    def notes(self, song: LatentSong) -> Notes:
        """Notes of a song in latent frames from its start; none where they are not known."""
        return notes_of_table(self._notes[song.note_start : song.note_start + song.notes])
