"""Reads the part of the SFZ format that a sampled piano needs.

Understood: `#define`, `#include`, the headers control, global, master, group and region, and the opcodes
in `Region`. Regions that sound only while a pedal or another controller is moved (string resonance,
release noises) are left out: everything else about the pedal is the renderer's business.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from musika_daw.system.refusal import refused

_HEADER = re.compile(r"<(\w+)>")
_OPCODE = re.compile(r"([A-Za-z_$][\w$]*)=")
_INHERITED = ("control", "global", "master", "group")
_NOTES = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}


@dataclass(frozen=True)
class Region:
    """One sample and where it sounds: keys and velocities inclusive, `offset_frames` into the file,
    `tune_cents` on top of the key distance, `release_s` for the damping after the key is let go,
    `cutoff_hz` a low-pass or None, `pan` -100..100."""

    sample: Path
    key_low: int
    key_high: int
    key_center: int
    velocity_low: int
    velocity_high: int
    offset_frames: int = 0
    tune_cents: float = 0.0
    gain_db: float = 0.0
    pan: float = 0.0
    release_s: float = 0.0
    cutoff_hz: float | None = None


def read_sfz(path: Path) -> list[Region]:
    """Regions of an SFZ file, in file order.

    Raises ValueError where the file names no region that a key press sounds.
    """
    path = Path(path)
    text = _expand(path, path.parent, {}, 0)
    regions = []
    scopes: dict[str, dict[str, str]] = {}
    for header, opcodes in _blocks(text):
        if header in _INHERITED:
            for inner in _INHERITED[_INHERITED.index(header) :]:
                scopes.pop(inner, None)
            scopes[header] = opcodes
        elif header == "region":
            merged: dict[str, str] = {}
            for scope in (*_INHERITED, "region"):
                merged |= opcodes if scope == "region" else scopes.get(scope, {})
            if region := _region(path.parent, merged):
                regions.append(region)
    if not regions:
        raise refused("sfz file", path, "holds no region that a key press sounds")
    return regions


def find_sfz(folder: Path) -> Path:
    """The one SFZ file of a sample folder; ValueError where there is none or more than one."""
    found = sorted(Path(folder).glob("*.sfz"))
    if len(found) != 1:
        raise refused("samples", folder, f"holds {len(found)} .sfz files, must hold 1")
    return found[0]


def _expand(path: Path, root: Path, defines: dict[str, str], depth: int) -> str:
    """Text with comments gone and `#define`, `#include` carried out; defines hold from their line on."""
    if depth > 8:
        raise refused("sfz file", path, "included more than 8 deep")
    out = []
    for raw in path.read_text(encoding="utf-8", errors="replace").splitlines():
        line = raw.split("//", 1)[0].strip()
        if match := re.match(r"#define\s+(\$\w+)\s+(\S+)", line):
            defines[match[1]] = match[2]
            continue
        for name in sorted(defines, key=len, reverse=True):
            line = line.replace(name, defines[name])
        if match := re.match(r'#include\s+"([^"]+)"', line):
            out.append(_expand(root / match[1].replace("\\", "/"), root, defines, depth + 1))
        elif line:
            out.append(line)
    return "\n".join(out)


def _blocks(text: str) -> list[tuple[str, dict[str, str]]]:
    """(header, opcodes) in order; a value runs until the next opcode or line end, so it may hold spaces."""
    parts = _HEADER.split(text)
    blocks = []
    for header, body in zip(parts[1::2], parts[2::2], strict=True):
        opcodes = {}
        for line in body.splitlines():
            found = list(_OPCODE.finditer(line))
            ends = [m.start() for m in found[1:]] + [len(line)]
            for match, end in zip(found, ends, strict=False):
                opcodes[match[1]] = line[match.end() : end].strip()
        blocks.append((header.lower(), opcodes))
    return blocks


def _region(root: Path, op: dict[str, str]) -> Region | None:
    if "sample" not in op or any(k.startswith(("locc", "on_locc")) for k in op):
        return None
    if op.get("trigger", "attack") != "attack":
        return None
    key = op.get("key")
    center = _key(op.get("pitch_keycenter", key or "60"))
    return Region(
        sample=root / (op.get("default_path", "") + op["sample"]).replace("\\", "/"),
        key_low=_key(op.get("lokey", key or "0")),
        key_high=_key(op.get("hikey", key or "127")),
        key_center=center,
        velocity_low=int(op.get("lovel", 1)),
        velocity_high=int(op.get("hivel", 127)),
        offset_frames=int(op.get("offset", 0)),
        tune_cents=float(op.get("tune", 0)) + 100 * float(op.get("transpose", 0)),
        gain_db=float(op.get("volume", 0)) + float(op.get("group_volume", 0)),
        pan=float(op.get("pan", 0)),
        release_s=float(op.get("ampeg_release", 0)),
        cutoff_hz=float(op["cutoff"]) if "cutoff" in op else None,
    )


def _key(text: str) -> int:
    """MIDI key of a number or a name (`c4` = 60)."""
    if match := re.fullmatch(r"([a-gA-G])([#b]?)(-?\d+)", text):
        sharp = {"#": 1, "b": -1, "": 0}[match[2]]
        return _NOTES[match[1].lower()] + sharp + 12 * (int(match[3]) + 1)
    return int(text)
