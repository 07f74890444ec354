"""TensorFlow in a process of its own.

On Linux it can't live in napari's: TensorFlow and Mesa, which draws for AMD's processors and where
there is no graphics card, each bring an LLVM, and the second one to be loaded crashes
(https://github.com/tensorflow/tensorflow/issues/109933). Besides, the window stays quick.
"""

from __future__ import annotations

import atexit
import os
import pickle
import subprocess
import sys
import traceback
from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from threading import Lock
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.denoising import DenoiseSettings, load_denoiser
from crispim_ij.denoising.tiles import TileGrid
from crispim_ij.errors import CrispimError
from crispim_ij.models import Model
from crispim_ij.noise import CameraNoise, NoiseOptions, tell_noise
from crispim_ij.planes import Metadata
from crispim_ij.planes.arrays import ArraySource
from crispim_ij.training import Adapted, AdaptSettings, adapt
from crispim_ij.training.adaptation import Plan
from crispim_ij.training.log import HistoryEntry

Part = tuple[TileGrid | None, NDArray[Any]]
"""Tiles of a part of a plane, and the part with the tiles' margins; None and a whole plane."""


@dataclass(frozen=True)
class Adaptation:
    """A model that is to be adapted.

    Attributes
    ----------
    stacks : ndarray, shape (N, Z, Y, X)
        Noisy planes; each stack has noise of its own.
    model : Model
        What it begins with.
    folder : Path
        Model folder to write.
    settings : AdaptSettings
        How long it may take.
    noise : NoiseOptions
        What the user says of the noise.
    """

    stacks: NDArray[Any]
    model: Model
    folder: Path
    settings: AdaptSettings
    noise: NoiseOptions


@dataclass(frozen=True)
class AdaptStep:
    """How far an adaptation is: steps done, of those planned, and the newest estimated error."""

    done: int
    plan: Plan
    error: float | None


_ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONSAFEPATH": "1"}


