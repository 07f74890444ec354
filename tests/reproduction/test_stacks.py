from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from crispim_ij.errors import CrispimError
from crispim_ij.planes import create_sink, open_source
from crispim_ij.reproduction.stacks import (
    CountMap,
    StackStatistics,
    Substack,
    find_stacks,
    measure_stack,
)


def _stack(path: Path, planes: int = 2) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, np.zeros((planes, 8, 8), np.uint16), photometric="minisblack")
    return path


def test_a_folder_of_files_and_folders_is_taken_in_natural_order(brains: Path) -> None:
    assert list(find_stacks([brains])) == ["brain 0", "brain 1", "brain 10"]


def test_a_folder_of_planes_is_one_stack(brains: Path) -> None:
    assert find_stacks([brains / "brain 10"]) == {"brain 10": brains / "brain 10"}


def test_a_folder_of_stacks_without_folders(tmp_path: Path) -> None:
    paths = [_stack(tmp_path / "b.ome.tif"), _stack(tmp_path / "a.TIFF")]
    assert find_stacks([tmp_path]) == {"a": paths[1], "b": paths[0]}


def test_stacks_one_by_one(tmp_path: Path) -> None:
    paths = [_stack(tmp_path / "z/one.tif"), _stack(tmp_path / "y/two.tif")]
    assert find_stacks(paths) == {"one": paths[0], "two": paths[1]}


def test_other_files_and_hidden_ones_are_left_alone(tmp_path: Path) -> None:
    _stack(tmp_path / "one.tif")
    _stack(tmp_path / ".hidden.tif")
    (tmp_path / "notes").mkdir()
    (tmp_path / "README.txt").touch()
    assert list(find_stacks([tmp_path])) == ["one"]


def test_one_name_twice_is_refused(tmp_path: Path) -> None:
    paths = [_stack(tmp_path / "a/brain.tif"), _stack(tmp_path / "b/brain.ome.tif")]
    with pytest.raises(CrispimError, match="both stacks of the name 'brain'"):
        find_stacks(paths)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CrispimError, match="holds no TIFF files"):
        find_stacks([tmp_path])


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CrispimError, match="does not exist"):
        find_stacks([tmp_path / "brains"])


def test_percentiles_and_noise_are_the_stacks(flat_stack: Path) -> None:
    with open_source(flat_stack) as source:
        levels = measure_stack(source, 1)
    low, high = np.percentile(tifffile.imread(flat_stack), (1, 99))
    assert (levels.low, levels.high) == (low, high)
    assert levels.noise == pytest.approx(10, rel=0.1)


def test_they_are_those_of_downsampled_planes(flat_stack: Path) -> None:
    with open_source(flat_stack) as source:
        levels = measure_stack(source, 4)
    # Means of 16 pixels have a quarter of their noise.
    assert levels.noise < 5
    assert levels.high - levels.low < 20


def test_percentiles_come_to_lie_at_100_and_500_counts() -> None:
    levels = StackStatistics(1100, 2300, 54)
    count_map = CountMap.to_paper(levels)
    counts = np.array([0, 1100, 1700, 2300, 65535, 60], np.uint16)
    assert count_map(counts).tolist() == [0, 100, 300, 500, 21578, 0]
    assert levels.noise * count_map.scale == pytest.approx(400 * levels.relative_noise)


def test_what_exceeds_16_bits_is_clipped() -> None:
    assert CountMap(100, 0)(np.array([65535.0])).tolist() == [65535]


def test_a_blank_stack_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "blank.tif", np.full((5, 16, 16), 7, np.uint16))
    with open_source(tmp_path / "blank.tif") as source, pytest.raises(CrispimError, match="blank"):
        measure_stack(source, 1)


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
