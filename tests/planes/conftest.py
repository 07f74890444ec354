"""Files of every kind, made by tifffile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from crispim_ij.planes import SinkSettings, create_sink, open_source


@pytest.fixture
def stack() -> NDArray[np.uint16]:
    """Time, slice, channel, row, column."""
    return np.random.default_rng(0).integers(0, 60000, (2, 3, 2, 7, 9), dtype=np.uint16)


@pytest.fixture
def hyperstack(tmp_path: Path, stack: NDArray[np.uint16]) -> Path:
    """An ImageJ hyperstack with everything ImageJ can say of one."""
    path = tmp_path / "hyper.tif"
    ramp = np.arange(256, dtype=np.uint8)
    metadata = {
        "axes": "TZCYX",
        "unit": "um",
        "spacing": 3.5,
        "finterval": 0.5,
        "min": 100.0,
        "max": 500.0,
        "mode": "composite",
        "xorigin": 8.0,
        "Info": "stained in µm depth",
        "Labels": [f"label {k}" for k in range(12)],
        "Ranges": np.array([100.0, 500.0, 7.0, 70.0]),
        "LUTs": [np.stack([ramp, 0 * ramp, 0 * ramp]), np.stack([0 * ramp, ramp, 0 * ramp])],
        "ROI": b"a region",
        "Overlays": [b"one", b"two"],
        "Properties": {"Key": "value"},
    }
    tifffile.imwrite(path, stack, imagej=True, resolution=(2.5, 2.0), metadata=metadata)
    return path


@pytest.fixture
def ome(tmp_path: Path, stack: NDArray[np.uint16]) -> Path:
    """An OME-TIFF with names, sizes and a plane's position."""
    path = tmp_path / "cells.ome.tif"
    metadata = {
        "axes": "TZCYX",
        "Name": "cleared brain",
        "PhysicalSizeX": 0.4,
        "PhysicalSizeXUnit": "µm",
        "PhysicalSizeY": 0.5,
        "PhysicalSizeYUnit": "µm",
        "PhysicalSizeZ": 2.0,
        "PhysicalSizeZUnit": "µm",
        "TimeIncrement": 500.0,
        "TimeIncrementUnit": "ms",
        "SignificantBits": 12,
        "Channel": {"Name": ["nuclei", "axons"]},
        "Plane": {"PositionX": [1.5] * 12, "PositionXUnit": ["µm"] * 12},
    }
    tifffile.imwrite(path, stack, metadata=metadata)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Planes 1.tif to 12.tif whose pixels all are their number."""
    path = tmp_path / "planes"
    path.mkdir()
    for k in range(1, 13):
        tifffile.imwrite(path / f"{k}.tif", np.full((5, 6), k, np.uint16))
    return path


@pytest.fixture
def copy() -> Callable[..., Path]:
    """Return what copies a source, plane by plane, to an output."""

    def run(path: Path, output: Path, **settings: object) -> Path:
        with (
            open_source(path) as source,
            create_sink(output, source, SinkSettings(**settings)) as sink,
        ):
            for k in range(len(source)):
                sink.write(k, source.read(k))
        return output

    return run
