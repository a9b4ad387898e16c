"""`PluginSession`: a host for plugins put together from what a user asked for, started and stopped as one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from bridge import host_time
from bridge.plugin_link.rendezvous import rendezvous_folder
from bridge.plugin_link.source import PluginSource
from musika_daw.host.ahead.orphan import ORPHAN_FILE
from musika_daw.host.ahead.worker import ProcessWorker
from musika_daw.host.play.cache import ChunkCache
from musika_daw.host.play.effects import EffectChain
from musika_daw.host.play.render import Renderer, load_renderer
from musika_daw.host.plugin.host import PluginHost
from musika_daw.instrument.scores import check_asked
from musika_daw.score.controls import Controls

SLOTS = 512  # 87 s at 48 kHz, 34 MB


@dataclass(frozen=True)
class PluginOptions:
    """What a session is made of; see `musika-daw run --help`. `controls` say what plugins do not, see
    `PluginHost`; `idle_s` ends it that long after the last plugin left.
    """

    model: str = "parts"
    controls: Controls = field(default_factory=Controls)
    effects: tuple[str, ...] = ()
    ahead_s: float = 6.0
    port: int = 0
    idle_s: float | None = None


class PluginSession:
    """Everything of one `musika-daw run plugin`. Raises what its parts raise, before it announces itself.

    `load` makes the renderer in its process: a function at the top of a module.
    """

    def __init__(self, options: PluginOptions, load: Callable[[str], Renderer] = load_renderer) -> None:
        self.options, self._load = options, load
        if options.effects:
            EffectChain(options.effects)  # a wrong line is refused at once, not by the renderer
        self.quit = False
        self._worker: ProcessWorker | None = None
        self._alone_since_s = host_time()
        self._cache = ChunkCache(SLOTS, shared=True)
        try:
            worker = self._new_worker()
            check_asked(options.controls, worker.facts["score"], worker.facts["name"])
            self.host = PluginHost(
                self._cache,
                worker,
                controls=options.controls,
                effects=options.effects,
                ahead_s=options.ahead_s,
                score=worker.facts["score"],
                new_worker=self._new_worker,
            )
        except BaseException:
            if self._worker is not None:
                self._worker.close()
            self._cache.close()
            raise
        self.source = PluginSource(self.host, options.port)

    def start(self) -> None:
        """Let plugins connect. Raises SourceError if another host runs or the port is taken."""
        self._alone_since_s = host_time()
        self.source.start()

    def end(self) -> None:
        """Ask whoever runs this session to stop it."""
        self.quit = True

    def stop(self) -> None:
        """Stop everything and give everything back."""
        self.source.stop()
        self.host.close()
        if self._worker is not None:
            self._worker.close()
        self._cache.close()

    @property
    def renderer_pid(self) -> int | None:
        """Process of the renderer."""
        return None if self._worker is None else self._worker.pid

    def is_over(self) -> bool:
        """Whether it was told to quit, or has been alone for too long; asked a few times a second."""
        if self.source.instances:
            self._alone_since_s = host_time()
        idle_s = self.options.idle_s
        return self.quit or (idle_s is not None and host_time() - self._alone_since_s > idle_s)

    def _new_worker(self) -> ProcessWorker:
        name = self._cache.memory_name
        assert name is not None
        self._worker = ProcessWorker(
            self.options.model, name, SLOTS, self._load, orphan_file=rendezvous_folder() / ORPHAN_FILE
        )
        return self._worker
