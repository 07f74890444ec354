from __future__ import annotations

from pathlib import Path

import pytest

from crispim_ij.reproduction.differences import differences_from_paper
from crispim_ij.reproduction.plan import ReproductionSettings, make_plan
from crispim_ij.reproduction.recipes import settled_recipes

COARSE = {"paper-2d": "bfloat16", "paper-3d": "bfloat16"}


def _notes(brains: Path, settings: ReproductionSettings) -> str:
    plan = make_plan([brains], settings)
    return "\n".join(
        differences_from_paper(plan, settings, settled_recipes(plan.patch, settings, COARSE))
    )


def test_all_that_differs_is_said(brains: Path) -> None:
    settings = ReproductionSettings(quick=True, test="brain 1")
    plan = make_plan([brains], settings)
    notes = _notes(brains, settings)
    assert "This is a quick run" in notes
    assert "precision bfloat16 instead of float32" in notes
    assert "Tested on brain 1, as asked for" in notes
    assert f"allows patches of {plan.patch} px, not 256" in notes
    assert "too short for 20 planes" in notes
    assert "over 4 random planes of 0 to 4" in notes
    for stack in (*plan.training, plan.test):
        assert stack.count_map is not None
        assert f"{stack.count_map.scale:.4g} x count" in notes
    assert "not downsampled (the paper: 4 times)" in notes


def test_what_does_not_differ_is_not_said(brains: Path) -> None:
    notes = _notes(brains, ReproductionSettings(rescale=False))
    assert "quick" not in notes
    assert "steps" not in notes
    assert "the longest stack" in notes
    assert "counts as they are" in notes


@pytest.mark.parametrize("data", [["brain 0.tif", "brain 1.tif"]])
def test_one_training_stack_is_said(brains: Path, data: list[str]) -> None:
    settings = ReproductionSettings()
    plan = make_plan([brains / name for name in data], settings)
    notes = differences_from_paper(plan, settings, settled_recipes(plan.patch, settings, COARSE))
    assert any("One stack was trained on" in note for note in notes)
