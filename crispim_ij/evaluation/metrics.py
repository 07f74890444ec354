"""How far a result is from the clean plane: in figures, by brightness, by spatial frequency."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

PUBLISHED_RANGE = 65535.0  # of the paper's PSNR and SSIM
SSIM_WINDOW = 7  # scikit-image's default side
DECILES = 10

_FRC_THRESHOLD = 1 / 7  # the usual one for two images of which one is the reference
_TAPER = 0.25  # part of each side that the window fades


@dataclass(frozen=True)
class PlaneMetrics:
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


def plane_metrics(
    plane: str, sd: int | None, method: str, clean: NDArray[Any], result: NDArray[Any]
) -> PlaneMetrics:
    """Return all figures of one method's result on one plane."""
    span = robust_range(clean)
    return PlaneMetrics(
        plane=plane,
        sd=sd,
        method=method,
        psnr=psnr(clean, result),
        ssim=ssim(clean, result),
        pcc=pearson(clean, result),
        rmse=rmse(clean, result),
        robust_psnr=psnr(clean, result, span),
        robust_ssim=ssim(clean, result, span),
        frc_cutoff=cutoff_frequency(clean, result),
    )


def psnr(clean: NDArray[Any], result: NDArray[Any], data_range: float = PUBLISHED_RANGE) -> float:
    r"""Peak signal-to-noise ratio, :math:`20 \log_{10}(range / RMSE)`, in dB.

    It is infinite for equal planes. The range, in counts, is the paper's by default.
    """
    from skimage.metrics import peak_signal_noise_ratio

    with np.errstate(divide="ignore"):
        return float(peak_signal_noise_ratio(*_real(clean, result), data_range=data_range))


def ssim(clean: NDArray[Any], result: NDArray[Any], data_range: float = PUBLISHED_RANGE) -> float:
    """Structural similarity, at most 1: the mean over 7 x 7 windows.

    At the range of the paper, in counts, it saturates near 1.
    """
    from skimage.metrics import structural_similarity

    return float(
        structural_similarity(*_real(clean, result), win_size=SSIM_WINDOW, data_range=data_range)
    )


def pearson(clean: NDArray[Any], result: NDArray[Any]) -> float:
    """Pearson's correlation coefficient over all pixels; NaN where either plane is constant."""
    from scipy.stats import pearsonr

    first, second = (plane.ravel() for plane in _real(clean, result))
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    return float(pearsonr(first, second).statistic)


def rmse(clean: NDArray[Any], result: NDArray[Any]) -> float:
    """Root mean square error, in counts."""
    from skimage.metrics import mean_squared_error

    return float(np.sqrt(mean_squared_error(*_real(clean, result))))


def robust_range(clean: NDArray[Any]) -> float:
    """Range that a plane really uses: the span of its 0.1 to 99.9 percentiles, at least 1 count."""
    low, high = np.percentile(clean, (0.1, 99.9))
    return max(float(high - low), 1.0)


def _real(*planes: NDArray[Any]) -> tuple[NDArray[np.float64], ...]:
    """Return planes in double precision, as integers would wrap around."""
    return tuple(np.asarray(plane, np.float64) for plane in planes)


@dataclass(frozen=True)
class Bias:
    """Mean error (result minus clean) of a decile of the pixels, 1 the darkest, and clean mean."""

    decile: int
    clean: float
    error: float


def bias_by_decile(clean: NDArray[Any], result: NDArray[Any]) -> list[Bias]:
    """Average the error over tenths of the pixels, from dark to bright.

    Unbiased noise averages out, so what is left is what the method itself does to dark
    and to bright structure. Noise of the 'clean' plane itself shows as a slope: its darkest
    pixels are partly dark by chance. Ties are split in reading order.
    """
    truth = np.asarray(clean, np.float64).ravel()
    error = np.asarray(result, np.float64).ravel() - truth
    parts = np.array_split(np.argsort(truth, kind="stable"), DECILES)
    return [
        Bias(decile, float(truth[part].mean()), float(error[part].mean()))
        for decile, part in enumerate(parts, 1)
    ]


@dataclass(frozen=True, eq=False)
class RingCorrelation:
    """Fourier ring correlation, from -1 to 1, by spatial frequency in cycles per px, up to 0.5.

    A ring without power has 0.
    """

    frequency: NDArray[np.float64]
    correlation: NDArray[np.float64]


def ring_correlation(first: NDArray[Any], second: NDArray[Any]) -> RingCorrelation:
    r"""Correlate two (Y, X) planes ring by ring of their Fourier transforms.

    .. math:: FRC(r) = \frac{\mathrm{Re} \sum_{k \in r} A_k B_k^*}
                            {\sqrt{\sum_{k \in r} |A_k|^2 \sum_{k \in r} |B_k|^2}}

    The planes lose their mean and fade out towards their sides (a Tukey window), or the
    jump from one side to the other would correlate at all frequencies. Rings are as wide as one
    cycle over the shorter side. Saxton and Baumeister 1982; van Heel and Schatz 2005.
    """
    a, b = (np.fft.rfft2(_faded(plane)) for plane in (first, second))
    rows, columns = np.shape(first)
    radius = np.hypot(np.fft.fftfreq(rows)[:, None], np.fft.rfftfreq(columns))
    rings = min(rows, columns) // 2
    ring = np.rint(radius * min(rows, columns)).astype(int).ravel()

    def total(power: NDArray[np.float64]) -> NDArray[np.float64]:
        sums = np.bincount(ring, power.ravel(), rings + 1).astype(np.float64, copy=False)
        return sums[1 : rings + 1]

    scale = np.sqrt(total(np.abs(a) ** 2) * total(np.abs(b) ** 2))
    shared = total((a * b.conj()).real)
    correlation = np.divide(shared, scale, out=np.zeros_like(shared), where=scale > 0)
    return RingCorrelation(np.arange(1, rings + 1) / min(rows, columns), correlation)


def cutoff_frequency(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Return the frequency, in cycles per px, at which two (Y, X) planes cease to agree.

    It is where the ring correlation, averaged over three rings, first falls below 1/7; 0.5, the
    highest there is, where it never does.
    """
    curve = ring_correlation(first, second)
    padded = np.pad(curve.correlation, 1, mode="edge")
    smooth = np.convolve(padded, np.full(3, 1 / 3), mode="valid")
    below = np.flatnonzero(smooth < _FRC_THRESHOLD)
    return float(curve.frequency[below[0]]) if below.size else 0.5


def _faded(plane: NDArray[Any]) -> NDArray[np.float64]:
    """Return a plane without its mean, faded towards its sides."""
    from scipy.signal.windows import tukey

    values = np.asarray(plane, np.float64)
    rows, columns = (tukey(side, 2 * _TAPER) for side in values.shape)
    faded: NDArray[np.float64] = (values - values.mean()) * rows[:, None] * columns
    return faded
