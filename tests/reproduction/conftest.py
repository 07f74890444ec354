from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from crispim_ij.phantom import PhantomSettings, simulate_volume


@pytest.fixture(scope="session")
def brains(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of three short stacks: two files, and a folder of planes."""
    folder = tmp_path_factory.mktemp("brains")
    for seed in range(3):
        settings = PhantomSettings((5, 40 + 8 * seed, 48), seed=seed, pixel_size=7.2)
        volume = simulate_volume(settings)
        if seed == 2:
            (folder / "brain 10").mkdir()
            for k, plane in enumerate(volume):
                tifffile.imwrite(folder / f"brain 10/{k}.tif", plane)
        else:
            tifffile.imwrite(folder / f"brain {seed}.tif", volume)
    return folder


@pytest.fixture
def flat_stack(tmp_path: Path) -> Path:
    """A stack of 8 planes: 1000 counts, with noise of sd 10."""
    rng = np.random.default_rng(0)
    planes = np.rint(rng.normal(1000, 10, (8, 64, 48))).astype(np.uint16)
    tifffile.imwrite(tmp_path / "flat.tif", planes)
    return tmp_path / "flat.tif"
