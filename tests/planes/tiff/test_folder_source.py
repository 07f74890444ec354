from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from crispim_ij.errors import CrispimError
from crispim_ij.planes import open_source


def test_a_plane_just_read_is_not_opened_again_for_its_metadata(tmp_path: Path) -> None:
    for index in range(100):
        plane = np.full((8, 9), index, np.uint16)
        tifffile.imwrite(tmp_path / f"{index}.tif", plane, resolution=(index + 1, 1))
    with open_source(tmp_path) as source:
        expected = [source.plane_metadata(index) for index in range(100)]
        for index in range(100):
            source.read(index)
        for path in tmp_path.iterdir():
            path.unlink()
        assert source.plane_metadata(99).resolution == expected[99].resolution
        assert expected[99].resolution != expected[98].resolution
        with pytest.raises(CrispimError, match=r"0\.tif"):
            source.plane_metadata(0)
