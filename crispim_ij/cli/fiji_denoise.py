"""`crispim-ij fiji denoise`, and the worker that has Python's TensorFlow.

The worker is a process of its own: that TensorFlow and Fiji's bring libraries of the same names,
which can't be loaded into one.
"""

from __future__ import annotations

import multiprocessing
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from crispim_ij.cli.console import progress_bar, say
from crispim_ij.cli.options import (
    FijiHome,
    Heap,
    Input,
    Noise,
    Overwrite,
    Packing,
    SelectionOptions,
    Strength,
    Tile,
    with_groups,
)
from crispim_ij.cli.outcome import opened_source, say_noise
from crispim_ij.errors import CrispimError
from crispim_ij.planes import Compression, SinkSettings, Source, create_sink
from crispim_ij.quiet import start_tensorflow

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from crispim_ij.imagej.model_zip import ModelZip
    from crispim_ij.models import ModelSpec
    from crispim_ij.noise import CameraNoise, NoiseOptions

    Denoise = Callable[[NDArray[Any], CameraNoise | None], NDArray[np.float32]]

TOLERANCE = 1e-2
"""Counts by which the plugin may differ from Python."""


@with_groups
def denoise(
    source: Input,
    output: Annotated[
        Path,
        typer.Argument(
            metavar="OUTPUT", help="Folder for the denoised planes, or a .tif file for a stack."
        ),
    ],
    *,
    fiji_home: FijiHome = None,
    model: Annotated[
        str,
        typer.Option(
            metavar="MODEL|ZIP",
            help="Name of a model, path of a model folder, or a .zip that `crispim-ij export` "
            "wrote.",
        ),
    ] = "crispim-2d",
    noise: Noise = "auto",
    strength: Strength = 1.0,
    heap: Heap = None,
    tile: Tile = 1024,
    compare: Annotated[
        bool,
        typer.Option(
            "--compare",
            help="Denoise each plane in Python, too, and end with status 1 if the counts differ by "
            f"more than {TOLERANCE}.",
        ),
    ] = False,
    selection: SelectionOptions,
    compression: Packing = Compression.NONE,
    overwrite: Overwrite = False,
) -> None:
    """Denoise through CSBDeep's plugin in your own Fiji, without a screen.

    For those who must show that Fiji gives the same: `crispim-ij denoise` needs no Fiji and is
    faster. Takes 2D and 3D models. Pixel type, pixel size, display range and other metadata are
    kept, as there.

    Example: `crispim-ij fiji denoise scan/ denoised/ --fiji-home /opt/Fiji.app --compare`
    """
    from crispim_ij.denoising import check_slices
    from crispim_ij.denoising.denoiser import check_options
    from crispim_ij.denoising.pipeline import windows
    from crispim_ij.imagej import GatewaySettings
    from crispim_ij.imagej.csbdeep import find_plugin, start_plugin
    from crispim_ij.noise import NoiseOptions, parse_noise

    if not fiji_home:
        raise CrispimError(
            "No Fiji is named (--fiji-home or CRISPIM_FIJI): name the folder of one that has the "
            "plugin CSBDeep."
        )
    if compare and _is_zip(model):
        raise CrispimError(
            f"The model {model!r} is a zip, which --compare can't run in Python: give the model's "
            "name or folder instead."
        )
    imagej = GatewaySettings(fiji_home, heap)
    told = NoiseOptions(parse_noise(noise), strength)
    described = _described(model)
    check_options(described, told)
    settings = SinkSettings(compression=compression, overwrite=overwrite)
    with ExitStack() as stack:
        planes = stack.enter_context(opened_source(source, selection.selection()))
        check_slices(planes, described.depth)
        results = create_sink(output, planes, settings)
        fiji = find_plugin(fiji_home)
        noises = _noises(planes, told, described) if described.takes_noise else [None] * len(planes)
        worker = stack.enter_context(_start_worker())
        scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="crispim-"))
        zip_file = _model_zip(model, Path(scratch), worker)
        plugin = stack.enter_context(start_plugin(fiji, imagej.heap, zip_file, tile))
        comparison = _Comparison(plugin, worker, model, tile) if compare else None
        sink = stack.enter_context(results)
        bar = stack.enter_context(progress_bar("denoising in Fiji", len(planes), "planes"))
        for index, around in enumerate(windows(planes, described.depth)):
            given = around[0] if described.depth == 1 else np.stack(around)
            sink.write(index, (comparison or plugin)(given, noises[index]))
            bar.advance(bar.task_ids[0])
    say(f"{len(planes)} denoised planes written to {output}")
    if comparison:
        comparison.report()


