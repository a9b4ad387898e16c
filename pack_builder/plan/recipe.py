"""A pack's recipe: its options as plain JSON values in the manifest, and back."""

from fractions import Fraction
from pathlib import Path
from typing import Any

from pack_builder.plan.chain import Chain
from pack_builder.plan.options import BuildOptions, Extension

# what decides where and how a pack is made, not what is in it
OUTSIDE = ("out", "jobs", "cluster", "resume", "strict", "models", "weights")


def recipe_of(options: BuildOptions) -> dict[str, Any]:
    """Options as JSON values; exact numbers are fractions as text."""
    values = {name: value for name, value in vars(options).items() if name not in OUTSIDE}
    return values | {
        "bpm": [str(bpm) for bpm in options.bpm],
        "kinds": list(options.kinds),
        "density": None if options.density is None else [str(value) for value in options.density],
        "density_curve": None
        if options.density_curve is None
        else [[str(at), str(value)] for at, value in options.density_curve],
        "take_seconds": str(options.take_seconds),
        "chains": {kind: chain.to_json() for kind, chain in options.chains},
        "extensions": [vars(extra) for extra in options.extensions],
        "only": list(options.only),
    }


def options_from(recipe: dict[str, Any], **outside: Any) -> BuildOptions:
    """Options that would write this recipe; `outside` gives `out`, `jobs` and the like.

    Raises ValueError where the recipe is not one that `recipe_of` wrote.
    """
    try:
        values = (
            dict(recipe)
            | {
                "bpm": tuple(map(Fraction, recipe["bpm"])),
                "kinds": tuple(recipe["kinds"]),
                "density": None if recipe["density"] is None else tuple(map(Fraction, recipe["density"])),
                "density_curve": None
                if recipe["density_curve"] is None
                else tuple((Fraction(at), Fraction(value)) for at, value in recipe["density_curve"]),
                "take_seconds": Fraction(recipe["take_seconds"]),
                "chains": tuple((kind, Chain.from_json(chain)) for kind, chain in recipe["chains"].items()),
                "extensions": tuple(Extension(**extra) for extra in recipe["extensions"]),
                "only": tuple(recipe["only"]),
                "models": (),
                "out": Path("."),
                "jobs": 1,
            }
            | outside
        )
        return BuildOptions(**values)
    except (KeyError, TypeError, ValueError, AttributeError, ZeroDivisionError):
        raise ValueError("manifest: its recipe is damaged or of another version") from None
