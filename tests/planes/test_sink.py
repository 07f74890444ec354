from __future__ import annotations

import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crispim_ij.errors import CrispimError
from crispim_ij.planes import SinkSettings, create_sink, open_source
from crispim_ij.planes.atomic import whole_file
from crispim_ij.planes.output_checks import check_output

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


# Nothing half-written


def write_some_and_fail(
    folder: Path, output: Path, error: type[BaseException], compression: str = "none"
) -> None:
    """Copy six of twelve planes and raise."""
    settings = SinkSettings(compression=compression)
    with open_source(folder) as source, create_sink(output, source, settings) as sink:
        for k in range(6):
            sink.write(k, source.read(k))
        raise error


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("compression", ["none", "zlib"])
@pytest.mark.parametrize("name", ["deep/er/out", "deep/er/out.tif"])
def test_an_exception_leaves_nothing(
    folder: Path, tmp_path: Path, name: str, compression: str, error: type[BaseException]
) -> None:
    with pytest.raises(error):
        write_some_and_fail(folder, tmp_path / name, error, compression)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["planes"]


def test_an_exception_spares_what_others_wrote(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    output.mkdir()
    (output / "mine.txt").write_text("x")
    with pytest.raises(RuntimeError):
        write_some_and_fail(folder, output, RuntimeError)
    assert [p.name for p in output.iterdir()] == ["mine.txt"]


def test_a_stack_appears_when_it_is_whole(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.tif"
    output.write_bytes(b"old")
    with (
        open_source(folder) as source,
        create_sink(output, source, SinkSettings(overwrite=True)) as sink,
    ):
        for k in range(12):
            sink.write(k, source.read(k))
            assert output.read_bytes() == b"old"
    assert tifffile.imread(output).shape == (12, 5, 6)
    assert not list(tmp_path.glob(".*"))


def test_what_a_killed_run_left_is_removed(folder: Path, tmp_path: Path, copy: Copy) -> None:
    output = tmp_path / "out"
    output.mkdir()
    (output / ".crispim-old.tif.partial").write_text("half")
    (output / ".other.partial").write_text("someone else's")
    copy(folder, output)
    assert [p.name for p in output.glob(".*")] == [".other.partial"]


def test_a_late_thread_leaves_nothing(folder: Path, tmp_path: Path) -> None:
    with open_source(folder) as source:
        with create_sink(tmp_path / "out", source) as sink:
            sink.write(0, source.read(0))
        with pytest.raises(RuntimeError, match="after the end"):
            sink.write(1, source.read(1))
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["1.tif"]


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


def test_pixel_type_that_no_file_takes(folder: Path, tmp_path: Path) -> None:
    assert "float64" in refusal(folder, tmp_path / "out", dtype=np.dtype("float64"))


# What the system refuses

COPY = """
import os, resource, sys
from crispim_ij.errors import CrispimError
from crispim_ij.planes import create_sink, open_source
from crispim_ij.planes.atomic import whole_file
import imagecodecs  # before rights to read the library are given up
if sys.argv[3] == "nobody":
    os.setgid(65534)
    os.setuid(65534)
elif sys.argv[3] == "limit":
    import signal
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
try:
    with open_source(sys.argv[1]) as source, create_sink(sys.argv[2], source) as sink:
        for k in range(len(source)):
            sink.write(k, source.read(k))
except CrispimError as error:
    print(error)
"""


def run_copy(source: Path, output: Path, how: str) -> str:
    """Copy in a process of its own and return the sentence that it prints."""
    command = [sys.executable, "-c", COPY, str(source), str(output), how]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX limits and users")


@posix
@pytest.mark.parametrize("name", ["out", "out.tif"])
def test_file_too_large(tmp_path: Path, name: str) -> None:
    path = tmp_path / "in.tif"
    tifffile.imwrite(path, np.zeros((9, 60, 60), np.uint16), photometric="minisblack")
    sentence = run_copy(path, tmp_path / "new" / name, "limit")
    assert "larger than its drive or your account allows" in sentence
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.tif"]


@pytest.mark.parametrize("name", ["out", "out.tif"])
def test_no_space_left(tmp_path: Path, small_disk: Path, name: str) -> None:
    path = tmp_path / "in.tif"
    tifffile.imwrite(path, np.zeros((20, 60, 60), np.uint16), photometric="minisblack")
    sentence = run_copy(path, small_disk / name, "")
    assert "no space is left" in sentence
    assert not list(small_disk.iterdir())


def test_no_space_for_a_plane(folder: Path, small_disk: Path) -> None:
    output = small_disk / "out"
    with open_source(folder) as source, create_sink(output, source) as sink:
        fill(small_disk)
        with pytest.raises(CrispimError, match=r"1\.tif' can't be written because no space"):
            sink.write(0, source.read(0))
        assert [file.suffix for file in output.iterdir()] == [".lock"]


def fill(disk: Path) -> None:
    """Leave no space."""
    with suppress(OSError), (disk / "full").open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass


def test_no_right_to_write(strangers_folder: Path, folder: Path) -> None:
    for name in ("out", "out.tif", "deep/out.tif"):
        sentence = run_copy(folder, strangers_folder / name, "nobody")
        assert "can't be written for lack of permission" in sentence


def test_no_right_to_read(strangers_folder: Path, folder: Path) -> None:
    (folder / "4.tif").chmod(0)
    assert "4.tif' can't be read for lack of permission" in run_copy(
        folder, strangers_folder / "o", "nobody"
    )
    (folder / "4.tif").chmod(0o644)
    folder.chmod(0o700)
    assert "can't be read for lack of permission" in run_copy(
        folder, strangers_folder / "o", "nobody"
    )


@pytest.mark.parametrize("name", ["out", "out.tif", "z.tif"])
def test_memory_stays_flat(tmp_path: Path, name: str) -> None:
    path = tmp_path / "in.tif"
    planes, shape = 2000, (64, 64)
    tifffile.imwrite(path, np.zeros((planes, *shape), np.uint16), photometric="minisblack")
    chosen = SinkSettings(compression="zlib" if name == "z.tif" else "none")
    with open_source(path) as source, create_sink(tmp_path / name, source, chosen) as sink:
        sink.write(0, source.read(0))
        tracemalloc.start()
        for k in range(1, planes):
            sink.write(k, source.read(k))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    # The stack itself is 16 MB; pathlib's table of names grows by leaps of 2 MB.
    assert peak < 5e6


def write_and_fail(target: Path) -> None:
    with whole_file(target) as part:
        part.write_text("half")
        raise KeyError


def test_whole_files_are_there_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "table.csv"
    with whole_file(target) as part:
        part.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole"
    with pytest.raises(KeyError):
        write_and_fail(target)
    assert target.read_text() == "whole"
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]
    with pytest.raises(CrispimError, match=r"absent/table.csv"):
        write_and_fail(tmp_path / "absent/table.csv")
