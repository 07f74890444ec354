from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crispim_ij.errors import CrispimError
from crispim_ij.planes import open_source


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"byteorder": ">"},
        {"bigtiff": True},
        {"bigtiff": True, "byteorder": ">"},
        {"compression": "zlib"},
        {"compression": "zlib", "predictor": True},
        {"compression": "zstd", "predictor": True, "byteorder": ">"},
        {"compression": "lzw"},
        {"tile": (16, 16)},
        {"tile": (16, 16), "compression": "zstd"},
        {"rowsperstrip": 3},
        {"photometric": "miniswhite"},
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
def test_reads_what_tifffile_writes(tmp_path: Path, dtype: str, options: dict[str, object]) -> None:
    planes = np.random.default_rng(1).integers(0, 100, (3, 20, 31)).astype(dtype)
    path = tmp_path / "s.tif"
    tifffile.imwrite(path, planes, **{"photometric": "minisblack", **options})
    with open_source(path) as source:
        assert (source.shape, source.dtype, len(source)) == ((3, 20, 31), np.dtype(dtype), 3)
        assert source.names == ("s_0000.tif", "s_0001.tif", "s_0002.tif")
        read = [source.read(k) for k in range(3)]
    assert all(plane.dtype.isnative for plane in read)
    np.testing.assert_array_equal(read, planes)


def test_folder_in_natural_order_without_litter(folder: Path) -> None:
    for name in (".DS_Store", "Thumbs.db", "._1.tif", "crispim-preprocess.json", "crispim-a.csv"):
        (folder / name).write_text("litter")
    (folder / "results").mkdir()
    with open_source(folder) as source:
        assert source.names == tuple(f"{k}.tif" for k in range(1, 13))
        assert source.shape == (12, 5, 6)
        assert [int(source.read(k)[0, 0]) for k in range(12)] == list(range(1, 13))


def test_hyperstack_in_the_files_order(hyperstack: Path, stack: np.ndarray) -> None:
    with open_source(hyperstack) as source:
        assert (source.metadata.axes, source.metadata.sizes) == ("TZC", (2, 3, 2))
        read = [source.read(k) for k in range(len(source))]
    np.testing.assert_array_equal(read, stack.reshape(12, 7, 9))


def test_imagejs_big_stack_of_one_page(tmp_path: Path, stack: np.ndarray) -> None:
    path = tmp_path / "big.tif"
    tifffile.imwrite(path, stack, imagej=True, truncate=True, metadata={"axes": "TZCYX"})
    with tifffile.TiffFile(path) as tif:
        assert len(tif.pages) == 1
    with open_source(path) as source:
        assert source.shape == (12, 7, 9)
        read = [source.read(k) for k in range(12)]
    np.testing.assert_array_equal(read, stack.reshape(12, 7, 9))


def test_tifffiles_stack_of_one_page(tmp_path: Path, stack: np.ndarray) -> None:
    path = tmp_path / "big.tif"
    tifffile.imwrite(path, stack, truncate=True, photometric="minisblack")
    with open_source(path) as source:
        np.testing.assert_array_equal(source.read(11), stack[1, 2, 1])


def test_ome_in_the_order_of_its_axes(tmp_path: Path) -> None:
    """Planes that the XML lists in another order than the pages are in."""
    path = tmp_path / "x.ome.tif"
    xml = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0">'
        '<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" SizeX="4" SizeY="3" SizeZ="3"'
        ' SizeC="1" SizeT="1"><Channel ID="Channel:0:0" SamplesPerPixel="1"/>'
        + "".join(f'<TiffData IFD="{k}" FirstZ="{2 - k}" PlaneCount="1"/>' for k in range(3))
        + "</Pixels></Image></OME>"
    )
    with tifffile.TiffWriter(path, ome=False) as tif:
        for k in range(3):
            description = xml if k == 0 else None
            plane = np.full((3, 4), k, np.uint8)
            tif.write(plane, description=description, metadata=None, contiguous=False)
    with open_source(path) as source:
        assert [int(source.read(k)[0, 0]) for k in range(3)] == [2, 1, 0]


@pytest.mark.parametrize("kind", ["folder", "hyperstack", "ome"])
def test_threads_read_at_once(kind: str, request: pytest.FixtureRequest) -> None:
    with open_source(request.getfixturevalue(kind)) as source:
        alone = [source.read(k) for k in range(12)]
        with ThreadPoolExecutor(8) as pool:
            together = list(pool.map(lambda k: source.read(k % 12), range(480)))
    for k, plane in enumerate(together):
        np.testing.assert_array_equal(plane, alone[k % 12])


