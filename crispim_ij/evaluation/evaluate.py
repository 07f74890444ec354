"""Methods measured on planes whose truth is known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.evaluation import metrics
from crispim_ij.evaluation.bias import Bias, bias_by_decile
from crispim_ij.evaluation.frc import cutoff_frequency
from crispim_ij.evaluation.methods import Method
from crispim_ij.evaluation.noise import NoiseSettings, noisy_plane
from crispim_ij.networks import mini_stack
from crispim_ij.planes import Source


@dataclass(frozen=True)
class EvaluationSettings:
    """On what methods are measured.

    Attributes
    ----------
    planes : int
        How many planes are drawn at random, or all where there are fewer.
    noise : NoiseSettings
        The noise that they get; its seed also draws the planes.
    """

    planes: int = 20
    noise: NoiseSettings = field(default_factory=NoiseSettings)

    def __post_init__(self) -> None:
        if self.planes < 1:
            raise CrispimError(
                f"{self.planes} planes (--planes) can't be evaluated: give at least 1."
            )


@dataclass(frozen=True)
class Given:
    """Planes that take the place of drawn noise, and results of other programs.

    Attributes
    ----------
    noisy : Source or None
        Noisy planes, one for each clean one.
    results : mapping of str to Source
        Denoised planes by the name of what made them.
    """

    noisy: Source | None = None
    results: Mapping[str, Source] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """One method on one plane.

    Attributes
    ----------
    plane : str
        The clean plane's name.
    sd : int or None
        Standard deviation of the noise in counts; None where it was not drawn here, or is
        a camera's, which has no single one.
    method : str
        The method's name.
    psnr, ssim : float
        At the published range of 65535; PSNR in dB.
    pcc : float
        Pearson's correlation coefficient.
    rmse : float
        Root mean square error in counts.
    robust_psnr, robust_ssim : float
        At the span of the clean plane's 0.1 to 99.9 percentiles.
    frc_cutoff : float
        Frequency in cycles per px up to which the Fourier rings agree with the clean
        plane's; 0.5 is all of them.
    """

    plane: str
    sd: int | None
    method: str
    psnr: float
    ssim: float
    pcc: float
    rmse: float
    robust_psnr: float
    robust_ssim: float
    frc_cutoff: float


@dataclass(frozen=True)
class Evaluated:
    """One plane with what the methods made of it.

    Attributes
    ----------
    clean, noisy : ndarray, shape (Y, X)
        Counts.
    results : mapping of str to ndarray
        Each method's plane.
    rows : tuple of Row
        Each method's figures.
    biases : mapping of str to sequence of Bias
        Each method's mean error by brightness.
    """

    clean: NDArray[Any]
    noisy: NDArray[Any] | None
    results: Mapping[str, NDArray[Any]]
    rows: tuple[Row, ...]
    biases: Mapping[str, Sequence[Bias]]


def evaluate(
    source: Source,
    methods: Sequence[Method],
    settings: EvaluationSettings,
    given: Given | None = None,
) -> Iterator[Evaluated]:
    """Measure methods plane by plane, holding one plane at a time.

    Parameters
    ----------
    source : Source
        Clean planes.
    methods : sequence of Method
        What is measured on the noisy planes. Those that are told the noise are told the
        standard deviation that was drawn, or that of noisy minus clean where none was.
    settings : EvaluationSettings
        How many planes, and their noise.
    given : Given or None
        Noisy planes or results that are there already.

    Returns
    -------
    iterator of Evaluated
        The planes that were drawn, in their order in the source.

    Raises
    ------
    CrispimError
        If there is nothing to measure, two methods share a name, planes are smaller than
        SSIM's window or given planes don't match the clean ones.
    """
    given = given or Given()
    _check_names([method.name for method in methods] + list(given.results))
    check_planes(source, given)
    chosen = choose_planes(len(source), settings)
    return (_evaluated(source, index, methods, settings.noise, given) for index in chosen)


def choose_planes(count: int, settings: EvaluationSettings) -> list[int]:
    """Draw planes at random, each at most once.

    Parameters
    ----------
    count : int
        How many there are.
    settings : EvaluationSettings
        How many are wanted, and the seed.

    Returns
    -------
    list of int
        Their indices in rising order.
    """
    rng = np.random.default_rng(settings.noise.seed)
    drawn = rng.choice(count, min(settings.planes, count), replace=False)
    return sorted(int(index) for index in drawn)


def _evaluated(
    source: Source, index: int, methods: Sequence[Method], noise: NoiseSettings, given: Given
) -> Evaluated:
    """Return one plane's results and figures."""
    clean = source.read(index)

    @cache
    def with_noise(plane: int) -> tuple[NDArray[Any], int | None]:
        if given.noisy is not None:
            return given.noisy.read(plane), None
        return noisy_plane(source.read(plane), plane, noise)

    def taken_by(method: Method) -> NDArray[Any]:
        if method.depth == 1:
            return with_noise(index)[0]
        around = mini_stack(index, len(source), method.depth)
        return np.stack([with_noise(plane)[0] for plane in around])

    results: dict[str, NDArray[Any]] = {}
    noisy, sd = None, None
    if methods or given.noisy is not None:
        noisy, sd = with_noise(index)
        told = noise_sd(clean, noisy) if sd is None else float(sd)
        results |= {method.name: method.run(taken_by(method), told) for method in methods}
    results |= {name: planes.read(index) for name, planes in given.results.items()}
    rows = tuple(
        _row(source.names[index], sd, name, clean, result) for name, result in results.items()
    )
    biases = {name: bias_by_decile(clean, result) for name, result in results.items()}
    return Evaluated(clean, noisy, results, rows, biases)


