"""Pictures of what the network makes of a few patches as it learns."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from crispim_ij.planes.atomic import make_folders, whole_file
from crispim_ij.training.patches import Patch

if TYPE_CHECKING:
    import keras
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SAMPLES_FOLDER = "samples"


def draw_samples(
    network: keras.Model,
    noisy: Patch,
    clean: Patch,
    step: int,
    *,
    target: str = "clean",
    unit: str = "counts",
) -> Figure:
    """Draw patches before and after the network.

    Parameters
    ----------
    network : keras.Model
        As it is at this step.
    noisy, clean : ndarray of float32
        A batch, one row of the picture each: noisy, predicted, clean, on one grey
        range. Of a mini-stack the plane is shown that the network is to predict.
    step : int
        Steps done.
    target : str
        What `clean` is, for a recipe that has no clean planes.
    unit : str
        What errors are counted in.

    Returns
    -------
    Figure
        The picture.
    """
    from matplotlib.figure import Figure

    # One by one: a batch of mini-stacks may need more memory than training does.
    predicted = [
        np.asarray(network(noisy[k : k + 1], training=False))[0] for k in range(len(noisy))
    ]
    shown = noisy if noisy.ndim == clean.ndim else noisy[:, noisy.shape[1] // 2]
    figure = Figure(figsize=(8, 0.4 + 2.75 * len(clean)), layout="constrained")
    figure.suptitle(f"step {step}")
    grid = figure.subplots(len(clean), 3, squeeze=False)
    for axes, *row in zip(grid, shown, predicted, clean, strict=True):
        _draw_row(axes, [patch[..., 0] for patch in row], ("noisy", "predicted", target), unit)
    return figure


def as_png(figure: Figure) -> bytes:
    """Return a picture as the content of a PNG file."""
    content = BytesIO()
    figure.savefig(content, format="png", dpi=100)
    return content.getvalue()


def write_samples(folder: Path, png: bytes, step: int) -> None:
    """Write a picture into the samples of a model folder."""
    make_folders(folder / SAMPLES_FOLDER)
    with whole_file(folder / SAMPLES_FOLDER / f"step-{step:06}.png") as part:
        part.write_bytes(png)


def forget_samples(folder: Path, done: int) -> None:
    """Delete the pictures of steps beyond `done`, which are trained again."""
    for file in (folder / SAMPLES_FOLDER).glob("step-*.png"):
        step = file.stem.removeprefix("step-")
        if step.isdigit() and int(step) > done:
            file.unlink()


def _draw_row(axes: Sequence[Axes], row: Sequence[Patch], names: Sequence[str], unit: str) -> None:
    """Show noisy, predicted and clean on the range of the noisy patch."""
    low, high = np.percentile(row[0], (0.5, 99))
    for axis, name, patch in zip(axes, names, row, strict=True):
        axis.imshow(patch, cmap="gray", vmin=low, vmax=high)
        error = np.sqrt(np.mean((patch - row[2]) ** 2))
        axis.set_title(name if patch is row[2] else f"{name}, RMSE {error:.3g} {unit}")
        axis.set_axis_off()
