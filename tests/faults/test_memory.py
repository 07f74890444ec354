"""Too little memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from tests.faults.conftest import SAID
from tests.faults.process import SLOWLY, content, crispim

pytest.importorskip("resource")
LITTLE = """
import psutil, resource
most = psutil.Process().memory_info().vms + {room}
resource.setrlimit(resource.RLIMIT_AS, (most, most))
"""


@pytest.mark.parametrize(
    "name", ["out", *(pytest.param(one, marks=pytest.mark.long) for one in ("out.tif", "out.zarr"))]
)
def test_a_plane_that_does_not_fit(tmp_path: Path, name: str) -> None:
    """300 MB of zeros in 300 KB of file."""
    plane = np.zeros((12_000, 12_500), np.uint16)
    tifffile.imwrite(tmp_path / "in.tif", plane, compression="zlib", rowsperstrip=12_000)
    said = "preprocess", tmp_path / "in.tif", tmp_path / name, *SAID, "--workers", 1
    end = crispim(*said, before=LITTLE.format(room=2**28))
    end.refused("memory")
    assert [path.name for path in tmp_path.iterdir()] == ["in.tif"]


@pytest.mark.parametrize("name", ["out", pytest.param("out.tif", marks=pytest.mark.long)])
def test_what_is_finished_is_kept(planes: Path, unbroken: Path, tmp_path: Path, name: str) -> None:
    """Memory that others took from the sixth plane on."""
    output = tmp_path / name
    taken = """
from crispim_ij.planes import tiff_read
read = tiff_read.FolderSource.read
def greedy(self, index):
    if index == 5:
        import numpy as np
        np.ones(2**29, np.uint8)
    return read(self, index)
tiff_read.FolderSource.read = greedy
"""
    before = LITTLE.format(room=2**28) + SLOWLY + taken
    end = crispim("preprocess", planes, output, *SAID, "--workers", 1, before=before)
    end.refused("memory")
    assert "is kept: --resume continues it" in end.err
    crispim("preprocess", planes, output, *SAID, "--resume").well()
    assert content(output) == content(unbroken / name)
