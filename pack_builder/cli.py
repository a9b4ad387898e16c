"""`musika-pack`: build, inspect and verify sample packs. Heavy modules are imported by the commands that use them."""

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import click

from musika_daw.commands.console import told, version_option
from musika_daw.system.refusal import refused
from pack_builder.catalogue import styles
from pack_builder.flags import some_options
from pack_builder.plan.declared import options_of
from pack_builder.plan.music import Music
from pack_builder.plan.options import OPTIONS, BuildOptions, Finish, Label, place_from
from pack_builder.plan.parse import whole

BUILD_HELP = """Render a pack of loops and takes.

\b
Examples:
  musika-pack build --bpm 120-160 --out packs/first
  musika-pack build --bpm 128 --kind techno --loops-per-bpm 16
  musika-pack build --bpm 120,128.5 --bars 8 --seed 42 --sample-rate 48000
  musika-pack build --kind piano --loops-per-bpm 4 --bpm 90,128 --key Am
  musika-pack build --kind piano --takes 12 --density 0.2-0.6 --take-seconds 30
  musika-pack build --kind piano --density-curve "0:0.2 8:0.8 16:0.3" --take-seconds 20
  musika-pack build --kind piano --take-bars 8 --take-bpm 90 --density none
  musika-pack build --kind techno --bpm 124,128,132 --kits 2 --one-shots 4 --finish club
  musika-pack build --kind techno --stems --key Am
  musika-pack build --kind techno --loops-per-bpm 8 --bpm 128 --diverse
  musika-pack build --kind techno --like drop.wav --loops-per-bpm 8
  musika-pack build --kind techno --styles dub,acid,electro
  musika-pack build --bpm 120-160 --out packs/first --resume
  musika-pack build --from-manifest packs/first --only cobalt --out packs/again

Every file is measured; one outside the limits (tempo, beat, seam, silence, clipping, level) is drawn again with the
next seed, at most --attempts times, and given up after that: no file is written for it. Exit codes: 0 the pack is
whole (with --strict only if nothing was given up), 1 the build had to stop or nothing kept to the limits, 2 wrong
input or interrupted, 3 something was given up and --strict was set.

The same options and seed give the same audio, byte for byte, on the same machine, whatever --jobs is. A build
that was stopped goes on with --resume.
"""


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@version_option("musika-pack")
@click.pass_context
def cli(context: click.Context) -> None:
    """Sample packs from a generative model: exactly timed, seamless, labelled.

    \b
    Examples:
      musika-pack build --bpm 120-160 --out packs/first
      musika-pack verify packs/first
      musika-pack inspect packs/first/Loops/Techno_Loops/120bpm/*.wav
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


cli.add_command(styles)
_every_option = some_options(*(option.name for option in OPTIONS))


@cli.command(help=BUILD_HELP)
@_every_option
@click.option(
    "--progress",
    type=click.Choice(["auto", "json"]),
    default="auto",
    show_default=True,
    help="json: one object a line, for programs.",
)
@click.option("--like", metavar="FILE", help="Techno that sounds like this loop or song, in its tempo and key.")
@click.option("--from-manifest", metavar="PATH", help="Make the pack of this manifest again, byte for byte.")
@click.option("--only", multiple=True, metavar="NAME", help="With --from-manifest: just these files, repeatable.")
@click.pass_context
def build(
    context: click.Context,
    /,
    from_manifest: str | None,
    only: tuple[str, ...],
    like: str | None,
    progress: str,
    **texts: Any,
) -> None:
    if from_manifest is None:
        if only:
            raise refused("--only", only[0], "needs --from-manifest")
        if like is not None:
            music = BuildOptions.parse(**texts).music  # what is wrong is said before a search of half a minute
            if not music.kit_kinds:
                raise refused("--like", like, f"{', '.join(music.kinds)} has no voices (--kind techno has them)")
            from pack_builder.run.alike import alike

            given_bpm = context.get_parameter_source("bpm") == click.core.ParameterSource.COMMANDLINE
            texts |= alike(Path(like), texts, bpm_given=given_bpm)
        run_build(BuildOptions.parse(**texts), progress)  # checked before anything heavy is imported
        return
    from pack_builder.again import differences, folder_of, options_again, other_precision

    if like is not None:
        raise ValueError("--like: cannot be combined with --from-manifest, the manifest says it")
    folder_of(from_manifest)  # before its options: what it says is no clash where there is none
    given = click.core.ParameterSource.COMMANDLINE
    for option in options_of(Music, Finish, Label):
        if context.get_parameter_source(option.name) == given:
            raise ValueError(f"{option.flag}: cannot be combined with --from-manifest, the manifest says it")
    if texts["out"] is None:
        raise ValueError("--from-manifest: needs --out, a new or empty folder")
    options, folder = options_again(from_manifest, only, place_from(texts))
    run_build(options, progress)
    if different := differences(folder, options.place.out):
        for name in different[:20]:
            click.echo(f"{name}: other bytes than the manifest says", err=True)
        why = other_precision(folder, options.place.out) or "another machine, or another version of a library?"
        fail(f"{len(different)} files came out differently ({why})", 1)
    click.echo("every file has the bytes that the manifest says")


@cli.command()
@click.argument("folder", metavar="DIR")
@click.option("--loops", default="0", show_default=True, metavar="N", help="Loops to add, going round the tempi.")
@click.option("--takes", default="0", show_default=True, metavar="N", help="Takes to add.")
@some_options("models", "jobs", "cluster", "strict", "resume")
def extend(folder: str, loops: str, takes: str, **texts: Any) -> None:
    """Add loops and takes to a finished pack; what is in it stays as it is, byte for byte.

    \b
    Example:
      musika-pack extend packs/first --loops 100
    """
    from pack_builder.again import options_extended

    counts = whole("--loops", loops, 0, 100_000), whole("--takes", takes, 0, 100_000)
    run_build(options_extended(*counts, place_from(texts | {"out": folder})))


def run_build(options: BuildOptions, progress: str = "auto") -> None:
    """Build, and tell the terminal; ends the program with the exit code that the help names."""
    from pack_builder.console import JsonLines, clock, observer, pack_table
    from pack_builder.record.stream import iter_rows, read_head
    from pack_builder.run.build import BuildError, build

    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        with observer(progress) as watcher:
            result = build(options, watcher)
            if isinstance(watcher, JsonLines):
                made = result.files - result.gaps
                watcher.tell("done", out=str(options.place.out.resolve()), files=made, gaps=result.gaps)
    except BuildError as error:
        fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        fail(f"interrupted: what is finished in {options.place.out} is valid, add --resume to go on")
    finally:
        signal.signal(signal.SIGTERM, before)
    if progress == "json":
        if result.gaps and options.place.strict:
            sys.exit(3)
        return
    head = read_head(options.place.out)
    title = f"{head.label} - {head.name}: {result.files - result.gaps} files in {options.place.out}"
    pack_table(title, iter_rows(options.place.out))
    if result.rendered:
        pace = result.audio_seconds / result.seconds
        click.echo(
            f"{result.rendered} files, {clock(result.audio_seconds)} of audio in {clock(result.seconds)} "
            f"({pace:.1f}x real time, checks and files included)"
        )
    else:
        click.echo("everything was finished before, nothing to do")
    if (spread := head.recipe.get("spread")) is not None:
        which = f"the {len(spread['draws'])} loops of the first build" if head.recipe.get("extensions") else "loops"
        click.echo(
            f"{which} are {spread['after']:.1f} from their nearest, {spread['before']:.1f} as they were drawn first"
        )
    if result.gaps:
        click.echo(
            f"warning: {result.gaps} of {result.files} files were given up, no attempt kept to the limits; "
            f"see gaps in {options.place.out / 'manifest.json'}",
            err=True,
        )
        if options.place.strict:
            sys.exit(3)


@cli.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
def inspect(files: tuple[str, ...]) -> None:
    """Print what a DAW will read from WAV, FLAC, AIFF, Ogg, MP3 and MIDI files: tempo, beats, loop, markers, key, text.

    A file that cannot be read is named, the others are read all the same; the exit code is 2 then.

    \b
    Example:
      musika-pack inspect packs/first/Loops/Techno_Loops/130bpm/*.wav
    """
    from musika_daw.system.plain import plain
    from pack_builder.inspect import lines_of

    unread: list[str] = []
    for name in files:
        try:
            lines = lines_of(Path(name))
        except OSError as error:
            unread.append(f"{name}: {(error.strerror or str(error)).lower()}")
        except ValueError as error:
            unread.append(f"{name}: {error}")
        else:
            click.echo(plain(name))
            for subject, text in lines:
                click.echo(f"  {subject:<10} {text}")
            continue
        if len(files) > 1:
            click.echo(f"error: {plain(unread[-1])}", err=True)
    if len(files) == 1 and unread:
        raise ValueError(plain(unread[0]))
    if unread:
        fail(f"{len(unread)} of {len(files)} files could not be read")


@cli.command()
@click.argument("folder", metavar="DIR")
@click.option(
    "--deep", is_flag=True, help="Measure tempo, beat offset, seam and density again too, and read MIDI files."
)
def verify(folder: str, deep: bool) -> None:
    """Check every file of a pack against its manifest: hash, length, chunks, levels, and the sum of stems.

    Ends with exit code 1 and a list of what differs where the pack is not as it was built.

    \b
    Example:
      musika-pack verify packs/first
    """
    from pack_builder.verify import verify

    try:
        report = verify(Path(folder), deep)
    except OSError as error:
        raise ValueError(f"{folder}: {(error.strerror or str(error)).lower()}") from None
    for name in report.unlisted:
        click.echo(f"note: {name} is not in the manifest")
    for note in report.notes:
        click.echo(f"note: {note.file}: {note.what}")
    for difference in report.differences:
        click.echo(f"{difference.file}: {difference.what}", err=True)
    if report.differences:
        wrong = len({difference.file for difference in report.differences})
        fail(f"{folder}: {wrong} files differ from the manifest", 1)
    what = "hash, length, chunks, levels" + (", tempo, seam, density, notes" if deep else "")
    stems = f" and {report.stems} stems, which add up to their loops," if report.stems else ""
    click.echo(f"{folder}: {report.files} audio files{stems} are as the manifest says ({what})")


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def fail(message: str, code: int = 2) -> NoReturn:
    """End the program with one line on stderr."""
    click.echo(f"error: {' '.join(message.split())}", err=True)
    sys.exit(code)


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point: errors in what the user gave are one line on stderr and exit code 2."""
    try:
        code = cli.main(arguments, prog_name="musika-pack", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Exit as end:
        sys.exit(end.exit_code)
    except (click.Abort, KeyboardInterrupt):
        fail("interrupted")
    except BrokenPipeError:
        # the reader of our output went away (`| head`): nothing left to say, also not at the interpreter's end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except ImportError as error:
        from musika_daw.system.libraries import lacking_in

        if (lacking := lacking_in(error)) is None:
            raise
        fail(lacking)
    except (click.ClickException, ValueError, OSError) as error:
        fail(told(error))
    sys.exit(code or 0)


if __name__ == "__main__":
    main()
