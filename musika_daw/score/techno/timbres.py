"""Timbres: style seeds of single voices that sound as a named style of `score.techno.catalogue` does.

Of 256 seeds those whose one-shots lie nearest to a few words (a short dull kick, a long wide chord), by how bright,
long, rough and wide they are; of the kicks those that are one hit. `python -m benchmarks.packs.styles search` prints
this table. Other weights need another.
"""

from __future__ import annotations

TIMBRES: dict[str, dict[str, tuple[int, ...]]] = {
    "acid": {
        "kick": (1, 92, 196, 246, 249),
        "clap": (4, 25, 47, 64, 82),
        "hat": (41, 89, 117, 135, 226),
        "lead": (38, 39, 63, 100, 111),
    },
    "breaks": {
        "kick": (1, 20, 49, 99, 106),
        "snare": (15, 42, 101, 118, 226),
        "hat": (18, 119, 122, 196, 212),
        "bass": (12, 44, 70, 78, 125),
        "chords": (12, 31, 37, 47, 59),
    },
    "deep": {
        "kick": (19, 45, 64, 100, 178),
        "hat": (18, 119, 122, 196, 212),
        "clap": (26, 65, 83, 109, 245),
        "bass": (28, 63, 182, 199, 240),
        "chords": (31, 47, 79, 134, 237),
    },
    "dub": {
        "kick": (74, 91, 100, 130, 178),
        "hat": (7, 12, 27, 38, 46),
        "rim": (25, 26, 37, 38, 45),
        "bass": (28, 63, 182, 199, 240),
        "chords": (23, 57, 139, 195, 237),
    },
    "electro": {
        "kick": (41, 91, 100, 178, 231),
        "snare": (18, 111, 139, 180, 191),
        "hat": (41, 89, 117, 135, 226),
        "bass": (70, 83, 136, 171, 213),
    },
    "garage": {
        "kick": (19, 20, 77, 83, 137),
        "snare": (2, 17, 31, 32, 101),
        "rim": (0, 25, 54, 75, 79),
        "bass": (4, 28, 63, 103, 242),
        "chords": (214, 221, 240, 242, 244),
    },
    "hard": {
        "kick": (9, 32, 212, 215, 238),
        "clap": (18, 24, 55, 64, 154),
        "hat": (77, 120, 161, 221, 228),
        "bass": (5, 12, 44, 57, 58),
        "chords": (29, 158, 216, 240, 242),
    },
    "hardcore": {
        "kick": (9, 18, 24, 108, 115),
        "clap": (4, 9, 24, 64, 154),
        "bass": (12, 44, 70, 78, 125),
        "chords": (19, 29, 37, 115, 187),
    },
    "house": {
        "kick": (77, 132, 135, 137, 165),
        "clap": (0, 86, 94, 152, 187),
        "open": (12, 152, 154, 253, 255),
        "bass": (4, 18, 28, 63, 96),
        "chords": (19, 29, 37, 114, 115),
    },
    "hypnotic": {
        "kick": (74, 75, 91, 100, 130),
        "hat": (18, 119, 122, 196, 212),
        "bass": (90, 105, 145, 182, 246),
        "lead": (35, 170, 190, 233, 235),
        "chords": (10, 16, 17, 57, 58),
    },
    "industrial": {
        "kick": (9, 18, 24, 108, 115),
        "snare": (49, 105, 111, 139, 182),
        "perc": (12, 31, 120, 167, 235),
        "bass": (45, 57, 89, 209, 229),
    },
    "minimal": {
        "kick": (19, 64, 77, 132, 137),
        "rim": (50, 70, 79, 120, 146),
        "hat": (5, 18, 23, 55, 59),
        "perc": (0, 6, 7, 8, 9),
        "bass": (90, 105, 145, 182, 246),
        "chords": (10, 16, 17, 57, 58),
    },
    "peak": {
        "kick": (1, 9, 18, 63, 114),
        "clap": (0, 19, 36, 46, 48),
        "hat": (77, 103, 161, 171, 245),
        "bass": (12, 44, 78, 98, 125),
        "chords": (29, 158, 216, 240, 242),
    },
    "trance": {
        "kick": (62, 174, 231, 248, 254),
        "clap": (4, 25, 50, 188, 200),
        "lead": (26, 117, 138, 176, 187),
        "chords": (37, 94, 175, 180, 242),
    },
}
