from __future__ import annotations

from dataclasses import asdict

import pytest

from crispim_ij.reproduction.plan import ReproductionSettings
from crispim_ij.reproduction.recipes import (
    NETWORKS,
    QUICK,
    changes_of,
    full_recipe,
    quick_recipe,
    settled_recipes,
)
from crispim_ij.training import load_recipe


@pytest.mark.parametrize("name", NETWORKS)
def test_the_full_recipe_is_the_papers(name: str) -> None:
    full = full_recipe(name, 256, 0)
    assert changes_of(full) == []
    differing = {k for k, v in asdict(load_recipe(name)).items() if asdict(full)[k] != v}
    assert differing <= {"checkpoint_every"}


@pytest.mark.parametrize("name", NETWORKS)
def test_small_planes_change_the_patch_alone(name: str) -> None:
    (change,) = changes_of(full_recipe(name, 200, 3))
    assert (change.key, change.paper, change.here) == ("patch", 256, 200)


@pytest.mark.parametrize("name", NETWORKS)
def test_all_that_quick_changes_is_listed(name: str) -> None:
    full = full_recipe(name, 256, 0)
    quick = quick_recipe(full, "bfloat16")
    differing = {k for k, v in asdict(full).items() if asdict(quick)[k] != v}
    assert differing == {change.key for change in changes_of(quick)}
    assert quick.batch == full.batch
    assert quick.steps * quick.patch**2 < full.steps * full.patch**2 / 4


def test_quick_patches_fit_small_planes() -> None:
    assert quick_recipe(full_recipe("paper-2d", 40, 0), "float32").patch == 40
    assert quick_recipe(full_recipe("paper-2d", 256, 0), "float32").patch == 64


def test_a_run_goes_on_with_the_recipes_that_it_began_with() -> None:
    quick = ReproductionSettings(quick=True, seed=5)
    recipes = settled_recipes(256, quick, {"paper-2d": "bfloat16", "paper-3d": "float32"})
    assert [recipe.precision for recipe in recipes.values()] == ["bfloat16", "float32"]
    assert {recipe.seed for recipe in recipes.values()} == {5}
    assert recipes["paper-3d"].steps == QUICK["paper-3d"]["steps"]
    full = settled_recipes(256, ReproductionSettings(), {})
    assert [changes_of(recipe) for recipe in full.values()] == [[], []]
