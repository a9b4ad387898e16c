"""How every command line of the project reports: `error: ` and one line on stderr, exit code 2, no traceback."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

from musika_daw import __version__
from musika_daw.system.refusal import of_system

# what click says of a text that it cannot read, in words of programmers
_NO_NUMBER = re.compile(r"('.*') is not a valid (float|integer)(?: range)?\.", re.DOTALL)
# of click 8.2 and later; those before print the help themselves
_NO_ARGUMENTS: Any = getattr(click.exceptions, "NoArgsIsHelpError", ())
Function = TypeVar("Function", bound=Callable[..., None])


class Number(click.FloatRange):
    """A number of a range, which `nan` and `inf` are not, whatever a comparison says of them."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{number}, must be {_wanted(self, 'float')}", param, ctx)
        return number


class OneLineGroup(click.Group):
    """A click group whose errors are one lower-case line; Ctrl-C ends with exit code 130."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        kwargs["standalone_mode"] = False
        try:
            return super().main(*args, **kwargs)
        except click.exceptions.Abort:
            click.echo("stopped", err=True)
            raise SystemExit(130) from None
        except _NO_ARGUMENTS as error:  # to be given nothing is no mistake
            click.echo(error.format_message())
            return None
        except ImportError as error:
            from musika_daw.system.libraries import lacking_in

            if (lacking := lacking_in(error)) is None:
                raise
            click.echo(f"error: {lacking}", err=True)
            raise SystemExit(2) from None
        except (click.ClickException, ValueError, OSError) as error:
            click.echo(f"error: {told(error)}", err=True)
            raise SystemExit(2) from None


def version_option(program: str) -> Callable[[Function], Function]:
    """The option --version of one of the commands, which all have the version of the package."""
    return click.version_option(__version__, prog_name=program, message="%(prog)s %(version)s")


def told(error: Exception) -> str:
    """What an error says to who gave the command: the argument, its value and what is allowed, on one line.

    ```
    --block: 3 is not in the range 64<=x<=8192
    take.wav: no such file or directory
    ```
    """
    if isinstance(error, click.BadParameter) and not isinstance(error, click.MissingParameter):
        where = error.param.get_error_hint(error.ctx).replace("'", "") if error.param and error.ctx else "argument"
        if error.param is not None and (no_number := _NO_NUMBER.fullmatch(error.message)):
            return f"{where}: {no_number[1]}, must be {_wanted(error.param.type, no_number[2])}"
        return f"{where}: {one_line(error.message.removesuffix('.'))}"
    if isinstance(error, click.ClickException):
        return one_line(error.format_message().removesuffix("."))
    if isinstance(error, OSError):
        return of_system(error) if error.strerror else one_line(str(error))
    return " ".join(str(error).split())  # ours, told as they are: their first word may be a name


def _wanted(kind: Any, number: str) -> str:
    """The numbers that an option takes, in words."""
    name = "a number" if number == "float" else "a whole number"
    low, high = getattr(kind, "min", None), getattr(kind, "max", None)
    if low is not None and high is not None:
        return f"{name} within {low:g}..{high:g}"
    return name if low is None else f"{name}, {low:g} or more"


def one_line(text: str) -> str:
    """A message of click's on one line; its first letter is lower case unless the word is a name, such as JACK."""
    text = " ".join(text.split())
    first = text.partition(" ")[0]
    return text[:1].lower() + text[1:] if first[1:].islower() or len(first) == 1 else text


def pace(sound_s: float, took_s: float) -> str:
    """How fast seconds of sound were made: `12 times real time`, with a decimal below ten of them."""
    times = sound_s / max(took_s, 1e-9)
    return f"{times:.0f} times real time" if times >= 10 else f"{times:.1f} times real time"
