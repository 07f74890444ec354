"""Whether a model draws what it saw in another channel of the same planes.

    python benchmarks/other_channel.py PLANES CHANNEL [--model crispim-2d ...] [--sd 35]

PLANES is a stack that is measured on, CHANNEL one of the same planes that a model was trained on.
Noise is added to the middle of PLANES, and what each model makes of it is taken from the clean
planes. Printed is how that error correlates with the fine structure of CHANNEL that PLANES doesn't
show: above 0 where a model draws it, by 1 where it draws nothing else.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from numpy.typing import NDArray
from quality import View
from scipy.ndimage import gaussian_filter

from crispim_ij import api
from crispim_ij.evaluation import metrics
from crispim_ij.planes import open_source

SIGMA = 4
"""Of the Gaussian whose result isn't fine structure, in px."""
PLANES, MARGIN = 15, 5
"""Planes from the stack's first, and how many of them at each end are only neighbours."""

Stack = NDArray[Any]


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("planes", type=Path)
    parser.add_argument("channel", type=Path)
    parser.add_argument("--model", action="append")
    parser.add_argument("--sd", type=float, default=35)
    parser.add_argument("--side", type=int, default=256)
    options = parser.parse_args()
    clean, other = (first_planes(path, options.side) for path in (options.planes, options.channel))
    noise = np.random.default_rng(0).normal(0, options.sd, clean.shape)
    noisy = np.clip(np.rint(clean + noise), 0, 65535).astype(np.uint16)
    shown, hidden = fine(clean), fine(other)
    print(f"fine structure of both: {metrics.pearson(shown, hidden):.3f}")
    for name in options.model or ["crispim-2d", "crispim-3d"]:
        error = fine(api.denoise(noisy, name, noise=options.sd) - clean)
        left = metrics.pearson(without(error, shown), without(hidden, shown))
        print(f"{name}: {left:+.3f} with what only the other shows")


def first_planes(path: Path, side: int) -> Stack:
    """Read the middle of the first planes, in the paper's counts."""
    with open_source(path) as source:
        view = View(source, side)
        return np.stack([view.read(k) for k in range(min(PLANES, len(view)))]).astype(np.float32)


def fine(planes: Stack) -> Stack:
    """Return the fine structure of the planes that have all of their neighbours."""
    inner = planes[MARGIN : len(planes) - MARGIN]
    smooth: Stack = gaussian_filter(inner, (0, SIGMA, SIGMA))
    return inner - smooth


def without(structure: Stack, known: Stack) -> Stack:
    """Return what of a structure no multiple of a known one explains."""
    share = float((structure * known).mean() / (known * known).mean())
    return structure - known * share


if __name__ == "__main__":
    main()
