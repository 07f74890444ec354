"""docs/messages.md lists what the program says, word for word."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/messages.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(?P<message>.+?)` \| (?P<remedy>.+) \|$", re.MULTILINE)
LISTED = [row["message"].replace("``", "`") for row in ROW.finditer(PAGE)]


def template(node: ast.expr) -> str:
    """Return the text of a string, with … for what is put into it."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(map(template, node.values))
    return "…"


def messages(path: Path) -> Iterator[str]:
    """Yield what errors say, and what is said without being one, which is put together."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.JoinedStr):
            yield template(node)
        if isinstance(node, ast.Call) and node.args:
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name.endswith("Error"):
                yield template(node.args[0])


@pytest.fixture(scope="module")
def said() -> list[str]:
    return [one for path in (ROOT / "crispim_ij").rglob("*.py") for one in messages(path)]


def test_enough_are_listed() -> None:
    assert len(LISTED) >= 40
    assert len(set(LISTED)) == len(LISTED)
    assert PAGE.count("\n| `") == len(LISTED)


@pytest.mark.parametrize("message", LISTED)
def test_the_program_says_it(message: str, said: list[str]) -> None:
    assert any(message in one for one in said), message


def test_what_is_not_said_would_be_seen(said: list[str]) -> None:
    assert not any("'…' is perfect" in one for one in said)
