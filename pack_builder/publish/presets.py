"""Sampler presets: SFZ and DecentSampler instruments for the one-shots, for kits, and for the loops of each tempo.

One sound a key, upwards from C1 (MIDI 36), one-shots kicks first, then the other drums and the tones; at most 64 a
preset and 16 presets a group; loops repeat over their whole length at their own pitch. In a kit drums have the keys of
General MIDI, as in the MIDI files of loops, tones those from C6 (84) on; a closed hat silences an open one, and an open
one a closed. How hard a key is struck is how loud it is. Paths are relative, with forward slashes, so a pack may be
moved as a whole.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from xml.sax.saxutils import quoteattr

from musika_daw.score.parts import DRUMS, ONE_SHOTS, PLAYED, STRUCK
from pack_builder.plan.names import tempo_folder
from pack_builder.record.rows import Row

FIRST_KEY, KEYS, MOST = 36, 64, 16
KIT_KEYS = {sound: tuple(DRUMS[voice] for voice in voices) for sound, voices in STRUCK.items()} | {
    sound: (84 + number,) for number, sound in enumerate(PLAYED)
}
"""Keys of the sounds of a kit: a drum answers to all voices that it may be."""
CHOKED = ("hat", "open_hat")
"""Sounds of a kit of which one silences the other."""
_SHOTS = "one_shots"


@dataclass(frozen=True)
class Preset:
    """One instrument: its name and the files that its keys play. Those of a `kit` have the key of their sound, others
    follow each other from C1 on."""

    name: str
    rows: tuple[Row, ...]
    kit: bool = False

    def keyed(self) -> Iterator[tuple[int, Row]]:
        """(MIDI key, file), rising."""
        keys = [
            (key, row)
            for number, row in enumerate(self.rows)
            for key in (KIT_KEYS[row.music.role] if self.kit else (FIRST_KEY + number,))
        ]
        yield from sorted(keys, key=lambda pair: pair[0])

    def chokes(self, row: Row) -> bool:
        """Whether a file is one of those that silence each other."""
        return self.kit and row.music.role in CHOKED

    def path(self, folder: str, suffix: str) -> str:
        """Where it lies in the pack."""
        return f"Presets/{folder}/{'Kits/' if self.kit else ''}{self.name}{suffix}"

    def up(self) -> str:
        """From where it lies to the pack's folder."""
        return "../" * (3 if self.kit else 2)


def presets_of(stem: str, rows: Iterable[Row], exact_tempo: bool = True) -> list[Preset]:
    """The presets of a pack whose names begin with `stem`."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        if not row.quality.inside_limits or row.music.shape == "take":
            continue
        group = groups.setdefault(_SHOTS if row.music.shape == "shot" else f"loops_{_tempo(row, exact_tempo)}", [])
        if len(group) < KEYS * MOST:
            group.append(row)
    if _SHOTS in groups:
        groups[_SHOTS].sort(key=lambda row: ONE_SHOTS.index(row.music.role))
    presets = []
    for group_name, members in groups.items():
        parts = [members[start : start + KEYS] for start in range(0, len(members), KEYS)]
        for letter, part in zip("ABCDEFGHIJKLMNOP", parts, strict=False):
            name = f"{stem}_{group_name}" + (f"_{letter}" if len(parts) > 1 else "")
            presets.append(Preset(name, tuple(part)))
    return presets


def kits_of(stem: str, rows: Iterable[Row]) -> list[Preset]:
    """A kit of the one-shots of each kit of the pack, and of those that stand alone: the first of every sound, the
    second of every sound and so on, at most 16."""
    groups: dict[str, dict[str, Row]] = {}
    counts: dict[str, int] = {}
    for row in rows:
        if row.music.shape != "shot" or not row.quality.inside_limits:
            continue
        name = row.music.kit
        if name is None:
            number = counts[row.music.role] = counts.get(row.music.role, -1) + 1
            if number >= MOST:
                continue
            name = f"{number + 1}"
        groups.setdefault(name, {}).setdefault(row.music.role, row)
    return [
        Preset(f"{stem}_kit_{name}", tuple(sounds[sound] for sound in ONE_SHOTS if sound in sounds), kit=True)
        for name, sounds in groups.items()
    ]


def _tempo(row: Row, exact: bool) -> str:
    return tempo_folder(Fraction(row.music.bpm_exact or 0), exact)


def preset_texts(stem: str, rows: Iterable[Row], exact_tempo: bool = True) -> Iterator[tuple[str, str]]:
    """(path in the pack, text) of every preset."""
    kept = [row for row in rows if row.music.shape != "take"]
    for preset in (*presets_of(stem, kept, exact_tempo), *kits_of(stem, kept)):
        yield preset.path("SFZ", ".sfz"), sfz(preset)
        yield preset.path("DecentSampler", ".dspreset"), decent_sampler(preset)


def sfz(preset: Preset) -> str:
    """An SFZ instrument. One-shots play to their end, loops until the key is let go."""
    head = f"// {preset.name}: " + ("drums on the keys of General MIDI" if preset.kit else "one sound a key from C1")
    lines = [head, "<global>", "ampeg_release=0.02", "amp_veltrack=100"]
    for key, row in preset.keyed():
        loop = f"loop_mode=loop_continuous loop_start=0 loop_end={row.sound.frames - 1}"
        mode = loop if row.loops else "loop_mode=one_shot"
        choke = " group=1 off_by=1 off_mode=fast" if preset.chokes(row) else ""
        lines.append(f"<region> key={key} pitch_keycenter={key} {mode}{choke}")
        lines.append(f"sample={preset.up()}{row.file}")  # whole: not every sampler knows a default_path
    return "\n".join(lines) + "\n"


def decent_sampler(preset: Preset) -> str:
    """A DecentSampler instrument with the same keys."""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<DecentSampler minVersion="1.0.0">',
        "  <groups>",
        '    <group attack="0" release="0.02" ampVelTrack="1">',
    ]
    for key, row in preset.keyed():
        end = row.sound.frames - 1
        choke = ' tags="hats" silencedByTags="hats" silencingMode="fast"' if preset.chokes(row) else ""
        loop = f'loopEnabled="true" loopStart="0" loopEnd="{end}"' if row.loops else 'loopEnabled="false"'
        lines.append(
            f'      <sample path={quoteattr(preset.up() + row.file)} rootNote="{key}" loNote="{key}" hiNote="{key}" '
            f'start="0" end="{end}" {loop}{choke}/>'
        )
    return "\n".join([*lines, "    </group>", "  </groups>", "</DecentSampler>", ""])
