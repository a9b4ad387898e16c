"""The options of `run` and `monitor` that say how a source is listened to."""

from __future__ import annotations

from typing import Any

import click

from musika_daw.commands.console import Number


def source_options(command: Any) -> Any:
    """The options that `run` and `monitor` share."""
    for option in (
        click.option(
            "--bpm", default=120.0, show_default=True, type=Number(1, 1000), help="Tempo where the source tells none."
        ),
        click.option("--jack-server", help="Name of the JACK server.  [default: JACK's own]"),
        click.option("--listen-port", type=click.IntRange(0, 65535), help="Port for OSC, UDP or TCP."),
        click.option("--send-port", type=click.IntRange(0, 65535), help="Port where the DAW listens for OSC."),
        click.option("--listen-host", default="127.0.0.1", show_default=True, help="Address to listen on."),
        click.option("--allow-remote", is_flag=True, help="Let --listen-host be other than loopback; no password."),
        click.option(
            "--source-latency-ms",
            default=0.0,
            show_default=True,
            type=Number(-500, 2000),
            help="How old the source's news is.",
        ),
        click.option(
            "--jitter-ms",
            default=6.0,
            show_default=True,
            type=Number(0.05, 100),
            help="Jitter of MIDI clock to expect: 22 for audio periods of 1024 frames.",
        ),
        click.option(
            "--song-position-divisor",
            default=1,
            show_default=True,
            type=click.IntRange(1, 96),
            help="Corrects song positions that are too large: 6 for Ardour before 7.4.",
        ),
    ):
        command = option(command)
    return command


def source_options_of(values: dict[str, Any]) -> Any:
    """`SourceOptions` from the values of these options."""
    from musika_daw.host.follow.sources import SourceOptions

    return SourceOptions(
        bpm=values["bpm"],
        jack_server=values["jack_server"],
        listen_port=values["listen_port"],
        send_port=values["send_port"],
        host=values["listen_host"],
        allow_remote=values["allow_remote"],
        latency_s=values["source_latency_ms"] / 1000,
        jitter_s=values["jitter_ms"] / 1000,
        song_position_divisor=values["song_position_divisor"],
    )
