"""The rooms of the house: who may import whom, no circles, folders and modules of a size to be taken in at once."""

from __future__ import annotations

import ast
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# what each package may import of the others
ALLOWED = {"bridge": set(), "musika_daw": {"bridge"}, "pack_builder": {"musika_daw"}, "training": {"musika_daw"}}
FOLDER_MODULES_MAX = 14
MODULE_LINES_MAX = 300
TEST_LINES_MAX = 400
CPP_LINES_MAX = 400


def name_of(path: Path) -> str:
    """Dotted name of a module's file."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {name_of(path): path for package in ALLOWED for path in sorted((ROOT / package).rglob("*.py"))}
# what is beside the packages: nothing imports it, and it is to be taken in as well
BESIDE = [path for folder in ("tests", "benchmarks", "scripts") for path in sorted((ROOT / folder).rglob("*.py"))]


@cache
def imported(path: Path, *, for_types: bool) -> set[str]:
    """Modules of ours that a file imports, in functions too; with `for_types` also what only type checkers see."""

    def nodes(node: ast.AST) -> list[ast.AST]:
        found = []
        for child in ast.iter_child_nodes(node):
            typed = isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING"
            if typed and not for_types:
                continue
            found += [child, *nodes(child)]
        return found

    names: set[str] = set()
    for node in nodes(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: imports are absolute"
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= {name if name in FILES else str(node.module) for name in inner}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return {name for name in names if name in FILES}


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Groups of names that reach each other (Tarjan)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in graph.get(name, ()):
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            group = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(group) > 1:
                found.append(sorted(group))

    for name in graph:
        if name not in index:
            visit(name)
    return found


def test_circles_are_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == [["b", "c"]]
    assert circles({"a": {"b"}, "b": {"c"}, "c": set()}) == []


@pytest.mark.parametrize("package", ALLOWED)
def test_packages_import_downwards_only(package: str) -> None:
    wrong = [
        f"{name} -> {other}"
        for name, path in FILES.items()
        if name.split(".")[0] == package
        for other in imported(path, for_types=True)
        if other.split(".")[0] not in ALLOWED[package] | {package}
    ]
    assert wrong == []


def test_no_module_imports_itself_by_way_of_others() -> None:
    assert circles({name: imported(path, for_types=True) for name, path in FILES.items()}) == []


@pytest.mark.parametrize("package", ["bridge", "musika_daw", "pack_builder", "training"])
def test_no_room_imports_itself_by_way_of_others(package: str) -> None:
    rooms: dict[str, set[str]] = {}
    for name, path in FILES.items():
        parts = name.split(".")
        if parts[0] != package or len(parts) < 2:
            continue
        of = {other.split(".")[1] for other in imported(path, for_types=False) if other.startswith(f"{package}.")}
        rooms.setdefault(parts[1], set()).update(of - {parts[1]})
    assert circles(rooms) == []


def lines_of(path: Path) -> int:
    return len(path.read_text("utf-8").splitlines())


def test_folders_and_modules_can_be_taken_in_at_once() -> None:
    folders = Counter(str(path.parent.relative_to(ROOT)) for path in [*FILES.values(), *BESIDE])
    assert {folder: count for folder, count in folders.items() if count > FOLDER_MODULES_MAX} == {}
    assert {name: lines_of(path) for name, path in FILES.items() if lines_of(path) > MODULE_LINES_MAX} == {}
    assert [str(path.relative_to(ROOT)) for path in BESIDE if lines_of(path) > TEST_LINES_MAX] == []
    sources = [path for pattern in ("*.cpp", "*.hpp") for path in (ROOT / "bridge" / "plugin").glob(pattern)]
    sources += (ROOT / "tests").rglob("*.[ch]pp")
    assert sources
    assert [path.name for path in sources if lines_of(path) > CPP_LINES_MAX] == []


def test_nothing_of_the_packages_imports_what_is_beside_them() -> None:
    beside = re.compile(r"^\s*(?:from|import) (tests|benchmarks|scripts)\b", re.MULTILINE)
    assert [name for name, path in FILES.items() if beside.search(path.read_text("utf-8"))] == []


@pytest.mark.parametrize(
    "text", sorted([*(ROOT / "docs").glob("*.md"), ROOT / "CONTRIBUTING.md"]), ids=lambda path: path.name
)
def test_tests_and_modules_that_texts_name_are_there(text: Path) -> None:
    """Paths are whole or end as a file's does (`run/loop.py`); a test is named by its function."""
    files = [f"/{path.relative_to(ROOT).as_posix()}" for path in [*FILES.values(), *BESIDE]]
    functions = "\n".join(path.read_text("utf-8") for path in BESIDE)
    words = {word for quoted in re.findall(r"`([^`\n]+)`", text.read_text("utf-8")) for word in quoted.split()}
    named = [word.partition("::") for word in words if re.fullmatch(r"[\w/]+\.py(::\w+)?|test_\w+", word)]
    lost = [
        path for path, _, _ in named if path.endswith(".py") and not any(file.endswith(f"/{path}") for file in files)
    ]
    tests = [test or path for path, _, test in named if test or not path.endswith(".py")]
    assert lost + [test for test in tests if f"def {test}(" not in functions] == []
    modules = re.findall(r"python -m (benchmarks[\w.]*)", text.read_text("utf-8"))
    assert [name for name in modules if not any(file.endswith(f"{name.replace('.', '/')}.py") for file in files)] == []
