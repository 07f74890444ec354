"""Jobs done by the workers of a cluster, to the bytes of a run in one process."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from crispim_ij.cluster.client import ClusterClient
from crispim_ij.cluster.payload import InputFingerprint, Result, Work
from crispim_ij.cluster.tasks import run_tasks
from crispim_ij.denoising import denoise_planes, load_denoiser
from crispim_ij.errors import CrispimError
from crispim_ij.jobs import DenoiseJob, PreprocessJob
from crispim_ij.jobs.local import preprocess_planes
from crispim_ij.machine import bundled_folder
from crispim_ij.models import Model, find_model
from crispim_ij.parity import NativeImageJ
from crispim_ij.planes import Sink, Source, to_dtype
from crispim_ij.planes.blocks import Block
from crispim_ij.preprocessing import add_noise
from crispim_ij.quiet import start_tensorflow

SECONDS = 2.0
"""What a task is to take, and so the most that a worker loses when it dies."""

_MOST_PIXELS = 2**24
_STARTING = threading.Lock()

Item = TypeVar("Item")
Cell = tuple[int, tuple[int, int], NDArray[Any]]
"""A plane's index, where in it pixels begin, and the pixels."""


def denoise_on(client: ClusterClient, job: DenoiseJob) -> Generator[float, None, None]:
    """Denoise on workers, which must see input and model as this process does.

    Parameters
    ----------
    client : ClusterClient
        The workers.
    job : DenoiseJob
        What is to be done. What its outputs have already is left out.

    Yields
    ------
    float
        0 once the outputs are open, then after each task the share of a plane that it was,
        which may be above 1, and 0 about once a second while there is nothing new. Closing the
        iterator ends the job as Ctrl-C does.

    Raises
    ------
    CrispimError
        If the workers can't do it.
    """
    with job.sink as sink:
        yield 0.0
        work, blocks = DenoiseWork.of(job), job.blocks()
        batches = _batches(client, work, blocks, _pixels, in_order=sink.in_order)
        with closing(batches):
            for done in batches:
                if done is None:
                    yield 0.0
                    continue
                batch, cells = done
                for index, at, pixels in cells:
                    sink.write(index, pixels, at)
                yield sum(block.share for block in batch)


def preprocess_on(client: ClusterClient, job: PreprocessJob) -> Generator[float, None, None]:
    """Preprocess natively on workers, which must see the input as this process does.

    One stream of noise that runs through the stack is added here, plane by plane, to what
    the workers downsample. Parameters, yields and errors are as for `denoise_on`.
    """
    with ExitStack() as opened:
        for sink in job.sinks:
            opened.enter_context(sink)
        yield 0.0
        pixels = job.source.shape[1] * job.source.shape[2]
        is_stream = job.settings.seed_stack
        in_order = is_stream or any(sink.in_order for sink in job.sinks)
        work, wanted = PreprocessWork.of(job), job.wanted()
        batches = _batches(client, work, wanted, lambda _: pixels, in_order=in_order)
        with closing(batches):
            for done in batches:
                if done is None:
                    yield 0.0
                    continue
                batch, results = done
                if is_stream:
                    _add_stream(job, results[0])
                else:
                    for sink, cells in zip(job.sinks, results, strict=True):
                        _write(sink, cells)
                yield float(len(batch))


def _batches(
    client: ClusterClient,
    work: Work[list[Item], Result],
    items: Iterable[Item],
    pixels: Callable[[Item], int],
    *,
    in_order: bool,
) -> Generator[tuple[list[Item], Result] | None, None, None]:
    """Have items done in batches, and yield each with its result; None while there is nothing new.

    Batches grow as workers show how fast they are. What is in one changes no pixel.
    """
    most = 1

    def batches() -> Iterator[list[Item]]:
        batch: list[Item] = []
        size = 0
        for item in items:
            if batch and size + pixels(item) > most:
                yield batch
                batch, size = [], 0
            batch.append(item)
            size += pixels(item)
        if batch:
            yield batch

    with closing(run_tasks(client, work, batches(), in_order=in_order)) as answers:
        for arrived in answers:
            if arrived is None:
                yield None
                continue
            batch, answer = arrived
            faster = min(2.0, SECONDS / max(answer.seconds, 1e-6))
            most = min(max(1, int(sum(map(pixels, batch)) * faster)), _MOST_PIXELS)
            client.processors.add(answer.processor)
            yield batch, answer.result


