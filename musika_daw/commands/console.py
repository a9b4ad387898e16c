"""How every command line of the project reports: one lower-case line on stderr, exit code 2, no traceback."""

from __future__ import annotations

from typing import Any

import click


class OneLineGroup(click.Group):
    """A click group whose errors are one lower-case line; Ctrl-C ends with exit code 130."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        kwargs["standalone_mode"] = False
        try:
            return super().main(*args, **kwargs)
        except click.exceptions.Abort:
            click.echo("stopped", err=True)
            raise SystemExit(130) from None
        except click.ClickException as error:
            click.echo(one_line(error.format_message()), err=True)
            raise SystemExit(2) from None
        except (ValueError, OSError) as error:
            click.echo(one_line(str(error)), err=True)
            raise SystemExit(2) from None


def one_line(text: str) -> str:
    """Text on one line, its first letter lower case."""
    text = " ".join(text.split())
    return text[:1].lower() + text[1:]
