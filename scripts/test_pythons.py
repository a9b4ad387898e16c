#!/usr/bin/env python3
"""Try the wheel on every Python from 3.11 on that this machine has: `make test-pythons`.

For each: a fresh environment, the wheel from wheels only (nothing is compiled), a small pack built and verified from
another folder, the panel, and the quick tests. `MUSIKA_PYTHONS` names other interpreters, separated by spaces.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from fresh import ROOT, Fresh, run

HOME = ROOT / "build" / "pythons"
VERSIONS = ("3.11", "3.12", "3.13", "3.14")
QUICK = ["tests/test_layout.py", "tests/bridge", "tests/musika_daw", "tests/pack_builder"]


def version_of(python: str) -> str | None:
    """Version of an interpreter such as 3.13, None for one that does not run or cannot make environments."""
    code = "import sys, ensurepip, venv; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=60)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def find_pythons() -> dict[str, str]:
    """Interpreters by version: those named, else those on the path and of pyenv and uv."""
    if named := os.environ.get("MUSIKA_PYTHONS"):
        candidates = named.split()
    else:
        candidates = [path for version in VERSIONS if (path := shutil.which(f"python{version}"))]
        roots = [os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), Path.home() / ".local/share/uv"]
        for root, pattern in zip(roots, ("versions/*/bin/python3", "python/*/bin/python3")):
            candidates += [str(path) for path in sorted(Path(root).glob(pattern))]
        candidates.append(sys.executable)
    found: dict[str, str] = {}
    for python in candidates:
        version = version_of(python)
        if version in VERSIONS:
            found.setdefault(version, python)
    return dict(sorted(found.items()))


def try_python(version: str, python: str, wheel: Path) -> None:
    """Everything that the module says, with one interpreter."""
    fresh = Fresh(python, HOME / version, wheel, "[test,gui]")
    fresh.try_commands()
    fresh.try_panel()
    run(fresh.python, "-m", "pytest", "--no-cov", "-m", "not slow and not peer", *QUICK)


def main() -> None:
    """Try every Python; ends with an error at the first that fails."""
    pythons = find_pythons()
    if not pythons:
        sys.exit(f"no Python of {', '.join(VERSIONS)} found: set MUSIKA_PYTHONS to the paths of some")
    print("==> " + ", ".join(f"{version} at {python}" for version, python in pythons.items()), flush=True)
    if missing := [version for version in VERSIONS if version not in pythons]:
        print(f"==> not on this machine, not tried: {', '.join(missing)}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        shutil.rmtree(ROOT / "build" / "lib", ignore_errors=True)  # of another day, setuptools would pack it too
        run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT)
        [wheel] = Path(folder).glob("*.whl")
        for version, python in pythons.items():
            try:
                try_python(version, python, wheel)
            except subprocess.CalledProcessError as error:
                sys.exit(f"Python {version}: {' '.join(error.cmd)} ended with {error.returncode}")
    print(f"==> all well with {', '.join(pythons)}", flush=True)


if __name__ == "__main__":
    main()
