"""`musika-pack styles`: the named styles that `--styles` knows."""

import click


@click.command()
def styles() -> None:
    """List the named styles of techno: tempi where none are asked, and what each is.

    \b
    Example:
      musika-pack build --kind techno --styles dub,acid --loops-per-bpm 8
    """
    from musika_daw.score.techno.catalogue import STARTS

    for start in STARTS:
        tempi = ", ".join(map(str, start.bpm))
        click.echo(f"{start.name:<11} {tempi:<9} bpm  {start.says} ({start.genre})")
