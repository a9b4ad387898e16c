"""`musika-daw render`: bars of the timeline, a loop or a take as a file that says what it is."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from functools import partial, reduce
from operator import add
from pathlib import Path
from typing import TYPE_CHECKING

import click

from musika_daw.commands.console import Number, pace
from musika_daw.commands.options.score import score_options
from musika_daw.system.plain import plain

if TYPE_CHECKING:
    import numpy as np

    from musika_daw.instrument.engine import Engine
    from musika_daw.instrument.played import Stretch
    from musika_daw.score.controls import Controls
    from musika_daw.sound.tags import Tags

FORMATS = (".wav", ".flac", ".aiff", ".aif", ".ogg")
UP_TO_4_GIB = (".wav", ".aiff", ".aif")
MIDI_FORMATS = (".mid", ".midi")
LOOP_BARS = 64  # a loop is made whole, in memory
BPM = 128.0
TAKES_BPM = 120  # a take has no tempo; a MIDI file must have one


@click.command()
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--model", default="parts", show_default=True, help="Short name, folder or file.")
@click.option("--bpm", type=Number(60, 200), help="Tempo.  [default: 128, or that of --like or --style]")
@click.option(
    "--like",
    "recording",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Sound like this loop or song, in its tempo and key.",
)
@click.option(
    "--start-bar", default=1, show_default=True, type=click.IntRange(1, 100_000_000), help="Bars count from 1."
)
@click.option("--bars", default=8, show_default=True, type=click.IntRange(1, 100_000))
@click.option("--loop", is_flag=True, help="A seamless loop of exactly these bars.")
@click.option("--seconds", type=Number(1, 36_000), help="A take of this length, without a grid.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0))
@click.option("--style-seed", type=click.IntRange(0), help="Style of its own.  [default: the seed's]")
@score_options
@click.option("--style", help="Named style of techno, those of musika-pack styles: dub, acid.")
@click.option("--stems", is_flag=True, help="With --loop: each part in a file beside OUT; they add up to it.")
@click.option(
    "--truncation", default=1.0, show_default=True, type=Number(0, 1), help="Less is more typical, 1 is most varied."
)
@click.option(
    "--midi",
    is_flag=False,
    flag_value="",
    metavar="[FILE]",
    help="Its notes as a MIDI file too, of a model that plays a score; without FILE beside OUT.",
)
@click.option(
    "--gain-db",
    type=Number(-60, 24),
    help="Level, the same for every stretch.  [default: 0 where a model plays a score, else -15]",
)
def render(
    out: Path,
    model: str,
    bpm: float | None,
    recording: Path | None,
    start_bar: int,
    bars: int,
    loop: bool,
    seconds: float | None,
    seed: int,
    style_seed: int | None,
    density: float | None,
    energy: float | None,
    key: str | None,
    chords: str | None,
    parts: str | None,
    voices: str | None,
    style: str | None,
    stems: bool,
    truncation: float,
    midi: str | None,
    gain_db: float | None,
) -> None:
    """Render bars of the timeline, a loop or a take into OUT (WAV 24 bit, FLAC, AIFF or OGG).

    The file says its tempo, key and loop where it has them. No file clips: one whose loudest sample would pass
    -1 dBFS is turned down as a whole, which is said.
    """
    if out.suffix.lower() not in FORMATS:
        raise ValueError(f"out: {out.name!r}, must end in {', '.join(FORMATS)}")
    if loop and seconds is not None:
        raise ValueError("loop: give --loop or --seconds, not both")
    if loop and bars > LOOP_BARS:
        raise ValueError(f"bars: {bars}, a loop has at most {LOOP_BARS}; without --loop any number")
    if stems and not loop:
        raise ValueError("stems: only loops have them, give --loop as well")
    beside = None if midi is None else _midi_path(out, midi)
    from musika_daw.commands.resting import resting
    from musika_daw.instrument.engine import Engine
    from musika_daw.instrument.played import Bars, Loop, Take
    from musika_daw.instrument.scores import check_asked, check_known
    from musika_daw.score.chords import progression_name, progression_named
    from musika_daw.score.controls import Controls, headroom_db
    from musika_daw.score.parts import parts_named, voices_named, voices_text
    from musika_daw.score.techno.catalogue import start_named
    from musika_daw.score.tempo import TempoMap, exact
    from musika_daw.sound.files import CEILING_DBFS, write_blocks
    from musika_daw.system.atomic import write_atomic

    engine = Engine.load(model)
    controls = Controls(
        seed,
        style_seed,
        density=density,
        energy=energy,
        truncation=truncation,
        parts=None if parts is None else parts_named(parts),
        key=key,
        chords=chords,
        voices=() if voices is None else voices_named(voices),
        style=style,
    )
    check_asked(controls, engine.config.score, engine.name)
    check_known(controls, engine.knows, engine.name)
    if recording is not None:
        bpm, controls = _like(recording, engine, controls, bpm, grid=seconds is None)
    if bpm is None:
        bpm = BPM if style is None else start_named(style).bpm[0]
    length_s = bars * 240 / bpm if seconds is None else seconds
    if out.suffix.lower() in UP_TO_4_GIB and length_s * engine.sample_rate_hz * 6 > 4_294_000_000:
        raise ValueError(f"out: {out.name!r}, holds up to 4 GiB, not {length_s:g} s; allowed are .flac and .ogg")
    begin, start_beat = time.perf_counter(), (start_bar - 1) * 4
    played: dict[str, np.ndarray] = {}
    together: list[np.ndarray] = []
    stretch: Stretch
    if seconds is not None:
        stretch, blocks = Take(seconds), engine.take_blocks(seconds, controls)
    elif loop:
        stretch = Loop(exact(bpm), bars, start_beat)
        asked = (bpm, bars, controls, engine.sample_rate_hz, start_beat)
        played = engine.stems(*asked) if stems else {}
        whole = reduce(add, played.values()) if played else engine.loop(*asked)
        together = [whole, *played.values()] if played else []
        blocks = iter([whole])
    else:
        stretch = Bars(start_beat, bars * 4, TempoMap.constant(bpm))
        blocks = engine.blocks(start_beat, bars * 4, TempoMap.constant(bpm), controls)
    written_in = engine.key(controls)
    tempo = exact(bpm) if seconds is None else None
    notes = None
    if beside is not None:
        notes = _midi(engine, stretch, controls, length_s, tempo, written_in, plain(out.stem), loop)
    facts: dict[str, object] = {
        "seed": seed,
        "style_seed": controls.style_seed,
        "model": engine.name,
        "weights": engine.weights_hash[:12],
    }
    if style is not None:
        facts["style"] = style
    if controls.voices:
        facts["voices"] = voices_text(controls.voices)
    if chords is not None:
        facts["chords"] = progression_name(progression_named(chords))

    def tags(frames: int, name: str = plain(out.stem), key: str | None = written_in) -> Tags:
        return _tags(name, facts, tempo, bars, frames, key, loop)

    asked_db = headroom_db(engine.score is not None) if gain_db is None else gain_db
    # one level for a loop and its stems, at which none of them clips
    loudest = max((float(abs(audio).max()) for audio in together), default=0.0)
    gain_db = min(asked_db, CEILING_DBFS - 20 * math.log10(max(loudest, 1e-9)))
    shown = _shown(blocks, round(length_s * engine.sample_rate_hz), f"{engine.name}, {length_s:.1f} s")
    written = write_blocks(out, shown, engine.sample_rate_hz, gain_db, tags=tags)
    if beside is not None and notes is not None:
        write_atomic(beside, notes)
    length_s = written.frames / engine.sample_rate_hz
    click.echo(f"{plain(str(out))}  {length_s:.2f} s  {pace(length_s, time.perf_counter() - begin)}")
    if beside is not None:
        click.echo(plain(str(beside)))
    for part, audio in played.items():
        path = out.with_name(f"{out.stem}-{part}{out.suffix}")
        # a host would move drums to the key of a song
        of_part = partial(tags, name=plain(path.stem), key=None if part == "drums" else written_in)
        write_blocks(path, iter([audio]), engine.sample_rate_hz, gain_db, tags=of_part)
        click.echo(plain(str(path)))
    for line in resting(engine, stretch, controls, list(played) if stems else None):
        click.echo(line, err=True)
    for line in _from_before(out, engine.parts, set(played), midi=beside is not None):
        click.echo(line, err=True)
    if (level_db := gain_db - written.turned_down_db) < asked_db:
        click.echo(f"turned down to {level_db:.1f} dB: at {asked_db:g} dB it would clip", err=True)


def _from_before(out: Path, parts: Iterable[str], played: set[str], *, midi: bool) -> list[str]:
    """What lies beside a file by its name and is of an earlier one: whoever takes both hears two pieces."""
    stems = [out.with_name(f"{out.stem}-{part}{out.suffix}") for part in parts if part not in played]
    notes = [] if midi else [out.with_suffix(".mid")]
    told = []
    for what, paths, whose in (("stems", stems, "of this loop"), ("midi", notes, "its notes")):
        if older := ", ".join(plain(path.name) for path in paths if path.is_file()):
            told.append(f"{what}: {older}: there from before, not {whose}")
    return told


def _like(
    recording: Path, engine: Engine, controls: Controls, bpm: float | None, *, grid: bool
) -> tuple[float, Controls]:
    """Tempo of a recording, and controls with its styles and (where no key or chords are asked) its key."""
    from musika_daw.commands.like import heard_like, options_of

    if not grid and not engine.parts:
        raise ValueError(
            f"like: {recording.name}: of a take only a model of parts can sound like it, not {engine.name}"
        )
    heard = heard_like(recording, engine, controls, bpm=bpm)
    click.echo(f"like {recording.name}: {' '.join(options_of(heard, engine))}", err=True)
    found = heard.likeness.controls
    if controls.key is None and controls.chords is None and engine.score is not None:
        found = replace(found, key=heard.key)
    return heard.bpm, found


def _midi_path(out: Path, text: str) -> Path:
    """Where the MIDI file is to be: as it was given, or beside the sound."""
    path = Path(text) if text else out.with_suffix(MIDI_FORMATS[0])
    if path.suffix.lower() not in MIDI_FORMATS:
        raise ValueError(f"midi: {path.name!r}, must end in {', '.join(MIDI_FORMATS)}")
    if not path.parent.is_dir():
        raise ValueError(f"midi: {path}: {path.parent} is no folder")
    if path.is_dir():
        raise ValueError(f"midi: {path}: is a folder, must be a file")
    return path


def _midi(
    engine: Engine,
    stretch: Stretch,
    controls: Controls,
    seconds: float,
    bpm: Fraction | None,
    key: str | None,
    name: str,
    loops: bool,
) -> bytes:
    """A MIDI file of what is played; ValueError where the model plays no score."""
    from musika_daw.score.midi_file import encode_midi, music_of

    notes = engine.played(stretch, controls)
    if notes is None:
        raise ValueError(f"midi: {engine.name} plays no score, which the notes would be taken from")
    return encode_midi(music_of(notes, seconds, bpm or Fraction(TAKES_BPM), key, name, loops=loops))


def _tags(
    name: str, facts: dict[str, object], bpm: Fraction | None, bars: int, frames: int, key: str | None, loops: bool
) -> Tags:
    """As files of packs have them. A take carries no tempo, since it has none."""
    from musika_daw import __version__
    from musika_daw.sound.tags import Tags, tags_of_bars

    info = {"INAM": name, "ICMT": json.dumps(facts), "ISFT": f"musika-daw {__version__}"}
    return Tags(info, key=key) if bpm is None else tags_of_bars(info, bpm, bars, frames, key, loops=loops)


def _shown(blocks: Iterable[np.ndarray], frames: int, what: str) -> Iterator[np.ndarray]:
    """The blocks; on a terminal it is told how far they are."""
    told, done = sys.stderr.isatty(), 0
    line = f"rendering {what}"
    if told:
        click.echo(line, nl=False, err=True)
    for block in blocks:
        yield block
        done += len(block)
        if told:
            click.echo(f"\r{line}  {100 * done / max(frames, 1):.0f} %", nl=False, err=True)
    if told:
        click.echo("\r" + " " * (len(line) + 8) + "\r", nl=False, err=True)
