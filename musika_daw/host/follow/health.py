"""`Health`: how a source of transport is, and where nothing useful comes from it, why and what helps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bridge import Transport, Valid

SILENT_S = 2.0
# what to look at when nothing comes, by the kind of source: (reason, what helps)
SILENCE: Mapping[str, tuple[str, str]] = {
    "internal": ("the host's own clock stands still", "Press play."),
    "jack": (
        "no JACK server answers",
        "Start JACK or PipeWire (pw-jack), and set the DAW's audio system to JACK with JACK transport on.",
    ),
    "link": ("no Ableton Link session is joined", "Switch Link on in the DAW, on this machine or this network."),
    "midi": (
        "no MIDI clock arrives",
        "Switch MIDI clock (sync) on for this output in the DAW, then press play there. Is it the right port?",
    ),
    "jack-midi": ("no MIDI clock arrives", "Connect the DAW's MIDI clock output to this port in JACK."),
    "mtc": ("no MIDI time code arrives", "Switch MIDI time code on for this output in the DAW, then press play there."),
    "osc": (
        "no OSC message arrives",
        "Switch the OSC control surface on in the DAW and compare its ports with docs/live.md.",
    ),
    "plugin": (
        "no plugin is connected",
        "Load the musika-daw plugin on a track of the DAW; `musika-daw plugin` installs it.",
    ),
    "udp": ("no datagram arrives", "Start the sender; docs/bridge-protocol.md says what to send."),
    "tcp": ("no program is connected", "Start the sender; docs/bridge-protocol.md says what to send."),
}
OWN_CLOCK: Mapping[str, Any] = {"label": "Use the host's own clock", "message": {"kind": "source", "name": "internal"}}
PLAY: Mapping[str, Any] = {"label": "Play", "message": {"kind": "act", "action": "play"}}


@dataclass(frozen=True)
class Health:
    """State of a source: "playing", "stopped", "waiting" (nothing came yet) or "silent" (it no longer comes).

    `reason` and `fix` are sentences for a person, empty where all is well. `offers` are what a click may do about it:
    a label, and the request of the control socket that does it. `age_s` is how old the newest record is.
    """

    state: str
    reason: str = ""
    fix: str = ""
    offers: tuple[Mapping[str, Any], ...] = field(default_factory=tuple)
    age_s: float | None = None


def source_health(
    name: str, record: Transport, now_s: float, *, warnings: tuple[str, ...] = (), steers: bool = False
) -> Health:
    """The health of a source by the name it was made from; `steers` says that it can be told to play."""
    kinds = [part.strip().partition(":")[0] for part in name.split("+")]
    reason, fix = SILENCE.get(kinds[0], ("nothing arrives", "Choose another source."))
    known = record.known()
    told = bool(set(known) - {"host_time_s", "sample_rate_hz"})
    age_s = max(0.0, now_s - record.host_time_s) if told and record.knows(Valid.HOST_TIME_S) else None
    away = () if kinds == ["internal"] else (OWN_CLOCK,)
    if not told:
        return Health("waiting", reason, fix, away)
    playing = record.is_rolling or (not record.knows(Valid.PLAYING) and record.knows(Valid.PHASE_BEATS))
    if playing and age_s is not None and age_s > SILENT_S:
        gone = f"it was playing, and nothing has come for {age_s:.0f} s"
        return Health("silent", gone, fix, away, age_s)
    worry, help_ = "", ""
    if warnings:
        worry, help_ = warnings[0], "See docs/live.md for this DAW."
    elif not record.knows(Valid.TEMPO_BPM):
        worry = "it tells no tempo, so the host's own is used"
        help_ = (
            "Make the DAW the JACK timebase master." if kinds == ["jack"] else "Join it with one that does: link+..."
        )
    if not playing:
        if "link" in kinds and not help_:
            help_ = "Press play{}, also where it plays already: Link does not tell that to who joins.".format(
                "" if steers else " in the DAW"
            )
        help_ = help_ or ("Press play." if steers else "Press play in the DAW.")
        return Health("stopped", worry, help_, (PLAY,) if steers else (), age_s)
    return Health("playing", worry, help_, (), age_s)
