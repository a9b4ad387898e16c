"""The plugin's bundles: where they lie when built, and where a DAW of this system looks for them."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

FORMATS = ("clap", "vst3", "lv2")
BUILT = Path(__file__).parents[1] / "plugins"
_MACHINES = {"amd64": "x86_64", "x64": "x86_64", "aarch64": "aarch64", "arm64": "arm64"}


@dataclass(frozen=True)
class Bundle:
    """One format of the plugin: as built, and where it belongs."""

    format: str
    built: Path
    target: Path

    @property
    def is_built(self) -> bool:
        """Whether it can be installed."""
        return self.built.exists()

    @property
    def is_installed(self) -> bool:
        """Whether a DAW finds it."""
        return self.target.exists()

    @property
    def is_current(self) -> bool:
        """Whether what is installed is what is built, byte for byte."""
        return self.is_built and self.is_installed and _contents(self.built) == _contents(self.target)


def platform_name(system: str = sys.platform, machine: str | None = None) -> str:
    """Name of the folder of this system's bundles, such as linux-x86_64."""
    name = (machine or platform.machine()).lower()
    name = _MACHINES.get(name, name)
    if system == "win32":
        return f"windows-{name}"
    return f"macos-{name}" if system == "darwin" else f"linux-{name}"


def bundles(built: Path | None = None, system: str = sys.platform, home: Path | None = None) -> list[Bundle]:
    """The bundles of this system. `built` is a folder of them, or of folders of them by platform."""
    source = built or BUILT
    if not (source / "musika-daw.clap").exists():
        source = source / platform_name(system)
    folders = plugin_folders(system, home or Path.home())
    return [Bundle(f, source / f"musika-daw.{f}", folders[f] / f"musika-daw.{f}") for f in FORMATS]


def plugin_folders(system: str, home: Path) -> dict[str, Path]:
    """The user's own plugin folders by format, where DAWs look without being told."""
    if system == "win32":
        local = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
        common = local / "Programs" / "Common"
        roaming = Path(os.environ.get("APPDATA") or home / "AppData" / "Roaming")
        return {"clap": common / "CLAP", "vst3": common / "VST3", "lv2": roaming / "LV2"}
    if system == "darwin":
        audio = home / "Library" / "Audio" / "Plug-Ins"
        return {"clap": audio / "CLAP", "vst3": audio / "VST3", "lv2": audio / "LV2"}
    return {name: home / f".{name}" for name in FORMATS}


def install(bundle: Bundle) -> None:
    """Copy a bundle to its place; a DAW that looks meanwhile sees the old one or the new one, whole."""
    bundle.target.parent.mkdir(parents=True, exist_ok=True)
    part = bundle.target.with_name(bundle.target.name + ".part")
    old = bundle.target.with_name(bundle.target.name + ".old")
    remove(part)
    remove(old)
    try:
        if bundle.built.is_dir():
            shutil.copytree(bundle.built, part)
        else:
            shutil.copy2(bundle.built, part)
        if bundle.target.is_dir():  # a folder cannot be renamed over another
            bundle.target.replace(old)
        part.replace(bundle.target)
    finally:
        remove(part)
        remove(old)


def remove(path: Path) -> bool:
    """Remove a file or folder; returns whether it was there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
        return True
    there = path.exists() or path.is_symlink()
    path.unlink(missing_ok=True)
    return there


def _contents(path: Path) -> dict[str, bytes]:
    if path.is_file():
        return {"": path.read_bytes()}
    return {str(p.relative_to(path)): p.read_bytes() for p in sorted(path.rglob("*")) if p.is_file()}
