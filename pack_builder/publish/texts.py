"""The texts that go into a pack: README.txt and LICENSE.txt."""

from collections import Counter
from collections.abc import Iterable
from importlib import resources

from pack_builder.record.manifest import Head
from pack_builder.record.rows import Gap, Row

LICENCE = "royalty-free, see LICENSE.txt"
_GAP_LINES = 20
_LABELS = {
    "WAV": "Tempo, number of beats, loop points and a marker on every bar are stored in each WAV file (acid, smpl\n"
    "and cue chunks), so a DAW that reads them sets tempo and loop by itself.",
    "FLAC": "Tempo, number of beats, loop points and key are stored in each FLAC file (comments BPM, BEATS,\n"
    "LOOPSTART, LOOPLENGTH, INITIALKEY); a DAW that reads none of them takes the tempo from the name.",
    "OGG": "Tempo, number of beats, loop points and key are stored in each Ogg file (comments BPM, BEATS,\n"
    "LOOPSTART, LOOPLENGTH, KEY); a DAW that reads none of them takes the tempo from the name.",
    "MP3": "Tempo, number of beats, loop points and key are stored in each MP3 file (its ID3 tag). It has exactly the\n"
    "frames of the music for programs that heed the delay and padding that it names; some play 25 ms of silence first.",
    "AIFF": "Tempo and key are stored in each AIFF file (an ID3 tag), and its loop points and a marker on every bar\n"
    "(INST and MARK chunks); a DAW that reads none of them takes the tempo from the name.",
}
_FOLDERS = {
    "Loops/": "loops by tempo, takes from sparse to dense",
    "Kits/": "loops and fills of one style, a folder for each kit",
    "One_Shots/": "single sounds, a folder for each kind",
}


def _data(name: str) -> str:
    return resources.files("pack_builder").joinpath(f"data/{name}").read_text("utf-8")


def licence_text(label: str, name: str) -> str:
    """Licence of the audio of one pack."""
    title = title_of(label, name)
    line = "=" * len(f"{title}: licence of the recordings")
    return _data("LICENSE.txt").format(label=shown(label), title=title, line=line)


def shown(name: str) -> str:
    """A label or name as people write it: file names hold no spaces, so `Night_Drive` is Night Drive."""
    return name.replace("_", " ")


def title_of(label: str, name: str) -> str:
    """Heading of a pack."""
    return f"{shown(label)} - {shown(name)}"


