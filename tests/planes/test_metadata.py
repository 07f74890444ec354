"""What a copy says of its planes, read back with tifffile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import tifffile

from crispim_ij.errors import CrispimError
from crispim_ij.planes import SinkSettings, create_sink, open_source

Copy = Callable[..., Path]
COMPRESSIONS = ["none", "zlib", "zstd"]


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_hyperstack_stays_one(
    hyperstack: Path, stack: np.ndarray, tmp_path: Path, copy: Copy, compression: str
) -> None:
    output = copy(hyperstack, tmp_path / "out.tif", compression=compression)
    with tifffile.TiffFile(hyperstack) as old, tifffile.TiffFile(output) as new:
        assert new.is_imagej
        assert not new.is_bigtiff
        assert new.series[0].axes == "TZCYX"
        np.testing.assert_array_equal(new.asarray(), stack)
        before, after = old.imagej_metadata, new.imagej_metadata
        luts = [m.pop("LUTs") for m in (before, after)]
        np.testing.assert_array_equal(*luts)
        assert after == before
        for tag in ("XResolution", "YResolution", "ResolutionUnit"):
            assert new.pages.first.tags[tag].value == old.pages.first.tags[tag].value
    with open_source(output) as source:
        metadata = source.metadata
    assert metadata.pixel_size == (0.5, 0.4)
    assert (metadata.z_step, metadata.unit, metadata.frame_interval) == (3.5, "µm", 0.5)


def test_uncompressed_planes_lie_one_after_another(
    hyperstack: Path, tmp_path: Path, copy: Copy
) -> None:
    """ImageJ takes that for granted."""
    with tifffile.TiffFile(copy(hyperstack, tmp_path / "out.tif")) as tif:
        offsets = [page.dataoffsets[0] for page in tif.pages]
    assert np.all(np.diff(offsets) == 7 * 9 * 2)


def test_imagej_can_read_zlib(hyperstack: Path, tmp_path: Path, copy: Copy) -> None:
    """It ignores the predictor of zlib pages."""
    with tifffile.TiffFile(copy(hyperstack, tmp_path / "o.tif", compression="zlib")) as tif:
        assert tif.pages.first.predictor == 1


def test_display_range_outlives_a_change_of_type(
    hyperstack: Path, tmp_path: Path, copy: Copy
) -> None:
    output = copy(hyperstack, tmp_path / "out.tif", dtype=np.dtype("float32"))
    with tifffile.TiffFile(output) as tif:
        assert tif.pages.first.dtype == np.float32
        metadata = tif.imagej_metadata
    assert (metadata["min"], metadata["max"]) == (100.0, 500.0)
    assert metadata["Ranges"] == (100.0, 500.0, 7.0, 70.0)


def test_eight_bits_as_float_show_0_to_255(tmp_path: Path, copy: Copy) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((2, 4, 5), np.uint8), imagej=True)
    output = copy(tmp_path / "a.tif", tmp_path / "out.tif", dtype=np.dtype("float32"))
    with tifffile.TiffFile(output) as tif:
        assert (tif.imagej_metadata["min"], tif.imagej_metadata["max"]) == (0.0, 255.0)


def test_a_plane_of_a_hyperstack_alone(hyperstack: Path, tmp_path: Path, copy: Copy) -> None:
    output = copy(hyperstack, tmp_path / "out")
    assert sorted(p.name for p in output.iterdir())[1] == "hyper_t0001_z0001_c0002.tif"
    with tifffile.TiffFile(output / "hyper_t0001_z0001_c0002.tif") as tif:
        metadata = tif.imagej_metadata
        colormap = tif.pages.first.colormap
    assert metadata["Labels"] == "label 1"
    assert (metadata["min"], metadata["max"], metadata["spacing"]) == (7.0, 70.0, 3.5)
    assert metadata["Info"] == "stained in µm depth"
    assert not {"images", "channels", "ROI", "Overlays", "LUTs", "Ranges"} & set(metadata)
    np.testing.assert_array_equal(colormap[1], np.arange(256) * 257)


def test_imagej_planes_become_a_stack(hyperstack: Path, tmp_path: Path, copy: Copy) -> None:
    planes = copy(hyperstack, tmp_path / "planes")
    with tifffile.TiffFile(copy(planes, tmp_path / "again.tif")) as tif:
        metadata = tif.imagej_metadata
        assert (tif.series[0].axes, tif.series[0].shape) == ("TZCYX", (2, 3, 2, 7, 9))
    assert [metadata[key] for key in ("frames", "slices", "channels")] == [2, 3, 2]
    assert metadata["Labels"][1] == "hyper_t0001_z0001_c0002.tif"
    assert (metadata["unit"], metadata["spacing"], metadata["finterval"]) == ("um", 3.5, 0.5)


def test_each_file_of_a_folder_keeps_its_own(tmp_path: Path, copy: Copy) -> None:
    folder = tmp_path / "f"
    folder.mkdir()
    for k in range(2):
        options = {"imagej": True, "resolution": (k + 1, k + 1)}
        tifffile.imwrite(
            folder / f"{k}.tif",
            np.zeros((4, 5), np.uint16),
            metadata={"unit": "um", "Info": f"plane {k}"},
            **options,
        )
    output = copy(folder, tmp_path / "out")
    for k in range(2):
        with tifffile.TiffFile(output / f"{k}.tif") as tif:
            assert tif.imagej_metadata["Info"] == f"plane {k}"
            assert tif.pages.first.tags["XResolution"].value == (k + 1, 1)


def test_larger_pixels(hyperstack: Path, tmp_path: Path) -> None:
    settings = SinkSettings(plane_shape=(3, 4))
    with (
        open_source(hyperstack) as source,
        create_sink(tmp_path / "out.tif", source, settings) as sink,
    ):
        for k in range(12):
            sink.write(k, source.read(k)[:6:2, :8:2])
    with open_source(tmp_path / "out.tif") as source:
        assert source.shape == (12, 3, 4)
        assert source.metadata.pixel_size == pytest.approx((0.5 * 7 / 3, 0.4 * 9 / 4))
        assert source.metadata.z_step == 3.5
        assert not {"ROI", "Overlays"} & set(source.metadata.imagej)
        assert f"xorigin={8 / (9 / 4)}" in source.metadata.description


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_ome_stays_ome(
    ome: Path, stack: np.ndarray, tmp_path: Path, copy: Copy, compression: str
) -> None:
    output = copy(ome, tmp_path / "renamed.tif", compression=compression)
    with tifffile.TiffFile(output) as tif:
        assert tif.is_ome
        assert not tif.is_imagej
        assert tif.series[0].axes == "TZCYX"
        assert tif.series[0].name == "cleared brain"
        np.testing.assert_array_equal(tif.asarray(), stack)
        xml = tif.ome_metadata
    assert 'xmlns="http://www.openmicroscopy.org/Schemas/OME/' in xml
    for kept in ('Name="nuclei"', 'Name="axons"', 'PositionX="1.5"', 'SignificantBits="12"'):
        assert kept in xml
    with open_source(output) as source:
        assert source.metadata.pixel_size == (0.5, 0.4)
        assert (source.metadata.z_step, source.metadata.unit) == (2.0, "µm")
        assert source.metadata.frame_interval == pytest.approx(0.5)


def test_ome_with_another_type_and_size(ome: Path, tmp_path: Path) -> None:
    settings = SinkSettings(np.dtype("float32"), plane_shape=(3, 4))
    output = tmp_path / "out.ome.tif"
    with open_source(ome) as source, create_sink(output, source, settings) as sink:
        for k in range(12):
            sink.write(k, source.read(k)[:6:2, :8:2])
    with tifffile.TiffFile(output) as tif:
        assert tif.asarray().shape == (2, 3, 2, 3, 4)
        root = ET.fromstring(tif.ome_metadata)  # noqa: S314 - our own file
    pixels = next(e for e in root.iter() if "}Pixels" in e.tag)
    assert pixels.get("Type") == "float"
    assert (pixels.get("SizeX"), pixels.get("SizeY")) == ("4", "3")
    assert float(pixels.get("PhysicalSizeX")) == pytest.approx(0.4 * 9 / 4)
    assert float(pixels.get("PhysicalSizeZ")) == 2.0
    assert pixels.get("SignificantBits") is None


def test_ome_planes_keep_their_sizes(ome: Path, tmp_path: Path, copy: Copy) -> None:
    with open_source(copy(ome, tmp_path / "planes")) as source:
        assert source.names[0] == "cells_t0001_z0001_w1nuclei.tif"
        assert source.metadata.pixel_size == pytest.approx((0.5, 0.4))
        assert (source.metadata.unit, source.metadata.z_step) == ("µm", 2.0)


def test_palette_is_kept(tmp_path: Path, copy: Copy) -> None:
    lut = np.random.default_rng(0).integers(0, 65535, (3, 256), dtype=np.uint16)
    planes = np.arange(40, dtype=np.uint8).reshape(2, 4, 5)
    for imagej in (False, True):
        source = tmp_path / f"lut-{imagej}.tif"
        tifffile.imwrite(source, planes, imagej=imagej, photometric="palette", colormap=lut)
        for compression in COMPRESSIONS:
            output = copy(source, tmp_path / "o.tif", compression=compression, overwrite=True)
            with tifffile.TiffFile(output) as tif:
                for page in tif.pages:
                    assert page.photometric == 3
                    np.testing.assert_array_equal(page.colormap, lut)
            np.testing.assert_array_equal(tifffile.imread(output), planes)


def test_a_plain_stack_keeps_text_and_resolution(tmp_path: Path, copy: Copy) -> None:
    path = tmp_path / "p.tif"
    with tifffile.TiffWriter(path) as tif:
        for _ in range(3):
            tif.write(
                np.zeros((4, 5), np.uint8),
                description="seen at 4 °C".encode(),
                resolution=(1000, 500),
                resolutionunit="centimeter",
                photometric="miniswhite",
                metadata=None,
                contiguous=False,
            )
    with tifffile.TiffFile(copy(path, tmp_path / "out.tif")) as tif:
        page = tif.pages.first
        assert not tif.is_imagej
        assert page.description == "seen at 4 °C"
        assert page.resolution == (1000, 500)
        assert page.resolutionunit == 3
        assert page.photometric == 0
    with open_source(tmp_path / "out.tif") as source:
        assert (source.metadata.pixel_size, source.metadata.unit) == ((0.002, 0.001), "cm")


def test_tifffiles_own_axes_are_kept(tmp_path: Path, copy: Copy) -> None:
    path = tmp_path / "p.tif"
    planes = np.zeros((2, 3, 4, 5), np.uint8)
    tifffile.imwrite(path, planes, photometric="minisblack", metadata={"axes": "TZYX"})
    with tifffile.TiffFile(copy(path, tmp_path / "out.tif")) as tif:
        assert (tif.series[0].axes, tif.series[0].shape) == ("TZYX", (2, 3, 4, 5))


def test_planes_that_say_nothing_become_a_plain_stack(
    folder: Path, tmp_path: Path, copy: Copy
) -> None:
    with tifffile.TiffFile(copy(folder, tmp_path / "out.tif")) as tif:
        assert not tif.is_imagej
        assert tif.asarray().shape == (12, 5, 6)


@pytest.mark.parametrize(("depth", "is_told"), [(1, False), (2, True)])
def test_channels_too_many_for_names_are_not_written_as_slices(
    tmp_path: Path, depth: int, is_told: bool
) -> None:
    spectrum = np.zeros((depth, 17, 8, 8), np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", spectrum, imagej=True, metadata={"axes": "ZCYX"})
    with open_source(tmp_path / "a.tif") as source:
        if is_told:
            create_sink(tmp_path / "out", source, SinkSettings())
            return
        with pytest.raises(CrispimError, match="tell 16 channels at most, and there are 17: give"):
            create_sink(tmp_path / "out", source, SinkSettings())
        create_sink(tmp_path / "out.tif", source, SinkSettings())


def test_a_unit_of_resolution_that_tiff_does_not_know_is_none(tmp_path: Path, copy: Copy) -> None:
    path = tmp_path / "in.tif"
    plane = np.ones((8, 9), np.uint16)
    tifffile.imwrite(path, plane, resolution=(300, 300), resolutionunit="inch", metadata=None)
    with tifffile.TiffFile(path, mode="r+b") as tif:
        tif.pages.first.tags["ResolutionUnit"].overwrite(33)
    with tifffile.TiffFile(copy(path, tmp_path / "out.tif")) as tif:
        page = tif.pages.first
        assert page.resolutionunit == 1
        assert page.tags["XResolution"].value == (300, 1)
