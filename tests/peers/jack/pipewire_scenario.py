"""What the host hears of PipeWire's JACK transport, told line by line; run by `test_pipewire` under `pw-jack`.

`follow`: a timebase master of its own plays over a tempo step, is sent elsewhere, stops and starts again.
`sink`: the host's own clock plays into the server, which ends, comes back, and changes its rate, as the test wants.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

STEP, RATE = 6 * 48_000, 48_000


def beat_at(frame: int) -> float:
    """The song: 120 bpm, from 6 s on 150."""
    return frame / 24_000 if frame < STEP else 12 + (frame - STEP) * 150 / 60 / RATE


def _timebase(_state: object, _frames: int, position: Any, _new: bool) -> None:
    beats = beat_at(position.frame)
    position.valid = 0x10  # bars, beats, ticks
    position.beats_per_bar, position.beat_type, position.ticks_per_beat = 4, 4, 1920
    position.beats_per_minute = 120 if position.frame < STEP else 150
    position.bar, position.beat, position.tick = int(beats // 4) + 1, int(beats % 4) + 1, int(beats % 1 * 1920)
    position.bar_start_tick = (position.bar - 1) * 4 * 1920


def follow() -> None:
    """Print `seconds playing frame bars_off_ms host_off_ms` for each new frame."""
    import jack

    from bridge import JackSource
    from musika_daw.host.follow.jack_follower import JackFollower

    master = jack.Client("master", no_start_server=True)
    master.set_timebase_callback(_timebase)
    master.activate()
    moves = [
        (0.5, lambda: master.transport_locate(RATE)),
        (1.0, master.transport_start),
        (8.5, lambda: master.transport_locate(10 * RATE)),
        (11.5, lambda: master.transport_locate(2 * RATE)),
        (13.0, master.transport_stop),
        (13.7, master.transport_start),
    ]
    source, follower, last = JackSource(), JackFollower(120.0), None
    source.start()
    begun_s = time.monotonic()
    while (now_s := time.monotonic() - begun_s) < 16:
        while moves and moves[0][0] <= now_s:
            moves.pop(0)[1]()
        record = source.latest()
        grid = follower.update(record, source.clock())
        frame = record.position_frames
        if (record.playing, frame) != last:
            truth, beat_ms = beat_at(frame), 60_000 / record.tempo_bpm
            off = (record.position_beats - truth) * beat_ms, (grid.beat_at(record.position_s) - truth) * beat_ms
            print(f"{now_s:.3f} {int(record.playing)} {frame} {off[0]:.2f} {off[1]:.2f}", flush=True)
        last = record.playing, frame
        time.sleep(0.005)


def sink(folder: Path) -> None:
    """Print what the sink says when it changes, and how many blocks it has asked for, until a file `end` is there."""
    from musika_daw.host.session import Session, SessionOptions

    session = Session(SessionOptions(source="internal", sink="jack", model="click", play=True))
    session.start()
    said = None
    try:
        while not (folder / "end").exists():
            says = session.sink.sample_rate_hz, session.sink.problem
            if says != said:
                print(f"{says[0]} {session.host.player.meter().blocks} {says[1]}", flush=True)
            said = says
            time.sleep(0.05)
        print(f"end {session.host.player.meter().blocks}", flush=True)
    finally:
        session.stop()


if __name__ == "__main__":
    follow() if sys.argv[1] == "follow" else sink(Path(sys.argv[2]))
