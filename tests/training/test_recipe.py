from __future__ import annotations

import json
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import pytest

from crispim_ij.errors import CrispimError
from crispim_ij.networks import ARCHITECTURES, build, receptive_field
from crispim_ij.training import Recipe, list_recipes, load_recipe
from crispim_ij.training.recipe import RENAMED, RULES

RECIPE = Recipe(name="small", architecture="paper-2d", steps=3, batch=5, patch=16)
TOML = 'name = "mine"\narchitecture = "paper-2d"\nsteps = 3\nbatch = 2\npatch = 32\n'


def test_the_recipes_that_ship() -> None:
    ours = ["crispim-2d", "crispim-2d-fast", "crispim-3d"]
    assert list_recipes() == ["blind", *ours, "paper-2d", "paper-3d"]
    for name in list_recipes():
        assert load_recipe(name).name == name


def test_the_papers_facts() -> None:
    recipe = load_recipe("paper-2d")
    assert (recipe.batch, recipe.validation_batch, recipe.steps) == (15, 1, 1000)
    assert (recipe.patch, recipe.crop, recipe.end_planes) == (256, "top-left", 200)
    assert (recipe.learning_rate, recipe.schedule) == (1e-4, "constant")


def test_every_key_has_a_rule() -> None:
    assert set(RULES) == {field.name for field in fields(Recipe)}


@pytest.mark.parametrize("name", ["paper-2d", "residual-2d", "paper-3d"])
def test_strides_are_the_networks(name: str) -> None:
    assert ARCHITECTURES[name].stride == receptive_field(build(name)).stride


BAD: list[tuple[str, Any, str]] = [
    ("steps", 0, "a whole number from 1 up"),
    ("steps", 2.5, "a whole number from 1 up"),
    ("batch", True, "a whole number from 1 up"),
    ("patch", -1, "a whole number from 1 up"),
    ("patch", 30, "a multiple of 4"),
    ("noise_sd", (3.0, 2.0), "the smaller first"),
    ("noise_sd", 30.0, "two numbers"),
    ("noise_sd", (1.0, "x"), "two numbers"),
    ("contrast", (0.0, 2.0), "above 0"),
    ("learning_rate", -0.1, "a number above 0"),
    ("learning_rate", "fast", "a number above 0"),
    ("crop", "centre", "one of random, top-left"),
    ("schedule", "step", "one of constant, cosine"),
    ("checkpoint_policy", "all", "one of last, best"),
    ("ema_momentum", 1.0, "below 1"),
    ("validation_share", 1.5, "below 1"),
    ("architecture", "unet", "one of paper-2d"),
    ("precision", "float16", "one of float32, bfloat16"),
    ("seed", -1, "from 0 up"),
    ("name", "", "a text"),
]


@pytest.mark.parametrize(("key", "value", "allowed"), BAD)
def test_values_that_can_not_be(key: str, value: Any, allowed: str) -> None:
    with pytest.raises(CrispimError, match=f"^{key} is .*{allowed}"):
        replace(RECIPE, **{key: value})


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(TOML + "noise_sd = [5, 10.5]\n", encoding="utf-8")
    expected = Recipe("mine", "paper-2d", 3, 2, 32, noise_sd=(5, 10.5))
    assert load_recipe(str(path)) == expected


def test_the_file_beside_a_model(tmp_path: Path) -> None:
    recipe = replace(RECIPE, contrast=(10.0, 20.0))
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps({"recipe": asdict(recipe), "data": []}), encoding="utf-8")
    assert load_recipe(str(path)) == recipe


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (TOML + "stepps = 1\n", r"'stepps', which no recipe has: did you mean 'steps'\?"),
        (TOML + "colour = 1\n", r"'colour', which no recipe has: The keys are name, arch"),
        (TOML.replace("batch", "#"), "lacks the key 'batch'"),
        (TOML + "learning_rate = -1.0\n", "learning_rate is -1.0.*above 0"),
        (TOML + "patch = 3 =\n", "can't be read as a recipe"),
    ],
)
def test_files_that_are_refused(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(CrispimError, match=says):
        load_recipe(str(path))


@pytest.mark.parametrize("name", ["paper", "nowhere.toml", "pyproject.txt"])
def test_no_such_recipe(name: str) -> None:
    with pytest.raises(CrispimError, match="crispim-2d-fast, crispim-3d, paper-2d, paper-3d"):
        load_recipe(name)


@pytest.mark.parametrize("content", ["[]", "{}", "nonsense"])
def test_a_json_that_is_no_recipe(tmp_path: Path, content: str) -> None:
    path = tmp_path / "recipe.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(CrispimError, match="can't be read as a recipe"):
        load_recipe(str(path))


def test_a_key_by_its_older_name_is_taken_and_told(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(TOML + 'average = 0.5\nkeep = "best"\n', encoding="utf-8")
    with pytest.warns(FutureWarning, match=r"mine.toml has the key '\w+', which is called") as told:
        recipe = load_recipe(str(path))
    assert (recipe.ema_momentum, recipe.checkpoint_policy) == (0.5, "best")
    assert ["'ema_momentum' now" in str(one.message) for one in told] == [True, False]
    path.write_text(TOML + "average = 0.5\nema_momentum = 0.5\n", encoding="utf-8")
    with (
        pytest.warns(FutureWarning),
        pytest.raises(CrispimError, match="has both 'average' and 'ema_momentum'"),
    ):
        load_recipe(str(path))


def test_the_files_beside_older_models_are_read_without_a_word(tmp_path: Path) -> None:
    """Their recipes have keys by the older names."""
    shipped = Path(__file__).parents[2] / "models/crispim-2d/recipe.json"
    made = json.loads(shipped.read_text(encoding="utf-8"))
    for old, new in RENAMED.items():
        made["recipe"][old] = made["recipe"].pop(new)
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps(made), encoding="utf-8")
    assert load_recipe(str(path)) == load_recipe(str(shipped))
