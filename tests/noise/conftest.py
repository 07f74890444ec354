"""Simulated stacks as a camera would picture them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import DTypeLike, NDArray

from crispim_ij.noise import CameraNoise, add_camera_noise
from crispim_ij.phantom import PhantomSettings, simulate_volume
from crispim_ij.planes import Source, open_source

DARK = 98
"""Counts of the phantom without light."""


@pytest.fixture(scope="session")
def volume() -> NDArray[np.uint16]:
    """A phantom, of which a corner lies outside the tissue."""
    return simulate_volume(PhantomSettings(shape=(4, 320, 400), seed=2))


@dataclass(frozen=True)
class Taken:
    """A stack that a camera took, in a folder of its own."""

    folder: Path

    def source(self, planes: NDArray[Any]) -> Source:
        """Open planes as they are."""
        path = self.folder / "taken.tif"
        tifffile.imwrite(path, planes, photometric="minisblack")
        return open_source(path)


@pytest.fixture
def taken(tmp_path: Path) -> Taken:
    return Taken(tmp_path)


def picture(
    clean: NDArray[Any], camera: CameraNoise, dtype: DTypeLike = np.uint16, seed: int = 0
) -> NDArray[Any]:
    """Picture clean planes as a camera would, in whole counts."""
    noisy = np.rint(add_camera_noise(clean, camera, np.random.default_rng(seed), dtype))
    return noisy.astype(dtype)
