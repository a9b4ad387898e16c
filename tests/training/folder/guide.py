"""The commands of the guide, as they stand there."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

from click.testing import CliRunner

GUIDE = Path(__file__).parents[3] / "docs" / "training.md"
# the guide's own model and an hour of training are exchanged for a model of a few weights and two steps, on one thread
MODEL = ("--autoencoder techno", "--init-from techno")
TIME = "--minutes 60"
TINY = "--steps 2 --config tiny --set batch=2 --set discriminator_width=8"


@dataclass
class Guide:
    """What the four commands made: the folder of music with its `tempi` and the `reasons` why files are skipped, and
    what each command said."""

    music: Path
    tempi: dict[str, float | None]
    reasons: dict[str, str]
    said: list[str] = field(default_factory=list)

    @property
    def home(self) -> Path:
        """Where the commands were given."""
        return self.music.parents[1]

    @property
    def corpus(self) -> Path:
        """What the first made."""
        return self.home / "corpora" / "mine"


def commands(heading: str, block: int = 0) -> list[str]:
    """The lines of a block of commands below a heading of the guide."""
    section = GUIDE.read_text("utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"```\n(.*?)```", section, re.DOTALL)[block].splitlines()


def give(line: str, home: Path) -> str:
    """Give one command as if at `home`; returns what it said."""
    from musika_daw.commands.cli import main as musika_daw
    from pack_builder.cli import cli as musika_pack
    from training.cli import main as musika_train

    programs = {"musika-daw": musika_daw, "musika-pack": musika_pack, "musika-train": musika_train}
    program, *arguments = shlex.split(line)
    if arguments[0] in ("encode", "gan"):
        arguments += ["--threads", "1"]
    arguments = [a.replace("~", str(home), 1) if a.startswith("~/") else a for a in arguments]
    result = CliRunner().invoke(programs[program], arguments)
    assert result.exit_code == 0, f"{line}: {result.output}"
    return result.output