def test_compressed_stack_read_by_threads(tmp_path: Path, stack: np.ndarray) -> None:
    path = tmp_path / "z.tif"
    planes = stack.reshape(12, 7, 9)
    tifffile.imwrite(path, planes, compression="zlib", photometric="minisblack")
    with open_source(path) as source, ThreadPoolExecutor(8) as pool:
        read = list(pool.map(lambda k: source.read(k % 12), range(240)))
    np.testing.assert_array_equal(read, [planes[k % 12] for k in range(240)])


def refusal(path: Path) -> str:
    """Return the sentence with which a path is refused."""
    with pytest.raises(CrispimError) as caught:
        open_source(path).close()
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    return sentence


def test_missing_path(tmp_path: Path) -> None:
    sentence = refusal(tmp_path / "nowhere")
    assert "nowhere' does not exist" in sentence


def test_empty_folder(tmp_path: Path) -> None:
    assert "holds no TIFF files" in refusal(tmp_path)


def test_folder_with_litter_only(tmp_path: Path) -> None:
    (tmp_path / ".DS_Store").write_text("x")
    (tmp_path / "deeper").mkdir()
    assert "holds no TIFF files" in refusal(tmp_path)


def test_other_file_among_the_planes(folder: Path) -> None:
    (folder / "13.png").write_text("x")
    assert "13.png' is not a TIFF file" in refusal(folder)


@pytest.mark.parametrize("content", [b"", b"GIF89a and so on", b"II*\0", b"II*\0\xff\xff\xff\0"])
def test_not_a_tiff_inside(folder: Path, content: bytes) -> None:
    (folder / "3.tif").write_bytes(content)
    assert "3.tif'" in refusal(folder)


def test_not_a_tiff_as_a_stack(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(b"not a TIFF at all")
    assert "is not a TIFF that can be read" in refusal(tmp_path / "a.tif")


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("imagej", [False, True])
def test_truncated_anywhere(tmp_path: Path, compression: str | None, imagej: bool) -> None:
    path = tmp_path / "whole.tif"
    planes = np.random.default_rng(0).integers(0, 9, (3, 8, 8), dtype=np.uint16)
    options = {} if imagej else {"photometric": "minisblack"}
    tifffile.imwrite(path, planes, compression=compression, imagej=imagej, **options)
    whole = path.read_bytes()
    cut = tmp_path / "cut.tif"
    for size in range(0, len(whole) - 64, 7):
        cut.write_bytes(whole[:size])
        assert "cut.tif'" in refusal(cut)
    # At the very end there may be values of tags that no pixel depends on.
    for size in range(len(whole) - 64, len(whole)):
        cut.write_bytes(whole[:size])
        try:
            with open_source(cut) as source:
                np.testing.assert_array_equal([source.read(k) for k in range(3)], planes)
        except CrispimError as error:
            assert "cut.tif'" in str(error)  # noqa: PT017


def test_truncated_stack_of_one_page(tmp_path: Path, stack: np.ndarray) -> None:
    path = tmp_path / "big.tif"
    tifffile.imwrite(path, stack, imagej=True, truncate=True)
    path.write_bytes(path.read_bytes()[:-1])
    assert "big.tif' is truncated" in refusal(path)


def test_truncated_plane_of_a_folder(folder: Path) -> None:
    path = folder / "7.tif"
    path.write_bytes(path.read_bytes()[:-20])
    assert "7.tif' is truncated" in refusal(folder)


@pytest.mark.parametrize("samples", [3, 4])
def test_colour(tmp_path: Path, samples: int) -> None:
    path = tmp_path / "rgb.tif"
    tifffile.imwrite(path, np.zeros((8, 9, samples), np.uint8), photometric="rgb")
    assert "rgb.tif' is a colour image" in refusal(path)
    assert "Split Channels" in refusal(tmp_path)


@pytest.mark.parametrize("dtype", ["uint64", "int64", "complex64", "bool"])
def test_other_pixel_types(tmp_path: Path, dtype: str) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((8, 9), dtype))
    sentence = refusal(tmp_path / "a.tif")
    assert ("1-bit" if dtype == "bool" else dtype) in sentence
    # ImageJ opens none of the others.
    assert ("Image > Type" in sentence) == (dtype == "bool")


def test_plane_of_another_size(folder: Path) -> None:
    tifffile.imwrite(folder / "5.tif", np.zeros((5, 7), np.uint16))
    sentence = refusal(folder)
    assert "5.tif' is 7 x 5 pixels of uint16 but '1.tif' is 6 x 5 pixels of uint16" in sentence


