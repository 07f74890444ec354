from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crispim_ij.errors import CrispimError
from crispim_ij.planes import SinkSettings, create_sink, open_source
from crispim_ij.planes.checks import check_output

Copy = Callable[..., Path]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shape=st.tuples(st.integers(1, 5), st.integers(1, 40), st.integers(1, 40)),
    dtype=st.sampled_from(["uint8", "uint16", "int16", "float32"]),
    compression=st.sampled_from(["none", "zlib", "zstd"]),
    name=st.sampled_from(["out.tif", "out.TIFF", "out"]),
    imagej=st.booleans(),
)
def test_what_is_written_is_read_back(
    tmp_path: Path,
    copy: Copy,
    shape: tuple[int, int, int],
    dtype: str,
    compression: str,
    name: str,
    imagej: bool,
) -> None:
    planes = np.random.default_rng(0).normal(90, 9, shape).astype(dtype)
    path = tmp_path / "in.tif"
    options = {"imagej": True} if imagej else {"photometric": "minisblack", "metadata": None}
    with tifffile.TiffWriter(path, imagej=imagej) as tif:
        for plane in planes:
            options.pop("imagej", None)
            tif.write(plane, contiguous=True, **options)
    output = copy(path, tmp_path / name, compression=compression, overwrite=True)
    with open_source(output) as source:
        assert source.dtype == np.dtype(dtype)
        np.testing.assert_array_equal([source.read(k) for k in range(len(source))], planes)
    for file in [output] if output.is_file() else output.iterdir():
        file.unlink()


def test_names_and_pixels_of_a_folder(folder: Path, tmp_path: Path, copy: Copy) -> None:
    output = copy(folder, tmp_path / "new" / "deep")
    with open_source(output) as source:
        assert source.names == tuple(f"{k}.tif" for k in range(1, 13))
        assert int(source.read(9)[0, 0]) == 10


def test_float_results_are_rounded_to_the_sources_type(folder: Path, tmp_path: Path) -> None:
    result = np.full((5, 6), 2.5)
    result[0, :2] = (-1, 1e6)
    with open_source(folder) as source, create_sink(tmp_path / "out", source) as sink:
        sink.write(0, result)
    assert tifffile.imread(tmp_path / "out" / "1.tif")[0, :3].tolist() == [0, 65535, 2]


def test_threads_write_a_folder_in_any_order(folder: Path, tmp_path: Path) -> None:
    with open_source(folder) as source:
        with create_sink(tmp_path / "out", source) as sink, ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda k: sink.write(k, source.read(k)), reversed(range(12))))
        with open_source(tmp_path / "out") as out:
            for k in range(12):
                np.testing.assert_array_equal(out.read(k), source.read(k))


@pytest.mark.parametrize("name", ["out", "out.tif"])
def test_result_with_nan(folder: Path, tmp_path: Path, name: str) -> None:
    with (
        open_source(folder) as source,
        pytest.raises(CrispimError, match=r"result for '1\.tif' holds NaN"),
        create_sink(tmp_path / name, source) as sink,
    ):
        sink.write(0, np.full((5, 6), np.nan))
    assert not (tmp_path / name).exists()


def test_wrong_shape_and_order_are_programming_errors(folder: Path, tmp_path: Path) -> None:
    with open_source(folder) as source:
        with (
            pytest.raises(ValueError, match="shape"),
            create_sink(tmp_path / "out", source) as sink,
        ):
            sink.write(0, np.zeros((6, 5)))
        with (
            pytest.raises(ValueError, match="out of order"),
            create_sink(tmp_path / "out.tif", source) as sink,
        ):
            sink.write(1, np.zeros((5, 6)))
        with (
            pytest.raises(ValueError, match="1 of 12 planes"),
            create_sink(tmp_path / "out.tif", source) as sink,
        ):
            sink.write(0, np.zeros((5, 6)))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["planes"]


