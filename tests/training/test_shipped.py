from __future__ import annotations

from itertools import pairwise

import pytest

from crispim_ij.errors import CrispimError
from crispim_ij.training import load_recipe
from crispim_ij.training.shipped import phantoms, runs_for


def test_a_model_is_made_by_a_chain_of_runs() -> None:
    runs = runs_for("crispim-2d")
    names = ["crispim-2d-first", "crispim-2d-second", "crispim-2d"]
    assert [run.model for run in runs] == names
    assert [run.start_from for run in runs] == [None, *names[:-1]]
    assert runs[-1].recipe.zoom == load_recipe("crispim-2d").zoom


def test_phantoms_of_the_runs_are_known() -> None:
    used = {name for run in runs_for("crispim-3d") for name in run.stacks if "phantom" in name}
    assert used == set(phantoms())
    assert phantoms()["phantom-1"].shape == (24, 400, 500)


def test_other_models_are_not() -> None:
    with pytest.raises(CrispimError, match="How 'mine' was trained is not known"):
        runs_for("mine")


def test_a_plane_is_learnt_from_all_sets() -> None:
    run = runs_for("crispim-2d")[-1]
    assert run.recipe.architecture == "stabilised-2d"
    assert run.stacks.count("train/dlmbmap-soma") == 2
    assert "more/merck-tumor-tissue" in run.stacks


def test_a_network_of_several_planes_learns_from_stacks_of_them() -> None:
    *_, flat, first, second = runs_for("crispim-3d")
    assert flat.model == "crispim-2d-second"
    for earlier, run in pairwise((flat, first, second)):
        assert run.start_from == earlier.model
        assert run.recipe.architecture == "stabilised-2.5d"
        assert run.recipe.stray_share > 0


def test_a_fast_network_learns_from_a_larger_one() -> None:
    *earlier, first, second = runs_for("crispim-2d-fast")
    assert [one.model for one in earlier] == ["crispim-2d-first", "crispim-2d-second"]
    assert (first.start_from, second.start_from) == (None, first.model)
    for run in (first, second):
        assert run.teacher == "crispim-2d-second"
        assert run.recipe.architecture == "stabilised-2d-fast"
        assert run.stacks == earlier[-1].stacks
