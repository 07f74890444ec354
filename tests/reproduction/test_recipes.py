from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest

from crispim_ij.reproduction import recipes
from crispim_ij.reproduction.plan import ReproductionSettings, make_plan
from crispim_ij.reproduction.recipes import (
    NETWORKS,
    QUICK,
    changes_of,
    disk_bytes,
    full_recipe,
    make_offer,
    quick_recipe,
    seconds_per_step,
    settled_recipes,
)
from crispim_ij.training import Recipe, load_recipe


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


@pytest.mark.parametrize(("gain", "precision"), [(0.9, "float32"), (0.5, "bfloat16")])
def test_coarser_arithmetic_must_be_worth_it(
    brains: Path, monkeypatch: pytest.MonkeyPatch, gain: float, precision: str
) -> None:
    def clocked(recipe: Recipe) -> float:
        return 1e-4 * recipe.patch**2 * (gain if recipe.precision == "bfloat16" else 1)

    monkeypatch.setattr(recipes, "seconds_per_step", clocked)
    settings = ReproductionSettings(quick=True)
    plan = make_plan([brains], settings)
    offer = make_offer(plan, settings)
    assert [recipe.precision for recipe in offer.recipes.values()] == [precision] * 2
    for name, recipe in offer.recipes.items():
        assert offer.cost.training[name] == pytest.approx(recipe.steps * clocked(recipe))
        full = full_recipe(name, plan.patch, 0)
        assert offer.full.training[name] == pytest.approx(full.steps * clocked(full))
    assert offer.cost.testing == offer.full.testing > 0
    full_settings = ReproductionSettings()
    assert make_offer(plan, full_settings).cost == offer.full


@pytest.mark.long
@pytest.mark.parametrize(
    "recipe",
    [
        full_recipe("paper-2d", 32, 0),
        pytest.param(
            quick_recipe(full_recipe("paper-3d", 32, 0), "bfloat16"), marks=pytest.mark.slow
        ),
    ],
    ids=["full 2D", "quick 3D"],
)
def test_a_step_takes_time(recipe: Recipe) -> None:
    assert seconds_per_step(recipe) > 0


def test_long_steps_are_not_taken_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []

    def clocked(recipe: Recipe) -> float:
        taken.append((recipe.patch, recipe.batch))
        return recipe.batch * recipe.patch**2 * 1e-4

    monkeypatch.setattr(recipes, "_timed", clocked)
    full = full_recipe("paper-3d", 256, 0)
    assert seconds_per_step(full) == pytest.approx(3 * 256**2 * 1e-4)
    assert taken == [(64, 1)]
    quick = quick_recipe(full, "float32")
    assert seconds_per_step(quick) == pytest.approx(3 * 64**2 * 1e-4)
    assert taken[1:] == [(64, 1), (64, 3)]


def test_room_for_all_that_is_written(brains: Path) -> None:
    plan = make_plan([brains], ReproductionSettings())
    stacks = [stack.shape[0] * stack.size[0] * stack.size[1] * 2 for stack in plan.training]
    test = plan.test.shape[0] * plan.test.size[0] * plan.test.size[1] * 2
    weights = 4 * (332_641 + 5_836_033)
    assert disk_bytes(plan) > 2 * sum(stacks) + test + 4 * weights
