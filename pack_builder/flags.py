"""`some_options`: options of a command, as they are declared at the fields that they fill."""

from collections.abc import Callable
from typing import Any

import click

from pack_builder.plan.options import OPTIONS


def some_options(*names: str) -> Callable[[Any], Any]:
    """Options of a command as they are declared, by their keywords."""

    def add(command: Any) -> Any:
        for option in reversed([option for option in OPTIONS if option.name in names]):
            if option.switch:
                command = click.option(option.flag, option.name, is_flag=True, help=option.help)(command)
                continue
            if option.either:
                both = f"{option.flag}/--no-{option.flag.removeprefix('--')}"
                command = click.option(both, option.name, default=None, help=option.help)(command)
                continue
            shown = option.text is not None
            command = click.option(
                option.flag,
                option.name,
                default=option.text,
                show_default=shown,
                multiple=option.many,
                metavar=option.metavar,
                help=option.help,
            )(command)
        return command

    return add