def test_plane_of_another_type(folder: Path) -> None:
    tifffile.imwrite(folder / "10.tif", np.zeros((5, 6), np.uint8))
    assert "10.tif' is 6 x 5 pixels of uint8 but '1.tif'" in refusal(folder)


def test_pages_of_different_sizes(tmp_path: Path) -> None:
    path = tmp_path / "s.tif"
    with tifffile.TiffWriter(path) as tif:
        for width in (5, 5, 6):
            tif.write(np.zeros((4, width), np.uint8))
    assert "plane 2 of" in refusal(path)


@pytest.mark.parametrize("truncate", [False, True])
def test_folder_of_stacks(folder: Path, truncate: bool) -> None:
    planes = np.zeros((4, 5, 6), np.uint16)
    tifffile.imwrite(folder / "2.tif", planes, imagej=True, truncate=truncate)
    sentence = refusal(folder)
    assert "2.tif' holds 4 pages" in sentence
    assert "give that file itself" in sentence


def test_ome_of_several_files(tmp_path: Path) -> None:
    xml = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:1">'
        '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" SizeX="4"'
        ' SizeY="3" SizeZ="2" SizeC="1" SizeT="1"><Channel ID="Channel:0:0"/>'
        '<TiffData FirstZ="0"><UUID FileName="a.ome.tif">urn:uuid:1</UUID></TiffData>'
        '<TiffData FirstZ="1"><UUID FileName="b.ome.tif">urn:uuid:2</UUID></TiffData>'
        "</Pixels></Image></OME>"
    )
    plane = np.zeros((3, 4), np.uint8)
    for name in "ab":
        own = xml.replace('UUID="urn:uuid:1">', f'UUID="urn:uuid:{"ab".index(name) + 1}">')
        with tifffile.TiffWriter(tmp_path / f"{name}.ome.tif", ome=False) as tif:
            tif.write(plane, description=own, metadata=None)
    with open_source(tmp_path / "a.ome.tif") as source:
        assert source.shape == (1, 3, 4)
        assert "a.ome.tif' is a part of a set: 1 of 2 planes are in it" in source.notes[0]
    with open_source(tmp_path) as source:
        assert source.shape == (2, 3, 4)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_is_found_when_read(tmp_path: Path, value: float) -> None:
    planes = np.zeros((3, 4, 5), np.float32)
    planes[1, 2, 2] = value
    tifffile.imwrite(tmp_path / "s.tif", planes, photometric="minisblack")
    with open_source(tmp_path / "s.tif") as source:
        source.read(0)
        with pytest.raises(CrispimError, match=r"plane 1 of .*s\.tif' holds NaN"):
            source.read(1)
    folder = tmp_path / "f"
    folder.mkdir()
    tifffile.imwrite(folder / "bad.tif", planes[1])
    with (
        open_source(folder) as source,
        pytest.raises(CrispimError, match=r"bad\.tif' holds NaN"),
    ):
        source.read(0)


def test_damaged_pixels_are_found_when_read(tmp_path: Path) -> None:
    path = tmp_path / "s.tif"
    noise = np.random.default_rng(0).integers(0, 255, (60, 60), dtype=np.uint8)
    tifffile.imwrite(path, noise, compression="zlib")
    with tifffile.TiffFile(path) as tif:
        offset = tif.pages.first.dataoffsets[0]
    content = bytearray(path.read_bytes())
    content[offset : offset + 400] = bytes(400)
    path.write_bytes(content)
    with open_source(path) as source, pytest.raises(CrispimError, match="plane 0 of"):
        source.read(0)


def test_plane_that_changes_while_in_use(folder: Path) -> None:
    with open_source(folder) as source:
        tifffile.imwrite(folder / "1.tif", np.zeros((2, 2), np.uint16))
        with pytest.raises(CrispimError, match=r"1\.tif' changed"):
            source.read(0)


def test_many_headers_in_a_moment(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "0.tif", np.zeros((64, 64), np.uint16))
    content = (tmp_path / "0.tif").read_bytes()
    for k in range(1, 3000):
        (tmp_path / f"{k}.tif").write_bytes(content)
    start = time.perf_counter()
    assert len(open_source(tmp_path)) == 3000
    assert time.perf_counter() - start < 15


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


# Damaged files, and mistakes that are not the file's


def retype(path: Path, tag: str, dtype: int) -> None:
    """Say that a tag's value is of another type: 2 is text, 5 a fraction, 12 a double."""
    with tifffile.TiffFile(path) as tif:
        offset = tif.pages.first.tags[tag].offset
    content = bytearray(path.read_bytes())
    content[offset + 2 : offset + 4] = dtype.to_bytes(2, "little")
    path.write_bytes(content)


