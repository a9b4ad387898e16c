"""Refusals of what asks for nothing: no loop and no take left, or a density where no kind has takes."""

from typing import TYPE_CHECKING, Any

from musika_daw.system.refusal import refused

if TYPE_CHECKING:
    from pack_builder.plan.options import Music


def check_counts(music: "Music", read: dict[str, Any]) -> None:
    """Raises ValueError naming the option that has to ask for more, or that nothing heeds; `read` are the texts."""
    kinds, loops = ", ".join(music.kinds), music.loop_kinds
    if len(loops) == len(music.kinds):
        for option, text in (("--density", read["density"]), ("--density-curve", read["density_curve"])):
            if text is not None and text.strip().lower() != "none":
                raise refused(option, text, f"{kinds} has no takes (--kind piano has them)")
    if any(map(music.count, music.kinds)) or music.kits or music.one_shots:
        return
    if len(loops) == len(music.kinds):
        raise refused("--loops-per-bpm", music.loops_per_bpm, f"must be 1 or more, {kinds} has loops and no takes")
    if not loops:
        raise refused("--takes", music.takes, f"must be 1 or more, {kinds} has takes and no loops")
    why = f"with --takes {music.takes} at least one loop or take must be left"
    raise refused("--loops-per-bpm", music.loops_per_bpm, why)
