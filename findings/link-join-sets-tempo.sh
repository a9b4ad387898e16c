#!/usr/bin/env bash
# Ableton Link by LinkPython-extern 1.3.0: a peer that is enabled 50 ms after it was made gives a session that has been
# running for seconds its own tempo in many of the joins; one that is enabled a second after it was made never does.
# Expected of Link: who joins a running session takes its tempo.
#
# Needs Linux with user namespaces (unshare), python3 with venv, and a package index for pip.
# Seen with LinkPython-extern 1.3.0, Python 3.11, Linux x86-64:
#   enabled after 0.05 s: tempo of the session changed in N of 40 joins   (seen: 22)
#   enabled after 1 s: tempo of the session changed in 0 of 25 joins
# Exits 0 while that is so, 1 when it has changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check LinkPython-extern==1.3.0

cat > "$work/peer.py" <<'PY'
"""A session of 137 bpm that counts how often somebody else has changed it, and changes it back."""
import sys
import time

import link

session = link.Link(120.0)
time.sleep(1.5)
session.enabled = True
time.sleep(1)
changed = -1  # the first change is our own
while True:
    state = session.captureSessionState()
    if abs(state.tempo() - 137) > 0.01:
        changed += 1
        print(changed, flush=True)
        state.setTempo(137.0, session.clock().micros())
        session.commitSessionState(state)
    time.sleep(0.02)
PY
cat > "$work/join.py" <<'PY'
import subprocess
import sys
import time

import link

peer = subprocess.Popen([sys.executable, sys.argv[1]], stdout=open(sys.argv[2], "w"))
time.sleep(5)


def changes() -> int:
    lines = open(sys.argv[2]).read().split()
    return int(lines[-1]) if lines else 0


def joins(count: int, wait_s: float) -> int:
    before = changes()
    for _ in range(count):
        one = link.Link(120.0)
        time.sleep(wait_s)
        one.enabled = True
        time.sleep(0.55)
        one.enabled = False
        time.sleep(0.1)
    time.sleep(0.5)
    print(f"enabled after {wait_s:g} s: tempo of the session changed in {changes() - before} of {count} joins", flush=True)
    return changes() - before


try:
    at_once, later = joins(40, 0.05), joins(25, 1.0)
finally:
    peer.terminate()
sys.exit(0 if at_once >= 2 and later == 0 else 1)
PY
# in a network of its own, so that no other Link program on this network joins
unshare --map-root-user --net bash -c '
    ip link set lo up && ip link set lo multicast on && ip route add 224.0.0.0/4 dev lo
    exec "$1/env/bin/python" "$1/join.py" "$1/peer.py" "$1/told.txt"' _ "$work"
