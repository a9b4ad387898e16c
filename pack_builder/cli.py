"""`musika-pack`: build, inspect and verify sample packs. Heavy modules are imported by the commands that use them."""

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import click

BUILD_HELP = """Render a pack of loops and takes.

\b
Examples:
  musika-pack build --bpm 120-160 --out packs/first
  musika-pack build --bpm 128 --kind techno --loops-per-bpm 16
  musika-pack build --bpm 120,128.5 --bars 8 --seed 42 --sample-rate 48000
  musika-pack build --kind piano --takes 12 --density 0.2-0.6 --take-seconds 30
  musika-pack build --bpm 120-160 --out packs/first --resume

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
@click.option("--density", default="0.1-0.9", show_default=True, metavar="D", help="Notes of the takes: 0..1, or none.")
@click.option("--take-seconds", default="20", show_default=True, metavar="S", help="Length of a take, 1..600.")
@click.option("--seed", default="7", show_default=True, metavar="N", help="Another seed, another music.")
@click.option("--sample-rate", default="44100", show_default=True, metavar="HZ", help="44100, 48000, 88200 or 96000.")
@click.option("--label", default="MSK", show_default=True, metavar="TEXT", help="Your label, first in every name.")
@click.option("--name", default="First", show_default=True, metavar="TEXT", help="The pack's name.")
@click.option("--naming", default="default", show_default=True, metavar="STYLE", help="default (130bpm), splice (130).")
@click.option("--model", "models", multiple=True, metavar="NAME|PATH", help="Weights to use, once a kind, repeatable.")
@click.option("--out", metavar="DIR", help="New or empty folder.  [default: LABEL_-_NAME_-_WAV]")
@click.option("--jobs", metavar="N", help="Files rendered at a time.  [default: 2, 1 on one core]")
@click.option("--resume", is_flag=True, help="Go on with a build that was stopped, or mend a damaged pack.")
def build(**texts: Any) -> None:
    from pack_builder.options import BuildOptions

    options = BuildOptions.parse(**texts)  # checked before anything heavy is imported
    from pack_builder.build import BuildError, build
    from pack_builder.console import clock, observer, pack_table

    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        with observer() as watcher:
            result = build(options, watcher)
    except BuildError as error:
        fail(str(error), 2 if "disk is full" in str(error) else 1)
    except KeyboardInterrupt:
        fail(f"interrupted: what is finished in {options.out} is valid, add --resume to go on")
    finally:
        signal.signal(signal.SIGTERM, before)
    rows = result.manifest.rows
    title = f"{options.label} - {options.name}: {len(rows)} files in {options.out}"
    pack_table(title, rows)
    if not result.rendered:
        click.echo("everything was finished before, nothing to do")
        return
    pace = result.audio_seconds / result.seconds
    click.echo(
        f"{result.rendered} files, {clock(result.audio_seconds)} of audio in {clock(result.seconds)} "
        f"({pace:.1f}x real time, checks and files included)"
    )


@cli.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
def inspect(files: tuple[str, ...]) -> None:
    """Print what a DAW will read from WAV files: tempo, beats, loop, markers, texts.

    \b
    Example:
      musika-pack inspect packs/first/Loops/Techno_Loops/130bpm/*.wav
    """
    from pack_builder.inspect import lines_of

    for name in files:
        try:
            lines = lines_of(Path(name))
        except OSError as error:
            raise ValueError(f"{name}: {(error.strerror or str(error)).lower()}") from None
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
        click.echo(name)
        for subject, text in lines:
            click.echo(f"  {subject:<10} {text}")


@cli.command()
@click.argument("folder", metavar="DIR")
def verify(folder: str) -> None:
    """Check every file of a pack against its manifest: hash, length, chunks, levels.

    Ends with exit code 1 and a list of what differs where the pack is not as it was built.

    \b
    Example:
      musika-pack verify packs/first
    """
    from pack_builder.verify import verify

    try:
        report = verify(Path(folder))
    except OSError as error:
        raise ValueError(f"{folder}: {(error.strerror or str(error)).lower()}") from None
    for name in report.unlisted:
        click.echo(f"note: {name} is not in the manifest")
    for difference in report.differences:
        click.echo(f"{difference.file}: {difference.what}", err=True)
    if report.differences:
        wrong = len({difference.file for difference in report.differences})
        fail(f"{folder}: {wrong} files differ from the manifest", 1)
    click.echo(f"{folder}: {report.files} audio files are as the manifest says (hash, length, chunks, levels)")


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def fail(message: str, code: int = 2) -> NoReturn:
    """End the program with one line on stderr."""
    line = " ".join(message.split())
    click.echo(f"error: {line[:1].lower()}{line[1:]}", err=True)
    sys.exit(code)


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point: errors in what the user gave are one line on stderr and exit code 2."""
    try:
        code = cli.main(arguments, prog_name="musika-pack", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Exit as end:
        sys.exit(end.exit_code)
    except click.ClickException as error:
        fail(error.format_message())
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
