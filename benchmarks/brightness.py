"""Whether a model keeps its gain where planes are dark, bright, or of 8 bits.

    python benchmarks/brightness.py DATA [--model crispim-2d] [--model FOLDER] [--noise-sd 35]

DATA is a folder of TIFF stacks, brought to the paper's 100 to 500 counts as benchmarks/quality.py
does. Their light above 100 counts is then multiplied by 0.1, 1 and 10, or planes are brought to 60
to 255 and kept as 8-bit. Noise is added and rounded to the type. Prints how many dB each model is
better than the noisy planes, of three planes a stack: the mean, and the worst plane.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tifffile
from quality import MAPS, Plane
from rich.console import Console
from rich.table import Table

from crispim_ij.evaluation import Method, find_method, metrics
from crispim_ij.networks import mini_stack
from crispim_ij.planes import to_dtype

BLACK = 100.0
PLANES = 3

VARIANTS: dict[str, tuple[Callable[[Plane], Plane], np.dtype[Any]]] = {
    "dark, x 0.1": (lambda light: BLACK + 0.1 * light, np.dtype(np.uint16)),
    "as trained": (lambda light: BLACK + light, np.dtype(np.uint16)),
    "bright, x 10": (lambda light: BLACK + 10 * light, np.dtype(np.uint16)),
    "8-bit": (lambda light: (60 + light * 195 / 400).clip(0, 255), np.dtype(np.uint8)),
}


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", action="append")
    parser.add_argument("--noise-sd", type=float, default=35)
    options = parser.parse_args()
    methods = [find_method(name) for name in options.model or ["crispim-2d"]]
    table = Table("stack", "planes", *(m.name for m in methods), title="gain in dB: mean (worst)")
    for path in sorted(options.data.glob("*.tif")):
        black, scale = next(m for name, m in MAPS.items() if path.stem.startswith(name))
        light = scale * (tifffile.imread(path).astype(np.float64) - black)
        for name, (brought, dtype) in VARIANTS.items():
            clean = np.maximum(brought(light), 0)
            gains = [gain(method, clean, dtype, options.noise_sd) for method in methods]
            table.add_row(path.stem, name, *(f"{np.mean(g):.2f} ({min(g):.2f})" for g in gains))
    Console(width=120).print(table)


def gain(method: Method, clean: Plane, dtype: np.dtype[Any], noise_sd: float) -> list[float]:
    """Return how many dB a method is better than the noisy planes, for each plane."""
    rng = np.random.default_rng(0)
    gains = []
    for index in np.linspace(2, len(clean) - 3, PLANES).astype(int):
        around = clean[mini_stack(index, len(clean), method.depth)]
        noisy = to_dtype(around + rng.normal(0, noise_sd, around.shape), dtype)
        given = noisy if method.depth > 1 else noisy[0]
        result = to_dtype(method.denoise(given), dtype)
        before, after = (
            metrics.psnr(clean[index], plane) for plane in (noisy[method.depth // 2], result)
        )
        gains.append(after - before)
    return gains


if __name__ == "__main__":
    main()
