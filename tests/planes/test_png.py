"""Folders of PNG planes."""

from __future__ import annotations

import struct
import tracemalloc
import zlib
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import tifffile
from imagecodecs import png_decode, png_encode
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.planes import SinkSettings, create_sink, open_source, renaming

Copy = Callable[..., Path]


@pytest.fixture(params=["uint8", "uint16"])
def planes(request: pytest.FixtureRequest) -> NDArray[np.uint16]:
    rng = np.random.default_rng(0)
    return rng.integers(0, np.iinfo(request.param).max, (12, 20, 30), request.param)


@pytest.fixture
def png(tmp_path: Path, planes: NDArray[np.uint16]) -> Path:
    """Planes 1.png to 12.png."""
    folder = tmp_path / "png"
    folder.mkdir()
    for k, plane in enumerate(planes, 1):
        (folder / f"{k}.png").write_bytes(png_encode(plane))
    return folder


def chunk(kind: bytes, content: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + check


def made(width: int, height: int, bits: int, colour: int, more: bytes = b"") -> bytes:
    """A PNG of zeros, whatever its header says."""
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    parts = chunk(b"IHDR", header) + more + chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + parts + chunk(b"IEND", b"")


def test_planes_and_regions(png: Path, planes: NDArray[np.uint16]) -> None:
    with open_source(png) as source:
        assert source.names == tuple(f"{k}.png" for k in range(1, 13))
        assert source.dtype == planes.dtype
        for k, plane in enumerate(planes):
            np.testing.assert_array_equal(source.read(k), plane)
        region = source.read_region(3, slice(2, 9), slice(5, 25))
        np.testing.assert_array_equal(region, planes[3, 2:9, 5:25])
        again = deepcopy(source)
        np.testing.assert_array_equal(again.read(11), planes[11])


@pytest.mark.parametrize("compression", ["none", "zlib"])
def test_written_as_png_under_the_same_names(
    png: Path, planes: NDArray[np.uint16], tmp_path: Path, copy: Copy, compression: str
) -> None:
    output = copy(png, tmp_path / "out", compression=compression)
    assert {file.name for file in output.iterdir()} == {f"{k}.png" for k in range(1, 13)}
    for k, plane in enumerate(planes, 1):
        written = png_decode((output / f"{k}.png").read_bytes())
        assert written.dtype == planes.dtype
        np.testing.assert_array_equal(written, plane)


@pytest.mark.parametrize("name", ["out.tif", "out.zarr"])
def test_written_as_a_stack(
    png: Path, planes: NDArray[np.uint16], tmp_path: Path, copy: Copy, name: str
) -> None:
    with open_source(copy(png, tmp_path / name)) as source:
        assert (source.metadata.axes, len(source)) == ("Z", 12)
        np.testing.assert_array_equal(source.read(4), planes[4])


def test_what_png_can_not_hold_is_tiff(
    png: Path, planes: NDArray[np.uint16], tmp_path: Path, copy: Copy
) -> None:
    settings = SinkSettings(dtype=np.dtype("float32"))
    with open_source(png) as source:
        says = renaming(tmp_path / "out", source, settings)
        assert says is not None
        assert "PNG can't hold float32" in says
        assert "'1.tif' for '1.png'" in says
        assert renaming(tmp_path / "out.tif", source, settings) is None
        assert renaming(tmp_path / "out", source, SinkSettings()) is None
    output = copy(png, tmp_path / "out", dtype=settings.dtype)
    assert {file.name for file in output.iterdir()} == {f"{k}.tif" for k in range(1, 13)}
    np.testing.assert_array_equal(tifffile.imread(output / "7.tif"), planes[6].astype(np.float32))
    with open_source(png) as source, pytest.raises(CrispimError, match=r"1\.tif' exists already"):
        create_sink(output, source, settings)


def test_zstd_is_refused(png: Path, tmp_path: Path) -> None:
    with open_source(png) as source, pytest.raises(CrispimError, match="packed by zstd"):
        create_sink(tmp_path / "out", source, SinkSettings(compression="zstd"))


def test_a_run_that_stopped_is_resumed(
    png: Path, planes: NDArray[np.uint16], tmp_path: Path
) -> None:
    def run(stop: int, **settings: bool) -> list[int]:
        written = []
        with open_source(png) as source:
            sink = create_sink(tmp_path / "out", source, SinkSettings(**settings))
            sink.record({"--tile": 1})
            with sink:
                for k in range(len(source)):
                    if k == stop:
                        raise KeyboardInterrupt
                    if not sink.has(k):
                        sink.write(k, source.read(k))
                        written.append(k)
        return written

    with pytest.raises(KeyboardInterrupt):
        run(5)
    with pytest.raises(CrispimError, match="exists already"):
        run(99)
    (tmp_path / "out" / "2.png").unlink()
    assert run(99, resume=True) == [1, *range(5, 12)]
    for k, plane in enumerate(planes, 1):
        np.testing.assert_array_equal(png_decode((tmp_path / f"out/{k}.png").read_bytes()), plane)
    assert run(99, overwrite=True) == list(range(12))


GREY = png_encode(np.arange(600, dtype=np.uint16).reshape(20, 30) * 100)
BAD = {
    "empty": (b"", "doesn't begin as a PNG does"),
    "a TIFF": (b"II*\0" + bytes(100), "doesn't begin as a PNG does"),
    "cut": (GREY[:-20], "is truncated"),
    "RGB": (png_encode(np.zeros((20, 30, 3), np.uint16)), "a PNG of RGB pixels"),
    "alpha": (png_encode(np.zeros((20, 30, 2), np.uint8)), "a PNG of transparent pixels"),
    "palette": (made(30, 20, 8, 3, chunk(b"PLTE", bytes(6))), "a PNG of palette pixels"),
    "transparent": (made(30, 20, 8, 0, chunk(b"tRNS", bytes(2))), "a PNG of transparent pixels"),
    "1 bit": (made(30, 20, 1, 0), "a PNG of 1-bit pixels"),
    "bomb": (made(900_000, 900_000, 16, 0), "it claims 900000 x 900000 pixels in"),
    "nothing": (made(0, 20, 16, 0), "it claims 0 x 20 pixels"),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_can_not_be_read_is_named(png: Path, kind: str) -> None:
    content, says = BAD[kind]
    (png / "5.png").write_bytes(content)
    tracemalloc.start()
    with pytest.raises(CrispimError) as caught:
        open_source(png)
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()
    assert says in str(caught.value)
    assert f"{Path('png') / '5.png'}'" in str(caught.value)


def test_damaged_pixels_are_named(tmp_path: Path) -> None:
    damaged = bytearray(GREY)
    damaged[80] ^= 255
    (tmp_path / "1.png").write_bytes(damaged)
    with open_source(tmp_path) as source:
        for read in (source.read, lambda k: source.read_region(k, slice(0, 5), slice(0, 5))):
            with pytest.raises(CrispimError, match=r"1\.png' is not a PNG that can be read"):
                read(0)


def test_a_file_that_changes_is_refused(png: Path) -> None:
    with open_source(png) as source:
        source.read_region(0, slice(0, 5), slice(0, 5))
        (png / "1.png").write_bytes(GREY)
        with pytest.raises(CrispimError, match=r"1\.png' changed"):
            source.read_region(0, slice(0, 5), slice(0, 5))


def test_other_files_and_sizes(png: Path, tmp_path: Path) -> None:
    with pytest.raises(CrispimError, match=r"one PNG file: give the folder"):
        open_source(png / "1.png")
    (png / "2.png").write_bytes(png_encode(np.zeros((3, 4), np.uint16)))
    with pytest.raises(CrispimError, match=r"2\.png' is 4 x 3 pixels of uint16 but '1\.png'"):
        open_source(png)
    tifffile.imwrite(png / "13.tif", np.zeros((20, 30), np.uint16))
    with pytest.raises(CrispimError, match=r"png' is not a TIFF file"):
        open_source(png)
