"""Named starting points: `python -m benchmarks.packs.styles search`, and `measure DIR`.

`search` renders one-shots of seeds 0 to 255 of each voice, measures how bright, long, rough and wide each is, and
prints the table of `score.techno.timbres`: for each style the seeds nearest to the words that stand for it here, of
kicks those that are one hit: one that strikes again before the next beat would pass for a long one.
`measure` reads a pack of `musika-pack build --styles all`: how often the style of a loop is that of the nearest
centroid of all other loops, by log-mel statistics, and by YAMNet (`--yamnet yamnet.tflite`, with `ai-edge-litert` and
`soxr`).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
import soundfile

from musika_daw.hearing.embedding import log_mel_statistics
from pack_builder.render.one_shots.hits import faults

SEEDS, KEPT, FAR = 256, 5, 1.5
SHOTS = {
    "kick": "kick",
    "snare": "snare",
    "clap": "clap",
    "rim": "rim",
    "hat": "hat",
    "open": "open_hat",
    "perc": "perc",
    "bass": "bass",
    "lead": "lead",
    "chords": "stab",
}
"""Voices, and the one-shot by which each is heard."""
WORDS = {
    "bright": ("bright", 1),
    "dull": ("bright", -1),
    "long": ("long", 1),
    "short": ("long", -1),
    "rough": ("rough", 1),
    "smooth": ("rough", -1),
    "wide": ("wide", 1),
    "narrow": ("wide", -1),
}
WISHES = {
    "acid": {"kick": "short bright", "clap": "bright", "hat": "bright short", "lead": "bright rough narrow"},
    "breaks": {"kick": "short", "snare": "bright short", "hat": "dull short", "bass": "rough bright", "chords": "wide"},
    "deep": {
        "kick": "dull smooth",
        "hat": "short dull",
        "clap": "dull",
        "bass": "dull smooth",
        "chords": "smooth wide",
    },
    "dub": {
        "kick": "dull long smooth",
        "hat": "dull",
        "rim": "dull",
        "bass": "dull smooth",
        "chords": "long wide dull",
    },
    "electro": {"kick": "long smooth", "snare": "bright rough", "hat": "bright short", "bass": "bright narrow"},
    "garage": {"kick": "short dull", "snare": "short", "rim": "short", "bass": "smooth long", "chords": "bright short"},
    "hard": {
        "kick": "rough long bright",
        "clap": "rough",
        "hat": "bright rough",
        "bass": "rough",
        "chords": "rough short",
    },
    "hardcore": {"kick": "rough", "clap": "bright rough", "bass": "rough bright", "chords": "bright rough"},
    "house": {"kick": "short smooth", "clap": "long wide", "open": "bright long", "bass": "smooth", "chords": "bright"},
    "hypnotic": {
        "kick": "long dull",
        "hat": "short dull",
        "bass": "dull",
        "lead": "smooth dull wide",
        "chords": "dull",
    },
    "industrial": {
        "kick": "rough",
        "snare": "rough long",
        "perc": "rough long",
        "bass": "rough dull",
        "chords": "rough dull long",
    },
    "minimal": {
        "kick": "short dull smooth",
        "rim": "short bright",
        "hat": "short",
        "perc": "short",
        "bass": "dull",
        "chords": "dull",
    },
    "peak": {"kick": "bright", "clap": "wide", "hat": "bright long", "bass": "bright", "chords": "rough short"},
    "trance": {"kick": "bright smooth", "clap": "bright wide", "lead": "bright wide smooth", "chords": "bright wide"},
}


def described(shot: np.ndarray, rate_hz: int) -> dict[str, float]:
    """How bright (octaves), long (octaves of a second until 30 dB below the peak), rough and wide (dB) a sound is."""
    middle, side = shot.mean(1), shot[:, 0] - shot.mean(1)
    power = np.abs(np.fft.rfft(middle, 1 << 17)) ** 2
    hz = np.fft.rfftfreq(1 << 17, 1 / rate_hz)
    audible, rough = (hz > 30) & (hz < 16_000), (hz > 150) & (hz < 8_000)
    # power in thirds of octaves would hide a kick's click: amplitudes weigh it as it is heard
    weights = np.sqrt(power[audible])
    blocks = np.abs(middle[: len(middle) // 441 * 441]).reshape(-1, 441).max(1)
    heard = np.flatnonzero(blocks > blocks.max() * 10 ** (-30 / 20))
    bands = np.array([each.mean() for each in np.array_split(power[rough], 256)]) + 1e-12
    return {
        "bright": float((np.log2(hz[audible]) * weights).sum() / weights.sum()),
        "long": float(np.log2((heard[-1] + 1) * 0.01)),
        "rough": float(10 * (np.log10(bands).mean() - np.log10(bands.mean()))),
        "wide": float(10 * np.log10((side**2).sum() / ((middle**2).sum() + 1e-12) + 1e-6)),
    }


def nearest(measured: list[dict[str, float]], words: str, allowed: list[bool]) -> list[int]:
    """Allowed seeds whose sounds are most as the words say: each counts in deviations among all, up to `FAR` of
    them."""
    score = np.where(allowed, 0.0, -np.inf)
    for word in words.split():
        name, sign = WORDS[word]
        values = np.array([each[name] for each in measured])
        score += np.minimum(sign * (values - values.mean()) / values.std(), FAR)
    return sorted(int(seed) for seed in np.argsort(-score)[:KEPT])


def told_right(places: np.ndarray, names: np.ndarray) -> np.ndarray:
    """Names `[n]` of the centroids nearest to places `[n, d]`, each left out of its own; in deviations of all."""
    spread = places.std(0)
    scaled = (places - places.mean(0)) / np.where(spread > 1e-9, spread, np.inf)
    each = np.unique(names)
    told = []
    for number in range(len(names)):
        rest = np.arange(len(names)) != number
        centres = np.stack([scaled[rest & (names == name)].mean(0) for name in each])
        told.append(each[int(np.argmin(((centres - scaled[number]) ** 2).sum(1)))])
    return np.array(told)


def _yamnet(path: Path) -> Callable[[np.ndarray, int], np.ndarray]:
    import soxr
    from ai_edge_litert.interpreter import Interpreter

    net = Interpreter(str(path), experimental_preserve_all_tensors=True, num_threads=1)
    net.allocate_tensors()
    pool = next(
        each["index"]
        for each in net.get_tensor_details()
        if "global_average_pooling2d/Mean" in each["name"] and tuple(each["shape"]) == (1, 1024)
    )
    given = net.get_input_details()[0]

    def embed(audio: np.ndarray, rate_hz: int) -> np.ndarray:
        mono = soxr.resample(audio.mean(1).astype(np.float32), rate_hz, 16_000, quality="HQ")
        out = []
        for start in range(0, len(mono) - 15_600 + 1, 7_680):
            net.set_tensor(given["index"], mono[start : start + 15_600].reshape(given["shape"]))
            net.invoke()
            out.append(net.get_tensor(pool)[0].copy())
        return np.stack(out)

    return embed


@click.group()
def main() -> None:
    """Named starting points."""


@main.command()
@click.option("--voices", default=",".join(SHOTS), help="Some of them alone.")
def search(voices: str) -> None:
    """Seeds of each voice for each row of the catalogue."""
    from musika_daw.instrument.engine import Engine
    from musika_daw.score.controls import Controls

    engine = Engine.load("parts")
    measured: dict[str, list[dict[str, float]]] = {}
    allowed: dict[str, list[bool]] = {}
    for voice, shot in ((voice, SHOTS[voice]) for voice in voices.split(",")):
        controls = (Controls(key="Amin", voices=((voice, seed),)) for seed in range(SEEDS))
        measured[voice], allowed[voice] = [], []
        for sound in (engine.one_shot(shot, each) for each in controls):
            measured[voice].append(described(sound, engine.sample_rate_hz))
            allowed[voice].append(voice != "kick" or not faults(sound, engine.sample_rate_hz))
        click.echo(f"{voice}: {SEEDS} rendered, {sum(allowed[voice])} may be taken", err=True)
    for name, wishes in WISHES.items():
        click.echo(f'    "{name}": {{')
        for voice, words in ((voice, words) for voice, words in wishes.items() if voice in measured):
            click.echo(f'        "{voice}": ({", ".join(map(str, nearest(measured[voice], words, allowed[voice])))}),')
        click.echo("    },")


@main.command()
@click.argument("pack", type=click.Path(file_okay=False, path_type=Path))
@click.option("--yamnet", type=click.Path(dir_okay=False, path_type=Path), help="yamnet.tflite, of AudioSet.")
def measure(pack: Path, yamnet: Path | None) -> None:
    """How many loops of a pack are told to be of their style."""
    rows = [row for row in json.loads((pack / "manifest.json").read_text())["files"] if row.get("style")]
    names = np.array([row["style"] for row in rows])
    readers: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {"log-mel": log_mel_statistics}
    if yamnet is not None:
        readers["yamnet"] = _yamnet(yamnet)
    for reader, embed in readers.items():
        places = np.stack([embed(*soundfile.read(pack / row["file"], always_2d=True)).mean(0) for row in rows])
        told = told_right(places, names)
        click.echo(
            f"{reader}: {int((told == names).sum())} of {len(names)} told right, chance {1 / len(set(names)):.0%}"
        )
        for name in np.unique(names):
            others = [str(other) for other in told[names == name] if other != name]
            click.echo(
                f"  {name:<11} {int((told[names == name] == name).sum())} of {int((names == name).sum())}"
                f"  {', '.join(sorted(others))}"
            )


if __name__ == "__main__":
    main()
