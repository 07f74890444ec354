"""Arrays whose chunks are not all there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from crispim_ij.planes import SinkSettings, ZarrSettings, create_sink, open_source


@pytest.mark.parametrize("shard", [None, 32])
@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_planes_of_zeros_are_left_out_and_said_to_be_finished(
    tmp_path: Path, shard: int | None, version: str
) -> None:
    """Zarr makes neither files nor folders for chunks that hold nothing but zeros."""
    if shard and version == "0.4":
        pytest.skip("0.4 knows no shards")
    stack = np.zeros((4, 40, 50), np.uint16)
    stack[2, 30:] = 7
    tifffile.imwrite(tmp_path / "in.tif", stack, photometric="minisblack")
    layout = ZarrSettings(version, 16, shard, pyramid=True)  # type: ignore[arg-type]
    with open_source(tmp_path / "in.tif") as source:
        sink = create_sink(tmp_path / "out.zarr", source, SinkSettings(zarr=layout))
        sink.record({})
        with sink:
            for k in range(4):
                sink.write(k, source.read(k))
    with open_source(tmp_path / "out.zarr") as planes:
        np.testing.assert_array_equal([planes.read(k) for k in range(4)], stack)