def _is_zip(model: str) -> bool:
    """Tell whether a model is an exported file."""
    return Path(model).suffix.lower() == ".zip"


def _described(model: str) -> ModelSpec | ModelZip:
    """Look up what is known of a model or a zip."""
    from crispim_ij.imagej.model_zip import read_model_zip
    from crispim_ij.models import find_model

    return read_model_zip(Path(model)) if _is_zip(model) else find_model(model).spec


def _noises(
    planes: Source, options: NoiseOptions, described: ModelSpec | ModelZip
) -> list[CameraNoise | None]:
    """Measure the noise and say it, or take what the user says; one a plane."""
    from crispim_ij.noise import tell_noise

    noise = tell_noise(planes, options, learnt=described.learnt_grain)
    say_noise(noise)
    return list(noise.of_planes(planes))


def _model_zip(model: str, scratch: Path, worker: ProcessPoolExecutor) -> ModelZip:
    """Return a copy of the zip that is named, or that of a model, exported for this run."""
    from crispim_ij.imagej.model_zip import read_model_zip

    path = scratch / "model.zip"
    if _is_zip(model):
        read_model_zip(Path(model))
        worker.submit(_copy_zip, Path(model), path).result()
    else:
        worker.submit(_export_zip, model, path).result()
    return read_model_zip(path)


class _Comparison:
    """Denoises in Fiji and in Python at once, and remembers how much they differ."""

    def __init__(self, plugin: Denoise, worker: ProcessPoolExecutor, model: str, tile: int) -> None:
        self._plugin = plugin
        self._worker = worker
        self._model = model
        self._tile = tile
        self._difference = 0.0

    def __call__(self, plane: NDArray[Any], noise: CameraNoise | None) -> NDArray[np.float32]:
        """Return what Fiji makes of a plane, or of a mini-stack."""
        expected = self._worker.submit(_denoise_plane, self._model, self._tile, plane, noise)
        result = self._plugin(plane, noise)
        self._difference = max(self._difference, float(abs(result - expected.result()).max()))
        return result

    def report(self) -> None:
        """Say how much they differ; end with status 1 where that is too much."""
        equal = self._difference <= TOLERANCE
        say(
            f"{'equal' if equal else 'different'}: Fiji's counts differ from Python's by at most "
            f"{self._difference:.2g}"
        )
        if not equal:
            raise typer.Exit(1)


def _start_worker() -> ProcessPoolExecutor:
    """Return a worker for the functions below; it starts with the first of them."""
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))


def _export_zip(model: str, path: Path) -> None:
    """Export a model for CSBDeep's plugin."""
    start_tensorflow(bare=True)
    from crispim_ij.exporting import ExportSettings, export_model
    from crispim_ij.models import find_model

    export_model(find_model(model), path, ExportSettings())


def _copy_zip(model: Path, path: Path) -> None:
    """Copy an exported model that does nothing but compute."""
    start_tensorflow(bare=True)
    from crispim_ij.exporting.v1_zip import copy_checked

    copy_checked(model, path)


def _denoise_plane(
    model: str, tile: int, plane: NDArray[Any], noise: CameraNoise | None
) -> NDArray[np.float32]:
    """Denoise a plane as `crispim-ij denoise` does."""
    start_tensorflow(bare=True)
    from crispim_ij.denoising import DenoiseSettings, load_denoiser

    return load_denoiser(model, DenoiseSettings(tile=tile)).told(noise)(plane)
