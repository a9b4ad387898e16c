"""The preview page: one HTML file with pictures and sound in it, that needs no network and no other file.

Sound is embedded as Ogg Vorbis, since a page opened from a disk may not read the files beside it: the first ten minutes
of a pack (11 MB), and all of AIFF packs, which most browsers do not decode; of a take beyond a minute its first half
minute. A loop keeps its pitch at another tempo, by a library in the page (`data/stretch.js`). Over http the page plays
the real files; from a disk it plays what is not embedded by the browser's own player, with a gap at the seam and not in
layers. A large pack has several pages of 500 files each.
"""

import base64
import json
from collections.abc import Callable, Iterable, Iterator
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from musika_daw.hearing.spectra import magnitudes, mono
from musika_daw.score.harmony import NOTES
from musika_daw.sound.lossy import encode_ogg
from musika_daw.sound.peaks import waveform
from musika_daw.sound.sounds import read_sound
from pack_builder.plan.jobs import density_class
from pack_builder.publish.texts import title_of
from pack_builder.record.density import density_filed
from pack_builder.record.manifest import Head
from pack_builder.record.rows import Row

PAGE_FILES = 500
EMBEDDED_S = 600.0
LONG_S, PREVIEW_S = 60.0, 30.0
_FADE_S = 1.0
PICTURE_COLUMNS, PICTURE_ROWS = 96, 32
_QUALITY = 0.6  # libsndfile's scale from best (0) to smallest (1)


def picture(samples: np.ndarray, sample_rate_hz: int) -> bytes:
    """A spectrogram of [frames, channels], uint8 [32 bands from low to high, 96 columns], 80 dB to its loudest."""
    size = 2048
    signal = mono(samples)
    hop = max(256, len(signal) // (2 * PICTURE_COLUMNS))
    edges = np.unique(np.rint(np.geomspace(40, 16000, PICTURE_ROWS + 1) * size / sample_rate_hz).astype(int))
    bands = np.concatenate([np.maximum.reduceat(block, edges[:-1], axis=1) for block in magnitudes(signal, size, hop)])
    columns = np.linspace(0, len(bands) - 1, PICTURE_COLUMNS).astype(int)
    rows = np.linspace(0, bands.shape[1] - 1, PICTURE_ROWS).astype(int)
    level_db = 20 * np.log10(np.maximum(bands[columns][:, rows].T, 1e-9))
    return np.clip((level_db - level_db.max() + 80) / 80 * 255, 0, 255).astype(np.uint8).tobytes()


def sound(samples: np.ndarray, sample_rate_hz: int, serial: int) -> bytes:
    """An Ogg Vorbis file with exactly the frames that it was given, the same bytes every time."""
    return encode_ogg(samples, sample_rate_hz, None, serial, level=_QUALITY)


def preview_s(seconds: float, loops: bool) -> float | None:
    """How much of a file its page holds, where that is not all of it; a loop is always whole."""
    return PREVIEW_S if seconds > LONG_S and not loops else None


def heard(begun_s: float, suffix: str) -> bool:
    """Whether a file has sound on its page: the first ten minutes of a pack, and all that no browser decodes."""
    return begun_s < EMBEDDED_S or suffix in (".aiff", ".aif")


def embedded_s(seconds: float, loops: bool) -> float:
    """How much of the page's ten minutes a file takes."""
    return preview_s(seconds, loops) or seconds


def heard_part(samples: np.ndarray, sample_rate_hz: int, loops: bool) -> np.ndarray:
    """What of a file [frames, channels] its page holds: all of it, or of a long take a beginning that fades."""
    preview = preview_s(len(samples) / sample_rate_hz, loops)
    if preview is None:
        return samples
    part = samples[: round(preview * sample_rate_hz)].copy()
    fade = round(_FADE_S * sample_rate_hz)
    part[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)[:, None]
    return part


def card(row: Row, samples: np.ndarray, has_sound: bool) -> dict[str, str]:
    """Pictures of a file as it stands in the pack, and its sound where it `has_sound` there; base64 texts.

    They are made by whoever rendered the file, and kept beside the journal until the page is written.
    """
    made = {"wave": _text(waveform(samples)), "picture": _text(picture(samples, row.sound.sample_rate_hz))}
    if has_sound:
        part = heard_part(samples, row.sound.sample_rate_hz, row.loops)
        made["sound"] = _text(sound(part, row.sound.sample_rate_hz, int(row.sound.sha256[:8], 16)))
    return made


def entry(row: Row) -> dict[str, Any]:
    """What the page says of one file."""
    music = row.music
    density = density_filed(music.density_curve, music.density_measured)
    return {
        "file": row.file,
        "name": row.file.rpartition("/")[2].rpartition(".")[0],
        "bpm": music.bpm,
        "beats": music.beats,
        "kind": music.kind,
        "shape": music.shape,
        "role": music.role,
        "kit": music.kit,
        "key": music.key or (None if music.root_note is None else NOTES[music.root_note % 12]),
        "density": None if density is None else density_class(density),
        "loops": row.loops,
        "frames": row.sound.frames,
        "rate": row.sound.sample_rate_hz,
        "lufs": row.quality.loudness_lufs,
        "outside": row.quality.broken,
        "preview": preview_s(row.seconds, row.loops),
        "midi": row.midi.file if row.midi else None,
        "stems": [{"role": stem.role, "file": stem.file} for stem in row.stems.files] if row.stems else [],
    }


def _data(name: str) -> str:
    return resources.files("pack_builder").joinpath("data", name).read_text("utf-8")


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def pages(
    folder: Path, head: Head, rows: Iterable[Row], made: Callable[[Row], dict[str, str] | None]
) -> Iterator[tuple[str, str]]:
    """(name, text) of `index.html` and, beyond 500 files, `index-2.html` and on. Only one page is held at a time.

    `made` gives a file's card where there is one; it is made from the file where there is none.
    """

    def name_of(page: int) -> str:
        return "index.html" if page == 1 else f"index-{page}.html"

    template = _data("page.html")
    stream, number, begun_s = iter(rows), 1, 0.0
    chunk = list(islice(stream, PAGE_FILES))
    while chunk:
        following, files = list(islice(stream, PAGE_FILES)), []
        for row in chunk:
            has_sound = heard(begun_s, Path(row.file).suffix)
            begun_s += embedded_s(row.seconds, row.loops)
            seen = made(row)
            if seen is None or has_sound > ("sound" in seen):
                seen = card(row, read_sound(folder / row.file)[0], has_sound)
            files.append(entry(row) | {name: text for name, text in seen.items() if has_sound or name != "sound"})
        facts = {
            "label": head.label,
            "pack": head.name,
            "page": number,
            "files": files,
            "before": name_of(number - 1) if number > 1 else None,
            "after": name_of(number + 1) if following else None,
            "licence": f"Royalty-free, see LICENSE.txt. Rendered by {head.software}.",
        }
        data = json.dumps(facts).replace("<", "\\u003c")  # no text can end the script that holds it
        loops = any(file["loops"] and file["bpm"] for file in files)
        library = f'<script id="stretch">\n{_data("stretch.js")}</script>\n' if loops else ""
        text = template.replace("{{stretch}}", library)
        yield name_of(number), text.replace("{{title}}", title_of(head.label, head.name)).replace("{{data}}", data)
        chunk, number = following, number + 1
