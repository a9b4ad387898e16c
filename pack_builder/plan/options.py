"""What the user asked for, in four records: what is played, how it is finished, how it is labelled, where it is made.

The first three are the pack's recipe: two packs of the same three have the same bytes. Every option of the command line
is declared at the field that it fills. This module is imported for `--help`, so numpy is not.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from musika_daw.system.cores import usable_cores
from musika_daw.system.refusal import refused
from pack_builder.plan.apart import check_apart
from pack_builder.plan.chain import Chain, chains_of
from pack_builder.plan.declared import Option, declared, options_of, values_for
from pack_builder.plan.music import Music, music_of
from pack_builder.plan.names import TEMPLATES, check_name, name_of_folder
from pack_builder.plan.parse import one_of, source_date, whole_among, whole_in

if TYPE_CHECKING:
    from musika_daw.sound.sounds import Format

SAMPLE_RATES_HZ = (44100, 48000, 88200, 96000)
DEFAULT_JOBS = 2  # a worker takes half a gigabyte, and 1.1 while it renders a loop of parts
ATTEMPTS_LIMIT = 1000


def forms() -> "Mapping[str, Format]":
    """The formats by name."""
    from musika_daw.sound.sounds import FORMATS

    return FORMATS


@dataclass(frozen=True, kw_only=True)
class Finish:
    """How a sound becomes a file: how often it is tried, its chain, its format."""

    attempts: int = declared(
        Option("attempts", "Seeds to try for a file, 1..1000.", "12", "N", whole_in(1, ATTEMPTS_LIMIT))
    )
    keep_best: bool = declared(
        Option("keep_best", "Keep the least bad where no attempt was good, labelled.", switch=True)
    )
    chains: tuple[tuple[str, Chain], ...] = declared(
        Option("finish", "clean, warm, club, none, a toml.", "clean", "CHAIN")
    )
    format: str = declared(
        Option("format", "wav24, wav16, wav32f, flac, aiff, ogg or mp3.", "wav24", "F", one_of(forms))
    )
    sample_rate_hz: int = declared(
        Option("sample_rate", "44100, 48000, 88200 or 96000.", "44100", "HZ", whole_among(*SAMPLE_RATES_HZ))
    )

    def chain(self, kind: str) -> Chain:
        """The finishing chain of one kind."""
        return dict(self.chains)[kind]


@dataclass(frozen=True, kw_only=True)
class Label:
    """Whose pack it is, how its files are named (before: by whole tempi), and the date that they carry, YYYY-MM-DD."""

    label: str = declared(Option("label", "Your label, first in every name.", "MSK", "TEXT"))
    name: str = declared(Option("name", "The pack's name.  [default: that of --out, or First]", None, "TEXT"))
    naming: str = declared(
        Option("naming", "default (130bpm), splice (130).", "default", "STYLE", one_of(lambda: TEMPLATES))
    )
    no_page: bool = declared(Option("no_page", "Write no preview page.", switch=True))
    midi: bool | None = declared(
        Option("midi", "A .mid beside every loop and take.  [default: where the model plays a score]", either=True)
    )
    stems: bool = declared(Option("stems", "Each loop's parts beside it, of a model that knows parts.", switch=True))
    source_date: str | None = None
    exact_tempo: bool = True


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where and how a pack is made, which changes no byte of it. `weights`: kind and hash that must be used;
    `precision`: the one that a pack was made in, where it is made again or added to; `named`: whether the pack's
    name was given, else one that is found there keeps its own."""

    models: tuple[str, ...] = declared(
        Option("models", "Weights to use, once a kind, repeatable.", None, "NAME|PATH", many=True, spelled="--model")
    )
    out: Path = declared(Option("out", "New or empty folder.  [default: LABEL_-_NAME_-_WAV]", None, "DIR"))
    jobs: int = declared(
        Option("jobs", "Files rendered at a time.  [default: 2, 1 on one core]", None, "N", whole_in(1, 256))
    )
    cluster: str | None = declared(
        Option("cluster", "Render on a Ray cluster: auto, local or host:port.", None, "ADDRESS")
    )
    strict: bool = declared(Option("strict", "End with exit code 3 where a file was given up.", switch=True))
    resume: bool = declared(
        Option("resume", "Go on with a build that was stopped, or mend a damaged pack.", switch=True)
    )
    weights: tuple[tuple[str, str], ...] = ()
    precision: str | None = None
    named: bool = True


RECORDS = (Music, Finish, Label, Place)
OPTIONS = tuple(options_of(*RECORDS))


@dataclass(frozen=True)
class BuildOptions:
    """One checked request for a pack."""

    music: Music
    finish: Finish
    label: Label
    place: Place

    @classmethod
    def parse(cls, **texts: Any) -> "BuildOptions":
        """Options from the texts of the command line, by the keywords of `OPTIONS`; what is not given is the default.

        Raises ValueError naming option, value and allowed range, TypeError for an unknown keyword.
        """
        by_name = {option.name: option for option in OPTIONS}
        if unknown := texts.keys() - by_name.keys():
            raise TypeError(f"unknown option {min(unknown)!r}")
        given = {name: texts.get(name, option.default) for name, option in by_name.items()}
        read = {name: option.value(given[name]) for name, option in by_name.items()}
        out = given["out"]
        if out is not None and not out.strip():
            raise refused("--out", "", "must name a folder")
        check_name("--label", read["label"], read["naming"])
        named = read["name"] is not None
        if not named:
            read["name"] = "First" if out is None else name_of_folder(Path(out), read["naming"], read["label"])
        check_name("--name", read["name"], read["naming"])
        label = Label(**values_for(Label, read), source_date=source_date())
        music = music_of(read, given["kinds"])
        finish = Finish(
            **values_for(Finish, read),
            chains=chains_of(read["finish"], music.kinds),
            sample_rate_hz=read["sample_rate"],
        )
        form = forms()[finish.format]
        if finish.sample_rate_hz > form.rate_limit_hz:
            why = f"{form.name} has at most {form.rate_limit_hz}"
            raise refused("--sample-rate", finish.sample_rate_hz, why)
        if label.stems:
            if form.lossy:
                raise refused(
                    "--format", form.name, "cannot be combined with --stems: they would not add up to the loop"
                )
            check_apart(music.kit_kinds, music.kinds, finish.chains)
        place = place_from(
            {"out": _folder(label, finish)} | {name: value for name, value in texts.items() if value}, named=named
        )
        return cls(music, finish, label, place)

    def changed(self, **values: Any) -> "BuildOptions":
        """The same with other values, each in the record that has it."""
        parts = {}
        for part in fields(self):
            record = getattr(self, part.name)
            own = {name: values.pop(name) for name in vars(record) if name in values}
            parts[part.name] = replace(record, **own)
        if values:
            raise TypeError(f"no record has {min(values)!r}")
        return BuildOptions(**parts)


def place_from(texts: dict[str, Any], **values: Any) -> Place:
    """A place from those of the command line's texts that are its own; `values` are not texts any more."""
    found = {option.name: option.value(texts.get(option.name, option.default)) for option in options_of(Place)}
    found["models"] = tuple(found["models"])
    found["out"] = Path(found["out"] or ".")
    found["jobs"] = found["jobs"] or min(DEFAULT_JOBS, usable_cores())
    return Place(**found | values)


def _folder(label: Label, finish: Finish) -> str:
    return f"{label.label}_-_{label.name}_-_{forms()[finish.format].title}"
