"""What a sound file holds besides its samples, whatever its format: tempo, loops, markers, texts; and its header."""

from dataclasses import dataclass, field
from fractions import Fraction

from musika_daw.score.harmony import tonic_of

METADATA_LIMIT_BYTES = 1 << 24  # more of one chunk is not read

ACID_ONE_SHOT, ACID_ROOT_SET, ACID_LOOP, ACID_DISK, ACID_ACIDIZER = 1, 2, 4, 8, 0x10


@dataclass(frozen=True)
class Acid:
    """What ACID, Live, Cubase and others read as tempo: hosts trust `beats` first, then `tempo_bpm`."""

    beats: int
    tempo_bpm: float
    flags: int = ACID_LOOP
    root_note: int = 60
    numerator: int = 4
    denominator: int = 4


@dataclass(frozen=True)
class Sampler:
    """Loops of the `smpl` chunk as (first frame, last frame), both inclusive.

    The sound is `fraction` / 2^32 of a semitone above `unity_note`.
    """

    loops: tuple[tuple[int, int], ...]
    unity_note: int = 60
    period_ns: int = 0
    fraction: int = 0


@dataclass(frozen=True)
class Cue:
    """A marker at a frame with a label."""

    frame: int
    label: str


@dataclass(frozen=True)
class Tags:
    """Everything in an audio file that is not audio; `info` maps four-letter INFO ids to text.

    `key` (like `Amin`) stands in the ID3 tag of WAV and AIFF files, and in the comments of FLAC.
    """

    info: dict[str, str] = field(default_factory=dict)
    acid: Acid | None = None
    sampler: Sampler | None = None
    cues: tuple[Cue, ...] = ()
    key: str | None = None


def tags_of_bars(
    info: dict[str, str], bpm: Fraction, bars: int, frames: int, key: str | None, *, loops: bool = True
) -> Tags:
    """Tags of whole bars of 4/4 in so many frames: tempo and beats, key, a marker on every bar, and where it `loops`
    the loop, which is all of it."""
    # every bar line is rounded by itself, so no error adds up
    starts = (round(Fraction(frames * bar, bars)) for bar in range(bars))
    cues = tuple(Cue(start, f"bar {bar}") for bar, start in enumerate(starts, 1))
    flags, root_note = ACID_LOOP, 60
    if key:  # the tonic in the octave of middle C, which hosts move to a song's key by
        flags, root_note = flags | ACID_ROOT_SET, root_note + tonic_of(key)
    acid = Acid(bars * 4, float(bpm), flags, root_note)
    return Tags(info, acid, Sampler(((0, frames - 1),)) if loops else None, cues, key)


def loop_texts(tags: Tags) -> dict[str, str]:
    """First frame and length of the loop, as SDL_mixer and games read them from comments; none without a loop."""
    if tags.sampler is None or not tags.sampler.loops:
        return {}
    start, end = tags.sampler.loops[0]
    return {"LOOPSTART": str(start), "LOOPLENGTH": str(end + 1 - start)}


@dataclass(frozen=True)
class Header:
    """A WAV file without its samples; `chunks` are the ids in file order (`LIST/INFO` for lists).

    `problems` are sentences on what is wrong with the file, which its sound could be read in spite of.
    """

    encoding: str
    channels: int
    sample_rate_hz: int
    bits: int
    frames: int
    data_offset: int
    tags: Tags
    chunks: tuple[str, ...]
    problems: tuple[str, ...] = ()
