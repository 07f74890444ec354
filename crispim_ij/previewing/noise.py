"""How strong the noise of planes is, and whether a model was trained on such noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.camera import CalibrationSettings, calibrate
from crispim_ij.errors import CrispimError
from crispim_ij.models import Model, ModelSpec
from crispim_ij.planes.arrays import ArraySource

_SLACK = 1.2
"""Factor by which noise may lie beyond what a model was trained on, as the measure errs too."""

_FEWEST = 8
"""Smallest side, in px, whose noise can be told by wavelets."""


@dataclass(frozen=True)
class Noise:
    """Standard deviation of the noise, in counts.

    Attributes
    ----------
    dark, typical, bright : float
        Where a plane is darkest, as bright as half of it, and brightest, the last
        hundredths of its blocks left out.
    is_correlated : bool or None
        Whether neighbouring pixels share noise; None where that can't be told.
    """

    dark: float
    typical: float
    bright: float
    is_correlated: bool | None


def measure_noise(planes: NDArray[Any]) -> Noise:
    """Measure the noise of planes.

    Parameters
    ----------
    planes : ndarray, shape (Z, Y, X)
        Raw counts, finite.

    Returns
    -------
    Noise
        As `crispim_ij.camera.calibrate` finds it at each brightness; where it can't, as
        for planes without structure or smaller than 32 px, one value by wavelets from
        `skimage.restoration.estimate_sigma`.
    """
    try:
        found = calibrate(ArraySource(planes), CalibrationSettings(len(planes)))
    except CrispimError:
        return _by_wavelets(planes)
    light = np.array([point.light for point in found.points])
    share = np.cumsum([point.blocks for point in found.points], dtype=float)
    levels = np.interp((0.01, 0.5, 0.99), share / share[-1], light)
    dark, typical, bright = (float(sd) for sd in np.sqrt(found.camera.variance(levels)))
    return Noise(dark, typical, bright, found.is_correlated)


def _by_wavelets(planes: NDArray[Any]) -> Noise:
    """Take noise to be equal everywhere."""
    from skimage.restoration import estimate_sigma

    middle = np.asarray(planes[len(planes) // 2], np.float64)
    # It divides by no details at all where there are none, and takes few columns for colours.
    is_empty = np.ptp(middle) == 0 or min(middle.shape) < _FEWEST
    sd = 0.0 if is_empty else float(estimate_sigma(middle))
    return Noise(sd, sd, sd, None)


def noise_in_words(noise: Noise) -> str:
    """Say how strong noise is.

    Parameters
    ----------
    noise : Noise
        Of planes.

    Returns
    -------
    str
        Part of a sentence.
    """
    if noise.typical == 0:
        return "none that could be measured"
    says = f"sd {noise.typical:.3g} counts"
    if noise.bright > 1.1 * noise.dark:
        says += f", from {noise.dark:.3g} where it is dark to {noise.bright:.3g} where bright"
    return says + (", shared by neighbouring pixels" if noise.is_correlated else "")


def trained_noise(spec: ModelSpec) -> tuple[float, float] | None:
    """Return the noise that a model was trained on.

    Parameters
    ----------
    spec : ModelSpec
        What is known of the model.

    Returns
    -------
    tuple of float or None
        Smallest and largest standard deviation in counts; None where its recipe says
        nothing of Gaussian noise, or there is none.
    """
    recipe = spec.provenance.get("recipe")
    if not isinstance(recipe, dict) or recipe.get("recorruption") or recipe.get("camera"):
        return None
    match recipe.get("noise_sd"):
        case [int() | float() as low, int() | float() as high]:
            return float(low), float(high)
    return None


@dataclass(frozen=True)
class Fit:
    """Whether a model suits the noise.

    Attributes
    ----------
    fits : bool or None
        None where it isn't known what the model was trained on.
    says : str
        A sentence on it.
    """

    fits: bool | None
    says: str


def judge(noise: Noise, spec: ModelSpec) -> Fit:
    """Compare planes' noise with that which a model was trained on.

    Parameters
    ----------
    noise : Noise
        Of the planes.
    spec : ModelSpec
        What is known of the model.

    Returns
    -------
    Fit
        Whether it suits.
    """
    trained = trained_noise(spec)
    if trained is None:
        return Fit(
            None, f"What noise {spec.name} was trained on is not recorded; look at the pictures."
        )
    low, high = trained
    made_for = f"{spec.name} was trained on sd {low:g} to {high:g} counts"
    if noise.is_correlated:
        return Fit(
            False, f"{made_for}, independent between pixels, but neighbours share noise here."
        )
    if noise.typical > high * _SLACK:
        return Fit(False, f"{made_for}; this is stronger, and some of it will be left.")
    if noise.typical < low / _SLACK:
        return Fit(False, f"{made_for}; this is weaker, and faint structure may be smoothed away.")
    if noise.bright > high * _SLACK:
        return Fit(True, f"{made_for}, which fits all but bright parts, where some noise is left.")
    return Fit(True, f"{made_for}, which fits.")


def suitable(noise: Noise, models: Sequence[Model]) -> list[str]:
    """Return the names of the models that suit the noise.

    Parameters
    ----------
    noise : Noise
        Of the planes.
    models : sequence of Model
        What there is.

    Returns
    -------
    list of str
        In their order.
    """
    return [model.folder.name for model in models if judge(noise, model.spec).fits]
