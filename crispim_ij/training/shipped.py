"""The runs that made the models that ship, so that anyone can repeat them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any

from crispim_ij.errors import CrispimError
from crispim_ij.phantom import PhantomSettings
from crispim_ij.training.recipe import Recipe, load_recipe


@dataclass(frozen=True)
class ShippedRun:
    """One training run: the model that it makes, and on which clean stacks.

    A stack 'NAME:half' is one averaged 2 x 2, a name among `phantoms` is simulated. `start_from` is
    the run whose weights it begins with, `teacher` the one whose model it learns from beside the
    planes.
    """

    model: str
    recipe: Recipe
    stacks: tuple[str, ...]
    start_from: str | None = None
    teacher: str | None = None


def runs_for(model: str) -> list[ShippedRun]:
    """Return the runs that lead to a model that ships, in their order; the last one makes it."""
    plan = _plan()
    known = {values["model"]: _run(values, plan["sets"]) for values in plan["run"]}
    if model not in known:
        raise CrispimError(
            f"How {model!r} was trained is not known here: take one of {', '.join(known)}."
        )
    needed: dict[str, ShippedRun] = {}

    def add(name: str) -> None:
        for earlier in (known[name].start_from, known[name].teacher):
            if earlier is not None:
                add(earlier)
        needed[name] = known[name]

    add(model)
    return list(needed.values())


def phantoms() -> dict[str, PhantomSettings]:
    """Return the simulated volumes that the runs use, by name."""
    return {
        values["name"]: PhantomSettings(**_with_tuples(values["settings"]))
        for values in _plan()["phantom"]
    }


def _plan() -> dict[str, Any]:
    text = (files("crispim_ij.training") / "shipped.toml").read_text("utf-8")
    plan: dict[str, Any] = tomllib.loads(text)
    return plan


def _run(values: Mapping[str, Any], sets: Mapping[str, list[str]]) -> ShippedRun:
    recipe = replace(load_recipe(values["recipe"]), **_with_tuples(values["options"]))
    stacks = values["stacks"]
    return ShippedRun(
        values["model"],
        recipe,
        tuple(sets[stacks] if isinstance(stacks, str) else stacks),
        values.get("start_from"),
        values.get("teacher"),
    )


def _with_tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    """TOML has lists for tuples."""
    return {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