class DenoiserProcess:
    """Denoises in another process, which starts when it is first needed.

    Several threads may ask at once; one is answered after another.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._asking = Lock()

    def load(self, model: Model, settings: DenoiseSettings) -> RemoteDenoiser:
        """Load a model, that takes and gives what a `Denoiser` does, or raise CrispimError."""
        denoiser = RemoteDenoiser(self, model, settings)
        self.ask(denoiser, None)
        return denoiser

    def adapt(self, task: Adaptation) -> Generator[AdaptStep, None, Adapted]:
        """Adapt a model, and yield after each step.

        Whoever closes the generator before its end ends the process with it, and leaves what is in
        the folder. Raises CrispimError as `crispim_ij.training.adapt` does.
        """
        with self._asking:
            try:
                answer = self._asked(task)
                while isinstance(answer, AdaptStep):
                    yield answer
                    answer = self._answer()
            except GeneratorExit:
                self._clear_away()
                raise
        if isinstance(answer, Exception):
            raise answer
        adapted: Adapted = answer
        return adapted

    def close(self) -> None:
        """End the process at once; who waits for an answer gets a CrispimError."""
        process = self._process  # which another thread may clear away meanwhile
        if process is not None:
            process.kill()
            with self._asking:
                self._clear_away()

    def ask(self, denoiser: RemoteDenoiser, part: Part | None) -> NDArray[np.float32]:
        """Send what is to be denoised, and wait for the answer."""
        with self._asking:
            answer = self._asked((denoiser.model, denoiser.settings, denoiser.noise, part))
        if isinstance(answer, Exception):
            raise answer
        result: NDArray[np.float32] = answer
        return result

    def _asked(self, question: Any) -> Any:
        """Send a question, and wait for the first answer."""
        process = self._started()
        with suppress(OSError):  # of a process that has ended, whose answer is waited for in vain
            _send(question, process.stdin)
        return self._answer()

    def _answer(self) -> Any:
        """Wait for an answer."""
        process = self._process
        assert process is not None
        assert process.stdout is not None
        try:
            return pickle.load(process.stdout)  # noqa: S301 - our own process
        except (EOFError, OSError, ValueError, pickle.UnpicklingError) as error:
            self._clear_away()
            raise CrispimError(
                f"The process that denoises ended with status {process.returncode}, perhaps "
                "for want of memory: close other programs and try again."
            ) from error

    def _started(self) -> Any:
        """Return the process, and start one where there is none."""
        if self._process is not None and self._process.poll() is not None:
            self._clear_away()
        if self._process is None:
            self._process = subprocess.Popen(  # noqa: S603 - this module
                # As a module's own classes, those of __main__ being others.
                [sys.executable, "-c", f"from {__name__} import serve; serve()"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, **_ENVIRONMENT},
                # Of Windows: no window for a moment.
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        return self._process

    def _clear_away(self) -> None:
        """Close what is left of a process; what it hasn't read can't be sent any more."""
        if self._process is not None:
            self._process.kill()
            with suppress(OSError), self._process:
                pass
            self._process = None


@dataclass(frozen=True)
class RemoteDenoiser:
    """A model in the other process, used like a `crispim_ij.denoising.Denoiser`.

    Attributes
    ----------
    process : DenoiserProcess
        Which has the process.
    model : Model
        The model.
    settings : DenoiseSettings
        How it is run.
    noise : CameraNoise or None
        What it is told of the noise.
    """

    process: DenoiserProcess
    model: Model
    settings: DenoiseSettings
    noise: CameraNoise | None = None

    def told(self, noise: CameraNoise | None) -> RemoteDenoiser:
        """Tell the noise of the planes that come next."""
        return replace(self, noise=noise)

    @property
    def depth(self) -> int:
        """Planes that it takes for the one that it gives."""
        return self.model.spec.depth

    def grid(self, shape: tuple[int, int]) -> TileGrid:
        """Cut a plane, or a part of one, into tiles."""
        return TileGrid.plan(
            shape, self.settings.tile, self.model.spec.halo, self.model.spec.stride
        )

    def extended(self, grid: TileGrid, extended: NDArray[Any]) -> NDArray[np.float32]:
        """Denoise what is given with its margins."""
        return self.process.ask(self, (grid, extended))

    def __call__(self, planes: NDArray[Any]) -> NDArray[np.float32]:
        """Denoise one plane, or the middle one of a mini-stack."""
        return self.process.ask(self, (None, planes))


@cache
def shared_process() -> DenoiserProcess:
    """Return the process that all widgets use, so that one that is opened again needs not wait."""
    process = DenoiserProcess()
    atexit.register(process.close)
    return process


def serve() -> None:
    """Answer what a `DenoiserProcess` is asked, until it is gone."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # What a library prints must not come between.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    while True:
        try:
            question = pickle.load(sys.stdin.buffer)  # noqa: S301 - from our own process
        except EOFError:
            return
        if isinstance(question, Adaptation):
            _send(_adapted(question, answers), answers)
        else:
            _send(_answer(*question), answers)


def _answer(
    model: Model,
    settings: DenoiseSettings,
    noise: CameraNoise | None,
    part: Part | None,
) -> Any:
    """Denoise; what goes wrong is an answer, too."""
    try:
        denoiser = load_denoiser(model, settings)
        if part is None:
            return None
        told, (grid, pixels) = denoiser.told(noise), part
        return told(pixels) if grid is None else told.extended(grid, pixels)
    except Exception as error:  # noqa: BLE001 - sent, and raised there
        return _to_send(error)


def _adapted(task: Adaptation, answers: IO[bytes]) -> Any:
    """Adapt, and send each step; what goes wrong is an answer, too."""
    plans: list[Plan] = []

    def step(done: int, newest: HistoryEntry | None) -> None:
        (plan,) = plans
        error = None if newest is None else newest.error * plan.noisy
        _send(AdaptStep(done, plan, error), answers)

    try:
        count, depth, rows, columns = task.stacks.shape
        source = ArraySource(task.stacks.reshape(count * depth, rows, columns))
        source.metadata = Metadata(axes="CZ", sizes=(count, depth))
        noise = tell_noise(source, task.noise, learnt=())
        return adapt(
            source,
            task.model,
            task.folder,
            task.settings,
            noise,
            on_plan=plans.append,
            on_step=step,
        )
    except Exception as error:  # noqa: BLE001 - sent, and raised there
        return _to_send(error)


def _to_send(error: Exception) -> Exception:
    """Return an exception that can be sent, as not all can."""
    return error if isinstance(error, CrispimError) else RuntimeError(traceback.format_exc())


def _send(message: Any, stream: IO[bytes]) -> None:
    pickle.dump(message, stream, protocol=pickle.HIGHEST_PROTOCOL)
    stream.flush()
