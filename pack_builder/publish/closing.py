"""What a pack holds besides its audio: texts, presets, projects, the preview page, and last its manifest."""

from collections.abc import Callable, Iterable

from musika_daw.system.atomic import write_atomic
from pack_builder.plan.options import BuildOptions
from pack_builder.publish.drumkits import drumkit_files
from pack_builder.publish.page import pages
from pack_builder.publish.presets import preset_texts
from pack_builder.publish.projects import project_files
from pack_builder.publish.texts import licence_text, readme_text
from pack_builder.record.manifest import LICENCE_FILE, README, Head, write_manifest
from pack_builder.record.rows import Gap, Row


def close(
    options: BuildOptions,
    head: Head,
    rows: Callable[[], Iterable[Row]],
    gaps: Callable[[], Iterable[Gap]],
    card: Callable[[Row], dict[str, str] | None],
) -> None:
    """Write everything but the audio into the pack. `rows` and `gaps` give the entries in the manifest's order, any
    number of times, so that none of them need be kept; `card` what the page shows of a file, where it was made."""
    stem = f"{options.label.label}_{options.label.name}"
    texts = {
        README: readme_text(head, rows(), gaps()),
        LICENCE_FILE: licence_text(options.label.label, options.label.name),
        **dict(preset_texts(stem, rows(), options.label.exact_tempo)),
    }
    for name, data in project_files(stem, head, rows(), options.place.out, exact_tempo=options.label.exact_tempo):
        write_atomic(options.place.out / name, data)
        texts[name] = ""
    for name, data in drumkit_files(stem, head, rows(), options.place.out):
        write_atomic(options.place.out / name, data)
        texts[name] = ""
    for name, text in () if options.label.no_page else pages(options.place.out, head, rows(), card):
        write_atomic(options.place.out / name, text.encode("utf-8"))
        texts[name] = ""
    write_manifest(options.place.out, head, rows(), gaps(), texts=texts)
