"""Versions and messages of the three command lines."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import musika_daw
import pack_builder.cli
import training.cli
from musika_daw.commands.cli import main
from musika_daw.commands.console import Number, OneLineGroup, one_line, pace, told


@pytest.mark.parametrize(
    ("program", "command"),
    [("musika-daw", main), ("musika-pack", pack_builder.cli.cli), ("musika-train", training.cli.main)],
)
def test_every_command_tells_the_version_of_the_package(program: str, command: click.Command) -> None:
    result = CliRunner().invoke(command, ["--version"])
    assert (result.exit_code, result.output) == (0, f"{program} {musika_daw.__version__}\n")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (main, []),
        (main, ["plugin"]),
        (pack_builder.cli.cli, []),
        (training.cli.main, []),
        (training.cli.main, ["corpus"]),
        (training.cli.main, ["evaluate"]),
    ],
)
def test_a_command_alone_says_what_it_can_do(command: click.Command, words: list[str]) -> None:
    """It is what a newcomer types first, and no error."""
    result = CliRunner().invoke(command, words)
    assert result.exit_code == 0, result.output
    assert result.output == CliRunner().invoke(command, [*words, "--help"]).output
    assert result.output.count("\n") > 8


def test_the_version_stands_in_one_place() -> None:
    root = Path(musika_daw.__file__).parents[1]
    places = [*root.glob("*.toml"), *(root / "bridge").rglob("*.hpp"), *(root / "bridge").rglob("Makefile")]
    places += [
        path for name in ("musika_daw", "pack_builder", "bridge", "training") for path in (root / name).rglob("*.py")
    ]
    found = [path.relative_to(root) for path in places if f'"{musika_daw.__version__}"' in path.read_text("utf-8")]
    assert found == [Path("musika_daw/__init__.py")]
    assert re.fullmatch(r"\d+\.\d+\.\d+", musika_daw.__version__)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Invalid value for '--bpm': no", "invalid value for '--bpm': no"),
        ("No such\n  option", "no such option"),
        ("A number is missing", "a number is missing"),
        ("JACK needs an extra", "JACK needs an extra"),
        ("PortAudio needs an extra", "PortAudio needs an extra"),
        ("I/O error", "I/O error"),
        ("", ""),
    ],
)
def test_names_keep_their_capitals(text: str, line: str) -> None:
    assert one_line(text) == line


@pytest.mark.parametrize("text", ["JACK server 'default' does not answer", "Ableton Link needs an extra", "MIDI port"])
def test_an_error_of_ours_is_told_as_it_is(text: str) -> None:
    @click.group(cls=OneLineGroup)
    def program() -> None:
        pass

    @program.command()
    def fail() -> None:
        raise ValueError(text)

    result = CliRunner().invoke(program, ["fail"])
    assert (result.exit_code, result.output) == (2, f"error: {text}\n")


def test_an_error_of_the_system_names_the_file_and_no_number(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="Errno") as error:
        (tmp_path / "Nobody.wav").read_bytes()
    assert told(error.value) == f"{tmp_path / 'Nobody.wav'}: no such file or directory"
    assert told(OSError("a device\nwent away")) == "a device went away"
    assert told(OSError(28, "No space left on device")) == "no space left on device"


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "NaN", "1e999"])
@pytest.mark.parametrize(
    ("low", "high", "allowed"), [(1, 1000, " within 1..1000"), (0.1, None, ", 0.1 or more"), (None, 9, "")]
)
def test_no_option_takes_what_is_no_number(text: str, low: float | None, high: float | None, allowed: str) -> None:
    heard: list[float] = []

    @click.group(cls=OneLineGroup)
    def program() -> None:
        pass

    @program.command()
    @click.option("--bpm", type=Number(low, high))
    def play(bpm: float) -> None:
        heard.append(bpm)

    result = CliRunner().invoke(program, ["play", "--bpm", text])
    assert (result.exit_code, result.output.count("\n"), heard) == (2, 1, [])
    assert result.output.startswith(f"error: --bpm: {float(text)}")
    if text.lower() == "nan":
        assert result.output == f"error: --bpm: nan, must be a number{allowed}\n"
    assert CliRunner().invoke(program, ["play", "--bpm", "5.5"]).exit_code == 0
    assert heard == [5.5]


def test_every_option_for_a_number_of_every_program_is_of_that_kind() -> None:
    def commands(command: click.Command) -> list[click.Command]:
        inner = command.commands.values() if isinstance(command, click.Group) else ()
        return [command, *(found for each in inner for found in commands(each))]

    options = [
        param
        for program in (main, training.cli.main, pack_builder.cli.cli)
        for c in commands(program)
        for param in c.params
    ]
    numbers = [param for param in options if isinstance(param.type, click.types.FloatParamType)]
    assert len(numbers) > 20
    assert [param.name for param in numbers if not isinstance(param.type, Number)] == []


@pytest.mark.parametrize(
    ("took_s", "said"), [(0.25, "40 times real time"), (2.5, "4.0 times real time"), (50.0, "0.2 times real time")]
)
def test_a_pace_below_ten_has_a_decimal(took_s: float, said: str) -> None:
    assert pace(10.0, took_s) == said
