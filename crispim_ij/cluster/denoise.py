"""Denoising on many workers."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from crispim_ij.cluster.collected import Collected, Unit
from crispim_ij.cluster.crew import Crew
from crispim_ij.cluster.pace import Pace
from crispim_ij.cluster.parcel import SeenFiles, words_of
from crispim_ij.cluster.tasks import run_tasks
from crispim_ij.denoising.denoiser import DenoiseSettings
from crispim_ij.denoising.load import cached_denoiser
from crispim_ij.denoising.pipeline import check_slices, denoise_pieces
from crispim_ij.errors import CrispimError
from crispim_ij.models import Model, find_model
from crispim_ij.noise import CameraNoise
from crispim_ij.planes import Sink, Source
from crispim_ij.planes.pieces import Piece, pieces_of
from crispim_ij.quiet import start_tensorflow

_STARTING = threading.Lock()


@dataclass(frozen=True)
class DenoiseJob:
    """What workers need to denoise pieces of a stack.

    Attributes
    ----------
    source : Source
        Noisy planes, which workers read themselves.
    files : SeenFiles
        What they must see.
    model : str
        Name of the model, or path of its folder, on the workers.
    sha256 : str
        Of its weights.
    settings : DenoiseSettings
        How it is run.
    uncertain : bool
        Whether the expected error comes with each plane.
    unit : tuple of int
        Rows and columns of what is written at once.
    dtype : numpy.dtype or None
        Pixel type in which results are sent, None for float32.
    noises : sequence of CameraNoise or None
        What the model is told of each plane.
    """

    source: Source
    files: SeenFiles
    model: str
    sha256: str
    settings: DenoiseSettings
    uncertain: bool
    unit: tuple[int, int]
    dtype: np.dtype[Any] | None
    noises: Sequence[CameraNoise] | None = None

    def prepare(self) -> None:
        """Check that input and model are those of the client."""
        self.files.check()
        found = self._model().spec.sha256
        if found != self.sha256:
            raise CrispimError(
                f"model {self.model!r} is another one there (SHA-256 {found[:12]}..., where the "
                f"run was begun {self.sha256[:12]}...): copy its folder to a drive that all "
                "machines share and give that path as --model."
            )

    def words(self, task: list[Piece]) -> str:
        """Name the first and last plane of a task."""
        return words_of(self.source, [piece.index for piece in task])

    def _model(self) -> Model:
        """Find the model on this machine."""
        return find_model(self.model)

    def do(self, task: list[Piece]) -> list[Unit]:
        """Denoise some pieces."""
        use_own_threads()
        denoise = cached_denoiser(self._model(), self.settings, uncertain=self.uncertain)
        sink = Collected(self.unit, self.dtype)
        denoise_pieces(
            self.source, sink, denoise, task, denoise.depth, in_flight=1, noises=self.noises
        )
        return sink.units


def use_own_threads() -> None:
    """Start TensorFlow with as many threads as the Dask worker has, so that workers don't fight.

    In a process that has it already, its number stays: bytes don't depend on it.
    """
    from distributed import get_worker

    with _STARTING:
        if "tensorflow" in sys.modules:
            return
        start_tensorflow()
        import tensorflow as tf

        threads = get_worker().state.nthreads
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)


def denoise_on(
    crew: Crew,
    source: Source,
    sink: Sink,
    model: Model,
    settings: DenoiseSettings,
    *,
    uncertain: bool = False,
    noises: Sequence[CameraNoise] | None = None,
    dtype: np.dtype[Any] | None = None,
    on_done: Callable[[float], None] = lambda _: None,
    on_wait: Callable[[], None] = lambda: None,
) -> set[str]:
    """Denoise a stack on a crew's workers, to the bytes of `crispim_ij.denoising.denoise_stack`.

    Parameters
    ----------
    crew : Crew
        The workers, which must see input and model as this process does.
    source : Source
        Noisy planes.
    sink : Sink
        Takes the results. What it has already is left out.
    model : Model
        The model.
    settings : DenoiseSettings
        How it is run.
    uncertain : bool
        Whether the expected error comes with each plane.
    noises : sequence of CameraNoise, optional
        What the model is told of each plane; needed by models that are told the noise.
    dtype : numpy.dtype, optional
        The sink's pixel type, in which workers then send their results rather than as
        float32; not for pairs.
    on_done : callable
        Called after each task, with the share of a plane that it was; may be above 1.
    on_wait : callable
        Called about once a second.

    Returns
    -------
    set of str
        The kinds of processors that worked: between two kinds the last bit of a
        floating-point sum may differ.

    Raises
    ------
    CrispimError
        If planes and model don't fit, or the workers can't do it.
    """
    depth = model.spec.depth
    check_slices(source, depth)
    job = DenoiseJob(
        source,
        SeenFiles.of(source),
        name_elsewhere(model),
        model.spec.sha256,
        settings,
        uncertain,
        sink.unit,
        None if uncertain else dtype,
        noises,
    )
    pace, processors = Pace(), set()
    pieces = pieces_of(source, sink, settings.tile, deep=depth > 1)
    tasks = pace.batches(_with_pixels(pieces))
    answers = run_tasks(crew, job, tasks, in_order=sink.in_order, on_wait=on_wait)
    with closing(answers):
        for task, answer in answers:
            for index, at, pixels in answer.result:
                sink.write(index, pixels, at)
            pace.learn(sum(pixels for _, pixels in _with_pixels(task)), answer.seconds)
            processors.add(answer.processor)
            on_done(sum(piece.share for piece in task))
    return processors


def name_elsewhere(model: Model) -> str:
    """Return how other machines find a model: by name if it ships, else by its folder."""
    from crispim_ij.bundled import bundled_folder

    if model.folder.parent == bundled_folder("models"):
        return model.folder.name
    return str(Path(model.folder).absolute())


def _with_pixels(pieces: Iterator[Piece] | list[Piece]) -> Iterator[tuple[Piece, int]]:
    """Add to pieces how many pixels they have."""
    return ((piece, piece.shape[0] * piece.shape[1]) for piece in pieces)
