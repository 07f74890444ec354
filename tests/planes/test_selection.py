from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.planes import Selection, create_sink, open_source, parse_numbers, z_stacks

Copy = Callable[..., Path]


def copy_chosen(path: Path, output: Path, selection: Selection) -> Path:
    with open_source(path, selection) as source, create_sink(output, source) as sink:
        for k in range(len(source)):
            sink.write(k, source.read(k))
    return output


def test_a_channel_of_a_hyperstack(
    tmp_path: Path, hyperstack: Path, stack: NDArray[np.uint16]
) -> None:
    output = copy_chosen(hyperstack, tmp_path / "out.tif", Selection(channels=(2,)))
    with tifffile.TiffFile(output) as tif:
        assert tif.series[0].axes == "TZYX"
        np.testing.assert_array_equal(tif.asarray(), stack[:, :, 1])
        told = tif.imagej_metadata
        assert (told["min"], told["max"], told["spacing"]) == (7.0, 70.0, 3.5)
        assert told["Labels"] == [f"label {k}" for k in range(1, 12, 2)]
        assert "mode" not in told
        assert tif.pages.first.colormap[:, -1].tolist() == [0, 65535, 0]


def test_time_points_of_a_hyperstack(
    tmp_path: Path, hyperstack: Path, stack: NDArray[np.uint16]
) -> None:
    output = copy_chosen(hyperstack, tmp_path / "out.tif", Selection(times=(2,)))
    with tifffile.TiffFile(output) as tif:
        assert tif.series[0].axes == "ZCYX"
        np.testing.assert_array_equal(tif.asarray(), stack[1])
        assert tif.imagej_metadata["Ranges"] == (100.0, 500.0, 7.0, 70.0)


def test_a_channel_of_an_ome_tiff(tmp_path: Path, ome: Path, stack: NDArray[np.uint16]) -> None:
    output = copy_chosen(ome, tmp_path / "out.ome.tif", Selection(channels=(2,), times=(1,)))
    with tifffile.TiffFile(output) as tif:
        assert tif.is_ome
        assert tif.series[0].axes == "ZYX"
        np.testing.assert_array_equal(tif.asarray(), stack[0, :, 1])
        assert "axons" in tif.ome_metadata
        assert "nuclei" not in tif.ome_metadata


def test_names_of_chosen_planes_are_their_own(tmp_path: Path, hyperstack: Path) -> None:
    output = copy_chosen(hyperstack, tmp_path / "out", Selection(channels=(1,), times=(1,)))
    names = [f"hyper_t0001_z{z:04d}_c0001.tif" for z in (1, 2, 3)]
    assert sorted(p.name for p in output.iterdir()) == names
    region = open_source(hyperstack, Selection(channels=(2,))).read_region(
        1, slice(2, 4), slice(3, 9)
    )
    np.testing.assert_array_equal(region, tifffile.imread(hyperstack)[0, 1, 1, 2:4, 3:9])


def test_what_is_not_there(hyperstack: Path, folder: Path) -> None:
    with pytest.raises(CrispimError, match=r"2 channel.*channel 3 \(--channel\)"):
        open_source(hyperstack, Selection(channels=(1, 3)))
    with pytest.raises(CrispimError, match=r"1 time point.*time point 2 \(--time\)"):
        open_source(folder, Selection(times=(2,)))
    with pytest.raises(CrispimError, match="--level 1 is not there"):
        open_source(folder, Selection(level=1))


def test_numbers() -> None:
    assert parse_numbers("2", "--time") == (2,)
    assert parse_numbers("5,1-3,2", "--time") == (1, 2, 3, 5)
    for text in ("", "0", "3-1", "a", "1-", "-2", "1,,2", "1-99999999"):
        with pytest.raises(CrispimError, match=r"\(--time\)"):
            parse_numbers(text, "--time")


def test_stacks_along_z(hyperstack: Path, ome: Path, folder: Path) -> None:
    with open_source(hyperstack) as source:
        assert z_stacks(source.metadata, 12).tolist() == [
            [0, 2, 4], [1, 3, 5], [6, 8, 10], [7, 9, 11]
        ]  # fmt: skip
    with open_source(folder) as source:
        assert z_stacks(source.metadata, 12).tolist() == [list(range(12))]
