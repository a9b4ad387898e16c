"""`musika-pack`: build, inspect and verify sample packs. Heavy modules are imported by the commands that use them."""

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:
    from pack_builder.plan.options import BuildOptions

_OUTSIDE = ("out", "models", "jobs", "cluster", "resume", "strict")
BUILD_HELP = """Render a pack of loops and takes.

\b
Examples:
  musika-pack build --bpm 120-160 --out packs/first
  musika-pack build --bpm 128 --kind techno --loops-per-bpm 16
  musika-pack build --bpm 120,128.5 --bars 8 --seed 42 --sample-rate 48000
  musika-pack build --kind piano --takes 12 --density 0.2-0.6 --take-seconds 30
  musika-pack build --kind piano --density-curve "0:0.2 8:0.8 16:0.3" --take-seconds 20
  musika-pack build --kind piano --take-bars 8 --take-bpm 90 --density none
  musika-pack build --kind techno --bpm 124,128,132 --kits 2 --one-shots 4 --finish club
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
@click.option("--version", is_flag=True, help="Show the version and exit.")
@click.pass_context
def cli(context: click.Context, version: bool) -> None:
    """Sample packs from a generative model: exactly timed, seamless, labelled.

    \b
    Examples:
      musika-pack build --bpm 120-160 --out packs/first
      musika-pack verify packs/first
      musika-pack inspect packs/first/Loops/Techno_Loops/120bpm/*.wav
    """
    if version:
        from importlib.metadata import version as version_of

        click.echo(f"musika-pack {version_of('musika-daw')}")
    elif context.invoked_subcommand is None:
        click.echo(context.get_help())


@cli.command(help=BUILD_HELP)
@click.option("--bpm", default="120-160", show_default=True, metavar="BPM", help="128, 120,128.5 or 120-160 (60..200).")
@click.option("--bpm-step", default="5", show_default=True, metavar="BPM", help="Step through a range of tempi.")
@click.option("--loops-per-bpm", default="2", show_default=True, metavar="N", help="Loops of each kind and tempo.")
@click.option("--bars", default="4", show_default=True, metavar="N", help="Bars of a loop: 1, 2, 4, 8 or 16.")
@click.option("--kind", "kinds", multiple=True, metavar="KIND", help="techno or piano, repeatable.  [default: both]")
@click.option("--takes", default="9", show_default=True, metavar="N", help="Free takes of each kind that has them.")
@click.option("--density", metavar="D", help="Notes of the takes: 0..1, a range, or none.  [default: 0.1-0.9]")
@click.option("--density-curve", metavar="CURVE", help='"0:0.2 8:0.8 16:0.3" (seconds:density) or a csv file.')
@click.option("--take-seconds", metavar="S", help="Length of a take, 1..600.  [default: 20]")
@click.option("--take-bars", metavar="N", help="Length of a take in bars, with --take-bpm.")
@click.option("--take-bpm", metavar="BPM", help="Tempo that --take-bars counts at, 20..300.")
@click.option("--kits", default="0", show_default=True, metavar="N", help="Kits of each kind: one style, many files.")
@click.option("--one-shots", default="0", show_default=True, metavar="N", help="Kicks, hats, claps and stabs, of each.")
@click.option("--attempts", default="12", show_default=True, metavar="N", help="Seeds to try for a file, 1..1000.")
@click.option("--keep-best", is_flag=True, help="Keep the least bad where no attempt was good, labelled.")
@click.option("--strict", is_flag=True, help="End with exit code 3 where a file was given up.")
@click.option("--finish", default="clean", show_default=True, metavar="CHAIN", help="clean, warm, club, none, a toml.")
@click.option("--format", default="wav24", show_default=True, metavar="F", help="wav24, wav16, wav32f, flac or aiff.")
@click.option("--seed", default="7", show_default=True, metavar="N", help="Another seed, another music.")
@click.option("--sample-rate", default="44100", show_default=True, metavar="HZ", help="44100, 48000, 88200 or 96000.")
@click.option("--label", default="MSK", show_default=True, metavar="TEXT", help="Your label, first in every name.")
@click.option("--name", metavar="TEXT", help="The pack's name.  [default: that of --out, or First]")
@click.option("--naming", default="default", show_default=True, metavar="STYLE", help="default (130bpm), splice (130).")
@click.option("--model", "models", multiple=True, metavar="NAME|PATH", help="Weights to use, once a kind, repeatable.")
@click.option("--out", metavar="DIR", help="New or empty folder.  [default: LABEL_-_NAME_-_WAV]")
@click.option("--jobs", metavar="N", help="Files rendered at a time.  [default: 2, 1 on one core]")
@click.option("--cluster", metavar="ADDRESS", help="Render on a Ray cluster: auto, local or host:port.")
@click.option("--resume", is_flag=True, help="Go on with a build that was stopped, or mend a damaged pack.")
@click.option(
    "--progress",
    type=click.Choice(["auto", "json"]),
    default="auto",
    show_default=True,
    help="json: one object a line, for programs.",
)
@click.option("--from-manifest", metavar="PATH", help="Make the pack of this manifest again, byte for byte.")
@click.option("--only", multiple=True, metavar="NAME", help="With --from-manifest: just these files, repeatable.")
@click.pass_context
def build(
    context: click.Context, from_manifest: str | None, only: tuple[str, ...], progress: str, **texts: Any
) -> None:
    from pack_builder.plan.options import BuildOptions

    if from_manifest is None:
        if only:
            raise ValueError(f"--only {only[0]!r}: needs --from-manifest")
        run_build(BuildOptions.parse(**texts), progress)  # checked before anything heavy is imported
        return
    given = click.core.ParameterSource.COMMANDLINE
    for name in texts:
        if name not in _OUTSIDE and context.get_parameter_source(name) == given:
            option = "--" + name.removesuffix("s" if name == "kinds" else "").replace("_", "-")
            raise ValueError(f"{option}: cannot be had with --from-manifest, the manifest says it")
    from pack_builder.again import differences, options_again

    if texts["out"] is None:
        raise ValueError("--from-manifest: needs --out, a new or empty folder")
    outside = outside_values({name: texts[name] for name in _OUTSIDE})
    options, folder = options_again(from_manifest, only, **outside)
    run_build(options, progress)
    if different := differences(folder, options.out):
        for name in different[:20]:
            click.echo(f"{name}: other bytes than the manifest says", err=True)
        fail(f"{len(different)} files came out differently (another machine, or another version of a library?)", 1)
    click.echo("every file has the bytes that the manifest says")


def outside_values(texts: dict[str, Any]) -> dict[str, Any]:
    """Options that change where and how a pack is made, not what is in it, from the texts of the command line."""
    from pack_builder.plan.options import DEFAULT_JOBS, usable_cores
    from pack_builder.plan.parse import whole

    jobs = texts.pop("jobs")
    values = texts | {"jobs": min(DEFAULT_JOBS, usable_cores()) if jobs is None else whole("--jobs", jobs, 1, 256)}
    return values | ({"out": Path(values["out"])} if "out" in values else {})


@cli.command()
@click.argument("folder", metavar="DIR")
@click.option("--loops", default="0", show_default=True, metavar="N", help="Loops to add, going round the tempi.")
@click.option("--takes", default="0", show_default=True, metavar="N", help="Takes to add.")
@click.option("--model", "models", multiple=True, metavar="NAME|PATH", help="The weights that the pack was made with.")
@click.option("--jobs", metavar="N", help="Files rendered at a time.  [default: 2, 1 on one core]")
@click.option("--cluster", metavar="ADDRESS", help="Render on a Ray cluster: auto, local or host:port.")
@click.option("--strict", is_flag=True, help="End with exit code 3 where a file was given up.")
@click.option("--resume", is_flag=True, help="Go on with an extension that was stopped.")
def extend(folder: str, loops: str, takes: str, resume: bool, **texts: Any) -> None:
    """Add loops and takes to a finished pack; what is in it stays as it is, byte for byte.

    \b
    Example:
      musika-pack extend packs/first --loops 100
    """
    from pack_builder.again import options_extended
    from pack_builder.plan.parse import whole

    counts = whole("--loops", loops, 0, 100_000), whole("--takes", takes, 0, 100_000)
    run_build(options_extended(folder, *counts, resume, **outside_values(texts)))


def run_build(options: "BuildOptions", progress: str = "auto") -> None:
    """Build, and tell the terminal; ends the program with the exit code that the help names."""
    from pack_builder.console import JsonLines, clock, observer, pack_table
    from pack_builder.record.stream import iter_rows
    from pack_builder.run.build import BuildError, build

    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        with observer(progress) as watcher:
            result = build(options, watcher)
            if isinstance(watcher, JsonLines):
                made = options.files - result.gaps
                watcher.tell("done", out=str(options.out.resolve()), files=made, gaps=result.gaps)
    except BuildError as error:
        fail(str(error), 2 if "disk is full" in str(error) else 1)
    except KeyboardInterrupt:
        fail(f"interrupted: what is finished in {options.out} is valid, add --resume to go on")
    finally:
        signal.signal(signal.SIGTERM, before)
    if progress == "json":
        if result.gaps and options.strict:
            sys.exit(3)
        return
    title = f"{options.label} - {options.name}: {options.files - result.gaps} files in {options.out}"
    pack_table(title, iter_rows(options.out))
    if result.rendered:
        pace = result.audio_seconds / result.seconds
        click.echo(
            f"{result.rendered} files, {clock(result.audio_seconds)} of audio in {clock(result.seconds)} "
            f"({pace:.1f}x real time, checks and files included)"
        )
    else:
        click.echo("everything was finished before, nothing to do")
    if result.gaps:
        click.echo(
            f"warning: {result.gaps} of {options.files} files were given up, no attempt kept to the limits; "
            f"see gaps in {options.out / 'manifest.json'}",
            err=True,
        )
        if options.strict:
            sys.exit(3)


@cli.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
def inspect(files: tuple[str, ...]) -> None:
    """Print what a DAW will read from WAV, FLAC, AIFF and Ogg files: tempo, beats, loop, markers, texts.

    A file that cannot be read is named, the others are read all the same; the exit code is 2 then.

    \b
    Example:
      musika-pack inspect packs/first/Loops/Techno_Loops/130bpm/*.wav
    """
    from musika_daw.plain import plain
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
@click.option("--deep", is_flag=True, help="Measure tempo, beat offset, seam and density again too.")
def verify(folder: str, deep: bool) -> None:
    """Check every file of a pack against its manifest: hash, length, chunks, levels.

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
    for difference in report.differences:
        click.echo(f"{difference.file}: {difference.what}", err=True)
    if report.differences:
        wrong = len({difference.file for difference in report.differences})
        fail(f"{folder}: {wrong} files differ from the manifest", 1)
    what = "hash, length, chunks, levels" + (", tempo, seam, density" if deep else "")
    click.echo(f"{folder}: {report.files} audio files are as the manifest says ({what})")


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
    except click.ClickException as error:
        message = error.format_message()
        fail(message[:1].lower() + message[1:])
    except ValueError as error:
        fail(str(error))
    except (click.Abort, KeyboardInterrupt):
        fail("interrupted")
    except BrokenPipeError:
        # the reader of our output went away (`| head`): nothing left to say, also not at the interpreter's end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    sys.exit(code or 0)


if __name__ == "__main__":
    main()
