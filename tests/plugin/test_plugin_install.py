"""`musika-daw plugin`: bundles to their folders and back, the command that starts a host, the host file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from bridge.plugin_link.rendezvous import (
    COMMAND_FILE,
    announce,
    find_host,
    parse_rendezvous,
    read_command,
    rendezvous_folder,
    withdraw,
    write_command,
)
from musika_daw.commands.cli import main
from musika_daw.system.plugin_bundles import bundles, install, platform_name, plugin_folders


@pytest.fixture
def home(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def said(*words: str) -> str:
    done = CliRunner().invoke(main, ["plugin", *words])
    assert done.exit_code == 0, done.output
    return done.output


def test_install_status_and_uninstall(built: Path, home: Path) -> None:
    assert said("status").splitlines()[3:] == ["host  none runs", "start off"]
    out = said("install", "--from", str(built))
    assert f"clap  {home}/.clap/musika-daw.clap" in out
    assert (home / ".clap" / "musika-daw.clap").read_bytes() == (built / "musika-daw.clap").read_bytes()
    assert list((home / ".vst3" / "musika-daw.vst3").rglob("musika-daw.so"))
    assert (home / ".lv2" / "musika-daw.lv2" / "manifest.ttl").exists()
    assert read_command()[:5] == [sys.executable, "-m", "musika_daw", "run", "plugin"]
    assert all(bundle.is_current for bundle in bundles(built))
    said("install", "--from", str(built), "--format", "lv2")  # over what is there
    assert sorted(p.name for p in (home / ".lv2").iterdir()) == ["musika-daw.lv2"]
    assert said("uninstall").count("removed") == 3
    assert not any(bundle.is_installed for bundle in bundles(built))
    assert read_command() == []


def test_the_start_command_is_set_or_switched_off(built: Path, home: Path) -> None:
    said("install", "--from", str(built), "--format", "clap", "--start-command", "nice 'my host' --x")
    assert read_command() == ["nice", "my host", "--x"]
    assert said("status").splitlines()[-1] == "start nice 'my host' --x"
    said("install", "--from", str(built), "--format", "clap", "--no-start")
    assert read_command() == []
    done = CliRunner().invoke(main, ["plugin", "install", "--no-start", "--start-command", "x"])
    assert done.exit_code == 2


def test_what_is_not_built_is_said(tmp_path: Path, home: Path) -> None:
    done = CliRunner().invoke(main, ["plugin", "install", "--from", str(tmp_path)])
    assert done.exit_code == 2
    assert done.output.startswith("error: from: no clap at ")
    assert not (rendezvous_folder() / COMMAND_FILE).exists()


def test_the_start_command_runs_this_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "musika_daw", "run", "--help"], capture_output=True, text=True, check=True, timeout=60
    )
    assert "plugin" in done.stdout


def test_every_system_has_its_folders() -> None:
    home = Path("/home/x")
    assert platform_name("linux", "x86_64") == "linux-x86_64"
    assert platform_name("win32", "AMD64") == "windows-x86_64"
    assert platform_name("darwin", "arm64") == "macos-arm64"
    assert plugin_folders("linux", home)["clap"] == home / ".clap"
    assert plugin_folders("darwin", home)["vst3"] == home / "Library" / "Audio" / "Plug-Ins" / "VST3"
    assert plugin_folders("win32", home)["lv2"].name == "LV2"


def test_an_install_that_fails_leaves_what_was_there(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = tmp_path / "built"
    for name in ("clap", "vst3", "lv2"):
        (built / f"musika-daw.{name}").mkdir(parents=True)
        (built / f"musika-daw.{name}" / "file").write_text("new")
    (bundle, *_) = bundles(built)
    bundle.target.mkdir(parents=True)
    (bundle.target / "file").write_text("old")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("musika_daw.system.plugin_bundles.shutil.copytree", fail)
    with pytest.raises(OSError, match="disk full"):
        install(bundle)
    assert (bundle.target / "file").read_text() == "old"
    assert [p.name for p in bundle.target.parent.iterdir()] == [bundle.target.name]


def test_a_host_file_of_a_host_that_is_gone_does_not_count(folder: Path) -> None:
    announce(1, bytes(16))  # nobody listens there
    assert find_host() is None
    withdraw(bytes(range(16)))  # of another host: stays
    assert (folder / "plugin-host").exists()
    withdraw(bytes(16))
    assert not (folder / "plugin-host").exists()


@given(st.text(max_size=80) | st.from_regex(r"musika \d{1,4} \d{1,6} [0-9a-f]{30,34} \d+\n?", fullmatch=True))
def test_any_host_file_is_read_or_refused(text: str) -> None:
    try:
        found = parse_rendezvous(text)
    except ValueError:
        return
    assert 0 < found.port < 65536
    assert len(found.token) == 16


def test_words_with_line_breaks_are_refused(folder: Path) -> None:
    for words in (["a\nb"], ["", "x"], ["x\0"]):
        with pytest.raises(ValueError, match="start_command: "):
            write_command(words)
