"""How good models are on the noise that microscopes made, measured by repeated exposures.

    python benchmarks/real_noise.py DATA --model crispim-2d [--planes 2] [--side 256]

DATA is a folder of exposures of one place each, in raw counts: `SETS` names them. The mean of the
other exposures is the truth of one. It has noise of its own, which no method can know and which is
independent of what a method sees, so its variance adds to everyone's squared error. It is taken
off:

    error = sqrt(max(MSE - variance of the truth, 0))

Exposure and truth differ by the noise of both, and with n exposures the truth's variance is that of
one divided by n - 1: this gives both from the variance of their difference, and BM3D is told the
root of the first. That of a single plane is uncertain, and where an error is much smaller than the
truth's noise it can't be told from 0.

Models are run as users run them, by `crispim_ij.api.denoise` on whole stacks. Tuned classics have
the strength that is best on the very planes they are measured on, once planes are scaled to noise
of sd 35, for which their strengths are made. Noise2Void, which is measured if it is asked for, is
trained on all planes of the exposures that are measured. Prints each method's error in counts, with
the PSNR that it stands for (data range 65535), and what can't be told from a set.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import noise2void
import numpy as np
import tifffile
from quality import (
    NONE,
    Plane,
    Result,
    differences,
    evenly,
    installed,
    middle,
    print_differences,
    print_progress,
)
from rich.console import Console
from rich.table import Table

from crispim_ij import api
from crispim_ij.evaluation import CLASSICS, Method, find_method, metrics
from crispim_ij.evaluation.classics import Classic

OPPONENTS = ("tv-tuned", "nlm-tuned", "bm3d")
TUNED_FOR = 35.0
FRAMES_AROUND = 4

Fit = Callable[[Plane, Plane], Plane]


def shifted(other: Plane, plane: Plane) -> Plane:
    """Bring an exposure to another's mean."""
    return np.asarray(other + (plane.mean() - other.mean()))


def on_a_line(other: Plane, plane: Plane) -> Plane:
    """Bring an exposure to another's mean and spread: noise in both flattens no such line."""
    return np.asarray((other - other.mean()) * (plane.std() / other.std()) + plane.mean())


@dataclass(frozen=True)
class Exposures:
    """How a set of exposures is read.

    Attributes
    ----------
    axes : str
        Of the file: E for exposures, T for frames that change, then Z, Y and X.
    fit : callable
        Brings an exposure to the brightness of the one that is measured.
    caveat : str
        What can't be told from it.
    """

    axes: str
    fit: Fit
    caveat: str

    @property
    def is_volume(self) -> bool:
        """Whether neighbouring planes show neighbouring depths."""
        return "Z" in self.axes


SETS = {
    "faim": Exposures(
        "EZYX",
        on_a_line,
        "two exposures: the truth has as much noise as what is measured; noise grows with light, "
        "and a few bright cells decide the mean error",
    ),
    "calcium": Exposures(
        "TYX",
        shifted,
        "the truth is the mean of the 4 frames before and the 4 after: activity that is faster "
        "counts as every method's error and as noise",
    ),
    "pims": Exposures("EYX", shifted, "immobile particles, nearly all of it background"),
    "nellie": Exposures(
        "EZYX",
        shifted,
        "cells move: what moved counts as noise, so BM3D is told too much, and errors on moving "
        "structure can't be told from movement",
    ),
}
"""By the beginning of a file's name."""


@dataclass(frozen=True)
class Sample:
    """One plane of one exposure, and its truth.

    Attributes
    ----------
    stack : ndarray, shape (Z, Y, X)
        The exposure, in raw counts.
    index : int
        The plane.
    truth : ndarray of float64, shape (Y, X)
        Mean of the other exposures.
    sd, truth_sd : float
        Noise of the plane and of its truth, in counts.
    """

    stack: Plane
    index: int
    truth: Plane
    sd: float
    truth_sd: float

    @property
    def plane(self) -> Plane:
        """The plane that is measured."""
        return np.asarray(self.stack[self.index])


@dataclass(frozen=True)
class Figures:
    """A method's error in counts without that of the truth, and the PSNR it stands for in dB."""

    error: float

    @property
    def psnr(self) -> float:
        """In dB, infinite where the error can't be told from 0."""
        with np.errstate(divide="ignore"):
            return float(20 * np.log10(metrics.PUBLISHED_RANGE / np.float64(self.error)))


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", action="append", default=[])
    parser.add_argument("--planes", type=int, default=2, help="of a set, over all exposures")
    parser.add_argument("--side", type=int, default=512, help="of the squares, in px")
    parser.add_argument("--classic", action="append", choices=(*OPPONENTS, noise2void.NAME))
    options = parser.parse_args()
    classics = installed(options.classic or OPPONENTS)
    models = [as_a_user(name) for name in options.model]
    results = []
    for path in sorted(options.data.glob("*.tif")):
        exposures = next(one for name, one in SETS.items() if path.stem.startswith(name))
        samples = list(read_samples(path, exposures, options.planes, options.side))
        fitting = [m for m in models if m.depth == 1 or exposures.is_volume]
        results.append(measure_set(path.stem, samples, classics, fitting))
        print_progress(results[-1])
    print_results(results)
    print_differences(results, differences(results, models))
    for name, one in SETS.items():
        print(f"{name}: {one.caveat}.")