def readme_text(head: Head, rows: Iterable[Row], gaps: Iterable[Gap] = ()) -> str:
    """What is in the pack and how to use it, for the person who opens the folder."""
    shapes: Counter[str] = Counter()
    tempi: set[float] = set()
    bars: set[int] = set()
    kits: set[str] = set()
    tops: set[str] = set()
    outside: Counter[str] = Counter()
    written = split = 0
    bits, rate_hz, suffix = 24, 44100, "WAV"
    for row in rows:
        shapes[row.music.shape] += 1
        tops.add(row.file.split("/")[0])
        bits, rate_hz, suffix = row.sound.bits, row.sound.sample_rate_hz, row.file.rpartition(".")[2].upper()
        if row.music.shape == "loop" and row.music.bpm is not None and row.music.bars is not None:
            tempi.add(row.music.bpm)
            bars.add(row.music.bars)
        if row.music.kit:
            kits.add(row.music.kit)
        outside.update(row.quality.broken[:1])
        written += row.midi is not None
        split += row.stems is not None
    parts = []
    if shapes["loop"]:
        span = f"{min(tempi):g} bpm" if len(tempi) == 1 else f"{min(tempi):g} to {max(tempi):g} bpm"
        parts.append(f"  {shapes['loop']} loops of {', '.join(map(str, sorted(bars)))} bars in 4/4, {span}")
    if named := head.recipe.get("styles"):
        parts.append(f"  in {len(named)} named style{'s' * (len(named) != 1)}: {', '.join(named)}")
    if kits:
        many = "a kit" if len(kits) == 1 else f"{len(kits)} kits"
        parts.append(f"  among them {many}: one style at several tempi, variations, intensities and fills")
    if shapes["fill"]:
        parts.append(f"  {shapes['fill']} fills of one bar")
    if shapes["shot"]:
        parts.append(f"  {shapes['shot']} one-shots; those with a note in the name are tuned to it")
    if shapes["take"]:
        parts.append(f"  {shapes['take']} free takes, filed as sparse, medium or dense by their note density")
    if written:
        parts.append(
            f"  {written} MIDI files: the notes of the loop or take that lies beside each, under the same name"
        )
    if split:
        parts.append(
            f"  {split} loops in parts: drums, bass, lead, chords, as far as they play, in the folder NAME_stems beside"
        )
    if (spread := head.recipe.get("spread")) is not None:
        far, before = (f"{spread[name]:.1f}" for name in ("after", "before"))
        chosen, more = len(spread["draws"]), sum(extra["loops"] for extra in head.recipe.get("extensions", ()))
        which = f"{chosen} loops chosen" if more else "loops chosen"
        added = f"; the {more} that were added later are as they were drawn" if more else ""
        parts.append(
            f"  {which} far from each other: {far} to the nearest in the mean, {before} as they were drawn\n"
            f"  first (log-mel statistics, in deviations){added}"
        )
    if outside:
        why = ", ".join(f"{name} ({count})" for name, count in outside.most_common())
        parts.append(
            f"\n  {outside.total()} files are beyond the limits of the quality gate and were kept on request, as the\n"
            f"  best of many attempts. They lie in folders named outside_limits: {why}"
        )
    title = title_of(head.label, head.name)
    return _data("README.txt").format(
        title=title,
        line="=" * len(title),
        contents="\n".join(parts),
        gaps=_gap_text(gaps),
        about=_about(shapes, suffix, bits, rate_hz, midi=bool(written), stems=bool(split)),
        folders=_folders(tops),
        models="\n".join(f"  {model.kind}: {model.name} ({model.weights_sha256[:12]})" for model in head.models),
        inspect="Look into one file:     musika-pack inspect FILE\n" if suffix == "WAV" else "",
        software=head.software,
        seed=head.recipe.get("seed"),
    )


def _about(shapes: Counter[str], suffix: str, bits: int, rate_hz: int, *, midi: bool, stems: bool) -> str:
    depth = f", {bits} bit" if bits else ""  # a lossy format has none
    parts = [f"{suffix}{depth}, {rate_hz / 1000:g} kHz, stereo."]
    if shapes["loop"] or shapes["fill"]:
        parts.append(
            "Loops have their first downbeat on the first sample and end on the last sample before the\n"
            "next downbeat: put them on a bar line, repeat them, done. They have no fades."
        )
        parts.append(_LABELS[suffix])
    if shapes["take"]:
        parts.append("The takes are free in time and carry no tempo; they end in their own decay.")
    if midi:
        parts.append(
            "A MIDI file holds what is played in its sound file, in time with it: a track for each part, drums on\n"
            "channel 10, tempo and key. That of a take runs at 120 bpm, unless the take has bars at a tempo of its own."
        )
    if stems:
        parts.append(
            "The parts of a loop are each as long as it, in time with it to the sample, and add up to it: all of\n"
            "them at one level sound as the loop does."
        )
    parts.append(
        "A key in a name is the one that the music was written in; where that is not known, it was heard in the file,\n"
        "and where there is none, it was not clear."
    )
    return "\n".join(parts)


def _folders(tops: set[str]) -> str:
    return "\n".join(f"  {name:<29} {what}" for name, what in _FOLDERS.items() if name.split("/")[0] in tops)


def _gap_text(gaps: Iterable[Gap]) -> str:
    lines, count = [], 0
    for gap in gaps:
        count += 1
        if count <= _GAP_LINES:
            lines.append(f"  {gap.job}: {len(gap.tried)} attempts, {', '.join(gap.reasons)}")
    if not count:
        return ""
    more = f"\n  and {count - _GAP_LINES} more" if count > _GAP_LINES else ""
    text = "\n".join(lines)
    return f"\nNot in this pack, since no attempt kept to the limits of the quality gate:\n{text}{more}\n"
