"""How good models are beside the paper's baselines, on real cleared brain.

    python benchmarks/quality.py DATA [--model crispim-2d] [--model FOLDER] [--noise-sd 30:40]

DATA is a folder of TIFF stacks. Those named in `MAPS` are brought to the paper's 100 to 500 counts
first; others are taken as they are. Noise is added as in the paper's test, rounded to 16-bit counts
as a camera would, and every method sees the same noisy planes. Prints the mean PSNR (data range
65535), and the bias in the brightest hundredth of the pixels, in counts.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from rich.console import Console
from rich.table import Table

from crispim_ij.cli.options import parse_noise_sd
from crispim_ij.evaluation import (
    EvaluationSettings,
    Method,
    NoiseSettings,
    find_method,
    metrics,
    noisy_plane,
)
from crispim_ij.evaluation.evaluate import choose_planes
from crispim_ij.planes import Source, open_source, to_dtype

MAPS = {
    "trailmap": (1121, 0.351),
    "dlmbmap-axons": (1102, 0.1),
    "dlmbmap-soma": (0, 0.025),
    "delivr": (162, 0.059),
    "cellfinder": (9, 0.412),
}
"""By the beginning of a stack's name: black level, and counts a grey value."""


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", action="append", default=[])
    parser.add_argument("--noise-sd", default="30:40")
    parser.add_argument("--planes", type=int, default=20)
    options = parser.parse_args()
    noise = NoiseSettings(parse_noise_sd(options.noise_sd))
    settings = EvaluationSettings(options.planes, noise)
    methods = [find_method(name) for name in ("noisy", "tv", "cv2", *options.model)]
    table = Table("stack", *(method.name for method in methods), title="PSNR in dB (bias)")
    sums = np.zeros(len(methods))
    stacks = sorted(options.data.glob("*.tif"))
    for path in stacks:
        with open_source(path) as source:
            figures = [measure(source, method, settings) for method in methods]
        sums += [psnr for psnr, _ in figures]
        table.add_row(path.stem, *(f"{psnr:.2f} ({bias:+.1f})" for psnr, bias in figures))
    table.add_row("mean", *(f"{total / len(stacks):.2f}" for total in sums))
    Console().print(table)


def measure(source: Source, method: Method, settings: EvaluationSettings) -> tuple[float, float]:
    """Return a method's mean PSNR in dB, and its bias where planes are brightest."""
    maps = (known for name, known in MAPS.items() if source.path.stem.startswith(name))
    black, scale = next(maps, (0, 1))
    psnrs, biases = [], []
    for index in choose_planes(len(source), settings):
        raw = source.read(index).astype(np.float64)
        clean = raw if scale == 1 else np.clip(100 + scale * (raw - black), 0, 65535)
        noisy, _ = noisy_plane(clean, index, settings.noise)
        result = method.denoise(to_dtype(noisy, np.dtype(np.uint16)))
        psnrs.append(metrics.psnr(clean, result))
        brightest = clean >= np.percentile(clean, 99)
        biases.append((result - clean)[brightest].mean())
    return float(np.mean(psnrs)), float(np.mean(biases))


if __name__ == "__main__":
    main()
