"""`declared`: an option of the command line, written down once, at the field that it fills."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from typing import Any

Read = Callable[[str, Any], Any]


@dataclass(frozen=True)
class Option:
    """One option: its keyword, help and default text; `read(flag, text)` checks a text and gives the value.

    Without `read` the text is checked with others in `BuildOptions.parse`. A `switch` has no text, one that is `many`
    has several. What is `either` is a switch that may be turned off too (`--no-NAME`), and None where it is not given.
    """

    name: str
    help: str
    text: str | None = None
    metavar: str | None = None
    read: Read | None = None
    switch: bool = False
    either: bool = False
    many: bool = False
    spelled: str = ""

    @property
    def flag(self) -> str:
        """As it is written on the command line."""
        return self.spelled or "--" + self.name.replace("_", "-")

    @property
    def default(self) -> Any:
        """What it is where it is not given."""
        return False if self.switch else () if self.many else self.text

    def value(self, given: Any) -> Any:
        """The checked value of what was given; raises ValueError naming the option and what is allowed."""
        return self.read(self.flag, given) if self.read is not None and given is not None else given


def declared(*options: Option) -> Any:
    """A field that these options fill."""
    return field(metadata={"options": options})


def values_for(record: type, values: dict[str, Any]) -> dict[str, Any]:
    """Of some values those that a record has a field for."""
    return {each.name: values[each.name] for each in fields(record) if each.name in values}


def options_of(*records: type) -> Iterator[Option]:
    """All options that records declare, in the order of their fields."""
    for record in records:
        for each in fields(record):
            yield from each.metadata.get("options", ())
