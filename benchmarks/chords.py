"""From a chord that is struck on a keyboard to the sound that has it, in time: `python -m benchmarks.chords`."""

from __future__ import annotations

import argparse
import math
import random
import statistics
import tempfile
import time
from pathlib import Path

from bridge import host_time
from musika_daw.host.control.chords_in import ChordOptions
from musika_daw.host.session import Session, SessionOptions

CHORDS = ((57, 60, 64), (53, 57, 60), (60, 64, 67), (55, 59, 62, 65), (50, 53, 57), (52, 55, 59))
LIMIT_S = 10.0


def struck(session: Session, keys: tuple[int, ...]) -> float:
    """Seconds from the last key of a chord until what plays has it; NaN if it never has."""
    before = session.live.changes
    for key in keys:
        session.chords.feed((0x90, key, 90), host_time())
    begin_s = host_time()
    while host_time() - begin_s < LIMIT_S:
        generation = session.host.player.generation
        changes = session.live.changes
        if changes != before and generation is not None and generation.piece.controls.changes == changes:
            return host_time() - begin_s
        time.sleep(0.001)
    return float("nan")


def main() -> None:
    """Play, strike chords at random moments, and say how long each took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="parts")
    parser.add_argument("--changes", type=int, default=40)
    parser.add_argument("--apart", type=float, default=1.5, help="seconds between chords, at least")
    options = parser.parse_args()
    rng, waits = random.Random(1), []
    with tempfile.TemporaryDirectory() as folder:
        sink = f"file:{Path(folder) / 'out.wav'}"
        session = Session(SessionOptions(sink=sink, model=options.model, chords=ChordOptions(at="beat"), play=True))
        try:
            session.start()
            time.sleep(4)
            last: tuple[int, ...] = ()
            for _ in range(options.changes):
                keys = rng.choice([chord for chord in CHORDS if chord != last])
                waits.append(struck(session, keys))
                for key in keys:
                    session.chords.feed((0x80, key, 0), host_time())
                last = keys
                time.sleep(options.apart + rng.random())
            underruns = session.host.player.underruns
        finally:
            session.stop()
    heard = sorted(wait for wait in waits if not math.isnan(wait))
    if not heard:
        raise SystemExit(f"none of {len(waits)} chords was heard")
    median, most = statistics.median(heard), heard[int(0.9 * len(heard))]
    print(f"{len(heard)} of {len(waits)} chords heard, {underruns} underruns: ", end="")
    print(f"median {median:.3f} s, nine of ten within {most:.3f} s")


if __name__ == "__main__":
    main()
