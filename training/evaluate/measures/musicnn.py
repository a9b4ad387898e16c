"""musicnn (Pons and Serra, 2019) in torch, its weights read from the published wheel; a published embedding.

The wheel asks for TensorFlow and an old numpy, so it is not installed but given as a file:
`pip download --no-deps musicnn==0.1.0`. Inside it lies a TensorFlow checkpoint: an index (a LevelDB table of
uncompressed blocks, one protocol buffer a variable) and the numbers, little-endian float32. Licence: ISC.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from musika_daw.hearing.spectra import mel_filters, mono, resampled, stft

# fmt: off
TAGS = (
    "guitar", "classical", "slow", "techno", "strings", "drums", "electronic", "rock", "fast", "piano", "ambient",
    "beat", "violin", "vocal", "synth", "female", "indian", "opera", "male", "singing", "vocals", "no vocals",
    "harpsichord", "loud", "quiet", "flute", "woman", "male vocal", "no vocal", "pop", "soft", "sitar", "solo", "man",
    "classic", "choir", "voice", "new age", "dance", "male voice", "female vocal", "beats", "harp", "cello",
    "no voice", "weird", "country", "metal", "female voice", "choral",
)
# fmt: on
_RATE_HZ, _SIZE, _HOP, _MELS, _FRAMES = 16_000, 512, 256, 96, 187
_BATCH_EPS = 1e-3


class MusiCNN:
    """The network trained on MagnaTagATune: called on audio it gives its penultimate layer, `[windows, 200]`."""

    def __init__(self, wheel: Path, model: str = "MTT_musicnn") -> None:
        self._weights = read_weights(wheel, model)
        self.hash = hashlib.sha256(Path(wheel).read_bytes()).hexdigest()

    def __call__(self, audio: np.ndarray, sample_rate_hz: int) -> np.ndarray:
        """Embedding of every 3 s of audio `[frames, channels]`, float64 `[windows, 200]`; a rest is left out."""
        return self._run(audio, sample_rate_hz)[0]

    def tags(self, audio: np.ndarray, sample_rate_hz: int) -> dict[str, float]:
        """Mean likelihood of each of the 50 tags."""
        likelihood = 1 / (1 + np.exp(-self._run(audio, sample_rate_hz)[1]))
        return dict(zip(TAGS, likelihood.mean(0).tolist()))

    def _run(self, audio: np.ndarray, sample_rate_hz: int) -> tuple[np.ndarray, np.ndarray]:
        wave = resampled(mono(audio), sample_rate_hz, _RATE_HZ)
        # the network knows the scale of an unscaled STFT
        power = (stft(wave, _SIZE, _HOP) * (_SIZE / 4)) ** 2 @ mel_filters(_RATE_HZ, _SIZE, _MELS)
        mel = np.log10(10_000 * power + 1)
        mel = np.pad(mel, ((0, max(0, _FRAMES - len(mel))), (0, 0)))
        count = len(mel) // _FRAMES
        batch = torch.from_numpy(mel[: count * _FRAMES].reshape(count, 1, _FRAMES, _MELS).astype(np.float32))
        with torch.inference_mode():
            parts = [self._forward(part) for part in batch.split(8)]
        embedding, logits = (torch.cat(p).double().numpy() for p in zip(*parts))
        return embedding, logits

    def _normal(self, x: Tensor, number: int) -> Tensor:
        name = "batch_normalization" + (f"_{number}" if number else "")
        w = self._weights
        scale = w[f"{name}/gamma"] / torch.sqrt(w[f"{name}/moving_variance"] + _BATCH_EPS)
        shape = (1, -1) + (1,) * (x.dim() - 2)
        return x * scale.view(shape) + (w[f"{name}/beta"] - w[f"{name}/moving_mean"] * scale).view(shape)

    def _convolved(self, x: Tensor, number: int) -> Tensor:
        name = "conv2d" + (f"_{number}" if number else "")
        kernel = self._weights[f"{name}/kernel"].permute(3, 2, 0, 1)
        return self._normal(functional.relu(functional.conv2d(x, kernel, self._weights[f"{name}/bias"])), number + 1)

    def _forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Log-mel `[n, 1, 187, 96]` to penultimate layer `[n, 200]` and logits `[n, 50]`."""
        x = self._normal(x, 0)
        wide = functional.pad(x, (0, 0, 3, 3))
        front = [self._convolved(wide, i).amax(3) for i in (0, 1)]
        for number, size in ((2, 128), (3, 64), (4, 32)):
            # "same" puts the odd row at the end
            padded = functional.pad(x, (0, 0, (size - 1) // 2, size // 2))
            front.append(self._convolved(padded, number).amax(3))
        features = [torch.cat(front, 1)]  # [n, 561, t]
        for number in (5, 6, 7):
            image = functional.pad(features[-1].transpose(1, 2)[:, None], (0, 0, 3, 3))
            made = self._convolved(image, number)[..., 0]
            features.append(made if number == 5 else made + features[-1])
        every = torch.cat(features, 1)
        pooled = torch.stack([every.amax(2), every.mean(2)], 2).flatten(1)
        w = self._weights
        dense = functional.relu(self._normal(pooled, 9) @ w["dense/kernel"] + w["dense/bias"])
        penultimate = self._normal(dense, 10)
        return penultimate, penultimate @ w["dense_1/kernel"] + w["dense_1/bias"]


def read_weights(wheel: Path, model: str) -> dict[str, Tensor]:
    """Variables of a TensorFlow checkpoint inside the wheel, without the optimiser's; ValueError if not there."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            index = archive.read(f"musicnn/{model}/.index")
            data = archive.read(f"musicnn/{model}/.data-00000-of-00001")
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"musicnn: {wheel} is not its wheel, must be one got by: pip download --no-deps musicnn==0.1.0"
        ) from error
    found = {}
    for name, entry in _index_entries(index):
        if name and "/Adam" not in name and not name.startswith("beta") and "power" not in name:
            shape, offset, size = _entry(entry)
            values = np.frombuffer(data, "<f4", size // 4, offset).reshape(shape)
            found[name] = torch.from_numpy(values.copy())
    return found


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def _block(data: bytes, handle: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of one table block; keys share a prefix with the key before them."""
    start, at = _varint(handle, 0)
    size, _ = _varint(handle, at)
    block = data[start : start + size]
    end = len(block) - 4 * (1 + int.from_bytes(block[-4:], "little"))
    at, key = 0, b""
    while at < end:
        shared, at = _varint(block, at)
        own, at = _varint(block, at)
        length, at = _varint(block, at)
        key = key[:shared] + block[at : at + own]
        yield key, block[at + own : at + own + length]
        at += own + length


def _index_entries(data: bytes) -> Iterator[tuple[str, bytes]]:
    footer = data[-48:]
    _, at = _varint(footer, 0)
    _, at = _varint(footer, at)
    for _, handle in _block(data, footer[at:]):
        for key, value in _block(data, handle):
            yield key.decode(), value


def _entry(message: bytes) -> tuple[tuple[int, ...], int, int]:
    """Shape, offset and bytes of a variable, from its protocol buffer (fields 2, 4 and 5)."""
    fields = dict(_fields(message))
    shape = [dict(_fields(dim)).get(1, 0) for number, dim in _fields(_bytes(fields.get(2, b""))) if number == 2]
    return tuple(int(_number(s)) for s in shape), _number(fields.get(4, 0)), _number(fields.get(5, 0))


def _fields(message: bytes | int) -> Iterator[tuple[int, bytes | int]]:
    data, at = _bytes(message), 0
    while at < len(data):
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield tag >> 3, value
        elif kind == 2:
            size, at = _varint(data, at)
            yield tag >> 3, data[at : at + size]
            at += size
        else:
            at += 8 if kind == 1 else 4


def _bytes(value: bytes | int) -> bytes:
    return value if isinstance(value, bytes) else b""


def _number(value: bytes | int) -> int:
    return value if isinstance(value, int) else 0
