"""How good models are beside the best classics, on real tissue with noise added.

    pip install bm3d bm4d    # if their licence, for non-commercial use only, lets you
    pip install careamics    # for --classic n2v
    python benchmarks/quality.py DATA --model crispim-2d --model crispim-3d
        [--noise-sd 20 --noise-sd 35] [--planes 2] [--side 256] [--classic bm3d]

DATA is a folder of TIFF stacks. Those named in `MAPS` are brought to the paper's 100 to 500 counts
first; others are taken as they are. Planes lie evenly over a stack, and of each the middle square
of 512 x 512 px is taken. Noise is added, rounded to 16-bit counts as a camera would, and every
method sees the same noisy planes. All that helps a classic is granted: a tuned one has, for each
stack and noise, the strength that is best on the very planes it is measured on, and BM3D and BM4D
are told the sd of the added noise. BM4D gets 9 planes for one, where a stack has 5 or more and they
correlate with their neighbours above 0.8. Noise2Void, which is measured if it is asked for, is
trained on the noisy squares of all planes of the stack, those that are measured among them. So are
models with --adapt MINUTES, each beside itself as it is; their noise is measured on these squares.

Prints mean PSNR in dB (data range 65535) and the largest bias among ten classes of brightness in
percent, one row a stack and noise; then how far models are ahead of BM3D, and 3D models of BM4D.
BM3D takes seconds a plane, BM4D minutes, Noise2Void minutes a stack and noise: choose fewer
classics, planes or px for a quick look.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import noise2void
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from crispim_ij import api
from crispim_ij.evaluation import (
    CLASSICS,
    NON_BLIND,
    Method,
    NoiseSettings,
    find_method,
    metrics,
    noisy_plane,
)
from crispim_ij.evaluation.classics import Classic, is_installed
from crispim_ij.evaluation.metrics import bias_by_decile
from crispim_ij.evaluation.statistics import summarise_bias
from crispim_ij.networks import mini_stack
from crispim_ij.planes import Source, open_source, to_dtype

WHOLE = 10**9
"""Of a side, in px: none is as long."""

MAPS = {
    "trailmap": (1121, 0.351),
    "dlmbmap-axons": (1102, 0.1),
    "dlmbmap-soma": (0, 0.025),
    "delivr": (162, 0.059),
    "cellfinder": (9, 0.412),
    "merck-tumor-vessels": (3, 0.702),
    "optofish-brain-nuc": (5, 3.96),
    "brainreg": (4, 1.52),
    "neubias-nuc-envelope": (7, 3.28),
}
"""By the beginning of a stack's name: black level, and counts a grey value."""

NOISE_SD = (10, 20, 35, 60)
OPPONENTS = ("tv-tuned", "nlm-tuned", *NON_BLIND)
PACKAGES = (*NON_BLIND, noise2void.NAME)
VOLUME_LEAST = 5
VOLUME_CORRELATION = 0.8
NONE = "-"

Plane = NDArray[Any]


