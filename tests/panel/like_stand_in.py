"""What `musika-daw like --json --progress json` says, without a model: four styles at a pace that a test can follow."""

import json
import sys
import time
from pathlib import Path


def main() -> None:
    """Behaves as the name of the file says."""
    *options, file = sys.argv[1:]
    name = Path(file).name
    if options != ["--model", "stand-in", "--json", "--progress", "json", "--"]:
        sys.exit(f"error: asked {options}")
    if name.startswith("hiss"):
        sys.exit(f"error: like: {name}: no steady beat is heard, must have one of 60 to 200 bpm, or --bpm")
    if name.startswith("odd"):
        print("nonsense\n[1]\n" + "[" * 50_000, flush=True)
    for done in range(1, 5):
        time.sleep(0.15)
        print(json.dumps({"done": done, "tries": 4}), flush=True)
    if name.startswith("slow"):
        while True:
            time.sleep(0.1)
            print(json.dumps({"done": 4, "tries": 4}), flush=True)
    voices = None if name.startswith("whole") else f"drums={len(name)},bass=3"
    print(json.dumps({"bpm": 120.0, "key": None, "voices": voices, "style_seed": 1}), flush=True)


if __name__ == "__main__":
    main()
