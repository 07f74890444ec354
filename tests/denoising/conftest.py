from __future__ import annotations

import pytest

from crispim_ij.models import Model, save_model
from crispim_ij.networks import build


@pytest.fixture(scope="package", params=["paper-2d", "residual-2d"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Each 2D architecture with random weights."""
    folder = tmp_path_factory.mktemp("models") / request.param
    return save_model(build(request.param), request.param, folder, {})


@pytest.fixture(scope="package", params=["paper-3d", "residual-2.5d"])
def deep_model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Each 3D architecture with random weights."""
    folder = tmp_path_factory.mktemp("models") / request.param
    return save_model(build(request.param), request.param, folder, {})
