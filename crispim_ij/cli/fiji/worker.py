"""TensorFlow for Python, in a worker process beside the one that holds Fiji's TensorFlow.

Both bring libraries of the same names, which can't be loaded into one process.
"""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.cli.console import start_tensorflow

if TYPE_CHECKING:
    from crispim_ij.denoising import Denoiser
    from crispim_ij.noise import CameraNoise

_denoisers: dict[tuple[str, int], Denoiser] = {}


def start_worker() -> ProcessPoolExecutor:
    """Return a worker for the functions below; it starts with the first of them."""
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))


def export_zip(model: str, path: Path) -> None:
    """Export a model for CSBDeep's plugin."""
    start_tensorflow()
    from crispim_ij.exporting import ExportSettings, export_model
    from crispim_ij.models import find_model

    export_model(find_model(model), path, ExportSettings())


def copy_zip(model: Path, path: Path) -> None:
    """Copy an exported model that does nothing but compute."""
    start_tensorflow()
    from crispim_ij.exporting.v1_zip import copy_checked

    copy_checked(model, path)


def denoise_plane(
    model: str, tile: int, plane: NDArray[Any], noise: CameraNoise | None
) -> NDArray[np.float32]:
    """Denoise a plane as `crispim-ij denoise` does."""
    if (model, tile) not in _denoisers:
        start_tensorflow()
        from crispim_ij.denoising import DenoiseSettings, load_denoiser

        _denoisers[model, tile] = load_denoiser(model, DenoiseSettings(tile=tile))
    return _denoisers[model, tile].told(noise)(plane)
