"""Refusals of what asks for nothing: no loop and no take left, or a density where no kind has takes."""

from musika_daw.system.refusal import refused


def check_counts(
    kinds: tuple[str, ...], loop_kinds: tuple[str, ...], loops: int, takes: int, others: int, **densities: str | None
) -> None:
    """Raises ValueError naming the option that has to ask for more, or a density that nothing would heed.

    `loops` a tempo and `takes` of each kind, `others` are kits and one-shots; `densities` are texts by their options.
    """
    named, all_loop = ", ".join(kinds), len(loop_kinds) == len(kinds)
    for name, text in densities.items():
        if all_loop and text is not None and text.strip().lower() != "none":
            raise refused("--" + name.replace("_", "-"), text, f"{named} has no takes (--kind piano has them)")
    if (loops and loop_kinds) or (takes and not all_loop) or others:
        return
    if all_loop:
        raise refused("--loops-per-bpm", loops, f"must be 1 or more, {named} has loops and no takes")
    if not loop_kinds:
        raise refused("--takes", takes, f"must be 1 or more, {named} has takes and no loops")
    raise refused("--loops-per-bpm", loops, f"with --takes {takes} at least one loop or take must be left")
