"""System libraries that wheels need and do not bring: which are missing, and the packages that bring them."""

from __future__ import annotations

import ctypes
import ctypes.util
import platform
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass

# family of Linux, or macOS, and how its packages are installed
INSTALLERS = {"debian": "apt install", "fedora": "dnf install", "arch": "pacman -S", "macos": "brew install"}


@dataclass(frozen=True)
class Library:
    """A library by the part that needs it, its file on Linux, and the package that brings it by system.

    Where `macos` is None, wheels or the system have it there; on Windows wheels have all.
    """

    part: str
    file: str
    debian: str
    fedora: str
    arch: str
    macos: str | None = None


LIBRARIES = (
    Library("effects", "libatomic.so.1", "libatomic1", "libatomic", "gcc-libs"),
    Library("JACK", "libjack.so.0", "libjack-jackd2-0", "pipewire-jack-audio-connection-kit", "jack2", "jack"),
    Library("PortAudio", "libportaudio.so.2", "libportaudio2", "portaudio", "portaudio"),
    Library("panel", "libglib-2.0.so.0", "libglib2.0-0", "glib2", "glib2"),
    Library("panel", "libgssapi_krb5.so.2", "libgssapi-krb5-2", "krb5-libs", "krb5"),
    Library("panel", "libEGL.so.1", "libegl1", "libglvnd-egl", "libglvnd"),
    Library("panel", "libGL.so.1", "libgl1", "libglvnd-glx", "libglvnd"),
    Library("panel", "libfontconfig.so.1", "libfontconfig1", "fontconfig", "fontconfig"),
    Library("panel", "libdbus-1.so.3", "libdbus-1-3", "dbus-libs", "dbus"),
    Library("panel", "libxkbcommon-x11.so.0", "libxkbcommon-x11-0", "libxkbcommon-x11", "libxkbcommon-x11"),
    Library("panel", "libxcb-cursor.so.0", "libxcb-cursor0", "xcb-util-cursor", "xcb-util-cursor"),
    Library("panel", "libxcb-icccm.so.4", "libxcb-icccm4", "xcb-util-wm", "xcb-util-wm"),
    Library("panel", "libxcb-image.so.0", "libxcb-image0", "xcb-util-image", "xcb-util-image"),
    Library("panel", "libxcb-keysyms.so.1", "libxcb-keysyms1", "xcb-util-keysyms", "xcb-util-keysyms"),
    Library("panel", "libxcb-render-util.so.0", "libxcb-render-util0", "xcb-util-renderutil", "xcb-util-renderutil"),
    Library("panel", "libxcb-randr.so.0", "libxcb-randr0", "libxcb", "libxcb"),
    Library("panel", "libxcb-shape.so.0", "libxcb-shape0", "libxcb", "libxcb"),
    Library("panel", "libxcb-xkb.so.1", "libxcb-xkb1", "libxcb", "libxcb"),
)


def is_there(library: Library) -> bool:
    """Whether this system's loader finds a library."""
    if sys.platform == "darwin":
        return ctypes.util.find_library(library.part.lower()) is not None
    try:
        ctypes.CDLL(library.file)
    except OSError:
        return False
    return True


def missing(there: Callable[[Library], bool] = is_there, system: str = sys.platform) -> list[Library]:
    """The libraries that this system lacks and that a package could bring; none on Windows."""
    if system == "win32":
        return []
    wanted = [library for library in LIBRARIES if system != "darwin" or library.macos is not None]
    return [library for library in wanted if not there(library)]


def family(system: str = sys.platform) -> str | None:
    """Which of `INSTALLERS` this system is, as far as it says so."""
    if system == "darwin":
        return "macos"
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return None
    names = [release["ID"], *release.get("ID_LIKE", "").split()]
    named = {"ubuntu": "debian", "rhel": "fedora", "centos": "fedora"}
    return next((found for name in names if (found := named.get(name, name)) in INSTALLERS), None)


def lacking_in(error: ImportError) -> str | None:
    """One line for a part that cannot be loaded since a library is missing, None for an error of another kind."""
    for library in LIBRARIES:
        if library.file in str(error):
            [(part, what)] = advice([library], family())
            return f"{part}: {what}"
    return None


def advice(libraries: Iterable[Library], of: str | None) -> list[tuple[str, str]]:
    """(part, its missing files and the command that brings them, for one family or for all that are known)."""
    parts: dict[str, list[Library]] = {}
    for library in libraries:
        parts.setdefault(library.part, []).append(library)
    rows = []
    for part, wanted in parts.items():
        commands = []
        for name in [of] if of else INSTALLERS:
            packages = dict.fromkeys(package for library in wanted if (package := getattr(library, name)))
            if packages:
                commands.append(f"{INSTALLERS[name]} {' '.join(packages)}")
        rows.append((part, f"{', '.join(library.file for library in wanted)} missing: {'; or '.join(commands)}"))
    return rows
