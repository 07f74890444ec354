"""docs/training.md says what the code does."""

from __future__ import annotations

import inspect
import runpy
from dataclasses import fields
from pathlib import Path

from crispim_ij.training import Recipe

DOCS = Path(__file__).parents[2] / "docs"
SCRIPT = runpy.run_path(str(DOCS / "make_recipe_table.py"))


def test_the_table_of_keys_is_of_today() -> None:
    _, told, _ = SCRIPT["split"]((DOCS / "training.md").read_text(encoding="utf-8"))
    assert told == SCRIPT["table"](), "run: python docs/make_recipe_table.py"


def test_every_key_has_a_meaning() -> None:
    meanings = SCRIPT["read_meanings"](inspect.getdoc(Recipe))
    assert list(meanings) == [field.name for field in fields(Recipe)]
    assert meanings["steps"] == "Batches to train on."
