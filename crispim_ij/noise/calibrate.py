"""A camera's noise, measured on a stack that it took, written and drawn."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from crispim_ij import __version__
from crispim_ij.errors import CrispimError
from crispim_ij.noise.camera import CameraNoise
from crispim_ij.noise.fit import fit_noise
from crispim_ij.noise.light_levels import SIDE, LightLevel
from crispim_ij.noise.measure import CORRELATED, measure_light, shared
from crispim_ij.noise.pairs import read_pairs
from crispim_ij.planes.atomic import whole_file, write_json
from crispim_ij.planes.selection import z_stacks

if TYPE_CHECKING:
    from crispim_ij.planes import Source


@dataclass(frozen=True)
class CalibrationSettings:
    """How a camera is measured.

    `planes` are read, spread over the stack, all where there are fewer. `offset` are the camera's
    counts without light; None takes those that 1 % of the blocks are darker than.
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
    levels : tuple of LightLevel
        Noise at each light, the camera's line goes through them.
    residual : float
        Root mean square deviation of the levels, as a share of the camera's variance.
    grows_with_light : bool
        Whether there is strong evidence that noise grows with light.
    offset_given : bool
        Whether the offset was given, not guessed.
    down, right : float
        Correlation between the noise of pixels that are neighbours along Y and along X.
    planes : int
        How many planes were read.
    left_out : float
        Share of the pixels that was left out, clipped or filled.
    """

    camera: CameraNoise
    levels: tuple[LightLevel, ...]
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
    r"""Measure a camera's noise on a noisy stack.

    As `crispim_ij.noise.measure_noise` does it, but of all planes as of one channel, and with
    the camera's offset where it is known. A line

    .. math:: \mathrm{variance} = g \, (\mathrm{light} - o) + r^2

    through the levels of light gives gain and read noise. It can't tell offset and read noise
    apart: each count more of offset is :math:`g` more of :math:`r^2`, and the same noise. So
    the offset is given, or the darkest blocks are taken to be without light; then the read
    noise holds the shot noise of what light they have.

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
        If planes are too small, or have no noise that could be measured.
    """
    _, height, width = source.shape
    if min(height, width) < SIDE:
        raise CrispimError(
            f"'{source.path}' has planes of {width} x {height} px, too small to tell noise from "
            f"structure: give planes of at least {SIDE} px on each side."
        )
    pairs = []
    for pair in read_pairs(source, z_stacks(source.metadata, len(source)), settings.planes):
        pairs.append(pair)
        if on_plane is not None:
            on_plane(len(pairs))
    light = measure_light(pairs)
    if not light.levels:
        raise CrispimError(
            f"'{source.path}' has no noise that could be measured: give planes as they come from "
            "the camera."
        )
    given = settings.offset
    offset = light.darkest if given is None else given
    line = fit_noise(light.levels, offset)
    return Calibration(
        camera=CameraNoise(line.gain, offset, line.floor**0.5),
        levels=tuple(light.levels),
        residual=line.residual,
        grows_with_light=line.gain > 0,
        offset_given=given is not None,
        down=shared(light.levels, "down"),
        right=shared(light.levels, "right"),
        planes=len(pairs),
        left_out=1 - math.fsum(level.share for level in light.levels),
    )


def write_camera(calibration: Calibration, measured: Path, path: Path) -> None:
    """Write a camera and how it was measured as JSON, replaced at once or not at all."""
    content = {
        "crispim_ij": __version__,
        "camera": asdict(calibration.camera),
        "measured": {
            "input": str(measured),
            "planes": calibration.planes,
            "model": calibration.model,
            "offset_given": calibration.offset_given,
            "residual": calibration.residual,
            "neighbours": {"down": calibration.down, "right": calibration.right},
            "left_out": calibration.left_out,
            "levels": [asdict(level) for level in calibration.levels],
        },
    }
    write_json(content, path)


def plot_calibration(calibration: Calibration, path: Path) -> None:
    """Draw the variance of noise over light, measured and the camera's, as PNG."""
    from matplotlib.figure import Figure

    camera, levels = calibration.camera, calibration.levels
    light = np.array([level.light for level in levels])
    along = np.linspace(min(camera.offset, light[0]), light[-1], 200)
    share = np.array([level.share for level in levels])
    area = 60 * np.sqrt(share / share.max())
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot()
    axes.scatter(light, [x.sd**2 for x in levels], area, label="measured (size: pixels)")
    axes.plot(along, camera.variance(along), color="C1", label=calibration.model)
    axes.axvline(camera.offset, color="0.6", lw=1, ls=":", label="offset")
    axes.set(
        xlabel="light (counts)",
        ylabel="variance of noise (counts²)",
        title=f"gain {camera.gain:.3g}, offset {camera.offset:.4g}, "
        f"read noise {camera.read_noise:.3g} counts",
    )
    axes.set_ylim(bottom=0)
    axes.grid(visible=True, alpha=0.25)
    axes.legend(frameon=False)
    with whole_file(path) as part:
        figure.savefig(part, format="png", dpi=150)
