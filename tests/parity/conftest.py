from __future__ import annotations

from typing import Any

import pytest

from crispim_ij.imagej import open_gateway
from crispim_ij.imagej.ij1 import ImageJ1
from crispim_ij.parity import compiled


@pytest.fixture(scope="session")
def imagej() -> ImageJ1:
    """The real ImageJ 1.53q, whose gateway tests/imagej compares with macros."""
    gateway = open_gateway()
    assert isinstance(gateway, ImageJ1)
    assert gateway.version == "1.53q"
    return gateway


@pytest.fixture(params=["numba", "numpy"])
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Compute once in machine code and once in NumPy."""
    if request.param == "numpy":
        monkeypatch.setattr(compiled, "kernels", lambda: None)
    else:
        assert compiled.kernels() is not None, "numba is a dependency and must be there"
    return request.param
