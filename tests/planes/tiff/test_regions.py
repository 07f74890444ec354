from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crispim_ij.errors import CrispimError
from crispim_ij.planes import open_source

PLANES = np.random.default_rng(0).integers(0, 60000, (3, 83, 101), dtype=np.uint16)
WAYS: dict[str, dict[str, Any]] = {
    "plain": {},
    "big-endian": {"byteorder": ">"},
    "strips": {"rowsperstrip": 7, "compression": "zlib"},
    "predictor": {"compression": "zstd", "predictor": True},
    "tiles": {"tile": (32, 48), "compression": "zstd"},
    "bare tiles": {"tile": (32, 48)},
}


@pytest.fixture(scope="module", params=WAYS)
def files(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder and a stack, the same planes, written in one way."""
    folder = tmp_path_factory.mktemp("regions")
    way = dict(WAYS[request.param])
    order = {"byteorder": way.pop("byteorder", None)}
    (folder / "planes").mkdir()
    with tifffile.TiffWriter(folder / "stack.tif", **order) as stack:
        for k, plane in enumerate(PLANES):
            stack.write(plane, photometric="minisblack", metadata=None, **way)
            with tifffile.TiffWriter(folder / f"planes/{k}.tif", **order) as single:
                single.write(plane, photometric="minisblack", metadata=None, **way)
    return folder


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_regions_are_parts_of_planes(files: Path, data: st.DataObject) -> None:
    for name in ("planes", "stack.tif"):
        with open_source(files / name) as source:
            for _ in range(3):
                index = data.draw(st.integers(0, 2))
                rows, columns = (
                    slice(*sorted(data.draw(st.tuples(st.integers(0, n - 1), st.integers(0, n)))))
                    for n in (83, 101)
                )
                rows, columns = (slice(p.start, max(p.stop, p.start + 1)) for p in (rows, columns))
                region = source.read_region(index, rows, columns)
                np.testing.assert_array_equal(region, PLANES[index, rows, columns])
                assert region.dtype == source.dtype
            assert source.chunks[0] == 1


def test_run_on_planes(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "run.tif", PLANES, imagej=True, truncate=True)
    with open_source(tmp_path / "run.tif") as source:
        region = source.read_region(2, slice(10, 20), slice(30, 40))
    np.testing.assert_array_equal(region, PLANES[2, 10:20, 30:40])


def test_nan_in_a_region_is_refused(tmp_path: Path) -> None:
    plane = np.zeros((40, 40), np.float32)
    plane[20, 20] = np.nan
    tifffile.imwrite(tmp_path / "nan.tif", plane)
    with open_source(tmp_path / "nan.tif") as source:
        source.read_region(0, slice(0, 20), slice(0, 40))
        with pytest.raises(CrispimError, match="NaN"):
            source.read_region(0, slice(20, 40), slice(0, 40))


def test_a_damaged_segment_is_named(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "bad.tif", PLANES[0], compression="zlib", rowsperstrip=16)
    with tifffile.TiffFile(tmp_path / "bad.tif") as tif:
        offset = tif.pages.first.dataoffsets[2]
    data = bytearray((tmp_path / "bad.tif").read_bytes())
    data[offset : offset + 8] = b"\xff" * 8
    (tmp_path / "bad.tif").write_bytes(data)
    with (
        open_source(tmp_path / "bad.tif") as source,
        pytest.raises(CrispimError, match=r"bad\.tif' is not a TIFF that can be read"),
    ):
        source.read_region(0, slice(30, 50), slice(0, 9))
