"""`HostLink`: keeps strip, controls and notice as the host is, finds it, starts it, and finds it again."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial

from PySide6.QtCore import QObject

from musika_daw.host.control.live import PARAMETERS
from musika_daw.panel.later import later
from musika_daw.panel.link.client import HostClient
from musika_daw.panel.link.process import HostProcess
from musika_daw.panel.link.status import HostStatus, Offer, Welcome
from musika_daw.panel.score.like_row import LikeRow
from musika_daw.panel.score.written import WrittenRow
from musika_daw.panel.strip.strip import OWN_CLOCK, TransportStrip
from musika_daw.panel.window.notice import Action, Notice
from musika_daw.panel.window.steering import Steering

START_MS = 700
ON_THE_WAY_S = 0.6


class HostLink(QObject):
    """`values` are the controls as the user sees them: what is on the way to the host counts already.

    Where a host that the panel started is gone and comes back, it is told the values, parts, effects, MIDI inputs and
    source that it had.
    """

    def __init__(
        self,
        client: HostClient,
        process: HostProcess | None,
        strip: TransportStrip,
        steering: Steering,
        notice: Notice,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.client, self.process = client, process
        self._strip, self._steering, self._notice = strip, steering, notice
        self._on_the_way: dict[str, tuple[float | None, float]] = {}
        self._welcome: Welcome | None = None
        self._status: HostStatus | None = None
        self._was: tuple[Welcome, HostStatus] | None = None
        self._gives_back: HostStatus | None = None
        self._reason = ""
        self._read: set[str] = set()  # what the user was told though all is well, and has seen
        steering.setEnabled(False)
        self._rows: dict[str, WrittenRow | LikeRow] = {
            "key": steering.key,
            "chords": steering.chords,
            "voices": steering.like,
        }
        for name, row in self._rows.items():
            row.typed.connect(lambda text, name=name: self.write(name, text))
        client.welcomed.connect(self._welcomed)
        client.status.connect(self._show)
        client.lost.connect(self._lost)
        if process is not None:
            process.ended.connect(self._ended)

    @property
    def values(self) -> Mapping[str, float | None]:
        """What the controls are, or will be in a moment."""
        told = dict(self._status.values) if self._status is not None else {}
        return told | {name: value for name, (value, _) in self._on_the_way.items()}

    def start(self) -> None:
        """Look for a host, and start one where none answers."""
        self.client.start()
        self._say_lost()
        if self.process is not None:
            later(self, self._start_missing, START_MS)

    def stop(self) -> None:
        """Leave the host, and end it if it was started here."""
        if self.process is not None:
            self.process.stop(self.client.ask_to_end if self.owns_host else lambda: False)
        self.client.stop()

    def set_values(self, values: Mapping[str, float | None]) -> None:
        """Tell the host."""
        until_s = time.monotonic() + ON_THE_WAY_S
        self._on_the_way.update({name: (value, until_s) for name, value in values.items()})
        self.client.request("set", values=dict(values))
        self._steering.show_values(self.values)

    def write(self, name: str, text: str) -> None:
        """Have the music written in this key, these chords or voices, or in its own where the text is empty."""

        def answered(kind: str, data: Mapping[str, object]) -> None:
            self._rows[name].answer(text, None if kind == "done" else str(data.get("text")))

        self.client.request("score", answered, values={name: text or None})

    def follow(self, source: str) -> None:
        """Have the host follow another source."""
        self.client.request("source", name=source)

    def set_tempo(self, bpm: float) -> None:
        """Have the host's own clock go on at another tempo, bpm."""
        self.client.request("source", name=OWN_CLOCK, bpm=bpm)

    @property
    def model(self) -> str | None:
        """The model that the host plays; None without a host."""
        return None if self._welcome is None else self._welcome.model

    @property
    def owns_host(self) -> bool:
        """Whether the host that answers was started here, and may be started anew."""
        return self.process is not None and self._welcome is not None and self._welcome.pid == self.process.pid

    def use_model(self, model: str) -> None:
        """Start the host anew with another model; it is told the controls and the source that it had."""
        process = self.process
        if process is None or not self.owns_host:
            raise ValueError("model: this host was started elsewhere, which is where its model is chosen")
        process.stop(self.client.ask_to_end)
        process.arguments = with_option(process.arguments, "--model", model)
        process.start()
        self.client.start()  # which gave up looking for a host when it asked the other to end

    def _welcomed(self, welcome: Welcome) -> None:
        self._welcome, self._reason = welcome, ""
        self._steering.like.model = welcome.model
        self._steering.sliders["gain_db"].start = welcome.gain_start_db
        self._notice.clear()
        self._strip.picker.refresh()
        before, ours = self._was, self.process is not None and self.process.pid == welcome.pid
        if before is not None and before[0].pid != welcome.pid and ours:
            old, was = before
            self._gives_back = was
            self.client.request("set", values={**was.values, **_gain_there(was.values, old, welcome)})
            written = {"key": was.key, "chords": was.chords, "voices": was.voices}
            for name, text in written.items():
                if text is not None:
                    self.write(name, text)

    def _give_back(self, was: HostStatus, status: HostStatus) -> None:
        """Have a host that came back follow what the one before it did; its own clock also stopped with it."""

        def follows(kind: str, _data: Mapping[str, object]) -> None:
            if kind == "done" and was.source == OWN_CLOCK:
                self.client.request("act", action="play" if was.playing else "stop")

        for part, state in status.parts.items():
            for what in ("mute", "solo"):
                if (on := was.parts.get(part, state)[what]) != state[what]:
                    self.client.request("part", name=part, what=what, on=on)
        if was.effects_on != status.effects_on:
            self.client.request("effects", on=was.effects_on)
        if was.midi_port != status.midi_port:
            self.client.request("midi", port=was.midi_port)
        if was.chords_port != status.chords_port:
            self.client.request("chords_in", port=was.chords_port)
        if was.source == OWN_CLOCK:
            self.client.request("source", follows, name=OWN_CLOCK, bpm=was.bpm)
        elif was.source == status.source:
            follows("done", {})
        else:
            self.client.request("source", follows, name=was.source)

    def _show(self, status: HostStatus) -> None:
        if self._welcome is None:
            return
        if self._gives_back is not None:
            was, self._gives_back = self._gives_back, None
            self._give_back(was, status)
        self._status = status
        self._was = (self._welcome, status)
        now_s = time.monotonic()
        self._on_the_way = {
            name: (value, until_s)
            for name, (value, until_s) in self._on_the_way.items()
            if until_s > now_s and status.values.get(name) != value
        }
        self._steering.setEnabled(True)
        self._strip.show_status(status)
        self._steering.show_values(self.values)
        self._steering.show_status(status, bool(self._welcome.effects))
        self._say_how(status)

    def _say_how(self, status: HostStatus) -> None:
        actions: list[Action] = [(offer.label, partial(self._take, offer)) for offer in status.offers]
        if status.source_problem:
            self._notice.say(f"That source could not be used: {status.source_problem}", actions, "bad")
        elif status.sound_problem:
            self._notice.say(f"Nothing is heard: {status.sound_problem}", tone="bad")
        elif status.render_problem:
            self._notice.say(f"The music cannot be rendered: {status.render_problem}", tone="bad")
        elif status.state in ("waiting", "silent"):
            reason = status.reason[:1].upper() + status.reason[1:]
            self._notice.say(f"{status.source}: {reason}. {status.fix}", actions)
        elif status.reason:
            reason = status.reason[:1].upper() + status.reason[1:]
            self._notice.say(f"{status.source}: {reason}. {status.fix}")
        elif told := next(
            (text for text in (status.midi_problem, status.sound_told) if text and text not in self._read), None
        ):
            self._notice.say(told, [("OK", partial(self._has_read, told))])
        else:
            self._notice.clear()

    def _has_read(self, told: str) -> None:
        self._read.add(told)
        self._notice.clear()

    def _take(self, offer: Offer) -> None:
        self.client.request(offer.kind, **offer.values)

    def _lost(self) -> None:
        self._welcome = self._status = self._gives_back = None
        self._on_the_way.clear()
        self._strip.show_nothing()
        self._steering.setEnabled(False)
        self._steering.chords.heard.clear()
        self._steering.like.search.cancel()  # nobody would play what it finds
        self._say_lost()

    def _say_lost(self) -> None:
        process = self.process
        if process is None:
            self._notice.say(
                f"No host answers on port {self.client.port}. Start one in a terminal: musika-daw run SOURCE",
                tone="bad",
            )
        elif self._reason:
            self._notice.say(f"The host has ended: {self._reason}", [("Start it again", self._start_missing)], "bad")
        else:
            self._notice.say("Starting the host…", tone="good")

    def _start_missing(self) -> None:
        if self.process is not None and not self.client.is_welcome and not self.process.is_running:
            self._reason = ""
            self.process.start()
            self._say_lost()

    def _ended(self, reason: str) -> None:
        self._reason = reason
        if not self.client.is_welcome:
            self._say_lost()


def _gain_there(values: Mapping[str, float | None], old: Welcome, new: Welcome) -> dict[str, float | None]:
    """The gain of a host with another model, as far from where that model begins as it was."""
    gain_db, parameter = values.get("gain_db"), PARAMETERS["gain_db"]
    if gain_db is None or gain_db <= parameter.low:  # silence stays silence
        return {}
    there_db = gain_db - old.gain_start_db + new.gain_start_db
    return {"gain_db": min(max(there_db, parameter.low), parameter.high)}


def with_option(arguments: Sequence[str], option: str, value: str) -> list[str]:
    """Arguments of a command with one option set, whatever it was before."""
    made = list(arguments)
    if option in made[:-1]:
        made[made.index(option) + 1] = value
        return made
    return [*made, option, value]
