"""Three ways to tell a network noise that grows with light, by the same weights.

    python benchmarks/transforms.py DATA [--model crispim-2d] [--side 256]

A network that is told the noise takes values whose noise has an sd of 1. Counts become such values
by a variance-stabilising transform with its unbiased inverse, as `crispim_ij.noise` does it; by
dividing them by s(m), the sd at the light of a local mean m, over a square of some width; or by one
sd for all. DATA is a folder of TIFF stacks as `quality.py` takes them; to their middle planes come
two simulated ones with small bright cells on a dark ground, whose light a local mean can't tell.

Prints PSNR in dB (data range 65535) for white noise and for cameras whose noise grows with light.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from quality import Plane, View, shown_number
from rich.console import Console
from rich.table import Table
from scipy.ndimage import uniform_filter

from crispim_ij.evaluation import metrics
from crispim_ij.models import find_model
from crispim_ij.noise import CameraNoise, restore, stabilise
from crispim_ij.planes import open_source

CAMERAS = {
    "white, sd 35": CameraNoise(0.0, 100.0, 35.0),
    "gain 2, read noise 3": CameraNoise(2.0, 100.0, 3.0),
    "gain 8, read noise 10": CameraNoise(8.0, 100.0, 10.0),
}
WIDTHS = (5, 15, 31)
MARGIN = 80
STRIDE = 8
CELLS = 60

Network = Callable[[Plane], Plane]


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", default="crispim-2d")
    parser.add_argument("--side", type=int, default=256)
    options = parser.parse_args()
    network = of_values(find_model(options.model).network())
    ways = ("noisy", "transform", *(f"s(m), {width} px" for width in WIDTHS), "one sd")
    table = Table("noise", "plane", *ways, title="PSNR in dB")
    draws = np.random.default_rng(0)
    for name, clean in planes(options.data, options.side):
        for words, camera in CAMERAS.items():
            noisy = expose(clean, camera, draws)
            results = (noisy, *results_of(network, noisy, camera))
            cells = (shown_number(metrics.psnr(clean, result)) for result in results)
            table.add_row(words, name, *cells)
    Console(width=140).print(table)


def planes(data: Path, side: int) -> Iterator[tuple[str, Plane]]:
    """Yield the middle square of each stack's middle plane, then simulated cells."""
    for path in sorted(data.glob("*.tif")):
        with open_source(path) as source:
            plane = View(source, side).read(len(source) // 2)
        rows, columns = (length // STRIDE * STRIDE for length in plane.shape)
        yield path.stem, plane[:rows, :columns]
    for seed in range(2):
        yield f"small bright cells {seed}", bright_cells(side, np.random.default_rng(seed))


def bright_cells(side: int, draws: np.random.Generator) -> Plane:
    """Simulate cells of a few px, up to 6,000 counts above a ground of 110."""
    rows, columns = np.mgrid[:side, :side]
    plane = np.full((side, side), 110.0)
    for _ in range(CELLS):
        row, column = draws.uniform(10, side - 10, 2)
        light, radius = draws.uniform(300, 6000), draws.uniform(1.2, 3)
        squared = (rows - row) ** 2 + (columns - column) ** 2
        plane += light * np.exp(-squared / (2 * radius**2))
    return plane


def expose(clean: Plane, camera: CameraNoise, draws: np.random.Generator) -> Plane:
    """Draw what a camera sees, in whole counts."""
    seen = clean
    if camera.gain:
        light = np.maximum(clean - camera.offset, 0)
        seen = clean - light + camera.gain * draws.poisson(light / camera.gain)
    return np.clip(np.rint(seen + draws.normal(0, camera.read_noise, clean.shape)), 0, 65535)


def of_values(network: keras.Model) -> Network:
    """Return the network for whole planes of values whose noise has an sd of 1."""

    def run(values: Plane) -> Plane:
        extended = np.pad(values, MARGIN, mode="symmetric").astype(np.float32)
        result = np.asarray(network(extended[None, ..., None]))[0, ..., 0]
        return result[MARGIN:-MARGIN, MARGIN:-MARGIN]

    return run


def results_of(network: Network, noisy: Plane, camera: CameraNoise) -> Iterator[Plane]:
    """Yield a plane denoised in each way: by the transform, by s(m), by one sd."""
    yield restore(network(stabilise(noisy, camera)), camera)
    for width in WIDTHS:
        yield scaled(network, noisy, sd_at(uniform_filter(noisy, width), camera))
    yield scaled(network, noisy, np.sqrt(np.mean(sd_at(noisy, camera) ** 2)))


def sd_at(light: Plane, camera: CameraNoise) -> Plane:
    """Return the sd of the noise at some light, in counts."""
    return np.asarray(np.sqrt(camera.variance(light)))


def scaled(network: Network, noisy: Plane, sd: Any) -> Plane:
    """Denoise counts that are divided by an sd, and multiply the result."""
    return np.asarray(network(noisy / sd) * sd)


if __name__ == "__main__":
    main()
