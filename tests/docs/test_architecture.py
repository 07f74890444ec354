"""docs/architecture.md and docs/where.md are true of the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "crispim_ij"
NAMES = ("architecture.md", "where.md")
PAGES = {name: (ROOT / "docs" / name).read_text("utf-8") for name in NAMES}
FILES = frozenset(PACKAGE.rglob("*.py"))
FILE = re.compile(r"(?<![\w/])(?:[a-z]\w*/)*[a-z]\w*\.py\b")


def ranks() -> dict[str, int]:
    """Return the place of each room, and of each file beside them, in the page's table."""
    rows = re.findall(r"^\| (`.+?`) \|", PAGES["architecture.md"], re.MULTILINE)
    names = [re.findall(r"`(\w+)(?:/|\.py)`", row) for row in rows]
    return {name: place for place, row in enumerate(names) for name in row}


def imported(file: Path) -> Iterator[str]:
    """Yield the rooms that a file imports from, wherever in it that is."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "crispim_ij":
            yield from (alias.name for alias in node.names if not alias.name.startswith("__"))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("crispim_ij."):
            yield str(node.module).split(".")[1]


def defined(file: Path) -> set[str]:
    """Return the names of a file's functions, classes, methods and constants."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    return found


def test_all_rooms_are_in_the_table() -> None:
    rooms = {entry.stem for entry in PACKAGE.iterdir() if entry.suffix in ("", ".py")}
    assert rooms - {"__init__", "py", "__pycache__", "_bundled"} == set(ranks())


def test_imports_go_one_way() -> None:
    order = ranks()
    wrong = [
        f"{file.relative_to(PACKAGE)} imports {other}"
        for file in PACKAGE.rglob("*.py")
        if (own := file.relative_to(PACKAGE).parts[0].removesuffix(".py")) in order
        for other in imported(file)
        if order[other] > order[own]
    ]
    assert not wrong


@pytest.mark.parametrize("page", PAGES)
def test_files_and_what_is_said_to_be_in_them_are_there(page: str) -> None:
    missing = []
    for line in PAGES[page].splitlines():
        for mention in FILE.finditer(line):
            file = ROOT / mention[0] if mention[0].startswith("docs/") else PACKAGE / mention[0]
            if not file.is_file():
                missing.append(mention[0])
                continue
            rest = FILE.split(line[mention.end() :])[0]
            listed = re.match(r"`? \((`[^)]*)\)", rest)
            called = re.findall(r"([\w.]+)\(\)", rest)
            names = re.findall(r"`(\w+)`", listed[1]) if listed else called
            wanted = {name.split(".")[-1] for name in names}
            missing += [f"{mention[0]}: {name}" for name in wanted - defined(file)]
    assert not missing


@pytest.mark.parametrize("room", sorted(page.parent.name for page in PACKAGE.glob("*/README.md")))
def test_files_of_rooms_are_there(room: str) -> None:
    folder = PACKAGE / room
    named = FILE.findall((folder / "README.md").read_text("utf-8"))
    assert not [name for name in named if not {folder / name, PACKAGE / name} & set(FILES)]
