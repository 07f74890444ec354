from __future__ import annotations

from pathlib import Path

import pytest

from crispim_ij.reproduction import cost
from crispim_ij.reproduction.cost import disk_bytes, make_offer, seconds_per_step
from crispim_ij.reproduction.plan import ReproductionSettings, make_plan
from crispim_ij.reproduction.recipes import full_recipe, quick_recipe
from crispim_ij.training import Recipe


@pytest.mark.parametrize(("gain", "precision"), [(0.9, "float32"), (0.5, "bfloat16")])
def test_coarser_arithmetic_must_be_worth_it(
    brains: Path, monkeypatch: pytest.MonkeyPatch, gain: float, precision: str
) -> None:
    def clocked(recipe: Recipe) -> float:
        return 1e-4 * recipe.patch**2 * (gain if recipe.precision == "bfloat16" else 1)

    monkeypatch.setattr(cost, "seconds_per_step", clocked)
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


@pytest.mark.parametrize(
    "recipe",
    [
        full_recipe("paper-2d", 32, 0),
        pytest.param(
            quick_recipe(full_recipe("paper-3d", 32, 0), "bfloat16"), marks=pytest.mark.long
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

    monkeypatch.setattr(cost, "_timed", clocked)
    full = full_recipe("paper-3d", 256, 0)
    assert cost.seconds_per_step(full) == pytest.approx(3 * 256**2 * 1e-4)
    assert taken == [(64, 1)]
    quick = quick_recipe(full, "float32")
    assert cost.seconds_per_step(quick) == pytest.approx(3 * 64**2 * 1e-4)
    assert taken[1:] == [(64, 1), (64, 3)]


def test_room_for_all_that_is_written(brains: Path) -> None:
    plan = make_plan([brains], ReproductionSettings())
    stacks = [stack.shape[0] * stack.size[0] * stack.size[1] * 2 for stack in plan.training]
    test = plan.test.shape[0] * plan.test.size[0] * plan.test.size[1] * 2
    weights = 4 * (332_641 + 5_836_033)
    assert disk_bytes(plan) > 2 * sum(stacks) + test + 4 * weights
