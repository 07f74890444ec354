from __future__ import annotations

import pytest

from crispim_ij.errors import CrispimError
from crispim_ij.training import load_recipe
from crispim_ij.training.shipped import phantoms, runs_for


def test_a_model_is_made_by_a_chain_of_runs() -> None:
    runs = runs_for("crispim-2d")
    earlier = [f"crispim-2d-{number}" for number in ("first", "second", "third", "fourth", "fifth")]
    assert [run.model for run in runs] == [*earlier, "crispim-2d"]
    assert [run.start_from for run in runs] == [None, *earlier]
    assert runs[-1].recipe.zoom == load_recipe("crispim-2d").zoom
    assert runs_for("crispim-3d")[-1].recipe.architecture == "residual-2.5d"


def test_phantoms_of_the_runs_are_known() -> None:
    used = {name for run in runs_for("crispim-3d") for name in run.stacks if "phantom" in name}
    assert used == set(phantoms())
    assert phantoms()["phantom-1"].shape == (24, 400, 500)


def test_other_models_are_not() -> None:
    with pytest.raises(CrispimError, match="How 'mine' was trained is not known"):
        runs_for("mine")


def test_a_network_that_is_told_the_noise_learns_from_all_sets() -> None:
    first, run = runs_for("told-2d-second")
    assert (first.model, run.start_from) == ("told-2d", "told-2d")
    assert run.recipe.architecture == "stabilised-2d"
    assert run.stacks.count("train/dlmbmap-soma") == 2
    assert "more/merck-tumor-tissue" in run.stacks


def test_a_network_of_several_planes_learns_from_stacks_of_them() -> None:
    *_, flat, run = runs_for("told-3d")
    assert run.start_from == flat.model == "told-2d-second"
    assert run.recipe.architecture == "stabilised-2.5d"
    assert run.recipe.stray_share > 0


def test_a_fast_network_learns_from_a_larger_one() -> None:
    *earlier, run = runs_for("told-2d-fast")
    assert [one.model for one in earlier] == ["told-2d", "told-2d-second"]
    assert (run.start_from, run.teacher) == (None, "told-2d-second")
    assert run.recipe.architecture == "stabilised-2d-fast"
    assert run.stacks == earlier[-1].stacks
