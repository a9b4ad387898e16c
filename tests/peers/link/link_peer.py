"""A Link peer of its own, in a process of its own: `python link_peer.py`.

Every 20 ms it writes host time, beat, tempo, playing and number of peers. Commands on stdin: `tempo 133`,
`play 1`, `play 0`. It is made with aalink, not with the library that the host uses.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time

import aalink


async def main() -> None:
    link = aalink.Link(97.5, asyncio.get_running_loop())
    link.quantum = 4
    link.start_stop_sync_enabled = True
    link.enabled = True

    def obey() -> None:
        for line in sys.stdin:
            word, _, value = line.partition(" ")
            if word == "tempo":
                link.tempo = float(value)
            elif word == "play":
                link.playing = bool(int(value))

    threading.Thread(target=obey, daemon=True).start()
    while True:
        before_s = time.perf_counter()
        beat = link.beat
        after_s = time.perf_counter()
        middle_s = (before_s + after_s) / 2
        if after_s - before_s < 0.001:
            print(f"{middle_s!r} {beat!r} {link.tempo!r} {int(link.playing)} {link.num_peers}", flush=True)
        await asyncio.sleep(0.02)


if __name__ == "__main__":
    asyncio.run(main())
