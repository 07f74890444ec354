from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.planes import (
    Selection,
    SinkSettings,
    ZarrSettings,
    create_sink,
    open_source,
    z_stacks,
)
from crispim_ij.planes.ome_zarr_metadata import read_image
from crispim_ij.planes.pixels import halved

Copy = Callable[..., Path]

AXES = [
    {"name": "t", "type": "time", "unit": "second"},
    {"name": "c", "type": "channel"},
    {"name": "z", "type": "space", "unit": "micrometer"},
    {"name": "y", "type": "space", "unit": "micrometer"},
    {"name": "x", "type": "space", "unit": "micrometer"},
]
OMERO = {
    "name": "brain",
    "channels": [
        {"label": label, "color": color, "window": {"min": 0, "max": 999, "start": 1, "end": end}}
        for label, color, end in (("nuclei", "FF0000", 500.0), ("axons", "00FF00", 70.0))
    ],
}


def write_zarr(
    path: Path,
    pixels: NDArray[Any],
    version: str = "0.4",
    chunks: tuple[int, ...] | None = None,
    **options: Any,
) -> Path:
    """Write an OME-Zarr by zarr alone, in two resolutions."""
    axes = AXES[-pixels.ndim :]
    scale = [10.0, 1.0, 2.0, 0.5, 0.4][-pixels.ndim :]
    half = [*scale[:-2], scale[-2] * 2, scale[-1] * 2]
    multiscale = {
        "name": "brain",
        "axes": axes,
        "datasets": [
            {"path": str(k), "coordinateTransformations": [{"type": "scale", "scale": s}]}
            for k, s in enumerate((scale, half))
        ],
    }
    attributes: dict[str, Any] = {"multiscales": [multiscale]}
    if pixels.ndim == 5:
        attributes["omero"] = OMERO
    if version == "0.5":
        attributes = {"ome": {"version": "0.5", **attributes}}
    else:
        multiscale["version"] = version
    group = zarr.create_group(path, zarr_format=3 if version == "0.5" else 2, attributes=attributes)
    for k, data in enumerate((pixels, pixels[..., ::2, ::2])):
        sides = tuple(map(min, chunks or data.shape, data.shape))
        array = group.create_array(
            str(k), shape=data.shape, chunks=sides, dtype=data.dtype, **options
        )
        array[:] = data
    return path


@pytest.fixture
def pixels() -> NDArray[np.uint16]:
    """Time, channel, slice, row, column."""
    return np.random.default_rng(0).integers(0, 60000, (2, 2, 3, 40, 50), dtype=np.uint16)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("chunks", [(1, 1, 1, 16, 16), (1, 1, 3, 32, 50), (2, 2, 2, 7, 9)])
def test_every_plane_and_region_is_read(
    tmp_path: Path, pixels: NDArray[np.uint16], version: str, chunks: tuple[int, ...]
) -> None:
    path = write_zarr(tmp_path / "in.zarr", pixels, version, chunks)
    planes = np.moveaxis(pixels, 1, 2).reshape(-1, 40, 50)
    with open_source(path) as source:
        assert source.shape == (12, 40, 50)
        assert source.dtype == np.uint16
        assert source.names[:2] == ("in_t0001_z0001_w1nuclei.tif", "in_t0001_z0001_w2axons.tif")
        for k, plane in enumerate(planes):
            np.testing.assert_array_equal(source.read(k), plane)
            region = source.read_region(k, slice(5, 33), slice(15, 50))
            np.testing.assert_array_equal(region, plane[5:33, 15:50])
        assert source.metadata.pixel_size == (0.5, 0.4)
        assert source.metadata.z_step == 2.0
        assert source.metadata.unit == "µm"
        assert source.metadata.frame_interval == 10.0
        assert z_stacks(source.metadata, 12).tolist()[1] == [1, 3, 5]
    with open_source(path, Selection(level=1)) as source:
        assert source.metadata.pixel_size == (1.0, 0.8)
        np.testing.assert_array_equal(source.read(3), planes[3, ::2, ::2])
    with open_source(path, Selection(channels=(2,), times=(1, 2))) as source:
        np.testing.assert_array_equal([source.read(k) for k in range(6)], planes[1::2])
        assert source.metadata.omero["channels"] == [OMERO["channels"][1]]  # type: ignore[index]


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_everything_said_is_said_again(
    tmp_path: Path, copy: Copy, pixels: NDArray[np.uint16], version: Any
) -> None:
    path = write_zarr(tmp_path / "in.zarr", pixels)
    output = copy(path, tmp_path / "out.zarr", zarr=ZarrSettings(version=version))
    before, after = read_image(path), read_image(output)
    assert after.version == version
    assert (after.axes, after.units, after.omero) == (before.axes, before.units, before.omero)
    assert after.scales == before.scales[:1]
    group = zarr.open_group(output, mode="r")
    assert group.metadata.zarr_format == (3 if version == "0.5" else 2)
    np.testing.assert_array_equal(group["0"][:], pixels)
    assert not list(tmp_path.glob(".crispim*"))


