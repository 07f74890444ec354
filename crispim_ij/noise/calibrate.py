"""A camera's noise, measured on a stack that it took."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.noise.blocks import SIDE, Blocks, join, measure_blocks
from crispim_ij.noise.fit import (
    FEWEST,
    Line,
    Point,
    fit_constant,
    fit_line,
    group_blocks,
    is_better,
)
from crispim_ij.noise.model import CameraNoise

if TYPE_CHECKING:
    from crispim_ij.planes import Source

SMALLEST_SIDE = 4 * SIDE
"""Smallest side of planes, in px."""

DARKEST = 0.01
"""Share of the blocks that is darker than the offset that is taken where none is given."""

CORRELATED = 0.15
"""Correlation between neighbouring pixels from which noise isn't that of the model."""

_FEWEST_POINTS = 3
_EVEN = 2.0


@dataclass(frozen=True)
class CalibrationSettings:
    """How a camera is measured.

    Attributes
    ----------
    planes : int
        How many planes are read, spread over the stack; all where there are fewer.
    offset : float or None
        The camera's counts without light. None takes those that 1 % of the blocks are
        darker than.
    """

    planes: int = 16
    offset: float | None = None

    def __post_init__(self) -> None:
        if self.planes < 1:
            raise CrispimError(f"{self.planes} planes (--planes) tell nothing: give at least 1.")
        if self.offset is not None and not math.isfinite(self.offset):
            raise CrispimError(
                f"The offset {self.offset} (--offset) is no number of counts: give that of your "
                "camera, such as 100."
            )


@dataclass(frozen=True)
class Calibration:
    """What was measured.

    Attributes
    ----------
    camera : CameraNoise
        The noise; of gain 0 where a Gaussian explains it as well.
    points : tuple of Point
        Noise at each brightness, the camera's line goes through them.
    residual : float
        Root mean square deviation of the points, as a share of the camera's variance.
    grows_with_light : bool
        Whether there is strong evidence that noise grows with light.
    offset_given : bool
        Whether the offset was given, not guessed.
    down, right : float
        Correlation between the noise of pixels that are neighbours along Y and along X.
    planes : int
        How many planes were read.
    left_out : float
        Share of the blocks that was left out for clipped or filled pixels.
    """

    camera: CameraNoise
    points: tuple[Point, ...]
    residual: float
    grows_with_light: bool
    offset_given: bool
    down: float
    right: float
    planes: int
    left_out: float

    @property
    def is_correlated(self) -> bool:
        """Whether neighbouring pixels share noise, which the models were not made for."""
        return max(abs(self.down), abs(self.right)) > CORRELATED

    @property
    def model(self) -> str:
        """The better model's name: 'Gaussian' or 'Poisson-Gaussian'."""
        return "Poisson-Gaussian" if self.grows_with_light else "Gaussian"


def calibrate(
    source: Source,
    settings: CalibrationSettings,
    on_plane: Callable[[int], None] | None = None,
) -> Calibration:
    r"""Measure a camera's noise on a noisy stack, holding one plane at a time.

    Second differences remove what is smooth; blocks of 8 x 8 px are grouped by brightness, and
    the flattest quarter of a group tells the noise at that brightness. A robust line

    .. math:: \mathrm{variance} = g \, (\mathrm{light} - o) + r^2

    through the groups gives gain and read noise. It can't tell offset and read noise apart:
    each count more of offset is :math:`g` more of :math:`r^2`, and the same noise. So the
    offset is given, or the darkest blocks are taken to be without light; then the read noise
    holds the shot noise of what light they have.

    Parameters
    ----------
    source : Source
        The noisy planes, raw counts.
    settings : CalibrationSettings
        How many of them, and the offset if it is known.
    on_plane : callable, optional
        Called with the number of planes done.

    Returns
    -------
    Calibration
        The camera, and how well it explains the noise.

    Raises
    ------
    CrispimError
        If planes are too small, or have no noise or too few levels of light.
    """
    _, height, width = source.shape
    if min(height, width) < SMALLEST_SIDE:
        raise CrispimError(
            f"'{source.path}' has planes of {width} x {height} px, too small to tell noise from "
            f"structure: give planes of at least {SMALLEST_SIDE} px on each side."
        )
    blocks, planes = _read_blocks(source, settings, on_plane)
    clipped, alive = _find_clipped(blocks, source.dtype), blocks.variance > 0
    if alive.mean() < 1 / 2:
        raise CrispimError(
            f"'{source.path}' has no noise that could be measured: give planes as they come from "
            "the camera."
        )
    left_out = float((clipped | ~alive).mean())
    blocks = Blocks(*(column[alive] for column in blocks))
    points = group_blocks(blocks, clipped[alive])
    _check_levels(source, points)
    return _calibration(points, settings, blocks, planes, left_out)


