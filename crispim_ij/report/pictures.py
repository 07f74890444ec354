"""The part of a plane that is shown, as every method left it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.evaluation import Evaluated
from crispim_ij.evaluation.metrics import psnr
from crispim_ij.report.content import Experiment
from crispim_ij.report.display import PAPER_RANGE, best_place, display_range
from crispim_ij.report.ranking import ranked

_PNG_LEVEL = 9  # of its compression


@dataclass(frozen=True)
class Picture:
    """One picture of the part that is shown.

    Attributes
    ----------
    name : str
        ``clean``, ``noisy`` or a method.
    counts : ndarray, shape (Y, X)
        What is shown.
    error : ndarray of float64, shape (Y, X), or None
        Counts minus clean ones; None for the clean picture.
    psnr : float or None
        Over the whole plane in dB, at a range of 65535; None for the clean picture.
    """

    name: str
    counts: NDArray[Any]
    error: NDArray[np.float64] | None
    psnr: float | None


@dataclass(frozen=True)
class PlanePictures:
    """Pictures of the same part of one plane.

    Attributes
    ----------
    plane : str
        The plane's name.
    sd : int or None
        Standard deviation of its noise in counts, where it was drawn.
    rows, columns : slice
        The part, in px.
    limits : tuple of float
        Counts shown black and white.
    error_limit : float
        Errors from minus this to plus this are shown from black to white: three times the
        noise's standard deviation, so it is the same for all methods.
    pictures : tuple of Picture
        Clean, noisy, then the methods in the experiment's order.
    """

    plane: str
    sd: int | None
    rows: slice
    columns: slice
    limits: tuple[float, float]
    error_limit: float
    pictures: tuple[Picture, ...]

    @property
    def caption(self) -> str:
        """What is shown, in a sentence."""
        noise = "" if self.sd is None else f", noise of sd {self.sd} counts"
        low, high = self.limits
        why = ""
        if self.limits != PAPER_RANGE:
            why = f" (the paper shows {PAPER_RANGE[0]:g} to {PAPER_RANGE[1]:g})"
        return (
            f"Plane {self.plane}, x {self.columns.start} to {self.columns.stop}, "
            f"y {self.rows.start} to {self.rows.stop} px{noise}. "
            f"Black is {low:.4g} counts and white {high:.4g}{why}."
        )

    @property
    def compared(self) -> tuple[int, int]:
        """Which two pictures a reader compares first: the noisy one and the best method's."""
        names = [one.name for one in self.pictures]
        left = names.index("noisy") if "noisy" in names else 0
        methods = (k for k, name in enumerate(names) if name not in {"clean", "noisy"})
        return left, next(methods, len(names) - 1)


def experiment_pictures(experiment: Experiment) -> list[PlanePictures]:
    """Cut out what is shown of an experiment's planes, one for each that it keeps."""
    order = [one.method for one in ranked(experiment.evaluation.rows)]
    return [_plane_pictures(plane, order, experiment) for plane in experiment.evaluation.shown]


def _plane_pictures(
    plane: Evaluated, order: Sequence[str], experiment: Experiment
) -> PlanePictures:
    """Cut out what is shown of one plane."""
    limits = display_range(plane.clean, experiment.display)
    place = best_place(plane.clean, limits)
    clean = plane.clean.astype(np.float64)
    results = dict(plane.results)
    before = plane.noisy
    if before is not None:
        # Doing nothing is a method too, and would be a second picture of the same.
        results = {name: result for name, result in results.items() if result is not before}
    named = {} if before is None else {"noisy": before}
    named |= {name: results[name] for name in order if name in results}
    pictures = [Picture("clean", plane.clean[place], None, None)]
    for name, counts in named.items():
        error = (counts - clean)[place]
        pictures.append(Picture(name, counts[place], error, psnr(clean, counts)))
    spread = [before] if before is not None else list(results.values())
    error_limit = 3 * max(float(np.std(one - clean)) for one in spread) or 1.0
    row = plane.rows[0]
    return PlanePictures(row.plane, row.sd, *place, limits, error_limit, tuple(pictures))


def data_uri(counts: NDArray[Any], limits: tuple[float, float], greys: int = 256) -> str:
    """Encode counts (Y, X), black and white at `limits`, as a PNG of 2 to 256 greys in a URI."""
    from imagecodecs import png_encode

    low, high = limits
    share = np.nan_to_num((np.asarray(counts, np.float64) - low) / (high - low))
    steps = np.rint(np.clip(share, 0, 1) * (greys - 1))
    encoded = png_encode(np.rint(steps * (255 / (greys - 1))).astype(np.uint8), _PNG_LEVEL)
    return "data:image/png;base64," + base64.b64encode(encoded).decode("ascii")
