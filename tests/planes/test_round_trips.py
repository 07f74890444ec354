"""ImageJ 1.53q, tifffile and zarr read of each output what they, or we, read of its input."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import tifffile
import zarr

from crispim_ij.imagej import open_gateway
from crispim_ij.planes import open_source
from crispim_ij.planes.units import Size, unit_symbol
from tests.planes.vendors import ome, pages, pixels_xml, planes

Copy = Callable[..., Path]


class Input(NamedTuple):
    """A stack as a program writes it, and what is right: lengths along axes, and sizes."""

    write: Callable[[Path], None]
    lengths: dict[str, int]
    steps: Mapping[str, tuple[float, str]] = {}


def _imagej(lines: str, resolution: Any = None, unit: int = 1) -> Callable[[Path], None]:
    """Return what writes twelve planes as ImageJ describes them."""
    text = f"ImageJ=1.53q\nimages=12\n{lines}loop=false\n"
    how = {} if resolution is None else {"resolution": resolution, "resolutionunit": unit}

    def write(path: Path) -> None:
        pages(path, planes(12), text, contiguous=True, **how)

    return write


def _ome(path: Path) -> None:
    said = 'PhysicalSizeX="650" PhysicalSizeXUnit="nm" PhysicalSizeY="0.65" PhysicalSizeZ="2"'
    names = "".join(f'<Channel ID="Channel:0:{k}" Name="{n}"/>' for k, n in enumerate(("a", "b")))
    xml = pixels_xml(0, {"Z": 6, "C": 2}, "<TiffData/>", names).replace("Type=", f"{said} Type=")
    pages(path, planes(12), ome("", xml))


HYPERSTACK = "channels=2\nslices=3\nframes=2\nhyperstack=true\nmode=composite\n"
XY = {"X": (0.65, "µm"), "Y": (0.65, "µm")}
MICRON = (1 / 0.65, 1 / 0.65)

INPUTS = {
    "hyperstack.tif": Input(
        _imagej(f"{HYPERSTACK}unit=um\nspacing=2.0\nfinterval=20.0\ntunit=ms\n", MICRON),
        {"C": 2, "Z": 3, "T": 2},
        {**XY, "Z": (2, "µm"), "T": (20, "ms")},
    ),
    "nm.tif": Input(
        _imagej("slices=12\nunit=nm\nspacing=2000.0\n", (1 / 650, 1 / 650)),
        {"Z": 12},
        {"X": (650, "nm"), "Y": (650, "nm"), "Z": (2000, "nm")},
    ),
    "nothing.tif": Input(_imagej("slices=12\n"), {"Z": 12}),
    "dpi.tif": Input(
        lambda path: pages(path, planes(12), resolution=(72, 72), resolutionunit=2), {"Z": 12}
    ),
    "units.ome.tif": Input(
        _ome,
        {"C": 2, "Z": 6},
        {"X": (650, "nm"), "Y": (0.65, "µm"), "Z": (2, "µm")},
    ),
}


class Seen(NamedTuple):
    """What a program reads: lengths along axes, sizes with their units, each plane's mean."""

    lengths: dict[str, int]
    steps: dict[str, tuple[float, str]]
    means: list[float]


def _several(lengths: dict[str, int]) -> dict[str, int]:
    return {axis: size for axis, size in lengths.items() if size > 1}


def by_imagej(path: Path) -> Seen:
    """Return what ImageJ opens: a file, or a folder as a sequence of images."""
    import scyjava

    open_gateway()
    if path.is_dir():
        opener = scyjava.jimport("ij.plugin.FolderOpener")
        image = opener.open(f"{path}/", "filter=.tif")
    else:
        image = scyjava.jimport("ij.IJ").openImage(str(path))
    known = image.getCalibration()
    said = {
        "X": (known.pixelWidth, known.getXUnit()),
        "Y": (known.pixelHeight, known.getYUnit()),
        "Z": (known.pixelDepth, known.getZUnit()),
        "T": (known.frameInterval, known.getTimeUnit()),
    }
    steps = {
        axis: (float(value), str(unit))
        for axis, (value, unit) in said.items()
        if (value, str(unit)) not in ((1.0, "pixel"), (0.0, "sec"))
    }
    _, _, *counts = image.getDimensions()
    stack = image.getStack()
    means = [stack.getProcessor(k + 1).getStatistics().mean for k in range(stack.getSize())]
    lengths = dict(zip("CZT", map(int, counts), strict=True))
    return Seen(_several(lengths), steps, [float(mean) for mean in means])


