"""Whether a model errs as it expects to: the tables of docs/uncertainty.md.

    python benchmarks/uncertainty.py DATA [--model crispim-2d] [--planes 8] [--leave-one-out]

DATA is a folder of TIFF stacks, brought to the paper's 100 to 500 counts as benchmarks/quality.py
does. Each gets noise of sd 15, 35 and 55. Prints, for each stack and noise, the real over the
expected error, root mean squares both: of all pixels, and in tenths of the pixels from the surest
to the least sure. With --leave-one-out the factors are fitted to the other stacks each time, else
they are the model's own. Real errors hold the noise of the 'clean' planes themselves.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from quality import WHOLE, View
from rich.console import Console
from rich.table import Table

from crispim_ij.denoising import DenoiseSettings
from crispim_ij.denoising.uncertainty import AugmentedDenoiser, load_error_model
from crispim_ij.evaluation import EvaluationSettings, NoiseSettings
from crispim_ij.evaluation.uncertainty import Squares, fit_factors, gather, reliability
from crispim_ij.models import find_model
from crispim_ij.planes import open_source
from crispim_ij.planes.arrays import ArraySource

NOISE = (15, 35, 55)

Gathered = dict[tuple[str, int], Squares]


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", default="crispim-2d")
    parser.add_argument("--planes", type=int, default=8)
    parser.add_argument("--leave-one-out", action="store_true")
    options = parser.parse_args()
    model = find_model(options.model)
    gathered = gather_all(options.data, AugmentedDenoiser(model, DenoiseSettings()), options.planes)
    table = Table("stack", "sd", "real error", "real / expected", "in tenths", "last / first")
    for (stack, sd), squares in gathered.items():
        if options.leave_one_out:
            others = [part for (name, _), part in gathered.items() if name != stack]
            factors = fit_factors(np.concatenate(others))
        else:
            errors = load_error_model(model)
            factors = errors.spread, errors.residue
        table.add_row(stack, str(sd), *row(squares, factors))
    Console(width=140).print(table)


def gather_all(data: Path, denoise: AugmentedDenoiser, planes: int) -> Gathered:
    """Collect evidence and errors of all stacks at all noises."""
    gathered = {}
    for path in sorted(data.glob("*.tif")):
        with open_source(path) as source:
            clean = ArraySource(View(source, WHOLE).read_all())
        for sd in NOISE:
            settings = EvaluationSettings(planes, NoiseSettings((sd, sd)))
            gathered[path.stem, sd] = gather(clean, denoise, settings)
    return gathered


def row(squares: Squares, factors: tuple[float, float]) -> tuple[str, str, str, str]:
    """Return the cells of a stack and noise."""
    expected, real = squares[:, :2] @ np.square(factors), squares[:, 2]
    bins = list(reliability(expected, real))
    return (
        f"{np.sqrt(real.mean()):.1f}",
        f"{np.sqrt(real.mean() / expected.mean()):.2f}",
        " ".join(f"{part.real / part.expected:.2f}" for part in bins),
        f"{bins[-1].real / bins[0].real:.1f}",
    )


if __name__ == "__main__":
    main()