@dataclass(frozen=True)
class DenoiseWork:
    """What workers need of a denoising.

    `model` is its name, or its folder's path, on the workers; `dtype` the pixel type in which
    results are sent, that of the output, None for float32.
    """

    job: DenoiseJob
    files: InputFingerprint
    model: str
    dtype: np.dtype[Any] | None

    @classmethod
    def of(cls, job: DenoiseJob) -> DenoiseWork:
        """Return what workers need."""
        dtype = None
        if job.outputs and not job.uncertain:
            dtype = np.dtype(job.outputs[0].settings.dtype or job.source.dtype)
        sent = replace(job, sink=CollectingSink(job.sink.write_shape))
        return cls(sent, InputFingerprint.of(job.source), name_elsewhere(job.model), dtype)

    def prepare(self) -> None:
        """Check that input and model are those of the client."""
        self.files.check()
        found, expected = find_model(self.model).spec.sha256, self.job.model.spec.sha256
        if found != expected:
            raise CrispimError(
                f"model {self.model!r} is another one there (SHA-256 {found[:12]}..., where the "
                f"run was begun {expected[:12]}...): copy its folder to a drive that all "
                "machines share and give that path as --model."
            )

    def words(self, task: list[Block]) -> str:
        """Name the first and last plane of a task."""
        return _words(self.job.source, [block.index for block in task])

    def do(self, task: list[Block]) -> list[Cell]:
        """Denoise some blocks."""
        use_own_threads()
        job, sink = self.job, CollectingSink(self.job.sink.write_shape, self.dtype)
        denoiser = load_denoiser(find_model(self.model), job.settings, uncertain=job.uncertain)
        steps = denoise_planes(job.source, sink, denoiser, job.noises, blocks=task, in_flight=1)
        for _ in steps:
            pass
        return sink.cells


@dataclass(frozen=True)
class PreprocessWork:
    """What workers need of a preprocessing: the job without its sinks, and what they must see."""

    job: PreprocessJob
    files: InputFingerprint

    @classmethod
    def of(cls, job: PreprocessJob) -> PreprocessWork:
        """Return what workers need; of a stream through the stack, they only downsample."""
        clean = None if job.clean is None else CollectingSink(job.clean.write_shape)
        sent = replace(job, noisy=CollectingSink(job.noisy.write_shape), clean=clean)
        if job.settings.seed_stack:
            without = replace(job.settings, noise_sd=(0.0, 0.0))
            sent = replace(job, settings=without, noisy=CollectingSink(job.size), clean=None)
        return cls(replace(sent, engine=NativeImageJ()), InputFingerprint.of(job.source))

    def prepare(self) -> None:
        """Check that the input is the client's."""
        self.files.check()

    def words(self, task: list[int]) -> str:
        """Name the first and last plane of a task."""
        return _words(self.job.source, task)

    def do(self, task: list[int]) -> list[list[Cell]]:
        """Preprocess some planes; return noisy cells and, where these are wanted, clean ones."""
        noisy, *clean = (CollectingSink(sink.write_shape) for sink in self.job.sinks)
        # An engine has the state of one stream of noise: each task needs its own.
        own = replace(
            self.job, noisy=noisy, clean=clean[0] if clean else None, engine=NativeImageJ()
        )
        for _ in preprocess_planes(own, task):
            pass
        return [sink.cells for sink in (noisy, *clean)]


class CollectingSink(Sink):
    """A sink that keeps cells, in the pixel type of the sink in the end, for a worker to send.

    The client has the journal, has looked at the output, and asks for nothing that is finished.
    """

    def __init__(self, write_shape: tuple[int, int], dtype: np.dtype[Any] | None = None) -> None:
        self.path = Path("the worker's memory")
        self.write_shape = write_shape
        self._dtype = dtype
        self.cells: list[Cell] = []

    def write(self, index: int, pixels: NDArray[Any], at: tuple[int, int] = (0, 0)) -> None:
        """Keep cells; the sink in the end refuses values that aren't finite, and says why."""
        if self._dtype is not None and np.isfinite(pixels).all():
            pixels = to_dtype(pixels, self._dtype)
        self.cells.append((index, at, np.array(pixels)))


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


def name_elsewhere(model: Model) -> str:
    """Return how other machines find a model: by name if it ships, else by its folder."""
    if model.folder.parent == bundled_folder("models"):
        return model.folder.name
    return str(Path(model.folder).absolute())


def _words(source: Source, planes: list[int]) -> str:
    """Return the name of a task's first plane, and of the last where that is another."""
    first, last = source.names[planes[0]], source.names[planes[-1]]
    return f"'{first}'" if first == last else f"'{first}' to '{last}'"


def _pixels(block: Block) -> int:
    return block.shape[0] * block.shape[1]


def _add_stream(job: PreprocessJob, cells: list[Cell]) -> None:
    """Add to whole planes the noise that runs through all of them."""
    for index, _, clean in cells:
        job.write(index, clean, add_noise(clean, job.noise(index), job.engine))


def _write(sink: Sink, cells: list[Cell]) -> None:
    """Write what the sink lacks, where pixels are several cells by the last of them."""
    for index, at, pixels in cells:
        row, column = (
            a + (n - 1) // u * u for a, n, u in zip(at, pixels.shape, sink.write_shape, strict=True)
        )
        if not sink.has(index, (row, column)):
            sink.write(index, pixels, at)
