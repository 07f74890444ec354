from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile

from crispim_ij.planes import create_sink, open_source
from crispim_ij.reproduction.stacks import CountMap
from crispim_ij.reproduction.substack import Substack


def test_part_of_a_stack_mapped(flat_stack: Path) -> None:
    volume = tifffile.imread(flat_stack)
    with open_source(flat_stack) as source:
        window = slice(8, 40), slice(16, 48)
        substack = Substack(source, planes=range(2, 6), window=window, count_map=CountMap(0.5, 10))
        assert substack.shape == (4, 32, 32)
        assert len(substack) == 4
        assert substack.names == source.names[2:6]
        expected = np.rint(volume[3, 8:40, 16:48] / 2 + 10)
        np.testing.assert_array_equal(substack.read(1), expected)
        region = substack.read_region(1, slice(4, 9), slice(0, 7))
        np.testing.assert_array_equal(region, expected[4:9, :7])


def test_all_of_it_as_it_is(flat_stack: Path) -> None:
    with open_source(flat_stack) as source:
        substack = Substack(source)
        assert (substack.shape, substack.dtype) == (source.shape, source.dtype)
        np.testing.assert_array_equal(substack.read(7), source.read(7))


def test_sizes_in_the_world_go_along(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "in.tif",
        np.arange(3 * 16 * 16, dtype=np.uint16).reshape(3, 16, 16),
        imagej=True,
        resolution=(1 / 1.8, 1 / 1.8),
        metadata={"unit": "um", "spacing": 2.0, "min": 0, "max": 9},
    )
    with open_source(tmp_path / "in.tif") as source:
        substack = Substack(source, count_map=CountMap(2, 0))
        with create_sink(tmp_path / "out.tif", substack) as sink:
            for k in range(3):
                sink.write(k, substack.read(k))
        with open_source(tmp_path / "out.tif") as written:
            ours, theirs = written.metadata, source.metadata
            assert (ours.pixel_size, ours.z_step, ours.unit) == (
                theirs.pixel_size,
                theirs.z_step,
                theirs.unit,
            )
            np.testing.assert_array_equal(written.read(2), 2 * source.read(2))
    # A display range of other counts would show the wrong thing.
    with tifffile.TiffFile(tmp_path / "out.tif") as tif:
        assert "max=9" not in tif.pages.first.description