def test_a_hyperstack_becomes_an_ome_zarr_and_comes_back(
    tmp_path: Path, copy: Copy, hyperstack: Path, stack: NDArray[np.uint16]
) -> None:
    output = copy(hyperstack, tmp_path / "out.zarr")
    image = read_image(output)
    assert image.axes == "tczyx"
    assert image.scales == ((0.5, 1.0, 3.5, 0.5, 0.4),)
    assert image.units == {
        "t": "second", "z": "micrometer", "y": "micrometer", "x": "micrometer"
    }  # fmt: skip
    windows = [channel["window"] for channel in image.omero["channels"]]
    assert [(w["start"], w["end"]) for w in windows] == [(100.0, 500.0), (7.0, 70.0)]
    assert [channel["color"] for channel in image.omero["channels"]] == ["FF0000", "00FF00"]
    np.testing.assert_array_equal(
        zarr.open_group(output, mode="r")["0"][:], np.moveaxis(stack, 2, 1)
    )
    back = copy(output, tmp_path / "back.tif")
    import tifffile

    with tifffile.TiffFile(back) as tif:
        assert tif.series[0].axes == "TZCYX"
        assert tif.imagej_metadata["spacing"] == 3.5
        assert tif.imagej_metadata["Ranges"] == (100.0, 500.0, 7.0, 70.0)
        np.testing.assert_array_equal(tif.asarray(), stack)


def test_ome_tiff_channels_have_names(tmp_path: Path, copy: Copy, ome: Path) -> None:
    image = read_image(copy(ome, tmp_path / "out.zarr"))
    assert [channel["label"] for channel in image.omero["channels"]] == ["nuclei", "axons"]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shape=st.tuples(st.integers(1, 2), st.integers(1, 90), st.integers(1, 90)),
    dtype=st.sampled_from(["uint8", "uint16", "int16", "float32"]),
    compression=st.sampled_from(["none", "zlib", "zstd"]),
    shard=st.sampled_from([None, 16, 48]),
    backwards=st.booleans(),
)
def test_pyramids_are_means(
    tmp_path_factory: pytest.TempPathFactory,
    shape: tuple[int, int, int],
    dtype: str,
    compression: Any,
    shard: int | None,
    backwards: bool,
) -> None:
    folder = tmp_path_factory.mktemp("pyramid")
    planes = np.random.default_rng(1).normal(90, 30, shape).astype(dtype)
    write_zarr(folder / "in.zarr", planes)
    chosen = SinkSettings(
        compression=compression, zarr=ZarrSettings(chunk=16, shard=shard, pyramid=True)
    )
    with (
        open_source(folder / "in.zarr") as source,
        create_sink(folder / "out.zarr", source, chosen) as sink,
    ):
        height, width = sink.write_shape
        places = [
            (k, row, column)
            for k in range(shape[0])
            for row in range(0, shape[1], height)
            for column in range(0, shape[2], width)
        ]
        for k, row, column in places[::-1] if backwards else places:
            part = planes[k, row : row + height, column : column + width]
            sink.write(k, part, (row, column))
    image = read_image(folder / "out.zarr")
    group = zarr.open_group(folder / "out.zarr", mode="r")
    expected = planes
    for level, path in enumerate(image.paths):
        np.testing.assert_array_equal(group[path][:], expected)
        assert image.scales[level][1:] == (0.5 * 2**level, 0.4 * 2**level)
        expected = np.stack([halved(plane) for plane in expected])
    assert max(group[image.paths[-1]].shape[1:]) <= 16


def test_means_round_half_to_even_and_edges_count_themselves() -> None:
    plane = np.array([[0, 1, 7], [1, 0, 8], [2, 3, 9]], np.uint8)
    np.testing.assert_array_equal(halved(plane), [[0, 8], [2, 9]])


