"""How good models are beside the paper's baselines and the classics, on real cleared brain.

    python benchmarks/quality.py DATA [--model crispim-2d] [--model FOLDER] [--noise-sd 30:40]

DATA is a folder of TIFF stacks. Those named in `MAPS` are brought to the paper's 100 to 500 counts
first; others are taken as they are. Noise is added as in the paper's test, rounded to 16-bit counts
as a camera would, and every method sees the same noisy planes. A tuned classic has, for each stack,
the strength that is best on the very planes it is measured on: an oracle that no user has. Prints
the mean PSNR (data range 65535), and the largest bias among ten classes of brightness, in percent.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from numpy.typing import NDArray
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
from crispim_ij.evaluation.bias import bias_by_decile, summarise_bias
from crispim_ij.evaluation.classics import CLASSICS, Classic
from crispim_ij.evaluation.evaluate import choose_planes
from crispim_ij.networks import mini_stack
from crispim_ij.planes import Source, open_source, to_dtype

MAPS = {
    "trailmap": (1121, 0.351),
    "dlmbmap-axons": (1102, 0.1),
    "dlmbmap-soma": (0, 0.025),
    "delivr": (162, 0.059),
    "cellfinder": (9, 0.412),
}
"""By the beginning of a stack's name: black level, and counts a grey value."""

ORACLES = ("tv-tuned", "nlm-tuned", "wavelet-tuned")

Plane = NDArray[Any]


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", action="append", default=[])
    parser.add_argument("--noise-sd", default="30:40")
    parser.add_argument("--planes", type=int, default=20)
    options = parser.parse_args()
    settings = EvaluationSettings(options.planes, NoiseSettings(parse_noise_sd(options.noise_sd)))
    methods = [find_method(name) for name in ("noisy", "tv", "cv2", *options.model)]
    names = [*(method.name for method in methods), *ORACLES]
    table = Table("stack", *names, title="PSNR in dB (largest bias of a decile in %)")
    sums = np.zeros(len(names))
    stacks = sorted(options.data.glob("*.tif"))
    for path in stacks:
        with open_source(path) as source:
            planes = list(noisy_planes(source, settings, max(m.depth for m in methods)))
        figures = [measure(method, planes) for method in methods]
        figures += [oracle(CLASSICS[name], planes) for name in ORACLES]
        sums += [psnr for psnr, _ in figures]
        table.add_row(path.stem, *(f"{psnr:.2f} ({bias:.1f})" for psnr, bias in figures))
        Console().print(path.stem, *(f"{psnr:.2f}" for psnr, _ in figures))
    table.add_row("mean", *(f"{total / len(stacks):.2f}" for total in sums))
    Console(width=30 * len(names)).print(table)


def noisy_planes(
    source: Source, settings: EvaluationSettings, depth: int
) -> Iterator[tuple[Plane, Plane]]:
    """Yield clean planes, each with the noisy mini-stack around it."""
    maps = (known for name, known in MAPS.items() if source.path.stem.startswith(name))
    black, scale = next(maps, (0, 1))

    def mapped(index: int) -> Plane:
        raw = source.read(index).astype(np.float64)
        return raw if scale == 1 else np.clip(100 + scale * (raw - black), 0, 65535)

    for index in choose_planes(len(source), settings):
        around = mini_stack(index, len(source), depth)
        noisy = [noisy_plane(mapped(plane), plane, settings.noise)[0] for plane in around]
        yield mapped(index), to_dtype(np.stack(noisy), np.dtype(np.uint16))


def measure(method: Method, planes: Sequence[tuple[Plane, Plane]]) -> tuple[float, float]:
    """Return a method's mean PSNR in dB, and its largest bias in percent."""
    psnrs, biases = [], []
    for clean, noisy in planes:
        first = len(noisy) // 2 - method.depth // 2
        given = noisy[first : first + method.depth]
        result = method.denoise(given if method.depth > 1 else given[0])
        psnrs.append(metrics.psnr(clean, result))
        biases.append({method.name: bias_by_decile(clean, result)})
    largest = max(abs(decile.percent) for decile in summarise_bias(biases))
    return float(np.mean(psnrs)), largest


def oracle(classic: Classic, planes: Sequence[tuple[Plane, Plane]]) -> tuple[float, float]:
    """Return the figures of a classic at the strength that is best on these planes."""
    tried = (Method("classic", _at(classic, strength)) for strength in classic.strengths)
    return max(measure(method, planes) for method in tried)


def _at(classic: Classic, strength: float) -> Callable[[Plane], Plane]:
    return lambda plane: classic.denoise(plane, strength)


if __name__ == "__main__":
    main()