@pytest.mark.parametrize(
    "name", ["out.tif", *(pytest.param(one, marks=pytest.mark.long) for one in ("out", "z.tif"))]
)
def test_memory_stays_flat(tmp_path: Path, name: str) -> None:
    path = tmp_path / "in.tif"
    planes, shape = 300, (128, 128)
    tifffile.imwrite(path, np.zeros((planes, *shape), np.uint16), photometric="minisblack")
    chosen = SinkSettings(compression="zlib" if name == "z.tif" else "none")
    with open_source(path) as source, create_sink(tmp_path / name, source, chosen) as sink:
        sink.write(0, source.read(0))
        tracemalloc.start()
        for k in range(1, planes):
            sink.write(k, source.read(k))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    # The stack itself is 10 MB; pathlib's table of names grows by leaps of 2 MB.
    assert peak < 5e6


# Refusals before any work


def refusal(folder: Path, output: Path, **options: object) -> str:
    """Return the sentence with which an output is refused."""
    before = sorted(output.parent.iterdir()) if output.parent.is_dir() else None
    with open_source(folder) as source, pytest.raises(CrispimError) as caught:
        create_sink(output, source, SinkSettings(**options))
    if before is not None:
        assert sorted(output.parent.iterdir()) == before
    assert str(caught.value).endswith(".")
    return str(caught.value)


def test_output_is_the_input(folder: Path, hyperstack: Path) -> None:
    for path in (folder, hyperstack):
        assert "is the input" in refusal(path, path, overwrite=True)


def test_output_lies_in_the_input(folder: Path) -> None:
    for name in ("out", "deep/out", "out.tif", "../planes/x"):
        assert "lies in it" in refusal(folder, folder / name)


def test_output_is_the_input_by_another_name(hyperstack: Path, tmp_path: Path) -> None:
    (tmp_path / "link.tif").symlink_to(hyperstack)
    (tmp_path / "hard.tif").hardlink_to(hyperstack)
    for name in ("link.tif", "hard.tif"):
        assert "is the input" in refusal(hyperstack, tmp_path / name, overwrite=True)


def test_a_plane_would_replace_the_input(folder: Path, tmp_path: Path) -> None:
    """Only a source with names of its own can do that."""
    path = folder.parent / "1.tif"
    tifffile.imwrite(path, np.zeros((4, 5), np.uint8))
    with pytest.raises(CrispimError, match="is the input"):
        check_output(folder.parent, ["1.tif"], path, overwrite=True)


def test_file_where_a_folder_is_needed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert "file' is a file where a folder is needed" in refusal(folder, tmp_path / "file")
    assert "is a file" in refusal(folder, tmp_path / "file" / "out")
    assert "is a file" in refusal(folder, tmp_path / "file" / "out.tif")


def test_folder_where_a_file_is_named(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "out.tif").mkdir()
    assert "is a folder although" in refusal(folder, tmp_path / "out.tif")


def test_existing_results(folder: Path, tmp_path: Path, copy: Copy) -> None:
    for name in ("out", "out.tif"):
        copy(folder, tmp_path / name)
        sentence = refusal(folder, tmp_path / name)
        assert "exists already" in sentence
        assert "--overwrite" in sentence
        copy(folder, tmp_path / name, overwrite=True)


@pytest.mark.parametrize("name", ["out.png", "out.JPG", "out.ome.h5", "out.czi"])
def test_file_that_is_not_written(folder: Path, tmp_path: Path, name: str) -> None:
    remedy = (
        rf"call it '.*{name.rpartition('.')[0]}', where planes become PNGs if .* \.tif or \.zarr"
    )
    with open_source(folder) as source:
        with pytest.raises(CrispimError, match=remedy):
            create_sink(tmp_path / name, source)
        (tmp_path / name).mkdir()
        create_sink(tmp_path / name, source)
        create_sink(tmp_path / "scan.v2", source)


def test_pixel_type_that_no_file_takes(folder: Path, tmp_path: Path) -> None:
    assert "float64" in refusal(folder, tmp_path / "out", dtype=np.dtype("float64"))