def test_whole_units_alone_are_written(tmp_path: Path) -> None:
    write_zarr(tmp_path / "in.zarr", np.ones((1, 40, 40), np.uint8))
    chosen = SinkSettings(zarr=ZarrSettings(chunk=16))
    with open_source(tmp_path / "in.zarr") as source:
        for at, shape in (((8, 0), (16, 16)), ((0, 0), (8, 16)), ((32, 32), (16, 16))):
            with (
                pytest.raises(ValueError, match=r"whole cells|expected"),
                create_sink(tmp_path / "out.zarr", source, chosen) as sink,
            ):
                sink.write(0, np.ones(shape, np.uint8), at)
        with (
            pytest.raises(ValueError, match="0 of 9 cells"),
            create_sink(tmp_path / "out.zarr", source, chosen),
        ):
            pass
    assert [path.name for path in tmp_path.iterdir()] == ["in.zarr"]


def test_an_ome_zarr_is_replaced_but_no_other_folder(tmp_path: Path, copy: Copy) -> None:
    path = write_zarr(tmp_path / "in.zarr", np.ones((1, 40, 40), np.uint8))
    output = copy(path, tmp_path / "out.zarr")
    with pytest.raises(CrispimError, match="--overwrite"):
        copy(path, output)
    copy(path, output, overwrite=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.zarr", "out.zarr"]
    (tmp_path / "mine.zarr").mkdir()
    (tmp_path / "mine.zarr/notes.txt").write_text("x")
    with pytest.raises(CrispimError, match="folder of other files"):
        copy(path, tmp_path / "mine.zarr", overwrite=True)


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({}, "without OME's description"),
        ({"plate": {}}, "collection of images.*A/1/0"),
        ({"bioformats2raw.layout": 3}, "collection of images.*0'"),
        ({"multiscales": []}, "not OME-Zarr that can be read"),
        ({"multiscales": [{"axes": ["x", "y"], "datasets": []}]}, "axes 'xy'"),
    ],
)
def test_other_zarrs_are_refused(tmp_path: Path, attributes: dict[str, Any], words: str) -> None:
    zarr.create_group(tmp_path / "in.zarr", zarr_format=2, attributes=attributes)
    with pytest.raises(CrispimError, match=words):
        open_source(tmp_path / "in.zarr")


def test_damage_is_named(tmp_path: Path) -> None:
    path = write_zarr(tmp_path / "in.zarr", np.ones((2, 40, 40), np.uint16), "0.5")
    chunk = path / "0/c/0/0/0"
    chunk.write_bytes(chunk.read_bytes()[:10])
    with open_source(path) as source, pytest.raises(CrispimError, match=r"in\.zarr' can't be read"):
        source.read(0)
    (path / "zarr.json").write_text(json.dumps({"attributes": 3})[:-3])
    with pytest.raises(CrispimError, match=r"description of .*in\.zarr' can't be read"):
        open_source(path)


def test_types_and_levels_that_are_not_there(tmp_path: Path) -> None:
    path = write_zarr(tmp_path / "in.zarr", np.ones((2, 40, 40), np.uint16))
    with pytest.raises(CrispimError, match=r"2 resolution.*--level 2"):
        open_source(path, Selection(level=2))
    write_zarr(tmp_path / "wide.zarr", np.ones((2, 40, 40), np.int64))
    with pytest.raises(CrispimError, match="int64 pixels"):
        open_source(tmp_path / "wide.zarr")


@pytest.mark.parametrize("dtype", ["float64", "float16", "int8", "uint32", ">i4"])
def test_other_types_are_float32(tmp_path: Path, copy: Copy, dtype: str) -> None:
    values = np.random.default_rng(1).normal(40, 9, (3, 40, 50)).astype(dtype)
    path = write_zarr(tmp_path / "in.zarr", values)
    for place in (path, copy(path, tmp_path / "out.zarr"), copy(path, tmp_path / "out.tif")):
        with open_source(place) as source:
            assert source.dtype == np.float32
            assert bool(source.notes) == (place == path)
            found = [source.read(k) for k in range(3)]
            np.testing.assert_array_equal(found, values.astype(np.float32))
    with open_source(path) as source:
        assert f"are {np.dtype(dtype).name}: they are read as float32" in source.notes[0]
        part = source.read_region(1, slice(3, 9), slice(2, 30))
    np.testing.assert_array_equal(part, values[1, 3:9, 2:30].astype(np.float32))


def test_values_that_float32_would_spoil_are_refused(tmp_path: Path) -> None:
    values = np.random.default_rng(1).normal(3e9, 20, (2, 40, 50)).astype(np.uint32)
    write_zarr(tmp_path / "in.zarr", values)
    with (
        open_source(tmp_path / "in.zarr") as source,
        pytest.raises(CrispimError, match=r"plane 1 of .*in\.zarr' holds uint32 values that float"),
    ):
        source.read(1)


