"""Recipes on disk: those that ship, a user's own, and the one beside every model."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, fields
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Any

from crispim_ij.errors import CrispimError
from crispim_ij.noise import read_range
from crispim_ij.training.recipe import Recipe

_KEYS = {field.name: field for field in fields(Recipe)}


def list_recipes() -> list[str]:
    """Return the names of the recipes that ship, in alphabetical order."""
    folder = files("crispim_ij.training") / "recipes"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir())


def load_recipe(name: str) -> Recipe:
    """Read a recipe.

    Parameters
    ----------
    name : str
        A recipe that ships; or a file: TOML with a key for each of `Recipe`'s
        attributes that differs from its default, or the recipe.json of a model folder.

    Returns
    -------
    Recipe
        The recipe.

    Raises
    ------
    CrispimError
        If there is no such recipe, or it has an unknown key or a value that can't be.
    """
    shipped = list_recipes()
    if name in shipped:
        text = (files("crispim_ij.training") / "recipes" / f"{name}.toml").read_text("utf-8")
        return _checked(tomllib.loads(text), name)
    path = Path(name)
    if path.suffix not in (".toml", ".json") or not path.is_file():
        near = get_close_matches(name, shipped, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise CrispimError(
            f"There is no recipe {name!r} (--recipe{hint}): take one of {', '.join(shipped)}, or "
            "give a .toml file, or the recipe.json of a model."
        )
    try:
        text = path.read_text(encoding="utf-8")
        values = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)["recipe"]
        if not isinstance(values, dict):
            raise TypeError("its recipe is not a table")
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise CrispimError(
            f"{path} can't be read as a recipe ({error}): mend it, or take one of "
            f"{', '.join(shipped)}."
        ) from error
    if path.suffix == ".toml" and {"camera", "noise_sd"} <= values.keys():
        raise CrispimError(
            f"{path} has both a camera and noise_sd, of which one draws the noise: leave one out."
        )
    return _checked(values, str(path))


def _checked(values: Mapping[str, Any], where: str) -> Recipe:
    """Make a recipe of what was read, refusing keys that there are not or that are missing."""
    for key in values:
        if key not in _KEYS:
            near = get_close_matches(key, _KEYS, 1)
            meant = f"did you mean {near[0]!r}? " if near else ""
            raise CrispimError(
                f"{where} has the key {key!r}, which no recipe has: {meant}The keys are "
                f"{', '.join(_KEYS)}."
            )
    needed = [key for key, field in _KEYS.items() if field.default is MISSING]
    missing = [key for key in needed if key not in values]
    if missing:
        raise CrispimError(f"{where} lacks the key {missing[0]!r}: a recipe needs it.")
    # Neither TOML nor JSON has tuples.
    given: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    if isinstance(given.get("camera"), dict):
        given["camera"] = read_range(given["camera"]) or given["camera"]
    return Recipe(**given)
