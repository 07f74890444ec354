"""Noise over light, as a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from crispim_ij.noise.calibrate import Calibration
from crispim_ij.planes.atomic import whole_file


def plot_calibration(calibration: Calibration, path: Path) -> None:
    """Draw the variance of noise over light, measured and the camera's, as PNG.

    Parameters
    ----------
    calibration : Calibration
        What was measured.
    path : Path
        The file, replaced at once or not at all.
    """
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
