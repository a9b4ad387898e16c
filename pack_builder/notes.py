"""The notes of a pack's files, as its MIDI files have them: whether they are those of the manifest, and where."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from musika_daw.score.midi_file import PPQ, MidiMusic, decode_midi
from musika_daw.score.roll import Notes
from musika_daw.system.atomic import inside, sha256_of
from pack_builder.record.beside import FileMidi
from pack_builder.record.rows import Row

TEMPO_TOLERANCE = 1e-5  # a MIDI file has it in whole microseconds a beat


def midi_differences(folder: Path, said: FileMidi, deep: bool) -> Iterator[str]:
    """What differs between what the manifest says of a MIDI file and that file; `deep` reads it in any case."""
    try:
        path = inside(folder, said.file)
        if not path.is_file():
            yield "missing"
            return
        digest = sha256_of(path)
        if digest != said.sha256:
            yield f"sha256 {digest[:12]}, manifest says {said.sha256[:12]}"
        if not deep and digest == said.sha256:
            return
        music = decode_midi(path.read_bytes())
    except (ValueError, OSError) as error:
        yield (error.strerror or str(error)).lower() if isinstance(error, OSError) else str(error)
        return
    if len(music.notes) != said.notes:
        yield f"{len(music.notes)} notes, manifest says {said.notes}"
    if music.beats != Fraction(said.ticks, PPQ):
        yield f"{float(music.beats):g} beats, manifest says {said.ticks / PPQ:g}"
    if abs(music.bpm - said.bpm) > TEMPO_TOLERANCE * said.bpm:
        yield f"{music.bpm:.6g} bpm, manifest says {said.bpm:.6g}"


def take_notes(folder: Path, row: Row) -> Notes | None:
    """The notes of a take, in seconds, as the MIDI file beside it has them; None where it is not as it was made."""
    music = _music_beside(folder, row)
    if music is None:
        return None
    return music.notes.scaled(60 / (music.bpm * music.ppq))


def loop_notes(folder: Path, row: Row) -> Notes | None:
    """The notes of a loop, in beats, as the MIDI file beside it has them; None where it is not as it was made."""
    music = _music_beside(folder, row)
    return None if music is None else music.notes.scaled(1 / music.ppq)


def _music_beside(folder: Path, row: Row) -> MidiMusic | None:
    """What the MIDI file beside a sound holds; None where there is none, or one that was changed, which is said of that
    file and of no sound."""
    try:
        if row.midi is None or sha256_of(path := inside(folder, row.midi.file)) != row.midi.sha256:
            return None
        return decode_midi(path.read_bytes())
    except (ValueError, OSError):
        return None