def noise_sd(clean: NDArray[Any], noisy: NDArray[Any]) -> float:
    """Measure the noise of a plane whose truth is known.

    Parameters
    ----------
    clean, noisy : ndarray, shape (Y, X)
        Counts.

    Returns
    -------
    float
        Standard deviation of their difference, in counts.
    """
    return float(np.std(np.asarray(noisy, np.float64) - np.asarray(clean, np.float64)))


def _row(plane: str, sd: int | None, method: str, clean: NDArray[Any], result: NDArray[Any]) -> Row:
    """Return all figures of one result."""
    span = metrics.robust_range(clean)
    return Row(
        plane=plane,
        sd=sd,
        method=method,
        psnr=metrics.psnr(clean, result),
        ssim=metrics.ssim(clean, result),
        pcc=metrics.pearson(clean, result),
        rmse=metrics.rmse(clean, result),
        robust_psnr=metrics.psnr(clean, result, span),
        robust_ssim=metrics.ssim(clean, result, span),
        frc_cutoff=cutoff_frequency(clean, result),
    )


def _check_names(names: Sequence[str]) -> None:
    """Raise CrispimError unless there are methods, each of a name of its own."""
    if not names:
        raise CrispimError("There is nothing to evaluate: name a method (--method or --result).")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise CrispimError(
            f"The method {twice[0]!r} is named twice (--method, --result): give each a name of "
            "its own."
        )


def check_planes(source: Source, given: Given) -> None:
    """Check that planes can be measured against the clean ones.

    Parameters
    ----------
    source : Source
        Clean planes.
    given : Given
        Noisy planes or results that are there already.

    Raises
    ------
    CrispimError
        If planes are smaller than SSIM's window or given ones don't match the clean ones.
    """
    if min(source.shape[1:]) < metrics.SSIM_WINDOW:
        raise CrispimError(
            f"'{source.path}' has planes of {source.shape[2]} x {source.shape[1]} px, smaller than "
            f"the {metrics.SSIM_WINDOW} px that SSIM needs: give larger planes."
        )
    others = [*([] if given.noisy is None else [given.noisy]), *given.results.values()]
    for other in others:
        if other.shape != source.shape:
            raise CrispimError(
                f"'{other.path}' holds {_size(other)} but the clean '{source.path}' holds "
                f"{_size(source)}: give planes made from these clean ones."
            )


def _size(source: Source) -> str:
    """Return a source's size in words."""
    planes, rows, columns = source.shape
    return f"{planes} planes of {columns} x {rows} px"