def _calibration(
    points: list[Point], settings: CalibrationSettings, blocks: Blocks, planes: int, left_out: float
) -> Calibration:
    """Choose the offset and the better of both models."""
    given = settings.offset
    offset = float(np.quantile(blocks.light, DARKEST)) if given is None else given
    line, constant = fit_line(points, offset), fit_constant(points)
    grows = is_better(line, constant)
    chosen: Line = line if grows else constant
    weights = [point.blocks for point in points]
    return Calibration(
        camera=CameraNoise(chosen.gain, offset, chosen.floor**0.5),
        points=tuple(points),
        residual=chosen.residual,
        grows_with_light=grows,
        offset_given=given is not None,
        down=float(np.average([point.down for point in points], weights=weights)),
        right=float(np.average([point.right for point in points], weights=weights)),
        planes=planes,
        left_out=left_out,
    )


def _read_blocks(
    source: Source, settings: CalibrationSettings, on_plane: Callable[[int], None] | None
) -> tuple[Blocks, int]:
    """Measure blocks of planes spread over the stack."""
    count = min(settings.planes, source.shape[0])
    parts = []
    for index in np.linspace(0, source.shape[0] - 1, count).round().astype(int):
        parts.append(measure_blocks(source.read(int(index))))
        if on_plane is not None:
            on_plane(len(parts))
    return join(parts), count


def _find_clipped(blocks: Blocks, dtype: np.dtype[Any]) -> NDArray[np.bool_]:
    """Find the blocks with pixels at a limit of the type, of the camera or of subtraction."""
    lowest, highest = blocks.lowest.min(), blocks.highest.max()
    bottoms, tops = {0.0} if lowest == 0 else set(), set()
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        bottoms.add(float(limits.min))
        tops.add(float(limits.max))
    # Cameras of 10, 12 or 14 bit saturate below the type's limit.
    if highest >= 255 and math.log2(highest + 1).is_integer():
        tops.add(float(highest))
    return np.isin(blocks.lowest, list(bottoms)) | np.isin(blocks.highest, list(tops))


def _check_levels(source: Source, points: list[Point]) -> None:
    """Raise CrispimError unless there is light of several levels."""
    enough = len(points) >= _FEWEST_POINTS
    if enough:
        # The mean of a block of mere noise has an eighth of a pixel's deviation.
        of_noise = math.sqrt(float(np.median([point.variance for point in points]))) / SIDE
        weights = [point.blocks for point in points]
        mean = np.average([point.light for point in points], weights=weights)
        spread = np.average([(point.light - mean) ** 2 for point in points], weights=weights)
        enough = math.sqrt(float(spread)) > _EVEN * of_noise
    if not enough:
        raise CrispimError(
            f"'{source.path}' has too few levels of light to tell how noise depends on it (at "
            f"least {_FEWEST_POINTS} are needed, each in {FEWEST} blocks of {SIDE} x {SIDE} px "
            "without clipped pixels): give more planes (--planes), or ones with both dark and "
            "bright parts."
        )
