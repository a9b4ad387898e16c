"""Options of a small pack, an observer, a manifest row and other things that several tests use."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pack_builder.record.rows import Gap, Row

SMALL = {
    "bpm": "120,128.5",
    "loops_per_bpm": "1",
    "bars": "1",
    "takes": "2",
    "jobs": "1",
    "finish": "none",
    "name": "First",
}
SHORT_TAKES = {"take_seconds": "2"}


def small_texts(**texts: Any) -> dict[str, Any]:
    """Texts of a small pack, changed by others; takes are short where there are any."""
    asked = SMALL | texts
    has_takes = asked["takes"] != "0" and "piano" in (asked.get("kinds") or ("piano",))
    return (SHORT_TAKES if has_takes else {}) | asked


class Silent:
    """An observer that remembers; `stop_after` files it interrupts like Ctrl-C."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.rows: list[Row] = []
        self.gaps: list[Gap] = []
        self.drawn: list[tuple[int, int]] = []
        self.kept = 0
        self.stop_after = stop_after

    def loading(self, models: int) -> None:
        assert models > 0

    def drew(self, done: int, loops: int) -> None:
        self.drawn.append((done, loops))

    def started(self, files: int, kept: int, jobs: int) -> None:
        self.kept = kept

    def finished(self, row: Row) -> None:
        self.rows.append(row)
        if self.stop_after is not None and len(self.rows) >= self.stop_after:
            raise KeyboardInterrupt

    def gave_up(self, gap: Gap) -> None:
        self.gaps.append(gap)


@dataclass(frozen=True)
class Ran:
    """What one command line did."""

    code: int
    out: str
    err: str


def audio_bytes(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.wav"))}


def page_data(folder: Path) -> list[str]:
    """What the preview pages of a pack hold, as JSON texts."""
    return [
        re.search(r'application/json">(.*?)</script>', path.read_text(), re.DOTALL)[1]
        for path in sorted(folder.glob("index*.html"))
    ]


ROW = Row.from_dict(
    {
        "file": "Loops/a.wav",
        "sha256": "0" * 64,
        "sample_rate_hz": 44100,
        "bits": 24,
        "channels": 2,
        "frames": 100,
        "frames_exact": "201/2",
        "bpm": 128.5,
        "bpm_exact": "257/2",
        "beats": 16,
        "bars": 4,
        "meter": "4/4",
        "kind": "techno",
        "shape": "loop",
        "role": "",
        "kit": None,
        "key": None,
        "key_fit": 0.1,
        "root_note": None,
        "root_cents": None,
        "likeness": None,
        "onset_s": None,
        "density_asked": None,
        "density_measured": None,
        "onsets_per_s": None,
        "density_curve": None,
        "energy_asked": None,
        "job": "techno/loop/257/2/0",
        "word": "cobalt",
        "seed": 1,
        "style_seed": 2,
        "start_beat": 0,
        "model": "techno",
        "weights_sha256": "ab",
        "finish": "clean",
        "measured_bpm": 128.49,
        "tempo_error_pct": -0.01,
        "downbeat_offset_ms": 0.1,
        "beat_offset_ms": 0.2,
        "seam_score": 0.0,
        "seam_flux_ratio": 1.0,
        "seam_step": 0.1,
        "end_db": None,
        "loudness_lufs": -12.0,
        "true_peak_dbtp": -1.0,
        "gain_db": 3.0,
        "clipped_frames": 0,
        "inside_limits": True,
        "broken": [],
        "attempts": 1,
        "tried": [{"seed": 1, "broken": {}}],
        "licence": "free",
    }
)
GAP = Gap(
    "techno/loop/130/0",
    "techno",
    "loop",
    "",
    130.0,
    [{"seed": 1, "broken": {"seam": 0.5}}, {"seed": 2, "broken": {"seam": 1.0, "tempo": 2.0}}],
)
