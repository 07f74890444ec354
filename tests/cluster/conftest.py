from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile

from crispim_ij.cluster import ClusterClient, ClusterSettings, open_client
from crispim_ij.models import Model
from tests.cli.conftest import Answer, Call, call
from tests.cluster.processes import Dask
from tests.made import fresh_model

__all__ = ["Answer", "Call", "call"]


@pytest.fixture(scope="package")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dask]:
    """A scheduler and two workers, which live as long as the tests."""
    dask = Dask(tmp_path_factory.mktemp("dask"))
    dask.start_worker()
    dask.start_worker()
    yield dask
    dask.stop()


@pytest.fixture
def client(dask: Dask) -> Iterator[ClusterClient]:
    """A connection to both workers."""
    with open_client(ClusterSettings(dask.address)) as client:
        client.dask.wait_for_workers(2, timeout=60)
        yield client


@pytest.fixture(scope="package")
def model() -> Model:
    """A 2D model with random weights."""
    return fresh_model("paper-2d")


@pytest.fixture(scope="package")
def planes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of six planes."""
    folder = tmp_path_factory.mktemp("planes") / "in"
    folder.mkdir()
    for k in range(6):
        plane = np.random.default_rng(k).gamma(4, 60, (40, 56)).astype(np.uint16)
        tifffile.imwrite(folder / f"{k}.tif", plane)
    return folder
