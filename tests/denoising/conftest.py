from __future__ import annotations

import pytest

from crispim_ij.models import Model
from tests.made import fresh_model


@pytest.fixture(scope="package", params=["paper-2d", "residual-2d"])
def model(request: pytest.FixtureRequest) -> Model:
    """Each 2D architecture with random weights."""
    return fresh_model(request.param)


@pytest.fixture(scope="package", params=["paper-3d", "residual-2.5d"])
def deep_model(request: pytest.FixtureRequest) -> Model:
    """Each 3D architecture with random weights."""
    return fresh_model(request.param)
