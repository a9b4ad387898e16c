"""What `musika-pack build --progress json` says, without a model: six files at a tempo that a test can follow."""

import json
import os
import signal
import sys
import time
from pathlib import Path


def tell(event: str, **facts: object) -> None:
    print(json.dumps({"event": event, **facts}), flush=True)


def main() -> None:
    """Behaves as the name given by --name says."""
    options = dict(word.partition("=")[::2] for word in sys.argv[1:])
    out = Path(options["--out"])
    name = options.get("--name")  # else after the folder
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("error: interrupted"))
    if name == "Wrong":
        sys.exit("error: --bpm: 59, must be within 60..200")
    out.mkdir(parents=True, exist_ok=True)
    journal = out / ".musika-pack.journal"
    kept = int(journal.read_text()) if "--resume" in sys.argv and journal.exists() else 0
    if name == "Hostile":
        for line in (
            "nonsense",
            "[1]",
            '{"event":"started"}',
            '{"event":"started","files":"x","kept":0}',
            "[" * 50_000,
        ):
            print(line, flush=True)
    tell("loading", models=1)
    tell("started", files=6, kept=kept, jobs=1)
    for number in range(kept, 6):
        time.sleep(0.15)
        journal.write_text(str(number + 1))
        if number == 4:
            tell("gave_up", job="techno/4", text="given up")
        else:
            tell("finished", file=f"Loops/{number}.wav", seconds=2.0, attempts=1)
    if name == "Killed":
        os.kill(os.getpid(), signal.SIGKILL)
    journal.unlink()
    tell("done", out=str(out), files=5, gaps=1)


if __name__ == "__main__":
    main()
