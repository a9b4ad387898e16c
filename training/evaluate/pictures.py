"""Pictures of an evaluation, as PNG."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from musika_daw.hearing.spectra import log_mel_db
from musika_daw.system.atomic import part_of

_RATE_HZ = 44_100


def _figure(rows: int, columns: int, width: float, height: float) -> tuple[Any, Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False)


def _save(figure: Any, path: Path) -> None:
    with part_of(path) as part:
        figure.savefig(part, format="png", dpi=80)


def _show_mel(axes: Any, audio: np.ndarray, seconds: float, title: str) -> None:
    level = log_mel_db(audio[: round(seconds * _RATE_HZ)], _RATE_HZ, 128, 2048, hop=256)
    span = len(level) * 256 / _RATE_HZ
    axes.imshow(
        level.T,
        origin="lower",
        aspect="auto",
        cmap="magma",
        vmin=level.max() - 80,
        vmax=level.max(),
        extent=(0, span, 0, 128),
    )
    axes.set_title(title, fontsize=8)
    axes.set_yticks([])


def spectrogram_pairs(
    path: Path,
    left: Sequence[tuple[str, np.ndarray]],
    right: Sequence[tuple[str, np.ndarray]],
    heads: tuple[str, str],
    *,
    seconds: float = 4.0,
) -> None:
    """Log-mel spectrograms of two lists of (name, audio at 44.1 kHz) side by side, 80 dB deep."""
    count = max(1, min(len(left), len(right)))
    figure, axes = _figure(count, 2, 13, 2.2 * count)
    for line, pair in enumerate(zip(left[:count], right[:count])):
        for column, (name, audio) in enumerate(pair):
            _show_mel(axes[line][column], audio, seconds, f"{heads[column]}: {name}")
    for column in range(2):
        axes[-1][column].set_xlabel("seconds")
    _save(figure, path)


def bar_profiles(path: Path, made: np.ndarray, songs: np.ndarray) -> None:
    """Mean energy profiles `[16, 7]` by sixteenth of the bar, generated beside training songs."""
    names = ("low rise", "mid rise", "high rise", "low level", "harmonic change", "change over 2", "change over 4")
    figure, axes = _figure(1, len(names), 18, 3)
    for column, name in enumerate(names):
        panel = axes[0][column]
        panel.bar(np.arange(16) - 0.2, songs[:, column], 0.4, label="songs", color="0.6")
        panel.bar(np.arange(16) + 0.2, made[:, column], 0.4, label="generated", color="tab:red")
        panel.set_title(name, fontsize=9)
        panel.set_xticks(range(0, 16, 4), ("1", "2", "3", "4"))
    axes[0][0].legend(fontsize=7)
    _save(figure, path)


def tempo_scatter(path: Path, bpm: Sequence[float], error_pct: Sequence[float], anchored_ms: Sequence[float]) -> None:
    """Tempo and grid errors of every file over the asked tempo."""
    figure, axes = _figure(1, 2, 11, 3)
    axes[0][0].plot(bpm, error_pct, ".")
    axes[0][0].set_yscale("symlog", linthresh=0.1)
    axes[0][0].set_ylabel("tempo error in %")
    axes[0][1].plot(bpm, np.maximum(anchored_ms, 0.1), ".")
    axes[0][1].set_yscale("log")
    axes[0][1].set_ylabel("anchored grid error in ms")
    for panel in axes[0]:
        panel.grid(alpha=0.3)
        panel.set_xlabel("asked bpm")
    _save(figure, path)


def density_figure(path: Path, takes: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, str]]) -> None:
    """As the paper's Figure 3: log-mel of takes with the asked and the measured density over it.

    Each take is (audio `[frames, 2]`, times in seconds `[n]`, asked `[n]`, measured `[n]`, title).
    """
    figure, axes = _figure(len(takes), 1, 12, 2.6 * len(takes))
    for panel, (audio, times, asked, measured, title) in zip(axes[:, 0], takes):
        _show_mel(panel, audio, len(audio) / _RATE_HZ, title)
        over = panel.twinx()
        over.plot(times, asked, color="white", linewidth=2, label="asked")
        over.plot(times, measured, color="cyan", linewidth=1.5, label="measured")
        over.set_ylim(0, 1)
        over.set_ylabel("density")
        over.legend(loc="upper right", fontsize=7)
    axes[-1][0].set_xlabel("seconds")
    _save(figure, path)


def density_sweep(path: Path, asked: np.ndarray, measured: np.ndarray) -> None:
    """Measured density over asked density, one point a take, with the means."""
    figure, axes = _figure(1, 1, 4.5, 4)
    panel = axes[0][0]
    panel.plot([0, 1], [0, 1], color="0.7")
    panel.plot(asked, measured, ".", color="tab:blue")
    levels = np.unique(asked)
    panel.plot(levels, [measured[asked == a].mean() for a in levels], color="tab:red")
    panel.set_xlabel("asked density")
    panel.set_ylabel("measured density")
    _save(figure, path)
