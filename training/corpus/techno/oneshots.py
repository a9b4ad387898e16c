"""One-shot drum samples from a folder, sorted into voices by their names.

A file's licence is what follows the last `_` of the nearest parent folder whose name has one
(`my-drums_CC0` -> CC0), as in a library kept one licence a folder.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import resample_poly

from musika_daw.system.folders import files_below, name_for_libraries
from training.corpus.store import SAMPLE_RATE_HZ as SR

SUFFIXES = {".wav", ".flac", ".aif", ".aiff", ".ogg"}
LEFT_OUT = re.compile(
    r"loop|ambi|vinyl|guit|arovane|robot|phone|pad|burp|crow|drone|^bass|till|door|highkey|voctone|fxbed|sabmute|ludens"
)
# First match wins; the text searched is the parent folder and the file name, lower case.
VOICES: tuple[tuple[str, str, float], ...] = (
    ("kick", r"\bbd\b|kick|drum bass|elec hollow kick", 1.2),
    ("crash", r"crash|splash|\bcr\b|cymbal0|cymbal open|elec cymbal", 3.0),
    ("open", r"\boh\b|open", 1.2),
    ("ride", r"ride|\brd\b|cymbal hard|cymbal soft", 2.0),
    ("hat", r"\bhh\b|hat|hihat|cymbal closed|cymbal pedal", 0.5),
    ("snare", r"\bsd\b|\bsn\b|snare", 0.8),
    ("clap", r"\bcp\b|clap|snap", 0.8),
    ("rim", r"rim|stick|elec tick|elec wood", 0.4),
    ("shaker", r"shak|\bsh\b|\btb\b|swash", 0.5),
    ("tom", r"\btom|tom\b|\b[hlm]t\b|tomh|tom\d", 1.0),
    ("perc", r"perc|elec|tabla|glitch|\bcb\b|bell|claves|conga|beats|misc|blip|cubix|trimo|fx", 0.9),
)


@dataclass(frozen=True)
class OneShot:
    """One sample: stereo float32 `[2, frames]`, peak 1, attack at frame 0."""

    name: str
    licence: str
    audio: np.ndarray


@dataclass(frozen=True)
class OneShots:
    """Samples by voice."""

    voices: dict[str, tuple[OneShot, ...]]

    @classmethod
    def load(cls, folder: Path) -> OneShots:
        """Read every short drum-like file below `folder`, resampled to 44.1 kHz.

        Raises ValueError if there is none."""
        folder = Path(folder)
        found: dict[str, list[OneShot]] = {}
        for path in sorted(files_below(folder)):
            if path.suffix.lower() not in SUFFIXES:
                continue
            voice = voice_of(path)
            if voice is None:
                continue
            audio = read_oneshot(path, voice[1])
            if audio is not None:
                name = path.relative_to(folder).as_posix()
                found.setdefault(voice[0], []).append(OneShot(name, _licence(path, folder), audio))
        if not found:
            raise ValueError(f"oneshots: {folder} holds no short drum-like audio file")
        return cls({name: tuple(shots) for name, shots in found.items()})

    def draw(self, rng: np.random.Generator, voice: str) -> OneShot | None:
        """A random sample of a voice, None where there is none."""
        shots = self.voices.get(voice, ())
        return shots[int(rng.integers(len(shots)))] if shots else None


def voice_of(path: Path) -> tuple[str, float] | None:
    """Voice and longest length in seconds of a file by its name, None if it is not drum-like."""
    text = re.sub(r"[_\-.]+", " ", f"{path.parent.name} {path.stem}".lower())
    text = re.sub(r"(?<=\D{3})\d+\b", "", text) if "cymbal0" not in text else text
    stem = re.sub(r"[_\-.]+", " ", path.stem.lower())
    if LEFT_OUT.search(stem):
        return None
    for voice, pattern, longest_s in VOICES:
        if re.search(pattern, text):
            return voice, longest_s
    return None


def read_oneshot(path: Path, longest_s: float) -> np.ndarray | None:
    """Read, resample, cut the silence before the attack and all after `longest_s`; None if unusable."""
    try:
        audio, rate = soundfile.read(name_for_libraries(path), dtype="float32", always_2d=True)
    except soundfile.LibsndfileError:
        return None
    if not 1000 <= rate <= 1_000_000:
        return None
    if len(audio) > rate * 12 or len(audio) < rate * 0.005:
        return None
    audio = audio[:, :2]
    if rate != SR:
        common = math.gcd(rate, SR)
        audio = resample_poly(audio, SR // common, rate // common, axis=0).astype(np.float32)
    level = np.abs(audio).max(1)
    peak = float(level.max())
    if peak < 1e-3:
        return None
    start = int(np.argmax(level > 0.15 * peak))
    audio = audio[max(start - 8, 0) :][: int(longest_s * SR)].T.copy()
    if audio.shape[0] == 1:
        audio = np.repeat(audio, 2, 0)
    n = audio.shape[1]
    audio[:, :8] *= np.linspace(0, 1, 8, dtype=np.float32)[: min(8, n)]
    fall = min(n, int(0.1 * SR))
    audio[:, n - fall :] *= np.linspace(1, 0, fall, dtype=np.float32)
    return audio / max(float(np.abs(audio).max()), 1e-9)


def _licence(path: Path, root: Path) -> str:
    for folder in path.parents:
        if "_" in folder.name:
            return folder.name.rsplit("_", 1)[1]
        if folder == root:
            break
    return f"see {root.name}"
