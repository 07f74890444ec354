"""How well `crispim-ij calibrate` measures known cameras: the table of docs/noise.md.

    python benchmarks/calibration.py [DATA]

Lets cameras take a simulated cleared brain and, where DATA, a folder of TIFF stacks, is given, the
stacks of it, brought to the paper's 100 to 500 counts as benchmarks/quality.py does. Prints gain
and read noise as they are and as measured, with the offset given, and the largest error of the
standard deviation between the darkest and the brightest light that was measured.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tifffile
from quality import MAPS
from rich.console import Console
from rich.table import Table

from crispim_ij.noise import CalibrationSettings, CameraNoise, add_camera_noise, calibrate
from crispim_ij.phantom import PhantomSettings, simulate_volume
from crispim_ij.planes import open_source

OFFSET = 98.0
CAMERAS = tuple(CameraNoise(gain, OFFSET, read) for gain, read in ((0.5, 3), (2, 10), (5, 5)))
PLANES = 16


def main() -> None:
    """Print the table."""
    measures = "gain", "read noise", "gain found", "read noise found", "error of the sd"
    table = Table("stack", *measures)
    for name, clean in stacks(*map(Path, sys.argv[1:2])):
        for camera in CAMERAS:
            found, error = measured(clean, camera)
            figures = camera.gain, camera.read_noise, found.gain, found.read_noise
            table.add_row(name, *(f"{value:.3g}" for value in figures), f"{error:.1%}")
    Console(width=120).print(table)


def stacks(*data: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Yield clean planes."""
    yield "simulated", simulate_volume(PhantomSettings((PLANES, 400, 500), seed=2, stripes=0))
    for folder in data:
        for path in sorted(folder.glob("*.tif")):
            black, scale = next(m for name, m in MAPS.items() if path.stem.startswith(name))
            planes = tifffile.imread(path).astype(np.float64)
            chosen = np.linspace(0, len(planes) - 1, PLANES).round().astype(int)
            yield path.stem, np.clip(100 + scale * (planes[chosen] - black), 0, 65535)


def measured(clean: np.ndarray, camera: CameraNoise) -> tuple[CameraNoise, float]:
    """Return the camera found, and its largest error of the noise's standard deviation."""
    taken = np.rint(add_camera_noise(clean, camera, np.random.default_rng(0), np.uint16))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "taken.tif"
        tifffile.imwrite(path, taken.astype(np.uint16), photometric="minisblack")
        with open_source(path) as source:
            found = calibrate(source, CalibrationSettings(PLANES, OFFSET))
    light = np.linspace(found.points[0].light, found.points[-1].light, 50)
    ratio = np.sqrt(found.camera.variance(light) / camera.variance(light))
    return found.camera, float(np.abs(ratio - 1).max())


if __name__ == "__main__":
    main()
