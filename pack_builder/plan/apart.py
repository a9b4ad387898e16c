"""Which finishing chains a loop's parts can be put through one by one, and still add up to the loop."""

from musika_daw.system.refusal import refused
from pack_builder.plan.chain import VST3, Chain

# what of a chain is one gain for all that sounds at a moment; all other effects treat each part as if it were alone
DYNAMICS = ("compressor", "saturation")


def check_apart(split: tuple[str, ...], kinds: tuple[str, ...], chains: tuple[tuple[str, Chain], ...]) -> None:
    """Raises ValueError where --stems is asked of kinds of which none is `split` into parts, or with a chain that
    cannot do it."""
    if not split:
        raise ValueError(f"--stems: {', '.join(kinds)} has none (--kind techno has them)")
    for kind, chain in chains:
        for effect in chain.effects:
            if kind in split and effect.use == VST3:
                why = "cannot be combined with --stems: what a vst3 does to one part of a loop is not known"
                raise refused("--finish", effect.path or "", why)