def as_a_user(name: str) -> Method:
    """Return a model that denoises whole stacks, as the Python API does."""
    return replace(find_method(name), name=name, denoise=lambda stack: api.denoise(stack, name))


def read_samples(path: Path, exposures: Exposures, wanted: int, side: int) -> Iterator[Sample]:
    """Yield planes with their truths: evenly over the depth, or over time; exposures take turns."""
    pixels = middle(tifffile.imread(path), side)
    if "T" in exposures.axes:
        for frame in evenly(len(pixels), wanted):
            around = pixels[frame - FRAMES_AROUND : frame + FRAMES_AROUND + 1]
            yield sample(around[:, np.newaxis], FRAMES_AROUND, 0, exposures.fit)
        return
    stacks = pixels if exposures.is_volume else pixels[:, np.newaxis]
    indices = evenly(stacks.shape[1], wanted) if exposures.is_volume else [0] * wanted
    for turn, index in enumerate(indices):
        yield sample(stacks, turn % len(stacks), index, exposures.fit)


def sample(stacks: Plane, which: int, index: int, fit: Fit) -> Sample:
    """Make a plane's truth of the other exposures, and tell the noise of both."""
    plane = stacks[which, index].astype(np.float64)
    others = np.delete(stacks[:, index], which, axis=0).astype(np.float64)
    truth = np.mean([fit(other, plane) for other in others], axis=0)
    variance = np.var(plane - truth) / (1 + 1 / len(others))
    return Sample(
        stacks[which],
        index,
        truth,
        float(np.sqrt(variance)),
        float(np.sqrt(variance / len(others))),
    )


def measure_set(
    name: str, samples: Sequence[Sample], classics: Sequence[str], models: Sequence[Method]
) -> Result:
    """Measure all methods on a set's planes."""
    figures = {"noisy": error_of(lambda one: one.plane, samples)}
    figures |= {
        classic: oracle(CLASSICS[classic], samples) for classic in classics if classic in CLASSICS
    }
    if "bm3d" in classics:
        bm3d = find_method("bm3d")
        figures["bm3d"] = error_of(lambda one: bm3d.run(one.plane, one.sd), samples)
    if noise2void.NAME in classics and noise2void.takes(samples[0].plane):
        seen = [plane for one in samples for plane in one.stack]
        results = noise2void.n2v(seen, [one.plane for one in samples])
        figures[noise2void.NAME] = error(samples, results)
    for model in models:
        results = [model.denoise(one.stack)[one.index] for one in samples]
        figures[model.name] = error(samples, results)
    return Result(name, float(np.mean([one.sd for one in samples])), figures)


def error_of(denoise: Callable[[Sample], Plane], samples: Sequence[Sample]) -> Figures:
    """Return a method's error over planes."""
    return error(samples, [denoise(one) for one in samples])


def error(samples: Sequence[Sample], results: Sequence[Plane]) -> Figures:
    """Return the error of denoised planes, without that of their truths."""
    both = zip(samples, results, strict=True)
    squared = np.mean([metrics.rmse(one.truth, result) ** 2 for one, result in both])
    truths = np.mean([one.truth_sd**2 for one in samples])
    return Figures(float(np.sqrt(max(float(squared - truths), 0.0))))


def oracle(classic: Classic, samples: Sequence[Sample]) -> Figures:
    """Return the error of a classic at the strength that is best on these planes."""
    return min(
        (error_of(_at(classic, strength), samples) for strength in classic.strengths),
        key=lambda one: one.error,
    )


def _at(classic: Classic, strength: float) -> Callable[[Sample], Plane]:
    def denoise(one: Sample) -> Plane:
        scale = TUNED_FOR / one.sd
        return classic.denoise(one.plane * scale, strength) / scale

    return denoise


def print_results(results: Sequence[Result]) -> None:
    """Print every method's figures."""
    names = list(dict.fromkeys(name for one in results for name in one.figures))
    table = Table(*("set", "noise", *names), title="error in counts (PSNR in dB)")
    for one in results:
        shown = (one.figures.get(name) for name in names)
        cells = (f"{f.error:.2f} ({f.psnr:.2f})" if f else NONE for f in shown)
        table.add_row(one.stack, f"{one.sd:.3g}", *cells)
    Console(width=50 + 16 * len(names)).print(table)


if __name__ == "__main__":
    main()
