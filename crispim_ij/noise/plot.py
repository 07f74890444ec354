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

    camera, points = calibration.camera, calibration.points
    light = np.array([point.light for point in points])
    along = np.linspace(min(camera.offset, light[0]), light[-1], 200)
    area = 60 * np.sqrt([point.blocks / max(p.blocks for p in points) for point in points])
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot()
    axes.scatter(light, [p.variance for p in points], area, label="measured (size: blocks)")
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
