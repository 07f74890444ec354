"""Sizes and units, as each format writes them, through to each format that is written."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import given
from hypothesis import strategies as st

from crispim_ij.imagej import open_gateway
from crispim_ij.planes import Metadata, Selection, SinkSettings, create_sink, open_source
from crispim_ij.planes.ome_zarr_metadata import read_image
from crispim_ij.planes.units import Size, resolution, unit_symbol

Copy = Callable[..., Path]
Steps = dict[str, tuple[float, str | None]]

PLANES = np.random.default_rng(1).integers(0, 999, (6, 16, 20), dtype=np.uint16)
MICRON = (1 / 0.65, 1 / 0.65)
XY: Steps = {"X": (0.65, "µm"), "Y": (0.65, "µm")}

# The lines of the description, resolution and its unit, and what ImageJ 1.53q makes of them.
IMAGEJ: dict[str, tuple[str, Any, int, Steps]] = {
    "minutes": (
        "frames=6\nunit=micron\nfinterval=5\ntunit=min\n", MICRON, 1, XY | {"T": (5, "min")}
    ),
    "milliseconds": (
        "frames=6\nunit=micron\nfinterval=20\ntunit=ms\n", MICRON, 1, XY | {"T": (20, "ms")}
    ),
    "usec": ("frames=6\nunit=um\nfinterval=7\ntunit=usec\n", MICRON, 1, XY | {"T": (7, "µs")}),
    "hours": ("frames=6\nunit=um\nfinterval=2\ntunit=h\n", MICRON, 1, XY | {"T": (2, "h")}),
    "seconds": ("frames=6\nunit=um\nfinterval=0.5\n", MICRON, 1, XY | {"T": (0.5, "s")}),
    "zunit": ("slices=6\nunit=micron\nzunit=mm\nspacing=2\n", MICRON, 1, XY | {"Z": (2, "mm")}),
    "yunit": (
        "slices=6\nunit=micron\nyunit=nm\nspacing=2\n",
        (1 / 0.65, 1 / 650),
        1,
        {"X": (0.65, "µm"), "Y": (650, "nm"), "Z": (2, "µm")},
    ),
    "negative": ("slices=6\nunit=micron\nspacing=-2.0\n", MICRON, 1, XY | {"Z": (2, "µm")}),
    "escaped": ("slices=6\nunit=\\u00B5m\nspacing=2.0\n", MICRON, 1, XY | {"Z": (2, "µm")}),
    "oblong": (
        "slices=6\nunit=um\nspacing=2.0\n",
        (4, 2),
        1,
        {"X": (0.25, "µm"), "Y": (0.5, "µm"), "Z": (2, "µm")},
    ),
    "per cm": ("slices=6\nunit=um\nspacing=2\n", (1e4 / 0.65,) * 2, 3, XY | {"Z": (2, "µm")}),
    "inch": (
        "slices=6\nunit=inch\nspacing=0.5\n",
        (400, 400),
        2,
        {"X": (0.0025, "inch"), "Y": (0.0025, "inch"), "Z": (0.5, "inch")},
    ),
    "pixels": (
        "slices=6\nspacing=2\n", MICRON, 1, {"X": (0.65, None), "Y": (0.65, None), "Z": (2, None)}
    ),
    "72 dpi": ("slices=6\nunit=um\nspacing=2\n", (72, 72), 2, {"Z": (2, "µm")}),
    "nothing": ("slices=6\n", (1, 1), 1, {}),
}  # fmt: skip


def in_words(steps: Mapping[str, Size]) -> Steps:
    return {axis: (step.value, step.unit) for axis, step in steps.items()}


def alike(found: Mapping[str, Size], expected: Steps) -> bool:
    """Whether sizes are the same, be they in another unit."""
    return found.keys() == expected.keys() and all(
        found[axis].within(unit) == value for axis, (value, unit) in expected.items()
    )


def sizes(path: Path) -> Mapping[str, Size]:
    with open_source(path) as source:
        return source.metadata.steps


def by_imagej(path: Path) -> dict[str, tuple[float, str]]:
    """Return what the embedded ImageJ says of pixels, slices and frames."""
    open_gateway()
    import scyjava

    known = scyjava.jimport("ij.IJ").openImage(str(path)).getCalibration()
    said = {
        "X": (known.pixelWidth, known.getXUnit()),
        "Y": (known.pixelHeight, known.getYUnit()),
        "Z": (known.pixelDepth, known.getZUnit()),
        "T": (known.frameInterval, known.getTimeUnit()),
    }
    return {axis: (float(value), str(unit)) for axis, (value, unit) in said.items()}


def agrees(said: tuple[float, str], step: Size | None) -> bool:
    """Whether ImageJ knows a size as it is, or takes none for a pixel, or for no time."""
    if step is None or (step.unit is None and step.value == 1):
        return said in ((1.0, "pixel"), (0.0, "sec"))
    return said[0] == pytest.approx(step.value) and unit_symbol(said[1]) == step.unit


def write_imagej(path: Path, lines: str, resolution: Any, unit: int) -> Path:
    first = {
        "description": f"ImageJ=1.53q\nimages=6\n{lines}loop=false\n",
        "resolution": resolution,
        "resolutionunit": unit,
    }
    with tifffile.TiffWriter(path) as tif:
        for k, plane in enumerate(PLANES):
            options = first if k == 0 else {}
            tif.write(plane, photometric="minisblack", metadata=None, contiguous=True, **options)
    return path


def write_ome(path: Path, attributes: str) -> Path:
    xml = (
        '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/'
        'OME/2016-06"><Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" '
        'Type="uint16" SizeX="20" SizeY="16" SizeZ="3" SizeC="1" SizeT="2" BigEndian="false" '
        f'{attributes}><Channel ID="Channel:0:0"/><TiffData/></Pixels></Image></OME>'
    )
    with tifffile.TiffWriter(path) as tif:
        for k, plane in enumerate(PLANES):
            text = xml.encode() if k == 0 else None
            tif.write(plane, photometric="minisblack", metadata=None, description=text)
    return path


def write_zarr(path: Path, scale: list[float], unit: str | None = None, **image: Any) -> Path:
    """Write two time points of three planes; image['datasets'] are what datasets say besides."""
    axes: list[dict[str, str]] = [{"name": "t", "type": "time"}]
    axes += [{"name": name, "type": "space"} | ({"unit": unit} if unit else {}) for name in "zyx"]
    steps = [{"type": "scale", "scale": scale}, *image.pop("steps", ())]
    dataset = {"path": "0", "coordinateTransformations": steps}
    attributes = {"multiscales": [{"version": "0.4", "axes": axes, "datasets": [dataset], **image}]}
    group = zarr.create_group(path, zarr_format=2, attributes=attributes)
    array = group.create_array("0", shape=(2, 3, 16, 20), chunks=(1, 1, 16, 20), dtype="u2")
    array[...] = PLANES.reshape(2, 3, 16, 20)
    return path


def larger(path: Path, output: Path) -> Path:
    """Copy every second row and column, as pixels that are twice as large."""
    with (
        open_source(path) as source,
        create_sink(output, source, SinkSettings(plane_shape=(8, 10))) as sink,
    ):
        for k in range(len(source)):
            sink.write(k, source.read(k)[::2, ::2])
    return output


@pytest.mark.parametrize("kind", IMAGEJ)
def test_imagejs_sizes_are_those_that_imagej_reads(tmp_path: Path, copy: Copy, kind: str) -> None:
    lines, per_unit, unit, expected = IMAGEJ[kind]
    path = write_imagej(tmp_path / "in.tif", lines, per_unit, unit)
    assert in_words(sizes(path)) == expected
    said = by_imagej(path)
    assert all(agrees(said[axis], Size(*step)) for axis, step in expected.items())
    outputs = [copy(path, tmp_path / name) for name in ("out.tif", "out", "out.zarr")]
    for output in outputs:
        assert in_words(sizes(output)) == expected
    assert in_words(sizes(copy(outputs[2], tmp_path / "out.ome.zarr"))) == expected
    assert alike(sizes(copy(outputs[2], tmp_path / "back.tif")), expected)
    for output in (outputs[0], next(outputs[1].glob("*.tif")), tmp_path / "back.tif"):
        known, said = sizes(output), by_imagej(output)
        named = {"X", "Y", *known} if output.name == "back.tif" else set(known)
        assert all(agrees(said[axis], known.get(axis)) for axis in named)
    grown = expected | {
        axis: (2 * expected[axis][0], expected[axis][1]) for axis in "XY" if expected.get(axis)
    }
    for name in ("large.tif", "large.zarr"):
        assert in_words(sizes(larger(path, tmp_path / name))) == grown


OME: dict[str, tuple[str, Steps]] = {
    "unit left out": (
        'PhysicalSizeX="108.333" PhysicalSizeXUnit="nm" PhysicalSizeY="108.333" '
        'PhysicalSizeYUnit="nm" PhysicalSizeZ="0.5"',
        {"Z": (0.5, "µm"), "Y": (108.333, "nm"), "X": (108.333, "nm")},
    ),
    "z in nm": (
        'PhysicalSizeX="0.65" PhysicalSizeY="0.65" PhysicalSizeZ="2000" PhysicalSizeZUnit="nm"',
        {"Z": (2000, "nm"), "Y": (0.65, "µm"), "X": (0.65, "µm")},
    ),
    "z in dm": (
        'PhysicalSizeX="0.299" PhysicalSizeY="0.299" PhysicalSizeZ="9.999999E-6" '
        'PhysicalSizeZUnit="dm"',
        {"Z": (9.999999e-6, "dm"), "Y": (0.299, "µm"), "X": (0.299, "µm")},
    ),
    "0.1 nm": ('PhysicalSizeX="0.1" PhysicalSizeXUnit="nm"', {"X": (0.1, "nm")}),
    "x alone": ('PhysicalSizeX="0.65"', {"X": (0.65, "µm")}),
    "z alone": ('PhysicalSizeZ="3" PhysicalSizeZUnit="mm"', {"Z": (3, "mm")}),
    "in pixels": (
        'PhysicalSizeX="2" PhysicalSizeXUnit="pixel" PhysicalSizeZ="1" PhysicalSizeZUnit="pixel"',
        {"X": (2, None)},
    ),
    "inches": ('PhysicalSizeX="0.5" PhysicalSizeXUnit="in"', {"X": (0.5, "inch")}),
    "minutes": ('TimeIncrement="5" TimeIncrementUnit="min"', {"T": (5, "min")}),
    "nothing": ("", {}),
}


@pytest.mark.parametrize("kind", OME)
def test_omes_sizes_have_a_unit_for_each_axis(tmp_path: Path, copy: Copy, kind: str) -> None:
    attributes, expected = OME[kind]
    path = write_ome(tmp_path / "in.ome.tif", attributes)
    assert in_words(sizes(path)) == expected
    for name in ("out.ome.tif", "out.zarr"):
        assert in_words(sizes(copy(path, tmp_path / name))) == expected
    planes = copy(path, tmp_path / "out")
    assert alike(sizes(planes), expected)
    known, said = sizes(planes), by_imagej(next(planes.glob("*.tif")))
    if expected:
        assert all(agrees(said[axis], known.get(axis)) for axis in "XYZT")
    grown = {
        axis: (step[0] * (2 if axis in "XY" else 1), step[1]) for axis, step in expected.items()
    }
    for name in ("large.ome.tif", "large.zarr"):
        assert in_words(sizes(larger(path, tmp_path / name))) == grown
    # The tags, which say nothing, say nothing of larger pixels either.
    with tifffile.TiffFile(tmp_path / "large.ome.tif") as tif:
        assert tif.pages.first.resolution == (1, 1)


@pytest.mark.parametrize(
    ("per_unit", "unit"),
    [
        ((72, 72), "inch"), ((96, 96), "inch"), ((1, 1), "inch"), ((28.35, 28.35), "centimeter"),
        ((37.8, 37.8), "centimeter"), ((1, 1), "centimeter"), ((3, 3), "none"), (None, None),
    ],
)  # fmt: skip
def test_a_screens_resolution_is_no_size(
    tmp_path: Path, copy: Copy, per_unit: Any, unit: str | None
) -> None:
    path = tmp_path / "in.tif"
    options = {"metadata": None, "resolution": per_unit, "resolutionunit": unit}
    tifffile.imwrite(path, PLANES, photometric="minisblack", **options)
    assert sizes(path) == {}
    image = read_image(copy(path, tmp_path / "out.zarr"))
    assert (image.scales, image.units) == (((1.0, 1.0, 1.0),), {})
    image = read_image(larger(path, tmp_path / "large.zarr"))
    assert (image.scales, image.units) == (((1.0, 1.0, 1.0),), {})
    assert sizes(tmp_path / "out.zarr") == sizes(tmp_path / "large.zarr") == {}
    with tifffile.TiffFile(path) as old, tifffile.TiffFile(larger(path, tmp_path / "l.tif")) as new:
        assert new.pages.first.resolution == old.pages.first.resolution
    assert sizes(tmp_path / "l.tif") == {}


def test_a_resolution_without_a_unit_is_none_in_inches(tmp_path: Path) -> None:
    path = tmp_path / "in.tif"
    tifffile.imwrite(path, PLANES[0], metadata=None, resolution=(300, 300), resolutionunit="inch")
    assert in_words(sizes(path))["X"] == (1 / 300, "inch")
    content = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tif:
        place = tif.pages.first.tags["ResolutionUnit"].offset
    content[place : place + 2] = (295).to_bytes(2, "little")  # another tag in its place
    path.write_bytes(content)
    assert sizes(path) == {}


@pytest.mark.parametrize("unit", ["um", "micron", "\u00b5m", "\u03bcm", "micrometer", "Micrometre"])
def test_ome_zarrs_units_in_other_words(tmp_path: Path, copy: Copy, unit: str) -> None:
    output = copy(write_zarr(tmp_path / "in.zarr", [1, 2, 0.65, 0.65], unit), tmp_path / "out.zarr")
    assert in_words(sizes(output)) == {"Z": (2, "µm"), "Y": (0.65, "µm"), "X": (0.65, "µm")}
    assert read_image(output).units == dict.fromkeys("zyx", "micrometer")


def test_ome_zarrs_scale_is_kept_without_a_unit(tmp_path: Path, copy: Copy) -> None:
    path = write_zarr(tmp_path / "in.zarr", [30, 2, 0.65, 0.65])
    image = read_image(copy(path, tmp_path / "out.zarr"))
    assert (image.scales, image.units) == (((30, 2, 0.65, 0.65),), {})
    stack = copy(path, tmp_path / "out.tif")
    assert in_words(sizes(stack)) == {"Z": (2, None), "Y": (0.65, None), "X": (0.65, None)}
    assert by_imagej(stack) == {
        "X": (pytest.approx(0.65), "pixel"),
        "Y": (pytest.approx(0.65), "pixel"),
        "Z": (2.0, "pixel"),
        "T": (0.0, "sec"),
    }


def test_a_unit_that_nobody_knows_is_kept(tmp_path: Path, copy: Copy) -> None:
    path = write_zarr(tmp_path / "in.zarr", [1, 2, 3, 4], "furlong")
    assert read_image(copy(path, tmp_path / "out.zarr")).units["x"] == "furlong"
    assert by_imagej(copy(path, tmp_path / "out.tif"))["Z"] == (2.0, "furlong")


def test_where_an_image_lies_is_kept(tmp_path: Path, copy: Copy) -> None:
    """Larger pixels have their centres farther from the edge."""
    shift = {"type": "translation", "translation": [0, 5, 1234.5, 987]}
    path = write_zarr(tmp_path / "in.zarr", [1, 2, 0.5, 0.5], "micrometer", steps=[shift])
    image = read_image(copy(path, tmp_path / "out.zarr"))
    assert image.translations == ((0, 5, 1234.5, 987),)
    with open_source(copy(path, tmp_path / "out.tif")) as source:
        assert source.metadata.origin == {"Z": 5, "Y": 1234.5, "X": 987}
    image = read_image(larger(path, tmp_path / "large.zarr"))
    assert (image.scales, image.translations) == (((1, 2, 1, 1),), ((0, 5, 1234.75, 987.25),))


def test_what_holds_for_all_resolutions_comes_last(tmp_path: Path, copy: Copy) -> None:
    path = write_zarr(
        tmp_path / "in.zarr",
        [1, 1, 2, 2],
        "micrometer",
        steps=[{"type": "translation", "translation": [0, 1, 2, 3]}],
        coordinateTransformations=[
            {"type": "scale", "scale": [30, 2, 0.5, 0.5]},
            {"type": "translation", "translation": [0, 10, 10, 10]},
        ],
    )
    image = read_image(copy(path, tmp_path / "out.zarr"))
    assert (image.scales, image.translations) == (((30, 2, 1, 1),), ((0, 12, 11, 11.5),))


@pytest.mark.parametrize(
    ("times", "interval"), [((1, 2), 4.0), ((1, 3, 5), 8.0), ((1, 2, 4), None), ((3,), 4.0)]
)
def test_time_points_that_are_left_out(
    tmp_path: Path, copy: Copy, times: tuple[int, ...], interval: float | None
) -> None:
    path = write_imagej(tmp_path / "in.tif", "frames=6\nunit=um\nfinterval=4\n", MICRON, 1)
    outputs = [tmp_path / "out.tif", tmp_path / "out.zarr"]
    for output in outputs:
        with (
            open_source(path, Selection(times=times)) as source,
            create_sink(output, source) as sink,
        ):
            for k in range(len(source)):
                sink.write(k, source.read(k))
        with open_source(output) as source:
            assert source.metadata.frame_interval == interval


def test_display_settings_are_kept(tmp_path: Path, copy: Copy) -> None:
    path = write_zarr(tmp_path / "in.zarr", [1, 1, 1, 1])
    said = json.loads((path / ".zattrs").read_text())
    said["omero"] = {"id": 7, "rdefs": {"model": "color"}, "channels": [{"label": "a", "x": 1}]}
    (path / ".zattrs").write_text(json.dumps(said))
    output = copy(path, tmp_path / "out.zarr")
    assert json.loads((output / ".zattrs").read_text())["omero"] == said["omero"]


@given(st.decimals("0.000001", "100000", places=6))
def test_a_size_can_be_read_again_from_its_resolution(value: Any) -> None:
    n, d = resolution(float(value))
    assert max(n, d) < 2**32
    assert d / n == pytest.approx(float(value), rel=1e-9)


@pytest.mark.parametrize(
    ("size", "unit", "value"),
    [
        (Size(0.1, "nm"), "µm", 0.0001),
        (Size(0.5, "µm"), "nm", 500.0),
        (Size(9.999999e-6, "dm"), "µm", 0.9999999),
        (Size(1.0, "inch"), "mm", 25.4),
        (Size(20.0, "ms"), "s", 0.02),
        (Size(5.0, "min"), "s", 300.0),
        (Size(5.0, "min"), "µm", None),
        (Size(5.0, None), "µm", None),
        (Size(5.0, "furlong"), "furlong", 5.0),
    ],
)
def test_units_are_converted_to_the_last_digit(size: Size, unit: str, value: float | None) -> None:
    assert size.within(unit) == value


def test_sizes_that_cannot_be_said_in_the_unit_of_x() -> None:
    metadata = Metadata(steps={"X": Size(2.0, "µm"), "Y": Size(2.0, "µm"), "Z": Size(3.0, None)})
    assert (metadata.pixel_size, metadata.unit, metadata.z_step) == ((2.0, 2.0), "µm", None)
