#!/usr/bin/env python3
"""Build what is released, try it as a user has it, and write checksums: `make release`.

dist/ holds the sdist, the wheel and SHA256SUMS in the end. The plugins were built before (`make plugin-all`). Nothing
is uploaded, no version is changed and nothing is tagged.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from fresh import ROOT, Fresh, run

DIST = ROOT / "dist"
PLATFORMS = ("linux-x86_64", "linux-aarch64", "windows-x86_64", "macos-arm64", "macos-x86_64")
GLIBC_NEWEST = (2, 17)
# what only training reads stays in the repository
TRAINING_ONLY = {"musika_daw/weights/parts/encoder.safetensors"}
WHEEL_MB_MAX = 100


def version() -> str:
    """The version, from the one place where it stands."""
    [found] = re.findall(r'^__version__ = "(.+)"$', (ROOT / "musika_daw/__init__.py").read_text("utf-8"), re.MULTILINE)
    return str(found)


def tracked(*folders: str) -> set[str]:
    """Files of the repository below some folders."""
    done = subprocess.run(["git", "ls-files", *folders], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def build() -> tuple[Path, Path]:
    """(sdist, wheel), both from this working tree; the wheel not from the sdist, which has no plugins."""
    shutil.rmtree(DIST, ignore_errors=True)
    shutil.rmtree(ROOT / "build" / "lib", ignore_errors=True)
    run(sys.executable, "-m", "build", "--sdist", "--wheel", "--outdir", DIST)
    [sdist], [wheel] = DIST.glob("*.tar.gz"), DIST.glob("*.whl")
    return sdist, wheel


def problems_of_wheel(names: dict[str, int]) -> list[str]:
    """What is missing in the wheel or does not belong there; `names` are its files and their sizes."""
    problems = []
    ours = tracked("musika_daw", "pack_builder", "bridge", "training")
    wanted = {name for name in ours if name.endswith(".py")}
    wanted |= {name for name in ours if name.startswith(("musika_daw/weights/", "pack_builder/data/"))}
    wanted -= TRAINING_ONLY
    problems += [f"{name}: not in the wheel" for name in sorted(wanted - names.keys())]
    for platform in PLATFORMS:
        for ending in ("clap", "vst3", "lv2"):
            start = f"musika_daw/plugins/{platform}/musika-daw.{ending}"
            size = sum(size for name, size in names.items() if name.startswith(start))
            if size < 50_000:
                problems.append(f"{start}: {size} bytes in the wheel, the plugin was not built")
    rooms = {name.split("/")[0] for name in names} - {"musika_daw", "pack_builder", "bridge", "training"}
    problems += [f"{room}: does not belong in the wheel" for room in sorted(rooms) if not room.endswith(".dist-info")]
    if (size_mb := sum(names.values()) / 1e6) > WHEEL_MB_MAX:
        problems.append(f"wheel: {size_mb:.0f} MB unpacked, must be at most {WHEEL_MB_MAX}")
    return problems


def newest_glibc(library: bytes) -> tuple[int, int]:
    """The newest version of glibc that a Linux library asks for."""
    return max((int(major), int(minor)) for major, minor in re.findall(rb"GLIBC_(\d+)\.(\d+)", library))


def check_wheel(wheel: Path) -> None:
    """Ends with an error if the wheel is not whole, or its Linux plugins ask for a newer glibc than they may."""
    with zipfile.ZipFile(wheel) as file:
        problems = problems_of_wheel({info.filename: info.file_size for info in file.infolist()})
        plugins = [name for name in file.namelist() if name.startswith("musika_daw/plugins/linux-")]
        for name in plugins:
            if name.endswith((".clap", ".so")) and (newest := newest_glibc(file.read(name))) > GLIBC_NEWEST:
                problems.append(f"{name}: needs glibc {newest[0]}.{newest[1]}")
    if problems:
        sys.exit("\n".join(problems))


def check_sdist(sdist: Path) -> None:
    """Ends with an error if a source file of the repository is not in the sdist."""
    with tarfile.open(sdist) as file:
        names = {name.partition("/")[2] for name in file.getnames()}
    wanted = tracked("musika_daw", "pack_builder", "bridge", "training", "tests", "scripts", "Makefile", "CHANGELOG.md")
    wanted -= TRAINING_ONLY
    if missing := sorted(wanted - names):
        sys.exit("\n".join(f"{name}: not in the sdist" for name in missing))


def main() -> None:
    """Build, check, try, sum."""
    if re.search(rf"^## \[{re.escape(version())}\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE) is None:
        print(f"==> note: CHANGELOG.md has no section [{version()}] yet: cut [Unreleased] before a release", flush=True)
    sdist, wheel = build()
    check_wheel(wheel)
    check_sdist(sdist)
    with tempfile.TemporaryDirectory() as folder:
        fresh = Fresh(sys.executable, Path(folder) / "release", wheel)
        fresh.try_commands()
        fresh.try_plugin()
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in (sdist, wheel)]
    (DIST / "SHA256SUMS").write_text("".join(lines), "utf-8")
    for path in (sdist, wheel):
        print(f"{path.relative_to(ROOT)}  {path.stat().st_size / 1e6:.1f} MB")
    print("".join(lines), end="")


if __name__ == "__main__":
    main()
