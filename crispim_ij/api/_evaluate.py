"""Measure denoisers."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Literal, overload

from crispim_ij.api._images import (
    AnyImage,
    AnyModel,
    AnyNoise,
    name_of,
    opened_image,
    pair,
    read_noise,
)
from crispim_ij.api._progress import notebook_bar
from crispim_ij.errors import CrispimError
from crispim_ij.evaluation import (
    Evaluation,
    EvaluationSettings,
    Given,
    NoiseSettings,
    Ranked,
    default_methods,
    default_ranked,
    doubt_ranking,
    doubts,
    find_methods,
    measure,
    rank_methods,
)
from crispim_ij.noise import CameraNoise, NoiseOptions, tell_noise
from crispim_ij.planes import Selection, Source


@overload
def evaluate(
    clean: AnyImage,
    method: Sequence[AnyModel] | None = ...,
    *,
    noise_sd: float | tuple[float, float] = ...,
    planes: int = ...,
    seed: int = ...,
    noisy: AnyImage | None = ...,
    result: Mapping[str, AnyImage] | None = ...,
    series: int | None = ...,
    no_clean: Literal[False] = ...,
    noise: AnyNoise = ...,
) -> Evaluation: ...


@overload
def evaluate(
    clean: AnyImage,
    method: Sequence[AnyModel] | None = ...,
    *,
    planes: int = ...,
    seed: int = ...,
    series: int | None = ...,
    no_clean: Literal[True],
    noise: AnyNoise = ...,
) -> list[Ranked]: ...


def evaluate(
    clean: AnyImage,
    method: Sequence[AnyModel] | None = None,
    *,
    noise_sd: float | tuple[float, float] = (30.0, 40.0),
    planes: int = 20,
    seed: int = 0,
    noisy: AnyImage | None = None,
    result: Mapping[str, AnyImage] | None = None,
    series: int | None = None,
    no_clean: bool = False,
    noise: AnyNoise = "auto",
) -> Evaluation | list[Ranked]:
    """Measure denoisers on clean planes with noise added, or rank them on noisy planes alone.

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
    no_clean : bool
        `clean` holds noisy planes, of which there is no clean copy: the methods are ranked by
        their estimated errors, at their best strengths. `noise_sd`, `noisy` and `result` are for
        clean planes. By default four methods without a network are ranked, and all models that fit.
    noise : str, float or CameraNoise
        With `no_clean`, what noise the planes have: 'auto' measures it; or its standard deviation
        in counts, 'GAIN:OFFSET:READ_NOISE', or a camera.

    Returns
    -------
    Evaluation or list of Ranked
        With `no_clean` the methods, the best first: each with its ``strength``, its estimated root
        mean square ``error`` in counts, ``low`` and ``high`` between which that lies in 19 of 20
        cases, and the ``noise``. Else an evaluation: ``table`` for the screen, ``summary`` with
        each method's means, ``rows`` with each plane's figures, ``comparisons`` of each pair of
        methods and ``biases`` by brightness. The last four are sequences of dataclasses, of which
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
    names = [name_of(model) for model in method or ()]
    if no_clean:
        if noisy is not None or result:
            raise CrispimError(
                "noisy and result are for clean planes, of which no_clean says that there are "
                "none: leave one of them out."
            )
        with opened_image(clean, Selection(series=series)) as source:
            return _ranked(source, names, settings, read_noise(noise))
    if read_noise(noise) is not None:
        raise CrispimError(
            "noise tells the noise of noisy planes and is for no_clean: what clean planes get is "
            "said by noise_sd."
        )
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


def _ranked(
    source: Source, names: Sequence[str], settings: EvaluationSettings, given: CameraNoise | None
) -> list[Ranked]:
    """Rank methods on noisy planes, all of them unless some are named."""
    told = tell_noise(source, NoiseOptions(given))
    for problem in told.problems:
        warnings.warn(problem, UserWarning, stacklevel=3)
    chosen = names or default_ranked(source)
    with notebook_bar("ranking", len(chosen), "methods") as advance:
        ranking = rank_methods(source, chosen, settings, told, lambda done: advance(done, ""))
    if doubt := doubt_ranking(ranking):
        warnings.warn(doubt, UserWarning, stacklevel=3)
    return ranking
