"""Channels: of folders by their names, of other files by theirs, in every output."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.imagej import GatewaySettings, open_gateway
from crispim_ij.planes import (
    Selection,
    SinkSettings,
    aligned,
    by_channel,
    channel_names,
    clean_stacks,
    create_sink,
    numbered,
    open_source,
    parse_channels,
    z_stacks,
)
from crispim_ij.planes.channels import named_channels

Copy = Callable[..., Path]


@pytest.fixture
def planes() -> NDArray[np.uint16]:
    """Channel, time, slice, row, column."""
    return np.random.default_rng(0).integers(0, 60000, (2, 3, 4, 7, 9), dtype=np.uint16)


@pytest.fixture
def named(tmp_path: Path, planes: NDArray[np.uint16]) -> Path:
    """A folder whose natural order is that of `planes`."""
    folder = tmp_path / "named"
    folder.mkdir()
    for c, t, z in np.ndindex(2, 3, 4):
        name = f"scan_w{c + 1}{('DAPI', 'GFP')[c]}_t{t + 1}_z{z}.tif"
        tifffile.imwrite(
            folder / name, planes[c, t, z], resolution=(4, 5), resolutionunit="CENTIMETER"
        )
    return folder


def test_a_folder_by_its_names(named: Path, planes: NDArray[np.uint16]) -> None:
    with open_source(named) as source:
        metadata = source.metadata
        assert (metadata.axes, metadata.sizes) == ("CTZ", (2, 3, 4))
        assert (metadata.pixel_size, metadata.unit) == ((1 / 5, 1 / 4), "cm")
        assert channel_names(metadata) == ("DAPI", "GFP")
        assert named_channels(metadata) == "two channels by their names (DAPI, GFP)"
        assert z_stacks(metadata, 24)[4].tolist() == [16, 17, 18, 19]
        np.testing.assert_array_equal(source.read(17), planes[1, 1, 1])


@pytest.mark.parametrize("compression", ["none", "zlib"])
def test_into_an_imagej_hyperstack(
    named: Path, planes: NDArray[np.uint16], tmp_path: Path, copy: Copy, compression: str
) -> None:
    output = copy(named, tmp_path / "out.tif", compression=compression)
    with tifffile.TiffFile(output) as tif:
        assert tif.series[0].axes == "TZCYX"
        np.testing.assert_array_equal(tif.asarray(), planes.transpose(1, 2, 0, 3, 4))
        assert tif.imagej_metadata["Labels"][:2] == [
            "scan_w1DAPI_t1_z0.tif",
            "scan_w2GFP_t1_z0.tif",
        ]
    with open_source(output) as source:
        assert (source.metadata.pixel_size, source.metadata.unit) == ((1 / 5, 1 / 4), "cm")
    assert {file.name for file in tmp_path.iterdir()} == {"named", "out.tif"}


def test_imagej_reads_the_hyperstack(
    named: Path, planes: NDArray[np.uint16], tmp_path: Path, copy: Copy
) -> None:
    """It takes channels to be fastest, whatever the file says."""
    output = copy(named, tmp_path / "out.tif")
    macro = """
        open(getArgument()); getDimensions(w, h, c, z, t); said = "" + c + " " + z + " " + t;
        for (i = 1; i <= c; i++) { for (j = 1; j <= t; j++) { for (k = 1; k <= z; k++) {
            Stack.setPosition(i, k, j); said = said + " " + getPixel(2, 1); } } }
        return said;
    """
    said = open_gateway(GatewaySettings(None, None)).run_macro(macro, str(output))
    assert said.split() == ["2", "4", "3", *map(str, planes[..., 1, 2].ravel())]


def test_into_an_ome_zarr(
    named: Path, planes: NDArray[np.uint16], tmp_path: Path, copy: Copy
) -> None:
    output = copy(named, tmp_path / "out.zarr")
    attributes = json.loads((output / ".zattrs").read_text("utf-8"))
    assert [c["label"] for c in attributes["omero"]["channels"]] == ["DAPI", "GFP"]
    axes = [axis["name"] for axis in attributes["multiscales"][0]["axes"]]
    assert axes == ["t", "c", "z", "y", "x"]
    with open_source(output, Selection(channels=("gfp",), times=(2,))) as source:
        np.testing.assert_array_equal(source.read(3), planes[1, 1, 3])


def test_into_a_folder_of_the_same_names(
    named: Path, planes: NDArray[np.uint16], tmp_path: Path, copy: Copy
) -> None:
    output = copy(named, tmp_path / "out")
    assert {p.name for p in output.iterdir()} == {p.name for p in named.iterdir()}
    written = tifffile.imread(output / "scan_w2GFP_t3_z1.tif")
    np.testing.assert_array_equal(written, planes[1, 2, 1])
    with tifffile.TiffFile(output / "scan_w2GFP_t3_z1.tif") as tif:
        assert not tif.is_imagej


@pytest.mark.parametrize("killed", [0, 5, 24])
def test_a_hyperstack_is_resumed(
    named: Path, planes: NDArray[np.uint16], tmp_path: Path, killed: int
) -> None:
    """Even where only the order was missing."""
    for stop in (killed, 99):
        with open_source(named) as source:
            sink = create_sink(tmp_path / "out.tif", source, SinkSettings(resume=True))
            sink.record({"--tile": 1})
            try:
                with sink:
                    for k in range(24):
                        if k == stop:
                            raise KeyboardInterrupt
                        if not sink.has(k):
                            sink.write(k, source.read(k))
                    if stop == 24:
                        raise KeyboardInterrupt
            except KeyboardInterrupt:
                assert not (tmp_path / "out.tif").exists()
    written = tifffile.imread(tmp_path / "out.tif")
    np.testing.assert_array_equal(written, planes.transpose(1, 2, 0, 3, 4))
    assert [p for p in tmp_path.iterdir() if p.suffix in (".copy", ".partial", ".old")] == []


@pytest.mark.parametrize("channels", [(2,), ("GFP",), ("gfp",)])
def test_one_channel(
    named: Path, planes: NDArray[np.uint16], tmp_path: Path, channels: tuple[int | str, ...]
) -> None:
    with open_source(named, Selection(channels=channels)) as source:
        assert channel_names(source.metadata) == ("GFP",)
        with create_sink(tmp_path / "out.tif", source) as sink:
            for k in range(12):
                sink.write(k, source.read(k))
    with tifffile.TiffFile(tmp_path / "out.tif") as tif:
        assert tif.series[0].axes == "TZYX"
        np.testing.assert_array_equal(tif.asarray(), planes[1])


def test_names_of_other_formats(ome: Path, hyperstack: Path, tmp_path: Path, copy: Copy) -> None:
    with open_source(ome) as source:
        assert channel_names(source.metadata) == ("nuclei", "axons")
        assert named_channels(source.metadata) == "two channels (nuclei, axons)"
        assert numbered(source, Selection(channels=("Axons", 1))).channels == (1, 2)
    with open_source(copy(ome, tmp_path / "o.zarr"), Selection(channels=("axons",))) as source:
        assert source.metadata.sizes == (2, 3, 1)
    with open_source(hyperstack) as source:
        assert channel_names(source.metadata) == ()
        assert named_channels(source.metadata) == "two channels"


def test_labels_that_a_channels_slices_share(tmp_path: Path) -> None:
    path = tmp_path / "labels.tif"
    pixels = np.zeros((3, 2, 5, 6), np.uint16)
    labels = {"axes": "ZCYX", "Labels": ["red", "green"] * 3}
    tifffile.imwrite(path, pixels, imagej=True, metadata=labels)
    with open_source(path) as source:
        assert channel_names(source.metadata) == ("red", "green")


def test_what_is_no_channel_is_refused(named: Path, hyperstack: Path) -> None:
    with pytest.raises(CrispimError, match=r"no channel of the name 'Cy5' .*'DAPI', 'GFP'"):
        open_source(named, Selection(channels=("Cy5",)))
    with pytest.raises(CrispimError, match=r"no channel of the name 'GFP' .*without names"):
        open_source(hyperstack, Selection(channels=("GFP",)))
    with pytest.raises(CrispimError, match=r"2 channel\(s\), so channel 3"):
        open_source(named, Selection(channels=(3,)))


def test_numbers_and_names_are_read() -> None:
    assert parse_channels("1,3") == (1, 3)
    assert parse_channels("2-4") == (2, 3, 4)
    assert parse_channels("DAPI, CSU-488") == ("DAPI", "CSU-488")
    for text in ("", "1,,2", "0", "3-1", "-1"):
        with pytest.raises(CrispimError, match="--channel"):
            parse_channels(text)


def test_a_number_may_be_a_name(tmp_path: Path) -> None:
    for c, z in np.ndindex(2, 3):
        light = (488, 561)[c]
        tifffile.imwrite(tmp_path / f"{light}nm_{z}.tif", np.full((5, 6), c, np.uint16))
    with open_source(tmp_path, Selection(channels=("561nm",))) as source:
        assert int(source.read(0)[0, 0]) == 1


def test_planes_in_the_order_of_others(
    named: Path, planes: NDArray[np.uint16], tmp_path: Path, copy: Copy
) -> None:
    with open_source(named) as source, open_source(copy(named, tmp_path / "o.tif")) as other:
        same = aligned(other, source)
        for k, plane in enumerate(planes.reshape(24, 7, 9)):
            np.testing.assert_array_equal(same.read(k), plane)
        assert aligned(source, source) is source
        with pytest.raises(CrispimError, match="give the same planes"):
            aligned(open_source(named, Selection(times=(1,))), source)


def test_each_channel_apart(named: Path, planes: NDArray[np.uint16], tmp_path: Path) -> None:
    with open_source(named) as source:
        channels = by_channel(source)
        assert [channel_names(one.metadata) for one in channels] == [("DAPI",), ("GFP",)]
        np.testing.assert_array_equal(channels[1].read(7), planes[1, 1, 3])
        stacks = clean_stacks(channels[1].metadata, 12)
        assert stacks.tolist() == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    # So tifffile describes a stack whose axes it isn't told.
    tifffile.imwrite(tmp_path / "c.tif", np.zeros((4, 5, 6), np.uint16), imagej=True)
    with open_source(tmp_path / "c.tif") as source:
        assert by_channel(source) == [source]
        assert clean_stacks(source.metadata, 4).tolist() == [[0, 1, 2, 3]]


@pytest.mark.parametrize(
    ("shape", "metadata", "is_said"),
    [
        ((8, 5, 6), {}, True),
        ((7, 5, 6), {}, False),
        ((8, 5, 6), {"axes": "ZYX"}, False),
        ((2, 8, 5, 6), {"axes": "ZCYX"}, False),
    ],
)
def test_slices_that_tifffile_calls_channels_are_said(
    tmp_path: Path, shape: tuple[int, ...], metadata: dict[str, str], is_said: bool
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros(shape, np.uint16), imagej=True, metadata=metadata)
    with open_source(tmp_path / "a.tif") as source:
        said = " ".join(source.notes)
    assert ("8 planes are channels of one slice" in said) == bool(said) == is_said
