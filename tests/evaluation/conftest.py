from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from crispim_ij.phantom import PhantomSettings, simulate_volume


@pytest.fixture(scope="session")
def volume() -> NDArray[np.uint16]:
    return simulate_volume(PhantomSettings(shape=(4, 60, 80), seed=1))


@pytest.fixture
def clean(tmp_path: Path, volume: NDArray[np.uint16]) -> Path:
    path = tmp_path / "clean.tif"
    tifffile.imwrite(path, volume, imagej=True)
    return path


@pytest.fixture
def noisy(volume: NDArray[np.uint16]) -> NDArray[np.float64]:
    return np.clip(volume[0] + np.random.default_rng(0).normal(0, 35, volume.shape[1:]), 0, None)
