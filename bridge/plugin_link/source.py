"""`PluginSource`: the transport of the DAW as its plugins tell it."""

from __future__ import annotations

from bridge.clock.source import Counts, Listener, TransportSource
from bridge.clock.transport import Transport
from bridge.plugin_link.codes import Ability, Flag, Known
from bridge.plugin_link.instance import Attendant, PluginInstance
from bridge.plugin_link.keys import Keys
from bridge.plugin_link.server import PluginServer
from bridge.plugin_link.wire import PluginTransport


def transport_of(news: PluginTransport, sample_rate_hz: float, now_s: float) -> Transport:
    """A plugin's message as a record; what the DAW does not know stays unknown."""
    fields: dict[str, object] = {
        "playing": Flag.PLAYING in news.flags,
        "recording": Flag.RECORDING in news.flags,
        "loop_on": Flag.LOOP_ON in news.flags,
        "host_time_s": now_s,
        "sample_rate_hz": sample_rate_hz,
    }
    if Known.FRAME in news.known:
        fields |= {"position_frames": news.frame, "position_s": news.frame / sample_rate_hz}
    if Known.BEAT in news.known:
        fields["position_beats"] = news.beat
    if Known.BPM in news.known:
        fields["tempo_bpm"] = news.bpm
    if Known.BAR_START in news.known:
        fields["bar_start_beats"] = news.bar_start_beat
    if Known.LOOP in news.known:
        fields |= {"loop_start_beats": news.loop_start_beat, "loop_end_beats": news.loop_end_beat}
    if Known.SIGNATURE in news.known and 1 <= news.numerator <= 99 and news.denominator in (1, 2, 4, 8, 16, 32, 64):
        fields |= {"signature_numerator": news.numerator, "signature_denominator": news.denominator}
    return Transport.of(**fields)


class PluginSource(TransportSource):
    """Reports what the plugin that plays says; of several the one that was heard first.

    An `attendant` is told of everything as well, and may send audio; without one plugins are silent.
    """

    def __init__(self, attendant: Attendant | None = None, port: int = 0, listener: Listener | None = None) -> None:
        super().__init__("plugin", listener)
        self._attendant = attendant
        self._speaker: PluginInstance | None = None
        self.server = PluginServer(self, port)

    def start(self) -> None:
        """Open the port and announce it. Raises SourceError if another host runs."""
        self.server.start()

    def stop(self) -> None:
        """Hang up and close the port."""
        self.server.stop()

    @property
    def counts(self) -> Counts:
        """Messages of all plugins."""
        return self.server.counts

    @property
    def instances(self) -> list[PluginInstance]:
        """The plugins that are connected."""
        return self.server.instances

    def joined(self, instance: PluginInstance) -> None:
        """Called by the server."""
        if self._attendant is not None:
            self._attendant.joined(instance)

    def left(self, instance: PluginInstance) -> None:
        """Called by the server."""
        if instance is self._speaker:
            self._speaker = None
            self._publish(Transport())
        if self._attendant is not None:
            self._attendant.left(instance)

    def moved(self, instance: PluginInstance, news: PluginTransport, now_s: float) -> None:
        """Called by the server."""
        before = self._speaker.transport if self._speaker is not None else None
        if before is None or Flag.PLAYING not in before.flags:
            self._speaker = instance
        if instance is self._speaker:
            self._publish(transport_of(news, instance.hello.sample_rate_hz, now_s))
        if self._attendant is not None:
            self._attendant.moved(instance, news, now_s)
        elif instance.transport is None or news.place != instance.transport.place:
            instance.take_in(news.place)

    @property
    def abilities(self) -> Ability:
        """What the attendant's model can follow."""
        return Ability(0) if self._attendant is None else self._attendant.abilities

    def played(self, instance: PluginInstance, keys: Keys) -> None:
        """Called by the server."""
        if self._attendant is not None:
            self._attendant.played(instance, keys)

    def step(self, now_s: float) -> bool:
        """Called by the server."""
        return self._attendant is not None and self._attendant.step(now_s)
