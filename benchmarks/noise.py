"""How well a stack's noise is measured: the tables of docs/noise.md.

    python benchmarks/noise.py [DATA ...]

Adds white noise, and that of cameras, to a simulated cleared brain and to the stacks of
DATA, folders of TIFF stacks of one channel each, brought to 100 to 500 counts. Prints what is
measured and the smallest and largest ratio to the truth between the light that 1 % and 98 % of the
pixels are darker than. Clean stacks bring noise of their own; the truth is what was added and
what the same measure finds on the clean stack, in squares.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tifffile
from rich.console import Console
from rich.table import Table

from crispim_ij.noise import CameraNoise, Measurement, add_camera_noise, measure_noise
from crispim_ij.phantom import PhantomSettings, simulate_volume
from crispim_ij.planes.arrays import ArraySource

WHITE = tuple(CameraNoise(0, 98, sd) for sd in (10, 20, 35, 60))
CAMERAS = tuple(CameraNoise(gain, 98, read) for gain, read in ((0.5, 3), (2, 10), (5, 20)))
PLANES = 40
SHARES = (1, 5, 25, 50, 75, 95, 98)


def main() -> None:
    """Print both tables."""
    for title, noises in (("white noise", WHITE), ("cameras", CAMERAS)):
        table = Table("stack", "own noise", *(_name(noise) for noise in noises), title=title)
        for name, clean in stacks(*map(Path, sys.argv[1:])):
            own = measured(clean)
            cells = (compared(clean, noise, own) for noise in noises)
            table.add_row(name, own.in_figures().partition("(")[0], *cells)
        Console(width=180).print(table)


def stacks(*data: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Yield clean planes."""
    yield "simulated", simulate_volume(PhantomSettings((8, 320, 400), seed=2, stripes=0)) * 1.0
    for path in sorted(file for folder in data for file in folder.glob("*.tif")):
        planes = tifffile.imread(path)
        planes = planes.reshape(-1, *planes.shape[-2:])
        first = max(0, (len(planes) - PLANES) // 2)
        chosen = planes[first : first + PLANES].astype(np.float64)
        dark, bright = np.percentile(chosen, (1, 95))
        yield path.stem, np.clip(100 + 400 * (chosen - dark) / (bright - dark), 0, 65535)


def measured(planes: np.ndarray) -> Measurement:
    """Measure the noise of one channel."""
    return measure_noise(ArraySource(planes))[0]


def compared(clean: np.ndarray, noise: CameraNoise, own: Measurement) -> str:
    """Say what is measured, and its ratio to the truth."""
    noisy = add_camera_noise(clean, noise, np.random.default_rng(0), np.uint16)
    found = measured(np.rint(noisy).astype(np.uint16))
    if found.noise is None:
        return str(found.problem)
    light = np.percentile(clean, SHARES)
    truth = noise.variance(light) + (own.noise.variance(light) if own.noise else 0)
    ratio = np.sqrt(found.noise.variance(light) / truth)
    dark, bright = found.at(0.01, 0.98)
    return f"{dark:.3g}-{bright:.3g}: {ratio.min():.2f}-{ratio.max():.2f}"


def _name(noise: CameraNoise) -> str:
    """Name a column."""
    return f"{noise.gain:g}:{noise.read_noise:g}" if noise.gain else f"sd {noise.read_noise:g}"


if __name__ == "__main__":
    main()
