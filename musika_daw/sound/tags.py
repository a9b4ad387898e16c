"""What a sound file holds besides its samples, whatever its format: tempo, loops, markers, texts; and its header."""

from dataclasses import dataclass, field

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
