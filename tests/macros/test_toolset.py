"""`CRISPIM_Toolset.ijm` starts each macro from where `crispim-ij fiji install` puts it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.macros.conftest import MACROS, FijiFolder

TOOLSET = (MACROS / "CRISPIM_Toolset.ijm").read_text()
TOOLS = {
    name: block
    for block in re.findall(r'^macro ".*?^}$', TOOLSET, re.MULTILINE | re.DOTALL)
    for name in re.findall(r'macro "(.*) Action Tool - ', block)
}
STARTED = [path.stem for path in sorted(MACROS.glob("*.ijm")) if path.stem != "CRISPIM_Toolset"]


def test_each_macro_has_a_tool_and_they_fit_the_bar() -> None:
    assert sorted(TOOLS) == sorted([*(name.replace("_", " ") for name in STARTED), "CRISPIM Help"])
    # ImageJ has eight places right of its own tools.
    assert len(TOOLS) <= 8


def alone(fiji: FijiFolder, tool: str) -> Path:
    """Return a macro file that has this tool first, which is the one that ImageJ runs."""
    functions = TOOLSET[TOOLSET.index("function start(") :]
    path = fiji.folder / "tool.ijm"
    path.write_text(f"{TOOLS[tool]}\n{functions}")
    return path


@pytest.mark.parametrize(
    "name", [STARTED[0], *(pytest.param(name, marks=pytest.mark.long) for name in STARTED[1:])]
)
def test_a_tool_starts_its_macro(fiji_folder: FijiFolder, name: str) -> None:
    path = fiji_folder.folder / f"plugins/CRISPIM/{name}.ijm"
    answer = fiji_folder.run(alone(fiji_folder, name.replace("_", " ")))
    assert f"{name}: Without a screen there is no dialog" in answer.printed
    path.unlink()
    answer = fiji_folder.run(alone(fiji_folder, name.replace("_", " ")))
    assert f"{name}.ijm is missing: run crispim-ij fiji install" in answer.printed


def test_the_help_names_each_tool(fiji_folder: FijiFolder) -> None:
    answer = fiji_folder.run(alone(fiji_folder, "CRISPIM Help"))
    for tool in TOOLS:
        name = tool.removeprefix("CRISPIM ")
        assert name == "Help" or f"<b>{name}</b>" in answer.printed
