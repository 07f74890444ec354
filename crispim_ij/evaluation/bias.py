"""Whether a method dims or brightens: its mean error by brightness."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

DECILES = 10


@dataclass(frozen=True)
class Bias:
    """The mean error of pixels of like brightness.

    Attributes
    ----------
    decile : int
        From 1, the darkest tenth of the clean plane's pixels, to 10.
    clean : float
        Their mean in the clean plane, in counts.
    error : float
        Mean of result minus clean, in counts.
    """

    decile: int
    clean: float
    error: float


def bias_by_decile(clean: NDArray[Any], result: NDArray[Any]) -> list[Bias]:
    """Average the error over tenths of the pixels, from dark to bright.

    Unbiased noise averages out, so what is left is what the method itself does to dark
    and to bright structure. Noise of the 'clean' plane itself shows as a slope: its darkest
    pixels are partly dark by chance.

    Parameters
    ----------
    clean, result : ndarray, shape (Y, X)
        Counts.

    Returns
    -------
    list of Bias
        Ten, of equally many pixels but for one; ties are split in reading order.
    """
    truth = np.asarray(clean, np.float64).ravel()
    error = np.asarray(result, np.float64).ravel() - truth
    parts = np.array_split(np.argsort(truth, kind="stable"), DECILES)
    return [
        Bias(decile, float(truth[part].mean()), float(error[part].mean()))
        for decile, part in enumerate(parts, 1)
    ]


@dataclass(frozen=True)
class MethodBias:
    """One method's bias in one decile, over all planes.

    Attributes
    ----------
    method : str
        The method's name.
    decile : int
        From 1, the darkest tenth of each plane's pixels, to 10.
    clean, error : float
        Means of `Bias`' over the planes, in counts.
    percent : float
        The error in percent of the clean mean; NaN where that is 0.
    """

    method: str
    decile: int
    clean: float
    error: float
    percent: float


def summarise_bias(planes: Sequence[Mapping[str, Sequence[Bias]]]) -> list[MethodBias]:
    """Average each method's biases over planes.

    Parameters
    ----------
    planes : sequence of mapping of str to sequence of Bias
        For each plane the biases of each method, as `bias_by_decile` gives them.

    Returns
    -------
    list of MethodBias
        Ten a method, in the order of the first plane's methods.
    """
    return [
        _mean(method, decile, [plane[method][decile - 1] for plane in planes])
        for method in (planes[0] if planes else ())
        for decile in range(1, DECILES + 1)
    ]


def _mean(method: str, decile: int, biases: Sequence[Bias]) -> MethodBias:
    """Average one decile of one method."""
    clean = float(np.mean([bias.clean for bias in biases]))
    error = float(np.mean([bias.error for bias in biases]))
    return MethodBias(method, decile, clean, error, 100 * error / clean if clean else np.nan)
