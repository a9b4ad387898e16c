"""System libraries: what is missing is named with its package, by the system's own tool."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from musika_daw.system.libraries import INSTALLERS, LIBRARIES, Library, advice, family, is_there, missing

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
    assert named & set(done.stdout.split()) == named - lacking


def test_advice_is_one_line_a_part_and_names_the_systems_own_command() -> None:
    assert missing(lambda library: True, "linux") == []
    assert missing(lambda library: False, "win32") == []
    assert [library.part for library in missing(lambda library: False, "darwin")] == ["JACK"]
    lacking = missing(lambda library: library.part == "panel", "linux")
    assert advice(lacking, "debian") == [
        ("JACK", "libjack.so.0 missing: apt install libjack-jackd2-0"),
        ("PortAudio", "libportaudio.so.2 missing: apt install libportaudio2"),
    ]
    [(part, text)] = advice([library for library in LIBRARIES if library.part == "panel"], "arch")
    assert part == "panel"
    assert text.count("libglvnd") == 1
    [(_, text)] = advice(LIBRARIES[:1], None)
    assert all(command in text for command in INSTALLERS.values())


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
