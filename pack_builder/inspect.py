"""What a DAW will read from a sound file, and whether those things agree with each other."""

import json
from pathlib import Path

from musika_daw.hearing.key import key_heard
from musika_daw.score.harmony import NOTES, other_spelling
from musika_daw.score.midi_file import decode_midi
from musika_daw.sound.labels import tempo_in_file_name
from musika_daw.sound.sounds import read_any_header, read_samples
from musika_daw.sound.tags import ACID_ONE_SHOT, ACID_ROOT_SET, Header
from musika_daw.system.plain import plain
from musika_daw.system.quiet import quiet_libraries
from pack_builder.plan.names import STEMS

MIDI_SUFFIXES = (".mid", ".midi")
LISTENED_S = 600


def tempo_of_length(header: Header) -> float | None:
    """Tempo that follows from the length and the acid chunk's beats."""
    acid = header.tags.acid
    if acid is None or not acid.beats or not header.frames or acid.flags & ACID_ONE_SHOT:
        return None
    return acid.beats * 60 * header.sample_rate_hz / header.frames


def lines_of(path: Path) -> list[tuple[str, str]]:
    """(subject, text) for everything in the file; raises ValueError or OSError where it is no sound or MIDI file."""
    if path.exists() and not (path.is_file() or path.is_dir()):  # a pipe would be waited for
        raise ValueError("is no plain file")
    if path.suffix.lower() in MIDI_SUFFIXES:
        return [(subject, plain(text)) for subject, text in _midi_lines(path)]
    header = read_any_header(path)
    tags = header.tags
    seconds = header.frames / header.sample_rate_hz
    lines = [
        ("format", f"{header.encoding}, {header.sample_rate_hz} Hz, {_channels(header.channels)}"),
        ("length", f"{header.frames} frames, {seconds:.6f} s"),
    ]
    if header.chunks:
        lines.append(("chunks", " ".join(name.strip() for name in header.chunks)))
    named = tempo_in_file_name(path.name)
    lines.append(("file name", f"{named:g} bpm" if named else "no tempo"))
    acid, subject = tags.acid, _place(header)
    if acid and not (acid.beats or acid.tempo_bpm or acid.flags):
        lines.append((subject, "says nothing: a DAW will guess the tempo or take the file as it is"))
    elif acid:
        kind = "one-shot" if acid.flags & ACID_ONE_SHOT else "loop"
        root = f", root {_note(acid.root_note)}" if acid.flags & ACID_ROOT_SET else ""
        meter = f"{acid.numerator}/{acid.denominator}"
        lines.append((subject, f"{kind}, {acid.tempo_bpm:.6g} bpm, {acid.beats} beats, {meter}{root}"))
    else:
        lines.append((subject, "none: a DAW will guess the tempo or take the file as it is"))
    if tags.key:
        lines.append(("key", _both(tags.key)))
    if tempo := tempo_of_length(header):
        lines.append(("by length", f"{tempo:.5f} bpm"))
    for start, end in tags.sampler.loops if tags.sampler else ():
        whole = " (the whole file)" if (start, end) == (0, header.frames - 1) else ""
        lines.append(("smpl" if header.chunks else "loop", f"loop from frame {start} to {end}{whole}"))
    lines += [("cue", f"{cue.frame} {cue.label}".rstrip()) for cue in tags.cues]
    lines += [(key, text) for key, text in tags.info.items()]
    beside = path.with_suffix(".mid")
    if beside.is_file():
        lines.append(("midi", _beside(beside)))
    if part := _part_of(tags.info.get("ICMT", "")):
        lines.append(("stem", part))
    if apart := sorted(path.with_name(path.stem + STEMS).glob(f"*{path.suffix}")):
        lines.append(("stems", ", ".join(stem.name for stem in apart)))
    if tags.key and (note := _key_note(path, header)):
        lines.append(("note", note))
    lines += [("warning", text) for text in (*header.problems, *warnings_of(path.name, header))]
    return [(plain(subject), plain(text)) for subject, text in lines]