@pytest.mark.parametrize(
    "options", [{"chunk": 100}, {"shard": 1000}, {"shard": 2048, "version": "0.4"}]
)
def test_layouts_that_contradict_themselves(options: dict[str, Any]) -> None:
    with pytest.raises(CrispimError, match=r"chunks' side|--shard"):
        ZarrSettings(**options)


def test_each_chunk_is_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thick chunks and neighbouring regions come from the cache."""
    from crispim_ij.planes.ome_zarr_read import ZarrSource

    path = write_zarr(tmp_path / "in.zarr", np.ones((8, 64, 64), np.uint16), chunks=(4, 16, 16))
    monkeypatch.setattr("crispim_ij.planes.ome_zarr_read._SMALLEST", 16)
    with open_source(path) as source:
        assert isinstance(source, ZarrSource)
        decoded: list[Any] = []
        load = source._decoded
        monkeypatch.setattr(source, "_decoded", lambda key: decoded.append(key) or load(key))
        for k in range(8):
            for row in range(0, 64, 16):
                source.read_region(k, slice(max(0, row - 4), min(64, row + 20)), slice(0, 64))
    assert len(decoded) == len(set(decoded)) == 2 * 4 * 4


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


@pytest.mark.parametrize("error", [AttributeError, KeyError, RuntimeError, TypeError, ValueError])
@pytest.mark.parametrize("own", ["ome_zarr_metadata._transformation", "ome_zarr_read.assemble"])
def test_our_own_mistake_is_not_called_a_damaged_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: str, error: type[Exception]
) -> None:
    tifffile.imwrite(tmp_path / "in.tif", np.ones((8, 9), np.uint16))
    with (
        open_source(tmp_path / "in.tif") as source,
        create_sink(tmp_path / "out.zarr", source) as sink,
    ):
        sink.write(0, source.read(0))

    def mistaken(*_: object) -> None:
        raise error("ours")

    monkeypatch.setattr(f"crispim_ij.planes.{own}", mistaken)
    with pytest.raises(error, match="ours"), open_source(tmp_path / "out.zarr") as planes:
        planes.read(0)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("0/0/0", b"\xff" * 40),
        ("0/0/0", b""),
        ("0/.zarray", b"{"),
        ("0/.zarray", b"[]"),
        ("0/.zarray", b'{"zarr_format": 2}'),
        (
            "0/.zarray",
            b'{"zarr_format": 2, "shape": [1, 8, 9], "chunks": [0, 0, 0], "dtype": "<u2",'
            b'"order": "C", "fill_value": 0, "filters": null, "compressor": null}',
        ),
        (".zattrs", b"["),
        (".zattrs", b"[]"),
        (".zattrs", b'{"multiscales": 5}'),
        (".zattrs", b'{"multiscales": []}'),
        (".zattrs", b'{"multiscales": [3]}'),
        (".zattrs", b'{"multiscales": [{"axes": ["y", "x"]}]}'),
        (".zattrs", b'{"multiscales": [{"axes": ["y", "x"], "datasets": []}]}'),
        (".zattrs", b'{"multiscales": [{"axes": ["y", "x"], "datasets": [{}]}]}'),
        (".zattrs", b'{"multiscales": [{"axes": [{"unit": "um"}, "x"], "datasets": [0]}]}'),
        (
            ".zattrs",
            b'{"multiscales": [{"axes": ["y", "x"], "datasets": [{"path": "0",'
            b'"coordinateTransformations": [{"type": "scale", "scale": ["a", null]}]}]}]}',
        ),
    ],
)
def test_damaged_files_are_refused_in_one_sentence(
    tmp_path: Path, file: str, content: bytes
) -> None:
    tifffile.imwrite(tmp_path / "in.tif", np.ones((8, 9), np.uint16))
    settings = SinkSettings(compression="zstd")  # type: ignore[arg-type]
    with (
        open_source(tmp_path / "in.tif") as source,
        create_sink(tmp_path / "out.zarr", source, settings) as sink,
    ):
        sink.write(0, source.read(0))
    found = tmp_path / "out.zarr" / file
    if file == "0/0/0":
        (found,) = (path for path in (tmp_path / "out.zarr/0").rglob("[0-9]*") if path.is_file())
    found.write_bytes(content)
    with (
        pytest.raises(CrispimError, match=r"out\.zarr") as caught,
        open_source(tmp_path / "out.zarr") as planes,
    ):
        planes.read(0)
    assert len(str(caught.value).splitlines()) == 1
