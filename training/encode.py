"""Encodes a corpus once: latents, and the label curves of every latent frame, memory-mapped for the GAN.

```
LATENTS/
  latents.json  encoder hash, configuration, mean and deviation of every latent channel, songs
  latents.f16   [frames, channels], song after song
  labels.f32    [frames, 2]: density and energy in 0..1
```
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from musika_daw.density import density_curve
from musika_daw.models import AutoencoderConfig, Encoder
from musika_daw.models.config import autoencoder_from_dict, to_dict
from training.autoencoder import averaged_weights, load_checkpoint
from training.corpus import Corpus, Song
from training.run import write_json

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


def encoder_hash(encoder: Encoder) -> str:
    """SHA-256 over an encoder's weights: latents of another encoder are another language."""
    digest = hashlib.sha256()
    for name, value in sorted(encoder.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().half().contiguous().numpy().tobytes())
    return digest.hexdigest()


@torch.inference_mode()
def encode_audio(encoder: Encoder, audio: np.ndarray) -> np.ndarray:
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


def load_encoder(path: Path) -> Encoder:
    """The averaged encoder of an autoencoder run."""
    state = load_checkpoint(path)
    encoder = Encoder(autoencoder_from_dict(state["config"]))
    encoder.load_state_dict(averaged_weights(state)[0])
    return encoder.eval()


def encode_corpus(
    corpus_path: Path, encoder: Encoder, out: Path, progress: Callable[[int, int], None] | None = None
) -> None:
    """Encode every song of a corpus into `out`; the index is written last, so a torn run is no corpus."""
    corpus, config = Corpus(corpus_path), encoder.config
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    (out / "latents.json").unlink(missing_ok=True)
    songs: list[LatentSong] = []
    start, total, square = 0, 0.0, 0.0
    with open(out / "latents.f16", "wb") as latent_file, open(out / "labels.f32", "wb") as label_file:
        for number, song in enumerate(corpus.songs):
            latents, labels = _encode_song(corpus, song, encoder, config)
            latent_file.write(latents.astype(np.float16).tobytes())
            label_file.write(labels.astype(np.float32).tobytes())
            songs.append(
                LatentSong(song.name, song.split, start, len(latents), song.bpm, song.beat0_frame)
            )
            start += len(latents)
            total = total + latents.sum(0, dtype=np.float64)
            square = square + (latents.astype(np.float64) ** 2).sum(0)
            if progress:
                progress(number + 1, len(corpus.songs))
    mean = np.asarray(total) / max(start, 1)
    deviation = np.sqrt(np.maximum(np.asarray(square) / max(start, 1) - mean**2, 1e-6))
    write_json(
        out / "latents.json",
        {
            "kind": corpus.kind,
            "encoder_hash": encoder_hash(encoder),
            "autoencoder": to_dict(config),
            "mean": mean.tolist(),
            "deviation": deviation.tolist(),
            "songs": [asdict(s) for s in songs],
        },
    )


def _encode_song(
    corpus: Corpus, song: Song, encoder: Encoder, config: AutoencoderConfig
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
            raise ValueError(f"latents {folder}: no latents.json there; make them with `musika-train encode`")
        index = json.loads(path.read_text())
        self.kind: str = index["kind"]
        self.encoder_hash: str = index["encoder_hash"]
        self.config = autoencoder_from_dict(index["autoencoder"])
        self.mean = np.array(index["mean"], np.float32)
        self.deviation = np.array(index["deviation"], np.float32)
        self.songs = [LatentSong(**row) for row in index["songs"]]
        self.latents = np.memmap(Path(folder) / "latents.f16", np.float16, "r").reshape(-1, len(self.mean))
        self.labels = np.memmap(Path(folder) / "labels.f32", np.float32, "r").reshape(-1, 2)