def revalue(path: Path, tag: str, value: int) -> None:
    with tifffile.TiffFile(path, mode="r+b") as tif:
        tif.pages.first.tags[tag].overwrite(value)


def spoil(path: Path) -> None:
    """Overwrite the middle of the second plane's packed pixels."""
    with tifffile.TiffFile(path) as tif:
        page = tif.pages[1]
        begin, count = page.dataoffsets[0], page.databytecounts[0]
    content = bytearray(path.read_bytes())
    content[begin : begin + count] = b"\xff" * count
    path.write_bytes(content)


def read_all(path: Path) -> None:
    with open_source(path) as source:
        for k in range(len(source)):
            source.read_region(k, slice(3, 9), slice(2, 8))
            source.read(k)


TILES = {"tile": (16, 16), "compression": "zlib"}
DAMAGES: dict[str, tuple[dict[str, Any], Callable[[Path], None]]] = {
    "width is text": ({}, lambda path: retype(path, "ImageWidth", 2)),
    "width is a fraction": ({}, lambda path: retype(path, "ImageWidth", 5)),
    "width is a double": ({}, lambda path: retype(path, "ImageWidth", 12)),
    "length is text": ({}, lambda path: retype(path, "ImageLength", 2)),
    "counts are text": (
        {"compression": "packbits", "rowsperstrip": 10},
        lambda path: retype(path, "StripByteCounts", 2),
    ),
    "offsets are text": ({}, lambda path: retype(path, "StripOffsets", 2)),
    "no rows a strip": ({"compression": "zlib"}, lambda path: revalue(path, "RowsPerStrip", 0)),
    "tiles without width": (TILES, lambda path: revalue(path, "TileWidth", 0)),
    "width of tiles is text": (TILES, lambda path: retype(path, "TileWidth", 2)),
    "unknown predictor": (
        {**TILES, "predictor": True},
        lambda path: revalue(path, "Predictor", 221),
    ),
    "another compression": (TILES, lambda path: revalue(path, "Compression", 50000)),
    "bad zlib": ({"compression": "zlib"}, spoil),
    "bad zstd": ({"compression": "zstd"}, spoil),
    "bad packbits": ({"compression": "packbits"}, spoil),
    "bad lzma": ({"compression": "lzma"}, spoil),
    "damaged OME-XML": ({"description": "<OME><Image></OME>", "metadata": None}, lambda path: None),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_files_are_refused_in_one_sentence(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "a.tif"
    planes = np.random.default_rng(0).integers(0, 60000, (3, 40, 50), dtype=np.uint16)
    how, spoiled = DAMAGES[damage]
    tifffile.imwrite(path, planes, photometric="minisblack", **how)
    spoiled(path)
    with pytest.raises(CrispimError, match=r"a\.tif'") as caught:
        read_all(path)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("error", [AttributeError, KeyError, RuntimeError, TypeError, ValueError])
@pytest.mark.parametrize("name", ["one.tif", "planes"])
def test_our_own_mistake_is_not_called_a_damaged_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, error: type[Exception]
) -> None:
    (tmp_path / "planes").mkdir()
    for path in (tmp_path / "one.tif", tmp_path / "planes/1.tif"):
        tifffile.imwrite(path, np.zeros((8, 9), np.uint16), imagej=True)

    def mistaken(*_: object) -> None:
        raise error("ours")

    with open_source(tmp_path / name) as source:
        monkeypatch.setattr("crispim_ij.planes.imagej_tags.stack_axes", mistaken)
        if name == "planes":
            with pytest.raises(error, match="ours"):
                source.read(0)
    with pytest.raises(error, match="ours"):
        open_source(tmp_path / name)


@pytest.mark.parametrize("error", [AttributeError, KeyError, RuntimeError, TypeError, ValueError])
@pytest.mark.parametrize(
    "own",
    ["tiff_metadata._resolution", "tiff_page.is_bare", "tiff_series._places", "tiff_read.decoded"],
)
def test_our_own_mistake_between_calls_of_tifffile_is_not_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: str, error: type[Exception]
) -> None:
    path = tmp_path / "one.tif"
    axes = {"axes": "ZCYX"}
    tifffile.imwrite(path, PLANES[None], photometric="minisblack", metadata=axes)

    def mistaken(*_: object, **__: object) -> None:
        raise error("ours")

    monkeypatch.setattr(f"crispim_ij.planes.{own}", mistaken)
    with pytest.raises(error, match="ours"), open_source(path) as source:
        source.read(0)


# Regions

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
