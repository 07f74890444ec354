from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from crispim_ij.planes import Compression, open_source
from crispim_ij.planes.metadata import Metadata
from crispim_ij.planes.tiff_write import PageWriter, TiffContents, choose_layout


def contents(
    planes: int, kind: str = "plain", shape: tuple[int, int] = (2048, 2048)
) -> TiffContents:
    dtype = np.dtype("uint16")
    description = f"ImageJ=1.53q\nimages={planes}\nslices={planes}\n" if kind == "imagej" else None
    return TiffContents(planes, shape, dtype, Metadata(kind=kind, description=description), dtype)


@pytest.mark.parametrize(
    ("planes", "kind", "compression", "layout"),
    [
        (400, "plain", "none", "classic"),
        (507, "plain", "none", "classic"),
        (508, "plain", "none", "big"),
        (508, "ome", "none", "big"),
        (508, "plain", "zstd", "big"),
        (508, "imagej", "zlib", "big"),
        (507, "imagej", "none", "classic"),
        (508, "imagej", "none", "run-on"),
    ],
)
def test_layout(planes: int, kind: str, compression: str, layout: str) -> None:
    assert choose_layout(contents(planes, kind), Compression(compression)) == layout


@pytest.mark.parametrize("layout", ["classic", "run-on", "big"])
def test_every_layout_is_read_back(tmp_path: Path, layout: str) -> None:
    planes = np.random.default_rng(0).integers(0, 999, (5, 6, 7), dtype=np.uint16)
    path = tmp_path / "s.tif"
    writer = PageWriter(path, contents(5, "imagej", (6, 7)), Compression.NONE, layout)
    for plane in planes:
        writer.write(plane)
    writer.close()
    with tifffile.TiffFile(path) as tif:
        assert len(tif.pages) == (1 if layout == "run-on" else 5)
        assert tif.is_bigtiff == (layout == "big")
        np.testing.assert_array_equal(tif.asarray(), planes)
    with open_source(path) as source:
        np.testing.assert_array_equal([source.read(k) for k in range(5)], planes)
