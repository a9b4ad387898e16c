#!/usr/bin/env bash
# PipeWire 0.3.65 as a JACK server: while the transport rolls, a client gets the bars and beats of a timebase master one
# period later than the frame that comes with them; and when the server ends, its clients are not told.
# Expected of the JACK API: jack_transport_query() returns frame and bars of one moment (with jackd 1.9.21 they agree to
# 0.1 ms), and the callback of jack_on_shutdown() is called when the server goes.
#
# Needs Debian 12 (bookworm, x86-64) with its package index and python3-venv; no sound card, no session bus, no root.
# Seen with pipewire 0.3.65-3+deb12u1 and JACK-Client 0.5.5:
#   period 512: bars are 10.9 ms behind the frame       (a period lasts 10.7 ms)
#   period 1024: bars are 21.5 ms behind the frame      (21.3 ms)
#   period 2048: bars are 43.1 ms behind the frame      (42.7 ms)
#   server ended: callbacks stopped True, client was told False
# Exits 0 while that is so, 1 when it has changed.
set -euo pipefail
version=0.3.65-3+deb12u1
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check JACK-Client==0.5.5 cffi==1.17.1
mkdir "$work/debs" "$work/root" "$work/run"
(cd "$work/debs" && apt-get download -qq "pipewire=$version" "pipewire-bin=$version" "pipewire-jack=$version" \
    "libpipewire-0.3-0=$version" "libpipewire-0.3-modules=$version" "libspa-0.2-modules=$version" \
    "libspa-0.2-jack=$version" "libpipewire-0.3-common=$version")
for deb in "$work"/debs/*.deb; do dpkg-deb -x "$deb" "$work/root"; done
lib="$work/root/usr/lib/x86_64-linux-gnu"
export XDG_RUNTIME_DIR="$work/run" LD_LIBRARY_PATH="$lib:$lib/pipewire-0.3/jack" PATH="$work/root/usr/bin:$PATH" \
    PIPEWIRE_CONFIG_DIR="$work/root/usr/share/pipewire" PIPEWIRE_MODULE_DIR="$lib/pipewire-0.3" SPA_PLUGIN_DIR="$lib/spa-0.2"

cat > "$work/watch.py" <<'PY'
import os
import signal
import statistics
import subprocess
import sys
import time

import jack

MASTER = '''
import time
import jack
client = jack.Client("master", no_start_server=True)
def timebase(state, frames, position, is_new):
    beats = position.frame / 24000
    position.valid = 0x10  # bars, beats, ticks
    position.beats_per_bar, position.beat_type, position.ticks_per_beat = 4, 4, 1920
    position.beats_per_minute = 120
    position.bar, position.beat, position.tick = int(beats // 4) + 1, int(beats % 4) + 1, int(beats % 1 * 1920)
client.set_timebase_callback(timebase)
client.activate()
time.sleep(0.5)
client.transport_start()
time.sleep(60)
'''
master = subprocess.Popen([sys.executable, "-c", MASTER])
cycles, told = [0], []
client = jack.Client("watch", no_start_server=True)
client.set_process_callback(lambda frames: cycles.__setitem__(0, cycles[0] + 1))
client.set_shutdown_callback(lambda *why: told.append(why))
client.activate()
time.sleep(2)
as_seen = True
for period in (512, 1024, 2048):
    subprocess.run(["pw-metadata", "-n", "settings", "0", "clock.force-quantum", str(period)],
                   check=True, stdout=subprocess.DEVNULL)
    time.sleep(1.5)
    lags_ms = []
    for _ in range(200):
        state, at = client.transport_query()
        if state == jack.ROLLING and "bar" in at:
            beats = (at["bar"] - 1) * 4 + at["beat"] - 1 + at["tick"] / 1920
            lags_ms.append((at["frame"] / 24000 - beats) * 500)
        time.sleep(0.007)
    lag_ms = statistics.median(lags_ms)
    print(f"period {period}: bars are {lag_ms:.1f} ms behind the frame", flush=True)
    as_seen &= abs(lag_ms - period / 48) < 1
master.kill()
os.kill(int(sys.argv[1]), signal.SIGTERM)
time.sleep(1)
before = cycles[0]
time.sleep(3)
print(f"server ended: callbacks stopped {cycles[0] == before}, client was told {bool(told)}", flush=True)
as_seen &= cycles[0] == before and not told
os._exit(0 if as_seen else 1)
PY
pipewire > "$work/log" 2>&1 &
server=$!
sleep 2
"$work/env/bin/python" "$work/watch.py" "$server"
