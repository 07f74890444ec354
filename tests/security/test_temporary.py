"""What is put aside for a moment is nobody else's to read or to guess; jars are the pinned ones."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import crispim_ij
from crispim_ij.imagej.jars import JARS

PACKAGE = Path(crispim_ij.__file__).parent

BETWEEN_OWN_PROCESSES = {"cluster/payload.py", "cluster/tasks.py", "napari/process.py"}
"""Modules that unpickle what their own run has pickled, and no file; SECURITY.md says so."""


def called(tree: ast.AST) -> list[tuple[str, ast.Call]]:
    """The name behind the last dot of each call."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    names = [getattr(call.func, "attr", getattr(call.func, "id", "")) for call in calls]
    return list(zip(names, calls, strict=True))


def imported(tree: ast.AST) -> set[str]:
    """The modules that a file imports."""
    found = {a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names}
    return found | {
        node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module
    }


@pytest.mark.parametrize(
    "path",
    sorted(PACKAGE.rglob("*.py")),
    ids=lambda path: path.relative_to(PACKAGE).as_posix(),
)
def test_no_module_can_run_what_it_reads(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    loaders = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"}
    if path.relative_to(PACKAGE).as_posix() in BETWEEN_OWN_PROCESSES:
        loaders.remove("pickle")
    assert not imported(tree) & loaders
    for name, call in called(tree):
        keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
        builtin = isinstance(call.func, ast.Name)
        assert not (builtin and name in {"eval", "exec", "compile", "__import__"}), call.lineno
        assert ast.unparse(call.func) not in {"os.system", "os.popen"}, call.lineno
        assert name not in {"mktemp", "gettempdir", "enable_unsafe_deserialization"}, call.lineno
        assert keywords.get("shell", "False") == "False", call.lineno
        assert keywords.get("safe_mode", "True") == "True", call.lineno
        assert keywords.get("allow_pickle", "False") == "False", call.lineno


def test_every_jar_is_pinned() -> None:
    for jar in JARS:
        assert re.fullmatch(r"[0-9a-f]{64}", jar.sha256)
        assert re.fullmatch(r"\d[\w.-]*", jar.version)
        assert "SNAPSHOT" not in jar.version