def by_tifffile(path: Path) -> Seen:
    """Return the axes of a file's first series, without sizes."""
    with tifffile.TiffFile(path) as tif:
        series = tif.series[0]
        pixels = series.asarray().reshape(-1, *series.shape[-2:])
        lengths = dict(zip(series.axes, series.shape, strict=True))
    rest = {axis: size for axis, size in lengths.items() if axis not in "YX"}
    return Seen(_several(rest), {}, [float(plane.mean()) for plane in pixels])


def by_zarr(path: Path) -> Seen:
    """Return what the attributes of OME-NGFF say."""
    group = zarr.open_group(path, mode="r")
    attributes: Any = dict(group.attrs)
    image = attributes["multiscales"][0]
    dataset = image["datasets"][0]
    pixels = np.asarray(group[dataset["path"]])
    names = [axis["name"].upper() for axis in image["axes"]]
    units = [axis.get("unit") for axis in image["axes"]]
    said = [*dataset.get("coordinateTransformations", ())]
    said += image.get("coordinateTransformations", ())
    scale = np.prod([one["scale"] for one in said if one["type"] == "scale"], axis=0)
    steps = {
        name: (float(step), unit)
        for name, step, unit in zip(names, scale, units, strict=True)
        if unit is not None
    }
    lengths = dict(zip(names[:-2], pixels.shape[:-2], strict=True))
    order = [names.index(axis) for axis in "TZC" if axis in names]
    pixels = pixels.transpose(*order, -2, -1).reshape(-1, *pixels.shape[-2:])
    return Seen(_several(lengths), steps, [float(plane.mean()) for plane in pixels])


def alike(
    found: Mapping[str, tuple[float, str]], expected: Mapping[str, tuple[float, str]]
) -> bool:
    """Whether a program's sizes are those that are expected, be they in another unit."""
    if found.keys() != expected.keys():
        return False
    for axis, (value, unit) in expected.items():
        read = Size(found[axis][0], unit_symbol(found[axis][1])).within(unit)
        if read != pytest.approx(value, rel=1e-6):
            return False
    return True


@pytest.mark.parametrize("name", INPUTS)
def test_programs_read_an_output_as_its_input(tmp_path: Path, copy: Copy, name: str) -> None:
    """The planes' means tell their order: along T, Z and C, channels fastest."""
    given, path = INPUTS[name], tmp_path / name
    given.write(path)
    means = [float(plane.mean()) for plane in planes(12)]
    if name == "units.ome.tif":  # its slices are fastest
        means = [means[6 * c + z] for z in range(6) for c in range(2)]
    before = by_imagej(path)

    whole = copy(path, tmp_path / "out" / name)
    assert by_imagej(whole)[:2] == before[:2]
    assert alike(by_imagej(whole).steps, given.steps) or name in ("dpi.tif", "units.ome.tif")
    assert by_imagej(whole).means == pytest.approx(before.means)
    assert by_tifffile(whole) == by_tifffile(path)

    folder = copy(path, tmp_path / "folder")
    sequence = by_imagej(folder)
    assert sequence.lengths == {"Z": 12}  # until a user says how they run
    assert sorted(sequence.means) == pytest.approx(sorted(means))
    here = {axis: size for axis, size in given.steps.items() if axis != "T"}
    shown = {axis: size for axis, size in sequence.steps.items() if axis != "T"}
    assert alike(shown, here) or name == "dpi.tif"
    with open_source(folder) as source:
        found = {axis: (step.value, str(step.unit)) for axis, step in source.metadata.steps.items()}
        assert _several(source.metadata.lengths) == given.lengths
    assert alike(found, given.steps)

    seen = by_zarr(copy(path, tmp_path / "out.zarr"))
    assert seen.lengths == given.lengths
    assert alike(seen.steps, given.steps)
    assert seen.means == pytest.approx(means)
