"""The live host in an Ableton Link session for a long time: drift against a peer made with another library.

    python -m benchmarks.link --minutes 10

Starts a JACK server with a dummy driver (scripts/install-test-peers) and the peer, plays clicks at 512 frames a block,
records them from the server, and holds each against the beat that the peer counts at that moment.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from tests.peers.link.link_session import LinkPeer, link_clicks
from tests.peers.server import Jack, server_name
from tests.waiting import wait_for


def measure(minutes: float, bpm: float) -> dict[str, Any]:
    """Play for some minutes; returns what was measured."""
    with server_name() as name, tempfile.TemporaryDirectory() as folder:
        os.environ["JACK_DEFAULT_SERVER"] = name
        jack = Jack(name, Path(folder))
        try:
            jack.start()
            with closing(LinkPeer(Path(folder))) as peer:
                peer.tempo(bpm)
                recorder = jack.record()
                recorder.client.transport_start()  # the recorder listens for clicks while the transport rolls
                session = jack.play("link", recorder)
                if not wait_for(lambda: session.source.peers == 1):
                    raise SystemExit("the two did not find each other")
                time.sleep(1)
                peer.play()
                time.sleep(minutes * 60)
                clicks = link_clicks(recorder, peer.rows())
                underruns = session.host.player.meter().underruns
        finally:
            jack.close()
    late_ms, beats = clicks.late_ms, np.round(clicks.beats)
    missing = int(np.ptp(beats)) + 1 - len(beats)
    return {
        "minutes": minutes,
        "bpm": bpm,
        "clicks": len(beats),
        "beats_without_click": missing,
        "underruns": underruns,
        "gaps": recorder.gaps(),
        "server_xruns": len(recorder.xruns),
        "late_ms_median": round(float(np.median(late_ms)), 3),
        "late_ms_most": round(float(np.abs(late_ms).max()), 3),
        "late_ms_most_but_after_gaps": round(float(np.abs(late_ms[clicks.calm]).max()), 3),
        "drift_ms": round(float(np.median(late_ms[-20:]) - np.median(late_ms[1:21])), 3),
    }


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--bpm", type=float, default=133.0)
    json.dump(measure(**vars(parser.parse_args())), sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
