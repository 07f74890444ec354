"""Planes to run on, and an unbroken run to compare with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from tests.cli.conftest import call, model, noisy
from tests.faults.process import crispim
from tests.security.conftest import little_memory

__all__ = ["call", "little_memory", "model", "noisy"]

SAID = ("--seed", "1", "--factor", "2")


@pytest.fixture(scope="session")
def planes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of planes."""
    folder = tmp_path_factory.mktemp("faults") / "in"
    folder.mkdir()
    for k in range(16):
        plane = np.random.default_rng(k).gamma(4, 60, (64, 80)).astype(np.uint16)
        tifffile.imwrite(folder / f"{k:02}.tif", plane)
    return folder


@pytest.fixture(scope="session")
def unbroken(planes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What runs of `preprocess` with SAID make of the planes when nothing happens."""
    folder = tmp_path_factory.mktemp("unbroken")
    for name in ("out", "out.tif", "out.zarr"):
        crispim("preprocess", planes, folder / name, *SAID).well()
    return folder
