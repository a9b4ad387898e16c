"""File and folder names: unique, descriptive, legal everywhere, and right for the parsers of samplers.

Every file gets a word of its own in place of a number, because shops want digits for the tempo only::

    default   MSK_First_130bpm_techno_loop_cobalt.wav     a tempo parser needs the `bpm`
    splice    MSK_First_130_techno_loop_cobalt.wav        the bare number
"""

import hashlib
import math
import re
from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from importlib import resources
from pathlib import Path, PurePosixPath

from musika_daw.system.refusal import refused

TEMPLATES = {
    "default": {
        "loop": "{label}_{pack}_{bpm}bpm_{kind}_loop_{name}",
        "take": "{label}_{pack}_{kind}_take_{density}_{name}",
        "kit": "{label}_{pack}_{bpm}bpm_{kind}_{role}_{name}",
        "shot": "{label}_{pack}_{kind}_{role}_{name}",
    },
    "splice": {
        "loop": "{label}_{pack}_{bpm}_{kind}_loop_{name}",
        "take": "{label}_{pack}_{kind}_take_{density}_{name}",
        "kit": "{label}_{pack}_{bpm}_{kind}_{role}_{name}",
        "shot": "{label}_{pack}_{kind}_{role}_{name}",
    },
}
NAME_LIMIT = 32
STEMS = "_stems"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_#-]*")
_TEMPO_LIKE = re.compile(r"(?:^|[_#-])\d{2,3}(?:bpm)?(?:$|[_#-])", re.IGNORECASE)


@cache
def words() -> tuple[str, ...]:
    """The word list: lower-case ascii words, each once."""
    return tuple(resources.files("pack_builder").joinpath("data/words.txt").read_text("ascii").split())


def word_names(seed: int) -> Iterator[str]:
    """An endless row of different names for one pack: each word once, then pairs, then triples of words.

    The order depends on the seed alone, so a longer pack begins with the names of a shorter one.
    """
    shuffled = sorted(words(), key=lambda word: hashlib.sha256(f"{seed}/{word}".encode()).digest())
    total, length = len(shuffled), 0
    while True:
        length += 1
        count = math.perm(total, length)
        step = _coprime(count, seed)
        yield from ("_".join(_choose(shuffled, position * step % count, length)) for position in range(count))


def _coprime(count: int, seed: int) -> int:
    # walking 0..count in steps that share no factor with count visits everything once, in a scattered order
    step = int.from_bytes(hashlib.sha256(f"{seed}/step".encode()).digest()[:6]) % count | 1
    while math.gcd(step, count) != 1:
        step += 2
    return step


def _choose(pool: list[str], index: int, length: int) -> list[str]:
    """The `index`-th ordered choice of `length` different words."""
    left, chosen = list(pool), []
    for _ in range(length):
        index, place = divmod(index, len(left))
        chosen.append(left.pop(place))
    return chosen


def check_name(option: str, value: str, naming: str) -> str:
    """`value` where it may stand in a file name; else raises ValueError naming the option and what is allowed."""
    if len(value) > NAME_LIMIT or not _NAME.fullmatch(value):
        spaces = " (_ for a space)" if " " in value else ""
        raise refused(option, value, f"must be 1..{NAME_LIMIT} of A-Z a-z 0-9 _ - #, not _ - # first{spaces}")
    if naming == "splice" and any(letter.isdigit() for letter in value):
        raise refused(option, value, "must hold no digits with --naming splice (they mean the tempo)")
    if _TEMPO_LIKE.search(value):
        raise refused(option, value, "must not hold a number that reads as a tempo")
    return value


def name_of_folder(folder: Path, naming: str, label: str = "") -> str:
    """A pack's name from the folder that it is made in, as far as that may stand in file names; else `First`.

    Two packs of one project so have no file name in common. Of a folder named `LABEL_-_NAME_-_WAV` it is the NAME.
    """
    text = folder.absolute().name
    if label and (parts := re.fullmatch(rf"{re.escape(label)}_-_(.+)_-_[A-Z]+", text)):
        text = parts[1]
    while match := _TEMPO_LIKE.search(text):
        text = f"{text[: match.start()]}_{text[match.end() :]}"
    if naming == "splice":
        text = re.sub(r"\d", "", text)
    text = re.sub(r"[^A-Za-z0-9#-]+", "_", text).strip("_#-")[:NAME_LIMIT].rstrip("_#-")
    text = text[:1].upper() + text[1:]
    try:
        return check_name("--out", text, naming)
    except ValueError:
        return "First"


def tempo_in_name(bpm: Fraction, exact: bool = True) -> str:
    """A tempo as files are named after it: `130`, and `128p5` for 128.5.

    Names hold no points, and of `128_75bpm` other programs read 75 bpm; of `128p75bpm` they read nothing. Packs of
    before (not `exact`) have the nearest whole tempo.
    """
    return decimal(bpm).replace(".", "p") if exact else str(math.floor(bpm + Fraction(1, 2)))


def tempo_folder(bpm: Fraction, exact: bool = True) -> str:
    """`130bpm`, or `128p5bpm` for 128.5; `128_5bpm` in packs of before (not `exact`)."""
    return f"{tempo_in_name(bpm) if exact else decimal(bpm).replace('.', '_')}bpm"


def decimal(value: Fraction) -> str:
    """Shortest decimal of a fraction, at most six places."""
    return f"{float(value):.6f}".rstrip("0").rstrip(".")


def file_stem(
    naming: str,
    shape: str,
    *,
    label: str,
    pack: str,
    kind: str,
    name: str,
    bpm: Fraction | None,
    density: str,
    role: str = "",
    exact_tempo: bool = True,
) -> str:
    """File name without its ending from a template of `TEMPLATES`; `shape` is `loop`, `take`, `kit` or `shot`."""
    tempo = "" if bpm is None else tempo_in_name(bpm, exact_tempo)
    return TEMPLATES[naming][shape].format(
        label=label, pack=pack, kind=kind, name=name, bpm=tempo, density=density, role=role
    )


def path_of_stem(loop: str, role: str) -> str:
    """Path in the pack of one part of a loop: `NAME_stems/NAME_drums.wav` beside `NAME.wav`."""
    path = PurePosixPath(loop)
    return (path.with_name(path.stem + STEMS) / f"{path.stem}_{role}{path.suffix}").as_posix()
