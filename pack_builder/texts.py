"""The texts that go into a pack: README.txt and LICENSE.txt."""

from collections import Counter
from collections.abc import Iterable
from importlib import resources

from pack_builder.manifest import Head
from pack_builder.rows import Gap, Row

LICENCE = "royalty-free, see LICENSE.txt"
_GAP_LINES = 20


def _data(name: str) -> str:
    return resources.files("pack_builder").joinpath(f"data/{name}").read_text("utf-8")


def licence_text(label: str, name: str) -> str:
    """Licence of the audio of one pack."""
    return _data("LICENSE.txt").format(label=label, name=name)


def readme_text(head: Head, rows: Iterable[Row], gaps: Iterable[Gap] = ()) -> str:
    """What is in the pack and how to use it, for the person who opens the folder."""
    shapes: Counter[str] = Counter()
    tempi: set[float] = set()
    bars: set[int] = set()
    kits: set[str] = set()
    outside: Counter[str] = Counter()
    bits, rate_hz, suffix = 24, 44100, "WAV"
    for row in rows:
        shapes[row.shape] += 1
        bits, rate_hz, suffix = row.bits, row.sample_rate_hz, row.file.rpartition(".")[2].upper()
        if row.shape == "loop" and row.bpm is not None and row.bars is not None:
            tempi.add(row.bpm)
            bars.add(row.bars)
        if row.kit:
            kits.add(row.kit)
        outside.update(row.broken[:1])
    parts = []
    if shapes["loop"]:
        span = f"{min(tempi):g} bpm" if len(tempi) == 1 else f"{min(tempi):g} to {max(tempi):g} bpm"
        parts.append(f"  {shapes['loop']} loops of {', '.join(map(str, sorted(bars)))} bars in 4/4, {span}")
    if kits:
        parts.append(f"  of them {len(kits)} kits: one style at several tempi, variations, intensities and fills")
    if shapes["fill"]:
        parts.append(f"  {shapes['fill']} fills of one bar")
    if shapes["shot"]:
        parts.append(f"  {shapes['shot']} one-shots; a note in the name is their measured pitch")
    if shapes["take"]:
        parts.append(f"  {shapes['take']} free takes, filed as sparse, medium or dense by their measured note density")
    if outside:
        why = ", ".join(f"{name} ({count})" for name, count in outside.most_common())
        parts.append(
            f"\n  {outside.total()} files are beyond the limits of the quality gate and were kept on request, as the\n"
            f"  best of many attempts. They lie in folders named outside_limits: {why}"
        )
    return _data("README.txt").format(
        label=head.label, name=head.name, contents="\n".join(parts), gaps=_gap_text(gaps), format=suffix,
        models="\n".join(f"  {model.kind}: {model.name} ({model.weights_sha256[:12]})" for model in head.models),
        software=head.software, seed=head.recipe.get("seed"), bits=bits, rate=f"{rate_hz / 1000:g}",
    )  # fmt: skip


def _gap_text(gaps: Iterable[Gap]) -> str:
    lines, count = [], 0
    for gap in gaps:
        count += 1
        if count <= _GAP_LINES:
            lines.append(f"  {gap.job}: {len(gap.tried)} attempts, {', '.join(gap.reasons)}")
    if not count:
        return ""
    more = f"\n  and {count - _GAP_LINES} more" if count > _GAP_LINES else ""
    text = "\n".join(lines)
    return f"\nNot in this pack, since no attempt kept to the limits of the quality gate:\n{text}{more}\n"
