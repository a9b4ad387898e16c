"""How far a model's loops are from a folder of music: `python -m benchmarks.fine_tune MUSIC MODEL [MODEL ...]`.

Over eight seeds of four bars: the distance of a loop's mean spectrum (64 mel bands in dB, level aside) to that of the
nearest piece, and the standard deviation of a band's level over time, for the loops and for the music.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
import soundfile

SEEDS, RATE_HZ = 8, 44_100


def bands_db(samples: np.ndarray) -> np.ndarray:
    """Levels `[64, frames]` of stereo `[n, 2]`, a hundred frames a second."""
    import librosa

    power = np.abs(librosa.stft(samples.mean(1), n_fft=2048, hop_length=RATE_HZ // 100)) ** 2
    mel = librosa.filters.mel(sr=RATE_HZ, n_fft=2048, n_mels=64, fmin=30, fmax=16_000)
    return 10 * np.log10(mel @ power + 1e-8)


def facts(pieces: list[np.ndarray]) -> tuple[np.ndarray, float]:
    """Mean spectra `[pieces, 64]` without their level, and the mean rise and fall of a band in dB."""
    levels = [bands_db(piece) for piece in pieces]
    means = np.stack([level.mean(1) for level in levels])
    return means - means.mean(1, keepdims=True), float(np.mean([level.std(1).mean() for level in levels]))


@click.command()
@click.argument("music", type=click.Path(exists=True, path_type=Path))
@click.argument("models", nargs=-1, required=True)
@click.option("--bpm", default=124.0, show_default=True)
def main(music: Path, models: tuple[str, ...], bpm: float) -> None:
    """Measure and print."""
    from musika_daw import Controls, Engine

    wanted, moving_db = facts([soundfile.read(path, dtype="float32")[0] for path in sorted(music.glob("*.flac"))])
    click.echo(f"{music}: {len(wanted)} pieces, a band rises and falls by {moving_db:.1f} dB")
    for model in models:
        engine = Engine.load(model)
        made, loops_db = facts([engine.loop(bpm, 4, Controls(seed=seed)) for seed in range(SEEDS)])
        nearest = np.sqrt(np.square(made[:, None] - wanted).mean(2)).min(1).mean()
        click.echo(f"{model}: {nearest:.1f} dB from the nearest piece, a band rises and falls by {loops_db:.1f} dB")


if __name__ == "__main__":
    main()
