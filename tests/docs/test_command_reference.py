"""The reference of commands has every command, option and default."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
import typer

from crispim_ij.cli.main import app

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def made() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "command_reference", ROOT / "docs/command_reference.py"
    )
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def sections(made: ModuleType) -> dict[str, str]:
    parts = re.split(r"^## `(.+)`$", made.reference(), flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def test_every_command_has_every_option(made: ModuleType, sections: dict[str, str]) -> None:
    root = typer.main.get_command(app)
    commands = dict(made.walk("crispim-ij", root))
    assert len(commands) > 15
    assert set(sections) == {"crispim-ij", *commands}
    for name, command in commands.items():
        for parameter in command.params:
            if parameter.param_type_name == "option" and parameter.name not in made.EVERYWHERE:
                assert f"| `{parameter.opts[0]}`" in sections[name], (name, parameter.name)
                assert parameter.help, (name, parameter.name)


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("denoise", "crispim-ij denoise [OPTIONS] INPUT OUTPUT"),
        ("demo", "crispim-ij demo [OPTIONS] [DIR]"),
        ("denoise", "| `--tile` | `PX` from 1 | `1024` |"),
        ("denoise", "| `--precision` | `float32`, `bfloat16` | `float32` |"),
        ("denoise", "| `--overwrite` |  |  | Replace results that are there. |"),
        ("train", r"| `--recipe` | `NAME\|FILE` | `crispim-2d` |"),
        ("train", "| `--clean` | `STACK` | none, which is for --recipe blind | Folder or stack"),
        ("demo", "| `DIR` | Folder to work in. By default `crispim-demo`. |"),
        ("fiji denoise", "Also from the variable `CRISPIM_FIJI`."),
    ],
)
def test_what_it_says(command: str, line: str, sections: dict[str, str]) -> None:
    assert line in sections[f"crispim-ij {command}"]


def test_rows_have_as_many_cells_as_their_table(sections: dict[str, str]) -> None:
    for section in sections.values():
        for table in re.findall(r"(?:^\|.*\n)+", section, re.MULTILINE):
            cells = {len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}
            assert len(cells) == 1, table


def test_the_page_has_its_place(made: ModuleType) -> None:
    assert "<!-- commands: docs/command_reference.py -->" in (ROOT / "docs/commands.md").read_text(
        encoding="utf-8"
    )
