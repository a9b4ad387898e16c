"""System libraries: what is missing is named with its package, by the system's own tool."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import PySide6
import pytest

from musika_daw.commands.doctor import parts_that_work
from musika_daw.system.libraries import INSTALLERS, LIBRARIES, Library, advice, family, is_there, lacking_in, missing

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
DEBIAN = shutil.which("apt-cache") is not None


def test_every_library_has_a_package_on_every_linux() -> None:
    assert len({library.file for library in LIBRARIES}) == len(LIBRARIES)
    for library in LIBRARIES:
        assert all(getattr(library, name) for name in ("debian", "fedora", "arch"))


@pytest.mark.skipif(sys.platform != "linux", reason="names of Linux")
def test_a_library_is_there_if_the_loader_finds_it() -> None:
    assert is_there(Library("C", "libc.so.6", "", "", ""))
    assert not is_there(Library("nothing", "libmusika-nothing.so.9", "", "", ""))


@pytest.mark.skipif(not DEBIAN, reason="asks dpkg")
def test_what_dpkg_has_installed_is_not_missing() -> None:
    """A package that is installed brings the file that the table says it brings."""
    lacking = {library.debian for library in missing()}
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Package}\n"], capture_output=True, text=True, check=True)
    named = {library.debian for library in LIBRARIES}
    installed = {package.removesuffix("t64") for package in done.stdout.split()}  # which provides the name before
    assert named & installed == named - lacking


def _packages(*queries: str) -> list[str]:
    done = subprocess.run(["dpkg-query", *queries], capture_output=True, text=True, check=False)
    return done.stdout.splitlines()


def _names(field: str) -> set[str]:
    return {name for one in re.split(r"[,|]", field) if (name := re.split(r"[ :(]", one.strip())[0])}


def _with_all_they_need(packages: Iterable[str]) -> set[str]:
    """Packages, with those that are installed for them, or provide their names."""
    depends: dict[str, set[str]] = {}
    for line in _packages("-W", "-f", "${Package}\t${Depends}, ${Pre-Depends}\t${Provides}\n"):
        name, wanted, provided = (_names(field) for field in line.split("\t"))
        for one in name | provided:
            depends.setdefault(one, set()).update(wanted | name)
    found, left = set(), set(packages)
    while left:
        found |= left
        left = set().union(*(depends.get(name, set()) for name in left)) - found
    return found


@pytest.mark.skipif(not DEBIAN, reason="asks dpkg")
def test_what_qt_is_linked_with_comes_with_the_packages_that_are_named() -> None:
    """On a bare Debian the panel asked for one library after another that doctor had not named."""
    qt = Path(PySide6.__file__).parent / "Qt"
    names = [f"lib/libQt6{name}.so.6" for name in ("Core", "Gui", "Widgets", "Network", "DBus", "XcbQpa")]
    files = [qt / name for name in (*names, "plugins/platforms/libqxcb.so")]
    told = subprocess.run(["ldd", *map(str, files)], capture_output=True, text=True, check=True).stdout
    paths = {Path(path).resolve() for path in re.findall(r"=> (/\S+)", told) if not path.startswith(str(qt))}
    owners = {}
    for path in paths:
        plain = str(path).removeprefix("/usr")  # either is what dpkg may know it by
        [owner, *_] = _packages("-S", plain) + _packages("-S", f"/usr{plain}") or ["nobody"]
        owners[path.name] = owner.partition(":")[0]
    assert len(owners) > 30
    # of any system that has Python
    base = {"libc6", "libgcc-s1", "libstdc++6", "zlib1g"}
    brought = _with_all_they_need(library.debian for library in LIBRARIES if library.part == "panel") | base
    assert {name: owner for name, owner in owners.items() if owner not in brought} == {}


def test_advice_is_one_line_a_part_and_names_the_systems_own_command() -> None:
    assert missing(lambda library: True, "linux") == []
    assert missing(lambda library: False, "win32") == []
    assert [library.part for library in missing(lambda library: False, "darwin")] == ["JACK"]
    lacking = missing(lambda library: library.part == "panel", "linux")
    assert advice(lacking, "debian") == [
        ("effects", "libatomic.so.1 missing: apt install libatomic1"),
        ("JACK", "libjack.so.0 missing: apt install libjack-jackd2-0"),
        ("PortAudio", "libportaudio.so.2 missing: apt install libportaudio2"),
    ]
    [(part, text)] = advice([library for library in LIBRARIES if library.part == "panel"], "arch")
    assert part == "panel"
    assert text.count("libglvnd") == 1
    [(_, text)] = advice([library for library in LIBRARIES if library.part == "JACK"], None)
    assert all(command in text for command in INSTALLERS.values())


BARE = "libatomic.so.1: cannot open shared object file: No such file or directory"


def test_what_cannot_be_loaded_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.freedesktop_os_release", lambda: {"ID": "debian"})
    assert lacking_in(ImportError(BARE)) == "effects: libatomic.so.1 missing: apt install libatomic1"
    assert lacking_in(ImportError("No module named 'x'")) is None


def _bare(folder: Path) -> dict[str, str]:
    """The environment of a system that lacks what pedalboard needs, which a bare Debian does."""
    (folder / "pedalboard").mkdir()
    (folder / "pedalboard" / "__init__.py").write_text(f"raise ImportError({BARE!r})\n")
    return {**os.environ, "PYTHONPATH": os.pathsep.join((str(folder), str(ROOT)))}


def test_a_pack_is_refused_in_one_line_before_anything_is_written(tmp_path: Path) -> None:
    words = ["build", "--kind", "techno", "--model", "techno", "--bpm", "128", "--loops-per-bpm", "1", "--jobs", "1"]
    done = subprocess.run(
        [sys.executable, "-m", "pack_builder.cli", *words, "--out", str(tmp_path / "pack")],
        env=_bare(tmp_path),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: effects: libatomic.so.1 missing: ")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "pack").exists()


def test_doctor_tries_what_it_says_works(tmp_path: Path) -> None:
    assert dict(parts_that_work())["effects"].startswith("pedalboard 0.")
    code = "from musika_daw.commands.doctor import parts_that_work; print(dict(parts_that_work())['effects'])"
    done = subprocess.run(
        [sys.executable, "-c", code], env=_bare(tmp_path), capture_output=True, text=True, timeout=300, check=True
    )
    assert done.stdout == f"pedalboard cannot be loaded: {BARE}\n"


@pytest.mark.parametrize(
    ("release", "expected"),
    [
        ({"ID": "debian"}, "debian"),
        ({"ID": "linuxmint", "ID_LIKE": "ubuntu debian"}, "debian"),
        ({"ID": "rocky", "ID_LIKE": "rhel centos fedora"}, "fedora"),
        ({"ID": "manjaro", "ID_LIKE": "arch"}, "arch"),
        ({"ID": "nixos"}, None),
    ],
)
def test_the_family_is_what_the_system_says(
    release: dict[str, str], expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.freedesktop_os_release", lambda: release)
    assert family("linux") == expected
    assert family("darwin") == "macos"
