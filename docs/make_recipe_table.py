"""Write the table of a recipe's keys into docs/training.md, from the code that reads them.

    python docs/make_recipe_table.py

Meanings come from `Recipe`'s docstring, what is allowed from `RULES`, so neither is said twice.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from crispim_ij.training import Recipe
from crispim_ij.training.recipe import RULES

PAGE = Path(__file__).with_name("training.md")
BEGIN, END = "<!-- recipe table: docs/make_recipe_table.py -->\n", "<!-- end of table -->"


def main() -> None:
    """Replace the table in the page."""
    before, _, after = split(PAGE.read_text(encoding="utf-8"))
    PAGE.write_text(before + BEGIN + table() + END + after, encoding="utf-8")


def split(page: str) -> tuple[str, str, str]:
    """Return what comes before the table, the table, and what comes after."""
    before, rest = page.split(BEGIN)
    inside, after = rest.split(END)
    return before, inside, after


def table() -> str:
    """Return the table in Markdown."""
    meanings = read_meanings(inspect.getdoc(Recipe) or "")
    lines = ["| key | default | allowed | meaning |", "|---|---|---|---|"]
    for field in fields(Recipe):
        default = "*needed*" if field.default is MISSING else as_toml(field.default)
        cells = (f"`{field.name}`", default, RULES[field.name].allowed, meanings[field.name])
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def read_meanings(docstring: str) -> dict[str, str]:
    """Return what a class's docstring says of each attribute."""
    attributes = re.split(r"\n\w+\n-+\n", docstring)[1]
    entries = re.findall(r"^(\w+) : .*\n((?:    .*\n?)+)", attributes, re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in entries}


def as_toml(value: Any) -> str:
    """Return a default as it would be written in a recipe."""
    if value is None:
        return "left out"
    if isinstance(value, tuple):
        return f"`[{', '.join(map(str, value))}]`"
    return f'`"{value}"`' if isinstance(value, str) else f"`{value}`"


if __name__ == "__main__":
    main()
