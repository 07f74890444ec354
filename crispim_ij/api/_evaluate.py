"""Measure denoisers."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from crispim_ij.api._images import (
    PathOrArray,
    opened_image,
    pair,
)
from crispim_ij.api._models import AnyModel
from crispim_ij.api._progress import notebook_bar
from crispim_ij.evaluation import (
    Evaluation,
    EvaluationSettings,
    Given,
    NoiseSettings,
    default_methods,
    doubts,
    find_methods,
    measure,
)
from crispim_ij.models import Model
from crispim_ij.planes import Selection

if TYPE_CHECKING:
    import dask.array as da
    import xarray as xr


def evaluate(
    clean: PathOrArray | da.Array | xr.DataArray,
    method: Sequence[AnyModel] | None = None,
    *,
    noise_sd: float | tuple[float, float] = (30.0, 40.0),
    planes: int = 20,
    seed: int = 0,
    noisy: PathOrArray | da.Array | xr.DataArray | None = None,
    result: Mapping[str, PathOrArray | da.Array | xr.DataArray] | None = None,
    series: int | None = None,
) -> Evaluation:
    """Measure denoisers on clean planes with noise added.

    Parameters
    ----------
    clean : array of NumPy, Dask or xarray, shape (Y, X) or (Z, Y, X), or path
        Clean planes, in counts: at least 7 px on each side.
    method : sequence of str, path or Model, optional
        What to measure: the paper's baselines ``noisy``, ``tv`` and ``cv2``; ``tv-tuned``,
        ``nlm-tuned``, ``wavelet-tuned`` and ``gaussian-tuned``, each at its best strength on
        a plane that is not measured; ``bm3d`` and ``bm4d``, told the noise, where these
        packages are installed; models. By default noisy, tv and crispim-2d, or
        with `result` only noisy, and that only where `noisy` is given.
    noise_sd : float or tuple of float
        Standard deviation of the noise in counts, or a range from which each plane draws
        a whole number.
    planes : int
        How many planes to draw at random.
    seed : int
        Draws the planes and their noise.
    noisy : array of NumPy, Dask or xarray, or path, optional
        Noisy planes, one for each clean one, to take in place of drawn noise.
    result : mapping of str to array of NumPy, Dask or xarray, or path, optional
        Planes that were denoised already, one for each clean one, by the name under which
        they are measured.
    series : int, optional
        Of `clean`, where it is a TIFF that holds several images: which one, from 1. None takes
        the first.

    Returns
    -------
    Evaluation
        ``table`` for the screen, ``summary`` with each method's means, ``rows`` with each
        plane's figures, ``comparisons`` of each pair of methods and ``biases`` by
        brightness. The last four are sequences of dataclasses, of which
        ``pandas.DataFrame`` makes tables.

    Raises
    ------
    CrispimError
        If there is nothing to measure, or planes, methods or options can't be used.

    Examples
    --------
    >>> from crispim_ij.phantom import PhantomSettings, simulate_volume
    >>> clean = simulate_volume(PhantomSettings(shape=(2, 64, 96)))
    >>> evaluation = evaluate(clean, ["noisy", "tv", "crispim-2d"], noise_sd=30)
    >>> [mean.method for mean in sorted(evaluation.summary, key=lambda mean: mean.rmse)]
    ['crispim-2d', 'tv', 'noisy']
    """
    settings = EvaluationSettings(planes, NoiseSettings(pair(noise_sd), seed))
    names = [str(m.folder) if isinstance(m, Model) else os.fspath(m) for m in method or ()]
    if not names:
        names = default_methods(has_noisy=noisy is not None, has_results=bool(result))
    whole = Selection()
    with ExitStack() as opened:
        source = opened.enter_context(opened_image(clean, Selection(series=series)))
        given = Given(
            None if noisy is None else opened.enter_context(opened_image(noisy, whole)),
            {
                name: opened.enter_context(opened_image(one, whole))
                for name, one in (result or {}).items()
            },
        )
        for doubt in doubts(source, names, settings, given):
            warnings.warn(doubt, UserWarning, stacklevel=2)
        methods = find_methods(names, source, settings, given)
        count = min(planes, len(source))
        with notebook_bar("evaluating", count, "planes") as advance:
            return measure(source, methods, settings, given, lambda done: advance(done, ""))