def _midi_lines(path: Path) -> list[tuple[str, str]]:
    music = decode_midi(path.read_bytes())
    seconds = float(music.beats) * 60 / music.bpm
    lines = [
        ("format", f"midi, {music.ppq} ticks a beat"),
        ("length", f"{float(music.beats):g} beats, {seconds:.6f} s"),
        ("tempo", f"{music.bpm:.6g} bpm"),
    ]
    if music.name:
        lines.append(("name", music.name))
    if music.key:
        lines.append(("key", _both(music.key)))
    lines += [("notes", f"{len(music.notes.of(role))} {role}") for role in music.roles]
    return lines or [("notes", "none")]


def _beside(path: Path) -> str:
    try:
        music = decode_midi(path.read_bytes())
    except (ValueError, OSError) as error:
        return f"{path.name}: {error}"
    parts = f" ({', '.join(music.roles)})" if music.roles else ""
    return f"{path.name}: {len(music.notes)} notes{parts}, {float(music.beats):g} beats at {music.bpm:.6g} bpm"


def _part_of(comment: str) -> str | None:
    """Which part of which loop a file says that it is."""
    try:
        facts = json.loads(comment)
        part = f"{facts['stem']} of {facts['loop']}"
    except (ValueError, TypeError, KeyError):
        return None
    gain_db = facts.get("stems_gain_db")
    return f"{part} at {gain_db:g} dB" if isinstance(gain_db, int | float) else part


def _key_note(path: Path, header: Header) -> str | None:
    """What another key is heard, where that is certain; of hours nobody waits for it, and one chord is in many."""
    acid = header.tags.acid
    if acid is not None and acid.flags & ACID_ONE_SHOT:
        return None
    if header.tags.key is None or header.frames > LISTENED_S * header.sample_rate_hz:
        return None
    try:
        with quiet_libraries():
            samples, rate = read_samples(path)
    except ValueError:
        return None
    return key_heard(samples, rate, header.tags.key)


def _both(key: str) -> str:
    """A key by both of its names."""
    other = other_spelling(key)
    return f"{key}, or {other}" if other else key


def warnings_of(name: str, header: Header) -> list[str]:
    """Statements in one file that contradict each other, each of which makes some DAW stretch or cut it wrongly."""
    found = []
    acid, sampler = header.tags.acid, header.tags.sampler
    subject = "acid says" if _place(header) == "acid" else "tags say"
    tempo, named = tempo_of_length(header), tempo_in_file_name(name)
    # a length rounded to whole frames moves the tempo by up to half a frame
    if acid and tempo and abs(tempo / acid.tempo_bpm - 1 if acid.tempo_bpm else 1) > 1 / header.frames:
        found.append(f"{subject} {acid.tempo_bpm:.6g} bpm, its beats over the length give {tempo:.5f}")
    if acid and named and acid.tempo_bpm and abs(acid.tempo_bpm - named) > 0.5:
        found.append(f"the name says {named:g} bpm, {subject.split()[0]} {acid.tempo_bpm:.6g}")
    if sampler and any(not 0 <= start <= end < header.frames for start, end in sampler.loops):
        found.append("smpl loop lies outside the audio")
    if any(cue.frame >= header.frames for cue in header.tags.cues):
        found.append("cue marker lies outside the audio")
    after = header.chunks[header.chunks.index("data") + 1 :] if header.chunks else ()
    if late := [chunk.strip() for chunk in after if chunk in ("acid", "smpl", "cue ")]:
        found.append(f"{', '.join(late)} after data: some DAWs will not read it")
    return found


def _place(header: Header) -> str:
    """Where the tempo stands, or in a WAV file would: its acid chunk, or other tags."""
    told_elsewhere = header.tags.acid is not None and "acid" not in header.chunks
    return "acid" if header.chunks and not told_elsewhere else "tags"


def _channels(count: int) -> str:
    return {1: "mono", 2: "stereo"}.get(count, f"{count} channels")


def _note(number: int) -> str:
    return f"{NOTES[number % 12]}{number // 12 - 1}"
