"""A pack's recipe: what its bytes depend on, as plain JSON values in the manifest, and back."""

import re
from dataclasses import fields
from fractions import Fraction
from typing import Any

from musika_daw.score.harmony import key_in_text
from pack_builder.plan.chain import Chain
from pack_builder.plan.families import FAMILIES
from pack_builder.plan.music import Extension, Music, Spread
from pack_builder.plan.names import decimal
from pack_builder.plan.options import BuildOptions, Finish, Label, Place


def recipe_of(options: BuildOptions) -> dict[str, Any]:
    """All that the bytes of the pack depend on, flat; exact numbers are fractions as text."""
    music, finish = options.music, options.finish
    curve = music.density_curve
    styles = {name: [str(bpm) for bpm in tempi] for name, tempi in music.styles}
    return {
        # a pack without them has the recipe that it had before there were styles
        **{name: value for name, value in vars(music).items() if name != "styles"},
        **({"styles": styles} if styles else {}),
        **vars(finish),
        **vars(options.label),
        "bpm": [str(bpm) for bpm in music.bpm],
        "kinds": list(music.kinds),
        "density": None if music.density is None else [str(value) for value in music.density],
        "density_curve": None if curve is None else [[str(at), str(value)] for at, value in curve],
        "take_seconds": str(music.take_seconds),
        "chains": {kind: chain.to_json() for kind, chain in finish.chains},
        "loop_kinds": list(music.loop_kinds),
        "spread": None if music.spread is None else vars(music.spread) | {"draws": dict(music.spread.draws)},
        "extensions": [vars(extra) for extra in music.extensions],
        "only": list(music.only),
        "scored": None if music.scored is None else list(music.scored),
    }


# what an option was in packs that were built before there was one: their recipes lack it
EARLIER: dict[str, Any] = {
    "no_page": False,
    "asked_key": None,
    "take_key": None,
    "chords": None,
    "voices": None,
    "midi": None,
    "stems": False,
    "exact_tempo": False,
    "scored": [],
    "diverse": False,
    "spread": None,
}


def completed(recipe: dict[str, Any]) -> dict[str, Any]:
    """A recipe of this or an earlier version with every field of this one's, its key spelled as today."""
    # before, kinds of takes had no loops
    loop_kinds = [kind for kind in recipe.get("kinds", ()) if kind in FAMILIES and not FAMILIES[kind].takes]
    whole = EARLIER | {"loop_kinds": loop_kinds, "styles": {}} | recipe
    keys = {name: whole[name] for name in ("asked_key", "take_key") if isinstance(whole[name], str)}
    return whole | {name: key_in_text(key) or key for name, key in keys.items()}


def options_from(recipe: dict[str, Any], place: Place) -> BuildOptions:
    """Options that would write this recipe, to be made in a place.

    Raises ValueError where the recipe is not one that `recipe_of` wrote, now or in an earlier version.
    """
    try:
        recipe = completed(recipe)
        density, curve = recipe["density"], recipe["density_curve"]
        values = recipe | {
            "bpm": tuple(map(Fraction, recipe["bpm"])),
            "kinds": tuple(recipe["kinds"]),
            "density": None if density is None else tuple(map(Fraction, density)),
            "density_curve": None if curve is None else tuple((Fraction(at), Fraction(value)) for at, value in curve),
            "take_seconds": Fraction(recipe["take_seconds"]),
            "chains": tuple((kind, Chain.from_json(chain)) for kind, chain in recipe["chains"].items()),
            "styles": tuple((name, tuple(map(Fraction, tempi))) for name, tempi in recipe["styles"].items()),
            "loop_kinds": tuple(recipe["loop_kinds"]),
            "spread": spread_from(recipe["spread"]),
            "extensions": tuple(Extension(**extra) for extra in recipe["extensions"]),
            "only": tuple(recipe["only"]),
            "scored": None if recipe["scored"] is None else tuple(recipe["scored"]),
        }
        made = BuildOptions(
            Music(**_taken(Music, values)), Finish(**_taken(Finish, values)), Label(**_taken(Label, values)), place
        )
        if values:
            raise ValueError(f"unknown {min(values)!r}")
    except (KeyError, TypeError, ValueError, AttributeError, ZeroDivisionError):
        raise ValueError("manifest: its recipe is damaged or of another version") from None
    return made


def spread_from(values: Any) -> Spread | None:
    """The choice of draws of a recipe; raises ValueError, TypeError or KeyError for what is none."""
    if values is None:
        return None
    return Spread(tuple(values["draws"].items()), float(values["before"]), float(values["after"]))


def _taken(record: type, values: dict[str, Any]) -> dict[str, Any]:
    """Take a record's fields out of the values."""
    return {each.name: values.pop(each.name) for each in fields(record)}


def in_words(value: Any) -> str:
    """A recipe's value as a message says it: `120, 128.5` for a list of fractions, `none` where there is nothing."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {in_words(part)}" for name, part in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(in_words, value)) or "none"
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    text = str(value)
    return decimal(Fraction(text)) if re.fullmatch(r"\d+/[1-9]\d*", text) else text
