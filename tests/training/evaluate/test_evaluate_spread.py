"""Embeddings, distances, spectra, and reading the published network's file."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from musika_daw.hearing.embedding import log_mel_statistics
from musika_daw.hearing.spectra import (
    hz_of_mel,
    log_mel_db,
    mel_filters,
    mel_of_hz,
    peak_db,
    resampled,
    rms_db,
    stft,
    thirds_db,
)
from training.evaluate.measures import musicnn
from training.evaluate.measures.embedding import embedders
from training.evaluate.measures.spread import Scale, frechet, nearest, pairwise_mean, split_half

RATE_HZ = 44_100


def noise(seed: int, seconds: float = 6.0, colour: float = 1.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    spectrum = np.fft.rfft(rng.normal(0, 1, int(seconds * RATE_HZ)))
    spectrum *= np.maximum(np.arange(len(spectrum)), 1.0) ** -colour
    wave = np.fft.irfft(spectrum)
    return np.repeat((0.3 * wave / np.abs(wave).max())[:, None], 2, 1).astype(np.float32)


@given(st.integers(0, 1000), st.floats(0.1, 3))
@settings(max_examples=20)
def test_frechet_distance_of_shifted_gaussians_is_the_shift_squared(seed: int, shift: float) -> None:
    vectors = np.random.default_rng(seed).normal(0, 1, (200, 4))
    assert frechet(vectors, vectors) == pytest.approx(0, abs=1e-6)
    assert frechet(vectors, vectors + shift) == pytest.approx(4 * shift**2, rel=1e-6)
    assert frechet(vectors, 2 * vectors) == pytest.approx(frechet(2 * vectors, vectors), rel=1e-6)


def test_frechet_distance_of_wider_gaussians() -> None:
    vectors = np.random.default_rng(0).normal(0, 1, (500, 3))
    covariance = np.cov(vectors, rowvar=False)
    # of N(0, C) and N(0, 4C): tr(C + 4C - 2 * 2C) = tr(C)
    centred = vectors - vectors.mean(0)
    assert frechet(centred, 2 * centred) == pytest.approx(np.trace(covariance), rel=1e-6)


def test_split_half_is_small_where_songs_are_alike_and_large_where_not() -> None:
    rng = np.random.default_rng(0)
    alike = [rng.normal(0, 1, (40, 3)) for _ in range(10)]
    apart = [rng.normal(5 * i, 1, (40, 3)) for i in range(10)]
    assert split_half(alike) < 0.2 < split_half(apart)


def test_pairwise_mean_and_nearest_of_known_points() -> None:
    points = np.array([[0.0, 0], [3, 4], [0, 0]])
    assert pairwise_mean(points) == pytest.approx(10 / 3)
    distance, index = nearest(np.array([[3.0, 3], [0, 1]]), points)
    assert distance.tolist() == pytest.approx([1, 1])
    assert index.tolist() == [1, 0]


@pytest.mark.parametrize(
    "few",
    [
        lambda: pairwise_mean(np.zeros((1, 3))),
        lambda: frechet(np.zeros((1, 3)), np.eye(3)),
        lambda: split_half([np.eye(3)]),
    ],
)
def test_sets_of_one_are_refused(few: object) -> None:
    with pytest.raises(ValueError, match="at least 2"):
        few()  # type: ignore[operator]


def test_a_dimension_that_never_changes_counts_for_nothing() -> None:
    vectors = np.array([[1.0, 5], [3, 5]])
    scaled = Scale.of(vectors)(np.array([[2.0, 99]]))
    assert scaled.tolist() == [[0, 0]]


def test_log_mel_statistics_know_timbre_but_not_level() -> None:
    same, quiet, other = noise(0), 0.1 * noise(0), noise(1, colour=0.0)
    a, b, c = (log_mel_statistics(x, RATE_HZ).mean(0) for x in (same, quiet, other))
    assert log_mel_statistics(same, RATE_HZ).shape == (2, 240)
    assert np.abs(a - b).max() < 0.05
    assert np.abs(a - c).max() > 10


def test_embedders_need_no_file() -> None:
    assert list(embedders(None)) == ["log-mel"]


@given(st.floats(1, 20_000))
def test_mel_scale_is_inverted(hz: float) -> None:
    assert float(hz_of_mel(mel_of_hz(hz))) == pytest.approx(hz, rel=1e-9)


def test_mel_filters_of_height_one_sum_to_one_between_their_centres() -> None:
    total = mel_filters(44_100, 2048, 40, False).sum(1)
    assert total[20:900] == pytest.approx(1, abs=1e-5)


def test_stft_of_a_full_scale_sine_is_one_at_its_bin() -> None:
    wave = np.sin(2 * np.pi * 64 / 1024 * np.arange(8192))
    assert stft(wave, 1024, 256)[8:24, 64] == pytest.approx(1, abs=1e-3)


def test_levels_of_known_signals() -> None:
    sine = np.sin(2 * np.pi * 1000 * np.arange(RATE_HZ) / RATE_HZ).astype(np.float32)
    assert rms_db(sine) == pytest.approx(-3.01, abs=0.01)
    assert peak_db(sine) == pytest.approx(0, abs=0.01)
    assert rms_db(np.zeros(10)) == peak_db(np.zeros(0)) == -120
    assert int(thirds_db(sine, RATE_HZ).argmax()) == 13
    assert log_mel_db(sine, RATE_HZ).max() <= 1.0
    assert len(resampled(sine, RATE_HZ, 22_050)) == 22_050


def variables() -> dict[str, np.ndarray]:
    """Random weights of the published network's shapes."""
    rng = np.random.default_rng(0)
    kernels = [
        (7, 38, 1, 204),
        (7, 67, 1, 204),
        (128, 1, 1, 51),
        (64, 1, 1, 51),
        (32, 1, 1, 51),
        (7, 561, 1, 64),
        (7, 64, 1, 64),
        (7, 64, 1, 64),
    ]
    normal = [1] + [k[3] for k in kernels] + [1506, 200]
    found = {}
    for number, size in enumerate(normal):
        name = "batch_normalization" + (f"_{number}" if number else "")
        for part in ("beta", "gamma", "moving_mean", "moving_variance"):
            found[f"{name}/{part}"] = rng.uniform(0.5, 1.5, size)
    for number, shape in enumerate(kernels):
        name = "conv2d" + (f"_{number}" if number else "")
        found[f"{name}/kernel"], found[f"{name}/bias"] = rng.normal(0, 0.02, shape), rng.normal(0, 0.1, shape[3])
    for name, shape2 in (("dense", (1506, 200)), ("dense_1", (200, 50))):
        found[f"{name}/kernel"], found[f"{name}/bias"] = rng.normal(0, 0.02, shape2), np.zeros(shape2[1])
    found["dense/kernel/Adam"] = np.zeros(3)
    return {k: v.astype("<f4") for k, v in sorted(found.items())}


def varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def block(entries: list[tuple[bytes, bytes]]) -> bytes:
    """A table block whose keys share their prefixes, with one restart point."""
    out, last = b"", b""
    for key, value in entries:
        shared = next((i for i, (a, b) in enumerate(zip(key, last)) if a != b), min(len(key), len(last)))
        out += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        last = key
    return out + struct.pack("<II", 0, 1)


def write_wheel(path: Path) -> dict[str, np.ndarray]:
    """A wheel laid out as the published one, with the random weights."""
    weights, data, entries = variables(), b"", [(b"", b"\x08\x01")]
    for name, value in weights.items():
        dims = b"".join(b"\x12" + varint(len(d)) + d for d in (b"\x08" + varint(n) for n in value.shape))
        message = b"\x08\x01\x12" + varint(len(dims)) + dims + b"\x20" + varint(len(data))
        message += b"\x28" + varint(value.nbytes) + b"\x35\x01\x02\x03\x04"
        entries.append((name.encode(), message))
        data += value.tobytes()
    body = block(entries)
    index = body + b"\0" * 5
    top = block([(b"z", varint(0) + varint(len(body)))])
    handle = varint(0) + varint(0) + varint(len(index)) + varint(len(top))
    index += top + b"\0" * 5 + handle.ljust(40, b"\0") + b"\x57\xfb\x80\x8b\x24\x75\x47\xdb"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("musicnn/MTT_musicnn/.index", index)
        archive.writestr("musicnn/MTT_musicnn/.data-00000-of-00001", data)
    return weights


def test_musicnn_reads_its_wheel_and_embeds_every_three_seconds(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    path = tmp_path / "musicnn.whl"
    weights = write_wheel(path)
    found = musicnn.read_weights(path, "MTT_musicnn")
    assert found.keys() == weights.keys() - {"dense/kernel/Adam"}
    assert all(np.array_equal(found[k].numpy(), weights[k]) for k in found)
    network = embedders(path)["musicnn"]
    assert isinstance(network, musicnn.MusiCNN)
    vectors = network(noise(0, 6.5), RATE_HZ)
    assert vectors.shape == (2, 200)
    assert np.isfinite(vectors).all()
    assert not np.allclose(vectors[0], network(noise(1, 3.5, 0.0), RATE_HZ)[0])
    tags = network.tags(noise(0, 3.5), RATE_HZ)
    assert len(tags) == 50
    assert all(0 <= v <= 1 for v in tags.values())


def test_another_file_is_no_wheel_of_musicnn(tmp_path: Path) -> None:
    path = tmp_path / "other.whl"
    path.write_bytes(b"nothing")
    with pytest.raises(ValueError, match="pip download"):
        musicnn.MusiCNN(path)
