"""Sampler presets: SFZ and DecentSampler instruments for the one-shots, and for the loops of each tempo.

One sound a key, upwards from C1 (MIDI 36), one-shots kicks first, then the other drums and the tones; at most 64 a
preset and 16 presets a group; loops repeat over their whole length at their own pitch. Paths are relative, with
forward slashes, so a pack may be moved as a whole.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from xml.sax.saxutils import quoteattr

from musika_daw.score.parts import ONE_SHOTS
from pack_builder.plan.names import tempo_folder
from pack_builder.record.rows import Row

FIRST_KEY, KEYS, MOST = 36, 64, 16
_UP = "../../"


@dataclass(frozen=True)
class Preset:
    """One instrument: its name and the files that its keys play."""

    name: str
    rows: tuple[Row, ...]


def presets_of(stem: str, rows: Iterable[Row], exact_tempo: bool = True) -> list[Preset]:
    """The presets of a pack whose names begin with `stem`."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        if not row.quality.inside_limits or row.music.shape == "take":
            continue
        group = groups.setdefault("one_shots" if row.music.shape == "shot" else f"loops_{_tempo(row, exact_tempo)}", [])
        if len(group) < KEYS * MOST:
            group.append(row)
    if "one_shots" in groups:
        groups["one_shots"].sort(key=lambda row: ONE_SHOTS.index(row.music.role))
    presets = []
    for group_name, members in groups.items():
        parts = [members[start : start + KEYS] for start in range(0, len(members), KEYS)]
        for letter, part in zip("ABCDEFGHIJKLMNOP", parts, strict=False):
            name = f"{stem}_{group_name}" + (f"_{letter}" if len(parts) > 1 else "")
            presets.append(Preset(name, tuple(part)))
    return presets


def _tempo(row: Row, exact: bool) -> str:
    return tempo_folder(Fraction(row.music.bpm_exact or 0), exact)


def preset_texts(stem: str, rows: Iterable[Row], exact_tempo: bool = True) -> Iterator[tuple[str, str]]:
    """(path in the pack, text) of every preset."""
    for preset in presets_of(stem, rows, exact_tempo):
        yield f"Presets/SFZ/{preset.name}.sfz", sfz(preset)
        yield f"Presets/DecentSampler/{preset.name}.dspreset", decent_sampler(preset)


def sfz(preset: Preset) -> str:
    """An SFZ instrument. One-shots play to their end, loops until the key is let go."""
    head = f"// {preset.name}: one sound a key from C1"
    lines = [head, "<global>", "ampeg_release=0.02"]
    for key, row in enumerate(preset.rows, FIRST_KEY):
        loop = f"loop_mode=loop_continuous loop_start=0 loop_end={row.sound.frames - 1}"
        mode = loop if row.loops else "loop_mode=one_shot"
        lines.append(f"<region> key={key} pitch_keycenter={key} {mode}")
        lines.append(f"sample={_UP}{row.file}")  # whole: not every sampler knows a default_path
    return "\n".join(lines) + "\n"


def decent_sampler(preset: Preset) -> str:
    """A DecentSampler instrument with the same keys."""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<DecentSampler minVersion="1.0.0">',
        "  <groups>",
        '    <group attack="0" release="0.02">',
    ]
    for key, row in enumerate(preset.rows, FIRST_KEY):
        end = row.sound.frames - 1
        loop = f'loopEnabled="true" loopStart="0" loopEnd="{end}"' if row.loops else 'loopEnabled="false"'
        lines.append(
            f'      <sample path={quoteattr(_UP + row.file)} rootNote="{key}" loNote="{key}" hiNote="{key}" '
            f'start="0" end="{end}" {loop}/>'
        )
    return "\n".join([*lines, "    </group>", "  </groups>", "</DecentSampler>", ""])
