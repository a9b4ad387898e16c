"""Builds a techno corpus of LMMS projects: every song at its own tempo, then again at others.

LMMS renders without a screen. Beat 0 is the song's start and the tempo is what the project says, so both are exact;
onsets are heard, as in a folder of music.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from musika_daw.system.refusal import refused
from training.corpus.folder.grid import hear
from training.corpus.lmms.project import Project, find_projects
from training.corpus.store import SAMPLE_RATE_HZ, CorpusWriter, SongLabels, split_of

KIND = "techno"
# a tempo further away than this makes another music of it
_SLOWEST, _FASTEST = 0.88, 1.14
_TEMPO_KEY = 0
_RENDER_LIMIT_S = 900
_PEAK = 0.89
_SHORTEST_S = 8.0
_TAIL_DB = -60.0
Skipped = Callable[[str], None]


def build_lmms(
    projects: Path,
    out: Path,
    *,
    tempi: int = 3,
    seed: int = 0,
    licence: str = "",
    program: str = "lmms",
    progress: Callable[[int, float], None] | None = None,
    skipped: Skipped | None = None,
) -> None:
    """Render every project below `projects` at `tempi` tempi into the corpus `out`; continues one begun.

    `skipped` is told, in a line, of each project that cannot be used. Raises ValueError where LMMS is not
    installed, where there are no projects, or for tempi below 1.
    """
    if tempi < 1:
        raise ValueError(f"tempi: {tempi}, must be at least 1")
    found = shutil.which(program)
    if found is None:
        raise ValueError(f"{program} is not installed; on Debian and Ubuntu: apt-get install lmms")
    paths = find_projects(projects)
    if not paths:
        raise refused("projects", projects, "holds no .mmp or .mmpz files")
    with CorpusWriter(out, KIND, seed) as writer:
        held = {song.name for song in writer.songs}
        frames = sum(song.frames for song in writer.songs)
        for turn in range(tempi):
            for path in paths:
                try:
                    project = Project.read(path)
                    bpm = _tempo(project, turn, seed)
                    name = f"{project.name} {bpm}"
                    if name in held:
                        continue
                    audio = _rendered(project, bpm, found)
                except ValueError as error:
                    if skipped and turn == 0:
                        skipped(str(error))
                    continue
                held.add(name)
                frames += writer.append(audio, _labels(project, bpm, name, audio, licence=licence)).frames
                if progress:
                    progress(len(writer.songs), frames / SAMPLE_RATE_HZ / 3600)


def _tempo(project: Project, turn: int, seed: int) -> int:
    """The project's own tempo, then others near it; depends on name, turn and seed alone."""
    if turn == 0:
        return project.bpm
    share = np.random.default_rng([seed, _TEMPO_KEY, turn, *project.name.encode()]).random()
    return round(project.bpm * (_SLOWEST + (_FASTEST - _SLOWEST) * share))


def _labels(project: Project, bpm: int, name: str, audio: np.ndarray, *, licence: str) -> SongLabels:
    heard = hear(audio, SAMPLE_RATE_HZ)
    on_grid = project.bar_beats in (4.0, 8.0)  # phases are those of bars of four beats
    return SongLabels(
        name,
        split_of(project.name),
        licence or f"LMMS project {project.name}: see its author's licence",
        float(bpm) if on_grid else None,
        0.0 if on_grid else None,
        np.round(heard.onset_s * SAMPLE_RATE_HZ).astype(np.int64),
        {"project": project.name, "own_bpm": project.bpm},
    )


def _rendered(project: Project, bpm: int, program: str) -> np.ndarray:
    """Audio float32 `[frames, 2]` at 44.1 kHz, its peak at -1 dBFS and its silent end cut off.

    LMMS clips what is too loud: it is asked again at less volume. ValueError where it fails or nothing is heard.
    """
    volume = project.volume
    for _ in range(5):
        audio = _asked(project.at(bpm, volume), program)
        peak = float(np.abs(audio).max(initial=0.0))
        if peak < 0.999:
            break
        volume *= 0.5
    loud = np.flatnonzero(np.abs(audio).max(1) > peak * 10 ** (_TAIL_DB / 20))
    if peak < 1e-3 or loud[-1] < _SHORTEST_S * SAMPLE_RATE_HZ:
        raise refused("project", project.name, f"is silent or shorter than {_SHORTEST_S:g} s")
    return np.asarray(audio[: loud[-1] + 1] * (_PEAK / peak), np.float32)


def _asked(project: Project, program: str) -> np.ndarray:
    with tempfile.TemporaryDirectory() as folder:
        song, made = Path(folder) / "song.mmp", Path(folder) / "song.wav"
        song.write_text(project.text, encoding="utf-8")
        command = [program, "render", str(song), "-o", str(made), "-f", "wav", "-s", str(SAMPLE_RATE_HZ)]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            command.insert(1, "--allowroot")
        environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
        try:
            ended = subprocess.run(command, env=environment, capture_output=True, timeout=_RENDER_LIMIT_S)
            if ended.returncode < 0:  # a program that crashed may render the same song the next time
                ended = subprocess.run(command, env=environment, capture_output=True, timeout=_RENDER_LIMIT_S)
            ended.check_returncode()
            audio, rate_hz = soundfile.read(made, dtype="float32", always_2d=True)
        except (subprocess.SubprocessError, soundfile.LibsndfileError, OSError) as error:
            raise refused("project", project.name, f"LMMS did not render it ({error})") from error
    if rate_hz != SAMPLE_RATE_HZ or not len(audio):
        raise refused("project", project.name, f"LMMS rendered {len(audio)} frames at {rate_hz} Hz")
    return np.repeat(audio, 2, 1) if audio.shape[1] == 1 else audio[:, :2]
