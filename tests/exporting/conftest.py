from __future__ import annotations

import pytest

from crispim_ij.models import Model
from tests.exporting.random_models import random_model


@pytest.fixture(
    scope="package", params=["paper-2d", pytest.param("residual-2d", marks=pytest.mark.long)]
)
def flat_model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Each 2D architecture."""
    return random_model(request.param, tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="package")
def residual_2d(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return random_model("residual-2d", tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="package")
def paper_2d(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return random_model("paper-2d", tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="package")
def paper_3d(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return random_model("paper-3d", tmp_path_factory.mktemp("models"))


@pytest.fixture(
    scope="package", params=[pytest.param("paper-3d", marks=pytest.mark.slow), "residual-2.5d"]
)
def deep_model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Each 3D architecture."""
    return random_model(request.param, tmp_path_factory.mktemp("models"))


@pytest.fixture(
    scope="package",
    params=[
        "stabilised-2d",
        pytest.param("stabilised-2d-fast", marks=pytest.mark.slow),  # with the same layers
        "stabilised-2.5d",
    ],
)
def told_model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Each architecture that is told the noise."""
    return random_model(request.param, tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="package")
def stabilised_2d(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return random_model("stabilised-2d", tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="package")
def planes_5(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return random_model("residual-2.5d", tmp_path_factory.mktemp("models"))