@dataclass(frozen=True)
class Pair:
    """A clean plane, and the noisy mini-stack around it."""

    clean: Plane
    noisy: Plane

    @property
    def noisy_plane(self) -> Plane:
        """The noisy plane itself."""
        return np.asarray(self.noisy[len(self.noisy) // 2])


@dataclass(frozen=True)
class Figures:
    """A method's mean PSNR in dB, and its largest bias in percent."""

    psnr: float
    bias: float


@dataclass(frozen=True)
class Result:
    """All that was measured of a stack at one noise."""

    stack: str
    sd: float
    figures: Mapping[str, Any]
    correlation: float = float("nan")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", action="append", default=[])
    parser.add_argument("--noise-sd", type=int, action="append")
    parser.add_argument("--planes", type=int, default=2)
    parser.add_argument("--side", type=int, default=512, help="of the squares, in px")
    parser.add_argument("--classic", action="append", choices=(*CLASSICS, *PACKAGES))
    parser.add_argument("--adapt", type=float, default=0.0, metavar="MINUTES")
    options = parser.parse_args()
    classics = installed(options.classic or OPPONENTS)
    models = [replace(find_method(name), name=name) for name in options.model]
    results = []
    for path in sorted(options.data.glob("*.tif")):
        with open_source(path) as source:
            view = View(source, options.side)
            places = evenly(len(source), options.planes)
            for sd in options.noise_sd or NOISE_SD:
                results.append(measure_stack(view, places, sd, classics, models, options.adapt))
                print_progress(results[-1])
    print_results(results)
    print_differences(results, differences(results, models))


def installed(classics: Sequence[str]) -> list[str]:
    """Return the classics that can be run, and say which can't."""
    missing = [name for name in classics if name in PACKAGES and not has_package(name)]
    for name in missing:
        print(f"left out: {name}, which is not installed")
    return [name for name in classics if name not in missing]


def has_package(name: str) -> bool:
    """Return whether a method's package can be imported."""
    return noise2void.is_installed() if name == noise2void.NAME else is_installed(name)


def evenly(count: int, wanted: int) -> list[int]:
    """Return so many planes, evenly over a stack and away from its ends."""
    few = min(count, wanted)
    return [int((k + 0.5) * count / few) for k in range(few)]


@dataclass(frozen=True)
class View:
    """A stack's middle squares, in counts of the paper's kind."""

    source: Source
    side: int

    @property
    def name(self) -> str:
        """The file's name."""
        return self.source.path.stem

    def __len__(self) -> int:
        """How many planes there are."""
        return len(self.source)

    def read(self, index: int) -> Plane:
        """Return a plane's square."""
        black, scale = next((m for name, m in MAPS.items() if self.name.startswith(name)), (0, 1))
        raw = middle(self.source.read(index), self.side).astype(np.float64)
        return raw if scale == 1 else np.clip(100 + scale * (raw - black), 0, 65535)

    def read_all(self) -> Plane:
        """Return the squares of all planes."""
        return np.stack([self.read(plane) for plane in range(len(self))])


def middle(plane: Plane, side: int) -> Plane:
    """Return the middle square of planes, as large as they allow."""
    rows, columns = (
        slice(start := max(0, (length - side) // 2), start + side) for length in plane.shape[-2:]
    )
    return plane[..., rows, columns]


def measure_stack(
    view: View,
    places: Sequence[int],
    sd: int,
    classics: Sequence[str],
    models: Sequence[Method],
    minutes: float,
) -> Result:
    """Measure all methods on a stack's planes at one noise."""
    correlation = neighbours(view, places)
    is_volume = len(view) >= VOLUME_LEAST and correlation > VOLUME_CORRELATION
    told = [find_method(n) for n in classics if n in NON_BLIND and (n != "bm4d" or is_volume)]
    methods = [find_method("noisy"), *told, *models]
    pairs = list(noisy_pairs(view, places, sd, max(method.depth for method in methods)))
    figures = {name: oracle(CLASSICS[name], pairs) for name in classics if name in CLASSICS}
    figures |= {method.name: measure(method, pairs, sd) for method in methods}
    everything: list[Plane] = []
    if noise2void.NAME in classics or minutes:
        everything = [pair.noisy_plane for pair in noisy_pairs(view, range(len(view)), sd, 1)]
    if noise2void.NAME in classics:
        results = noise2void.n2v(everything, [pair.noisy_plane for pair in pairs])
        figures[noise2void.NAME] = compare(pairs, results)
    for method in models if minutes else []:
        results = adapted(np.stack(everything), method.name, minutes, places)
        figures[f"{method.name} adapted"] = compare(pairs, results)
    return Result(view.name, sd, figures, correlation)


def adapted(stack: Plane, model: str, minutes: float, places: Sequence[int]) -> list[Plane]:
    """Return planes denoised by a model that was adapted to their stack."""
    with tempfile.TemporaryDirectory() as scratch:
        denoised = api.denoise(stack, api.adapt(stack, scratch, model, minutes=minutes).model)
    return [denoised[place] for place in places]


def neighbours(view: View, places: Sequence[int]) -> float:
    """Return the mean correlation of planes with the next ones; NaN of a single plane."""
    if len(view) == 1:
        return float("nan")
    return float(
        np.mean(
            [metrics.pearson(view.read(k), view.read(k + 1 if k == 0 else k - 1)) for k in places]
        )
    )


def noisy_pairs(view: View, places: Sequence[int], sd: int, depth: int) -> Iterator[Pair]:
    """Yield clean planes, each with the noisy mini-stack around it."""
    noise = NoiseSettings((sd, sd))
    for index in places:
        around = mini_stack(index, len(view), depth)
        noisy = [noisy_plane(view.read(plane), plane, noise)[0] for plane in around]
        yield Pair(view.read(index), to_dtype(np.stack(noisy), np.dtype(np.uint16)))


def measure(method: Method, pairs: Sequence[Pair], sd: float) -> Figures:
    """Return a method's figures over planes."""
    return compare(pairs, [run(method, pair, sd) for pair in pairs])


def run(method: Method, pair: Pair, sd: float) -> Plane:
    """Return a plane that a method has denoised."""
    first = len(pair.noisy) // 2 - method.depth // 2
    given = pair.noisy[first : first + method.depth]
    return method.run(given if method.depth > 1 else given[0], sd)


def compare(pairs: Sequence[Pair], results: Sequence[Plane]) -> Figures:
    """Return the figures of denoised planes."""
    both = [(pair.clean, result) for pair, result in zip(pairs, results, strict=True)]
    biases = [{"": bias_by_decile(clean, result)} for clean, result in both]
    largest = max(abs(decile.percent) for decile in summarise_bias(biases))
    return Figures(float(np.mean([metrics.psnr(clean, result) for clean, result in both])), largest)


def oracle(classic: Classic, pairs: Sequence[Pair]) -> Figures:
    """Return the figures of a classic at the strength that is best on these planes."""
    tried = (Method("classic", _at(classic, strength)) for strength in classic.strengths)
    return max((measure(method, pairs, 0.0) for method in tried), key=lambda one: one.psnr)


def _at(classic: Classic, strength: float) -> Callable[[Plane], Plane]:
    return lambda plane: classic.denoise(plane, strength)


def differences(results: Sequence[Result], models: Sequence[Method]) -> dict[str, list[float]]:
    """Return how far models are ahead in dB, by the names of both: NaN where one is missing."""
    pairs = [(model.name, "bm3d") for model in models]
    pairs += [(model.name, "bm4d") for model in models if model.depth > 1]
    return {
        f"{model} - {classic}": [ahead(one, model, classic) for one in results]
        for model, classic in pairs
        if any(classic in one.figures for one in results)
    }


def ahead(one: Result, model: str, classic: str) -> float:
    """Return how far a model is ahead in dB, NaN where either was not measured."""
    if not {model, classic} <= one.figures.keys():
        return float("nan")
    return float(one.figures[model].psnr - one.figures[classic].psnr)


def print_progress(one: Result) -> None:
    """Print a row as soon as it is known."""
    figures = (f"{name} {figures.psnr:.2f}" for name, figures in one.figures.items())
    print(one.stack, f"sd {one.sd:.3g}", *figures, sep="  ", flush=True)


def print_results(results: Sequence[Result]) -> None:
    """Print every method's figures."""
    names = list(dict.fromkeys(name for one in results for name in one.figures))
    table = Table(
        *("stack", "sd", "neighbours' correlation", *names),
        title="PSNR in dB (largest bias of a decile in %)",
    )
    for one in results:
        shown = (one.figures.get(name) for name in names)
        cells = (f"{f.psnr:.2f} ({f.bias:.1f})" if f else NONE for f in shown)
        table.add_row(one.stack, str(one.sd), shown_number(one.correlation), *cells)
    Console(width=60 + 15 * len(names)).print(table)


def print_differences(results: Sequence[Result], columns: dict[str, list[float]]) -> None:
    """Print the differences, their means and the worst of them."""
    if not columns:
        return
    table = Table("stack", "sd", *columns, title="ahead, in dB")
    for one, row in zip(results, zip(*columns.values(), strict=True), strict=True):
        table.add_row(one.stack, f"{one.sd:.3g}", *map(shown_number, row))
    known = [[value for value in column if not np.isnan(value)] for column in columns.values()]
    for name, summary in (("mean", np.mean), ("minimum", np.min)):
        cells = (shown_number(float(summary(column))) if column else NONE for column in known)
        table.add_row(name, "", *cells)
    Console(width=40 + 22 * len(columns)).print(table)


def shown_number(value: float) -> str:
    """Show a number with two digits, if there is one."""
    return NONE if np.isnan(value) else f"{value:.2f}"


if __name__ == "__main__":
    main()
