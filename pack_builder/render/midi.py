"""The MIDI file beside a loop or take: the notes that it is made from, on its own grid."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from musika_daw.instrument.played import Loop, Stretch, Take
from musika_daw.score.midi_file import MidiMusic, encode_midi, music_of
from musika_daw.score.parts import PLAYED
from musika_daw.score.roll import Notes
from pack_builder.plan.families import TAKES_BPM
from pack_builder.plan.jobs import Job
from pack_builder.record.beside import FileChord
from pack_builder.render.source import EngineLike


@dataclass(frozen=True)
class Written:
    """What the music of a file is written in, where its model plays a score: its key, its notes in seconds, and the
    chords that it was given while it was heard."""

    key: str | None = None
    notes: Notes | None = None
    chords: tuple[FileChord, ...] | None = None


def stretch_of(job: Job) -> Stretch:
    """What of its piece a loop or take is, as `draw.raw_sound` asks for it."""
    if job.bpm is not None and job.bars is not None:
        return Loop(job.bpm, job.bars, job.start_beat)
    return Take(float(job.frames_exact(1)), bpm=job.take_bpm)


def written_in(engine: EngineLike, job: Job, controls: Any, midi: bool | None) -> Written:
    """Key and, unless no MIDI file is wanted, notes of one attempt. A one-shot has no MIDI, and a key where it is a
    tone from a score."""
    if job.shape == "shot":
        return Written(engine.key(controls) if job.rendered and job.role in PLAYED else None)
    return Written(engine.key(controls), None if midi is False else engine.played(stretch_of(job), controls))


def midi_of(notes: Notes, job: Job, seconds: Fraction, key: str | None, name: str) -> tuple[bytes, MidiMusic]:
    """The file beside one of `seconds`, of exactly the beats of a loop, and what is in it."""
    bpm = job.bpm if job.loops else job.take_bpm
    if job.loops:
        seconds = job.frames_exact(1)  # the sound is rounded to whole frames, beats are not
    music = music_of(notes, float(seconds), bpm or TAKES_BPM, key, name, loops=job.loops)
    return encode_midi(music), music
