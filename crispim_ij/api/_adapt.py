"""Adapt a model."""

from __future__ import annotations

import warnings
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from crispim_ij.api._images import (
    AnyModel,
    AnyNoise,
    AnyPath,
    Numbers,
    PathOrArray,
    as_model,
    opened_image,
    read_noise,
    selection_of,
)
from crispim_ij.api._progress import Advance, notebook_bar
from crispim_ij.noise import NoiseOptions, tell_noise
from crispim_ij.noise.suitability import misfits
from crispim_ij.training import Adapted, AdaptSettings, check_adaptable, check_place
from crispim_ij.training import adapt as adapt_model

if TYPE_CHECKING:
    from crispim_ij.training.adaptation import Plan
    from crispim_ij.training.log import HistoryEntry


def adapt(
    image: PathOrArray,
    folder: AnyPath,
    model: AnyModel = "crispim-2d",
    *,
    minutes: float = 10.0,
    noise: AnyNoise = "auto",
    seed: int = 0,
    overwrite: bool = False,
    channel: Numbers = None,
    time: Numbers = None,
    level: int = 0,
    series: int | None = None,
) -> Adapted:
    """Adapt a model to a noisy stack, without a clean plane.

    Parameters
    ----------
    image : ndarray, shape (Y, X) or (Z, Y, X), or path
        The noisy planes that are to be denoised, raw counts, at least 8 px on each side. Or a
        folder of TIFF or PNG planes, a TIFF stack or an OME-Zarr.
    folder : str or path
        Model folder to write.
    model : str, path or Model
        What it begins with: a model that is told the noise.
    minutes : float
        About how long it may take.
    noise : str, float or CameraNoise
        The planes' noise: 'auto' measures it; or its standard deviation in counts,
        'GAIN:OFFSET:READ_NOISE', or a camera.
    seed : int
        Decides every patch.
    overwrite : bool
        Whether a model in `folder` may be replaced.
    channel, time : int, str or None
        Of a file: channels and time points from 1, such as 2 or '1,3' or '1-10', and channels
        by their names. None takes all.
    level : int
        Of an OME-Zarr: its resolution, 0 for the full one.
    series : int or None
        Of a file with several images: which one, from 1.

    Returns
    -------
    Adapted
        ``model`` is for `denoise`; ``noisy``, ``before`` and ``after`` are root mean square
        errors against the clean, estimated on planes that were kept apart: of doing nothing, of
        the model that it began with, and of the new one. Where that isn't better, it is the one
        that it began with.

    Raises
    ------
    CrispimError
        If the model guesses the noise, a model is in `folder` already, or planes or options
        can't be used.

    Examples
    --------
    >>> adapted = adapt("scan/", "my-model", minutes=10)  # doctest: +SKIP
    >>> adapted.before, adapted.after  # doctest: +SKIP
    (10.6, 9.8)
    >>> denoised = denoise("scan/", adapted.model)  # doctest: +SKIP
    """
    settings, place = AdaptSettings(minutes, seed), Path(folder)
    found = as_model(model)
    check_adaptable(found)
    check_place(place, resume=False, overwrite=overwrite)
    with opened_image(image, selection_of(channel, time, level, series)) as source:
        told = tell_noise(source, NoiseOptions(read_noise(noise)), learnt=())
        for problem in (*told.problems, *misfits(source, found)):
            warnings.warn(problem, UserWarning, stacklevel=2)
        with ExitStack() as shown:
            bar: list[tuple[Plan, Advance]] = []

            def begin(plan: Plan) -> None:
                bar.append(
                    (plan, shown.enter_context(notebook_bar("adapting", plan.steps, "steps")))
                )

            def show(done: int, newest: HistoryEntry | None) -> None:
                ((plan, advance),) = bar
                advance(done, "" if newest is None else plan.progress(newest.error))

            adapted = adapt_model(source, found, place, settings, told, on_plan=begin, on_step=show)
    if adapted.is_doubtful:
        warnings.warn(adapted.why_kept(found.folder.name), UserWarning, stacklevel=2)
    return adapted
