"""A page of spectrograms and a table of statistics of any corpus: does it vary, is it in time, how loud is it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from scipy.signal import stft

from training.corpus.store import SAMPLE_RATE_HZ as SR
from training.corpus.store import Corpus, Song
from training.corpus.techno.mix import loudness_lufs

EXCERPT_S = 8.0
FFT, HOP = 2048, 512
LOW_BANDS_HZ = (60.0, 90.0, 140.0, 210.0, 320.0, 480.0, 720.0)  # a kick falls through all of them
LOW_HOP = 64  # 1.5 ms: fine enough to time a kick
COLUMNS = {
    "bpm": "tempo in bpm",
    "onsets_per_s": "labelled onsets a second",
    "lufs": "loudness in LUFS",
    "peak_dbfs": "sample peak in dBFS",
    "centroid_hz": "spectral centroid in Hz",
    "crest_db": "peak over RMS in dB",
    "width_db": "side over mid in dB",
    "low_width_db": "the same below 100 Hz",
    "beat_offset_ms": "median offset of the low band's rise from the beat in ms",
}


def song_statistics(corpus: Corpus, song: Song) -> dict[str, float]:
    """Figures of one song, named in `COLUMNS`; tempo and beat offset only where it has a tempo."""
    audio = corpus.audio(song).T.copy()
    mid, side = (audio[0] + audio[1]) / 2, (audio[0] - audio[1]) / 2
    out = {"lufs": loudness_lufs(audio)}
    peak, rms = float(np.abs(audio).max()), float(np.sqrt(np.mean(audio**2)))
    out["peak_dbfs"], out["crest_db"] = _db(peak), _db(peak) - _db(rms)
    out["onsets_per_s"] = song.onsets / max(song.frames / SR, 1e-9)
    freqs, _, mid_bins = stft(mid, SR, nperseg=FFT, noverlap=FFT - HOP * 4)
    _, _, side_bins = stft(side, SR, nperseg=FFT, noverlap=FFT - HOP * 4)
    mid_power, side_power = np.mean(np.abs(mid_bins) ** 2, 1), np.mean(np.abs(side_bins) ** 2, 1)
    out["centroid_hz"] = float((freqs * np.sqrt(mid_power)).sum() / max(np.sqrt(mid_power).sum(), 1e-12))
    low = freqs < 100
    out["width_db"] = _ratio_db(side_power.sum(), mid_power.sum())
    out["low_width_db"] = _ratio_db(side_power[low].sum(), mid_power[low].sum())
    if song.bpm is not None and song.beat0_frame is not None:
        out["bpm"] = song.bpm
        out["beat_offset_ms"] = beat_offset_ms(mid, song.bpm, song.beat0_frame)
    return out


def beat_offset_ms(mono: np.ndarray, bpm: float, beat0_frame: float, reach_s: float = 0.04) -> float:
    """Median over the beats of where, within `reach_s`, the level below 800 Hz rises most steeply, in ms."""
    size = 512
    frames = (len(mono) - size) // LOW_HOP
    if frames < 8:
        return 0.0
    view = np.lib.stride_tricks.sliding_window_view(mono, size)[::LOW_HOP][:frames]
    # a window whose newest samples weigh most: the level steps up when an attack enters it
    window = np.exp(np.linspace(-8, 0, size)).astype(np.float32)
    turns = np.outer(np.arange(size), LOW_BANDS_HZ) / SR
    level = np.abs((view * window) @ np.exp(-2j * np.pi * turns).astype(np.complex64)).sum(1)
    level = np.log(level + 0.15 * np.percentile(level, 95) + 1e-9)
    rise = np.maximum(np.diff(level, prepend=level[0]), 0)
    beat, reach = 60.0 / bpm * SR, int(reach_s * SR / LOW_HOP)
    offsets = []
    for number in range(1, int((len(mono) - beat0_frame) / beat) - 1):
        exact = (beat0_frame + number * beat - size) / LOW_HOP
        near = round(exact)
        part = rise[max(near - reach, 0) : near + reach + 1]
        if len(part) and part.max() > 0.1:
            offsets.append((max(near - reach, 0) + int(np.argmax(part)) - exact) * LOW_HOP / SR * 1000)
    return float(np.median(offsets)) if offsets else 0.0


def write_report(corpus: Corpus, out: Path, songs: int = 200) -> dict[str, Any]:
    """Write `spectrograms.png`, `statistics.json` and `statistics.md` into folder `out`; returns the statistics.

    At most `songs` songs are measured, spread evenly over the corpus."""
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    chosen = _spread(corpus.songs, songs)
    rows = [song_statistics(corpus, song) for song in chosen]
    table: dict[str, dict[str, float]] = {}
    for column in COLUMNS:
        values = np.array([row[column] for row in rows if column in row])
        if len(values):
            quantiles = np.percentile(values, [0, 5, 50, 95, 100])
            table[column] = dict(zip(("min", "p5", "median", "p95", "max"), (round(float(q), 3) for q in quantiles)))
            table[column]["sd"] = round(float(values.std()), 3)
    offsets = np.array([abs(row["beat_offset_ms"]) for row in rows if "beat_offset_ms" in row])
    styles: dict[str, int] = {}
    for song in corpus.songs:
        style = str(song.extra.get("style", "unknown"))
        styles[style] = styles.get(style, 0) + 1
    result: dict[str, Any] = {
        "kind": corpus.kind,
        "songs": len(corpus.songs),
        "hours": round(corpus.seconds / 3600, 4),
        "measured": len(chosen),
        "splits": {s: len(corpus.split(s)) for s in ("train", "valid", "test")},
        "styles": styles,
        "beat_within_5_ms": round(float((offsets <= 5).mean()), 4) if len(offsets) else None,
        "table": table,
    }
    _write(out / "statistics.json", json.dumps(result, indent=1) + "\n")
    _write(out / "statistics.md", _markdown(result))
    draw_page(corpus, out / "spectrograms.png")
    return result


def draw_page(corpus: Corpus, path: Path, songs: int = 16) -> None:
    """Log-frequency spectrograms of 8 s from up to 16 songs, each starting on a bar where there is a tempo."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    chosen = _spread(corpus.songs, songs)
    figure = Figure(figsize=(22, 3.1 * -(-len(chosen) // 2)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(-(-len(chosen) // 2), 2, squeeze=False).ravel()
    for axis, song in zip(axes, chosen):
        start = int(song.frames * 0.55)
        if song.bpm is not None and song.beat0_frame is not None:
            bar = 4 * 60.0 / song.bpm * SR
            start = round(song.beat0_frame + int(start / bar) * bar)
        audio = corpus.audio(song, start, int(EXCERPT_S * SR)).mean(1)
        freqs, times, bins = stft(audio, SR, nperseg=FFT, noverlap=FFT - HOP)
        level = 20 * np.log10(np.abs(bins[1:]) + 1e-7)
        axis.pcolormesh(times, freqs[1:], level, vmin=-110, vmax=-20, cmap="magma", shading="nearest", rasterized=True)
        axis.set_yscale("log")
        axis.set_ylim(30, SR / 2)
        tempo = f"{song.bpm:g} bpm" if song.bpm else "no tempo"
        axis.set_title(f"{song.name}  {song.extra.get('style', '')}  {tempo}", fontsize=9)
    for axis in axes[len(chosen) :]:
        axis.set_axis_off()
    part = path.with_name(path.name + ".part")
    figure.savefig(part, dpi=60, format="png")
    part.replace(path)


def _spread(songs: list[Song], count: int) -> list[Song]:
    if len(songs) <= count:
        return list(songs)
    return [songs[int(i)] for i in np.linspace(0, len(songs) - 1, count)]


def _markdown(result: dict[str, Any]) -> str:
    lines = [f"# {result['kind']} corpus: {result['songs']} songs, {result['hours']:.2f} h", ""]
    lines += [f"Measured on {result['measured']} songs.", ""]
    lines += ["| figure | min | 5 % | median | 95 % | max | sd |", "|---|---|---|---|---|---|---|"]
    for column, values in result["table"].items():
        cells = " | ".join(f"{values[k]:g}" for k in ("min", "p5", "median", "p95", "max", "sd"))
        lines.append(f"| {COLUMNS[column]} | {cells} |")
    if result["beat_within_5_ms"] is not None:
        lines += ["", f"Median low-band rise within 5 ms of the beat in {result['beat_within_5_ms']:.1%} of songs."]
    lines += ["", "Styles: " + ", ".join(f"{k} {v}" for k, v in sorted(result["styles"].items())), ""]
    return "\n".join(lines)


def _db(value: float) -> float:
    return float(20 * np.log10(max(value, 1e-6)))


def _ratio_db(a: float, b: float) -> float:
    return float(10 * np.log10(max(float(a), 1e-12) / max(float(b), 1e-12)))


def _write(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(text)
    part.replace(path)
