"""The C++ by itself: sanitizers, hostile bytes, and what has no place in an audio thread."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from musika_daw.host.plugin.session import PluginSession

NATIVE = Path(__file__).parent / "native"
CORE = Path(__file__).parents[2] / "bridge" / "plugin"
BLOCK_NS = 128 / 48_000 * 1e9
SANITIZERS = {"thread": "-fsanitize=thread", "address": "-fsanitize=address,undefined -fno-sanitize-recover=all"}


def ran(*command: str | Path, limit_s: float = 240) -> str:
    # without random addresses, which ThreadSanitizer does not stand on some kernels
    done = subprocess.run(
        ["setarch", "-R", *map(str, command)],
        capture_output=True,
        text=True,
        check=False,
        timeout=limit_s,
        env={**os.environ, "TSAN_OPTIONS": "halt_on_error=1", "ASAN_OPTIONS": "detect_leaks=1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING: ThreadSanitizer" not in done.stderr
    return done.stdout


@pytest.mark.parametrize("sanitizer", SANITIZERS)
def test_the_cache_has_no_race_and_no_reader_is_given_a_torn_chunk(
    sanitizer: str, compiled: Callable[..., Path]
) -> None:
    out = ran(compiled("cache_race", SANITIZERS[sanitizer]))
    assert re.fullmatch(r"read [1-9]\d* torn 0\n", out)


@pytest.mark.parametrize("sanitizer", SANITIZERS)
def test_the_core_runs_clean_against_a_real_host(
    sanitizer: str, compiled: Callable[..., Path], host: Callable[..., PluginSession]
) -> None:
    session = host()
    out = ran(compiled("core_run", SANITIZERS[sanitizer]))
    assert out == "right 96000 of 96000 fine 1 loaded 1\n"
    assert session.source.counts.malformed == 0


@pytest.mark.parametrize("seed", range(3))
def test_hostile_bytes_are_refused(seed: int, compiled: Callable[..., Path]) -> None:
    out = ran(compiled("fuzz", SANITIZERS["address"]), str(seed), "3000")
    assert re.fullmatch(r"rounds 3000 messages [1-9]\d* refused [1-9]\d*\n", out)


def test_the_traps_catch_what_they_are_for(compiled: Callable[..., Path]) -> None:
    assert ran(compiled("trap"), "--check") == "syscalls 1 allocations 2 locks 1\n"


def test_process_makes_no_system_call_allocates_nothing_and_takes_no_lock(
    built: Path, compiled: Callable[..., Path], host: Callable[..., PluginSession]
) -> None:
    host(model="parts:48000:0")
    out = ran(compiled("trap"), built / "musika-daw.clap", "4000")
    found = {name: int(value) for name, value in re.findall(r"(\w+) (-?\d+)", out)}
    assert found["sounding"] > 2000
    assert found["notes"] > 10
    assert (found["syscalls"], found["allocations"], found["locks"]) == (0, 0, 0)


def test_the_sources_are_formatted() -> None:
    files = [str(f) for folder in (CORE, NATIVE) for f in sorted(folder.iterdir()) if f.suffix in (".cpp", ".hpp")]
    formatter = str(Path(sys.executable).with_name("clang-format"))
    done = subprocess.run([formatter, "--dry-run", "-Werror", *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(files) > 10


def test_the_bundles_are_small_and_export_their_entry_alone(built: Path) -> None:
    files = {
        "clap_entry": built / "musika-daw.clap",
        "GetPluginFactory ModuleEntry ModuleExit": next(built.glob("musika-daw.vst3/Contents/*/musika-daw.so")),
        "lv2_descriptor": built / "musika-daw.lv2" / "musika-daw.so",
    }
    for names, file in files.items():
        assert file.stat().st_size <= 400_000
        done = subprocess.run(["nm", "-D", "--defined-only", str(file)], capture_output=True, text=True, check=True)
        assert [line.split()[-1] for line in done.stdout.splitlines()] == names.split()
        needs = subprocess.run(["objdump", "-p", str(file)], capture_output=True, text=True, check=True).stdout
        assert set(re.findall(r"NEEDED\s+(\S+)", needs)) <= {"libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2"}


def test_lv2_validate_finds_nothing(built: Path, need: Callable[..., None]) -> None:
    need("lv2_validate", "sord_validate")
    files = [str(f) for f in sorted((built / "musika-daw.lv2").glob("*.ttl"))]
    done = subprocess.run(["lv2_validate", *files], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Found 0 errors" in done.stdout + done.stderr


VST3_RULES = (
    "module-entry factory-classes factory-unknown-class factory-unknown-interface bus-consistency bus-activation "
    "bus-invalid-index bus-arrangement scan-parameters parameter-values-go-round parameter-texts-go-round "
    "parameter-invalid-index state-comes-back bypass-persistence state-that-is-none sample-size latency-and-tail "
    "process-format variable-block-size automation flush-parameters state-transitions process-threaded "
    "terminate-initialize references module-exit"
)


def test_the_rules_of_the_vst3_validator_are_held(built: Path, compiled: Callable[..., Path], folder: Path) -> None:
    library = next(built.glob("musika-daw.vst3/Contents/*/musika-daw.so"))
    out = ran(compiled("vst3_rules"), library)
    assert out.splitlines() == [f"{rule} ok" for rule in VST3_RULES.split()]


def test_the_lv2_bundle_says_what_hosts_ask_for(built: Path, need: Callable[..., str], tmp_path: Path) -> None:
    """What lv2lint asks of a bundle, read by lilv as hosts read it."""
    need("lv2info")
    shutil.copytree(built / "musika-daw.lv2", tmp_path / "musika-daw.lv2")
    environment = {**os.environ, "LV2_PATH": str(tmp_path), "LANG": "C"}
    command = ["lv2info", "urn:musika-daw:generator"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, env=environment)
    assert not re.search("error|warning", done.stderr)
    head, *ports = re.split(r"\n\tPort \d+:\n", done.stdout)
    for name, told in (("Name", "musika-daw"), ("Has latency", "no")):
        assert re.search(rf"^\t{name}: +{told}$", head, re.MULTILINE), name
    assert "http://lv2plug.in/ns/ext/urid#map" in head
    assert "http://lv2plug.in/ns/lv2core#hardRTCapable" in head
    assert "lv2:GeneratorPlugin" in (tmp_path / "musika-daw.lv2" / "musika-daw.ttl").read_text()
    symbols = [re.search(r"Symbol: +(\S+)", port)[1] for port in ports]
    assert len(set(symbols)) == len(symbols) > 10
    assert all(re.fullmatch(r"[A-Za-z_]\w*", symbol) for symbol in symbols)
    assert len({re.search(r"Name: +(.+)", port)[1] for port in ports}) == len(ports)
    for port in ports:
        if "#ControlPort" not in port or "#OutputPort" in port:
            continue
        low, high, start = (float(re.search(rf"{name}: +(\S+)", port)[1]) for name in ("Minimum", "Maximum", "Default"))
        assert low <= start <= high
        assert all(low <= float(point) <= high for point in re.findall(r"^\t+(-?[\d.]+) = ", port, re.MULTILINE))
        if "#toggled" in port:
            assert (low, high) == (0, 1)
