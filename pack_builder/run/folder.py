"""The folder that a pack is built into: what is in it already, and whether there is room."""

import math
import os
import shutil
from dataclasses import replace
from pathlib import Path

from musika_daw.score.parts import PARTS
from musika_daw.system.atomic import PART_SUFFIX
from musika_daw.system.refusal import refused
from pack_builder.plan.music import Music
from pack_builder.plan.options import BuildOptions
from pack_builder.plan.recipe import completed, in_words, recipe_of, spread_from
from pack_builder.record.journal import State, read_state


def as_found(options: BuildOptions) -> BuildOptions:
    """The options with what a pack that is already in the folder has, and nobody asked for otherwise.

    Its name, which was made from a folder that may have been renamed since, the tempi in its file names, whether its
    one-shots are cut or rendered, and which draws its loops are.
    """
    out = options.place.out
    try:
        state = read_state(out) if out.is_dir() else None
    except (ValueError, OSError):
        return options  # said by `state_in`
    if state is None:
        return options
    found = completed(state.recipe)
    name = options.label.name if options.place.named else found.get("name", options.label.name)
    scored = found["scored"]
    if scored is not None and not isinstance(scored, list):
        return options  # said by `state_in`
    try:
        spread = spread_from(found["spread"]) if options.music.diverse else None
    except (ValueError, TypeError, KeyError, AttributeError):
        return options  # said by `state_in`
    return options.changed(
        name=name, exact_tempo=found["exact_tempo"], scored=None if scored is None else tuple(scored), spread=spread
    )


def state_in(options: BuildOptions) -> State | None:
    """The pack that is already in the folder, None for a new or empty one; ValueError for anything else."""
    out = options.place.out
    try:
        names = sorted(os.listdir(out))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise refused("--out", out, f"{(error.strerror or str(error)).lower()}, must be a folder") from None
    if not names:
        return None
    try:
        state = read_state(out)
    except ValueError as error:
        raise refused("--out", out, f"{error}, must be a new or empty folder") from None
    if state is None:
        raise refused("--out", out, f"holds something else ({names[0]}), must be a new or empty folder")
    recipe, state = recipe_of(options), replace(state, recipe=completed(state.recipe))
    for name in recipe:
        if name == "extensions" and state.complete and _adds_to(recipe[name], state.recipe.get(name)):
            continue
        if state.recipe.get(name) != recipe[name]:
            had, asked = in_words(state.recipe.get(name)), in_words(recipe[name])
            why = f"holds a pack with {name.replace('_', ' ')} {had}, not {asked}; must be a new or empty folder"
            raise refused("--out", out, why)
    if not state.complete and not options.place.resume:
        raise refused("--out", out, "holds an unfinished pack; add --resume to go on, or name an empty folder")
    return state


def _adds_to(new: object, old: object) -> bool:
    return isinstance(new, list) and isinstance(old, list) and len(new) == len(old) + 1 and new[:-1] == old


def check_space(options: BuildOptions) -> None:
    """Raises ValueError where the disk has no room for what the options come to."""
    loops_s, takes_s = durations_s(options.music)
    files = 1 + len(PARTS) * options.label.stems
    need = int((loops_s * files + takes_s) * options.finish.sample_rate_hz * 6)
    place = options.place.out.absolute()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if need > free and not options.place.resume:
        raise refused(
            "--out", options.place.out, f"needs {need / 1e6:.0f} MB, {free / 1e6:.0f} MB are free on that disk"
        )


def durations_s(music: Music) -> tuple[float, float]:
    """Seconds of audio that loops and takes come to (without the decay of takes)."""
    each_s = [music.bars * 240 / float(bpm) for kind in music.loop_kinds for _, bpm in music.cells(kind)]
    loops = sum(each_s) * music.loops_per_bpm
    kits = music.kits * 6 * music.bars * 240 / float(music.bpm[0]) * len(music.kit_kinds)
    takes = math.prod((music.takes, float(music.take_seconds))) * len(music.take_kinds)
    return loops + kits, takes


def remove_parts(folder: Path) -> None:
    """Remove the unfinished files that a killed build left in a pack."""
    for path in folder.rglob(f"*{PART_SUFFIX}"):
        if path.is_file():
            path.unlink()
