"""`crispim-denoise.groovy`, run by a real Fiji's own launcher."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile

from tests.macros.conftest import MACROS, crispim_ij

FIJI = Path(os.environ.get("CRISPIM_FIJI") or "-")


@pytest.mark.fiji
@pytest.mark.skipif(not FIJI.is_dir(), reason="CRISPIM_FIJI is no folder")
def test_the_script_equals_the_command(tmp_path: Path) -> None:
    """With a model that is told the noise, which both measure."""
    launchers = [*FIJI.glob("fiji-*"), *FIJI.glob("ImageJ-*")]
    clean = np.random.default_rng(0).gamma(2, 60, (13, 18)).repeat(16, 0).repeat(16, 1)[:203, :277]
    noisy = np.random.default_rng(1).normal(clean + 200, 30, (2, *clean.shape)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "in.tif", noisy, imagej=True, metadata={"axes": "ZYX"})
    crispim_ij("export", "crispim-2d", tmp_path / "told.zip", "--format", "csbdeep")
    crispim_ij("denoise", tmp_path / "in.tif", tmp_path / "py.tif", "--model", "crispim-2d")
    given = {
        "model": f"'{tmp_path}/told.zip'",
        "input": f"'{tmp_path}/in.tif'",
        "output": f"'{tmp_path}/out.tif'",
        "noise": "'auto'",
        "strength": "1",
        "tile": "128",
        "overlap": "0",
        "block": "0",
        "overwrite": "false",
        "resume": "false",
    }
    values = ",".join(f"{key}={value}" for key, value in given.items())
    script = MACROS / "crispim-denoise.groovy"
    command = [str(launchers[0]), "--headless", "--run", str(script), values]
    with (tmp_path / "log.txt").open("w") as log:
        fiji = subprocess.Popen(command, stdout=log, stderr=log)
        limit = time.monotonic() + 900
        # TensorFlow's threads keep Java alive.
        while fiji.poll() is None and not (tmp_path / "out.tif").exists():
            assert time.monotonic() < limit
            time.sleep(1)
        fiji.terminate()
        fiji.wait(60)
    assert (tmp_path / "out.tif").exists(), (tmp_path / "log.txt").read_text()
    found, expected = (tifffile.imread(tmp_path / name) for name in ("out.tif", "py.tif"))
    # Floating-point sums in another order may round to the neighbouring count.
    assert np.abs(found.astype(int) - expected).max() <= 1
    assert np.mean(found != expected) < 1e-3
