"""The original ImageJ's classes over JPype: what both engines have in common."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jpype
import numpy as np
import scyjava

from crispim_ij.errors import CrispimError
from crispim_ij.parity import INT_MAX, INT_MIN, PLANE_DTYPES, Interpolation, Plane

logger = logging.getLogger(__name__)

_STACK_TRACE = re.compile(r"^([\w.$]+(?:Exception|Error)\b.*)\n\s+at ", re.MULTILINE)


class ImageJ1:
    """A gateway to the ``ij`` classes of the Java virtual machine that runs.

    Parameters
    ----------
    engine : str
        Which ImageJ this is, for the user.
    """

    def __init__(self, engine: str) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._ij = scyjava.jimport("ij.IJ")
        self._processor = scyjava.jimport("ij.process.ImageProcessor")
        self._out_of_memory = scyjava.jimport("java.lang.OutOfMemoryError")

    @property
    def version(self) -> str:
        """ImageJ's version, for example ``1.53q``."""
        return str(self._ij.getVersion())

    @property
    def engine(self) -> str:
        """Which ImageJ this is: ``embedded``, or the folder or endpoint of a Fiji."""
        return self._engine

    def resize(
        self, plane: Plane, width: int, height: int, interpolation: Interpolation, average: bool
    ) -> Plane:
        """Resize as ``Image > Adjust > Size...`` does; see `ImageJGateway`."""
        with self._memory_errors():
            processor = _to_processor(plane)
            method = getattr(self._processor, interpolation.name)
            processor.setInterpolationMethod(method)
            return _to_plane(processor.resize(width, height, average), plane.dtype)

    def noise(self, plane: Plane, sd: float, seed: int | None = None) -> Plane:
        """Add noise as ``Add Specified Noise...`` does; see `ImageJGateway`."""
        if seed is not None and not INT_MIN <= seed <= INT_MAX:
            raise CrispimError(
                f"The noise seed {seed} is outside {INT_MIN} to {INT_MAX}, the range that ImageJ "
                "can seed its generator with: choose one within it."
            )
        with self._memory_errors(), self._lock:
            processor = _to_processor(plane)
            if seed is not None:
                self._processor.setRandomSeed(float(seed))
            processor.noise(float(sd))
            return _to_plane(processor, plane.dtype)

    def run_macro(self, macro: str, argument: str = "") -> str:
        """Run a macro, raising where ImageJ only reports; see `ImageJGateway`."""
        interpreter = scyjava.jimport("ij.macro.Interpreter")()
        with self._lock, caught_console() as console:
            self._ij.getErrorMessage()  # Reading ImageJ's last error also clears it.
            answer = thrown = None
            try:
                answer = interpreter.run(macro, argument)
            except jpype.JException as error:
                interpreter.abortMacro()
                thrown = error
            reported = interpreter.getErrorMessage() or self._ij.getErrorMessage()
            printed = str(console.toString()).strip()
        fault = _macro_fault(reported, thrown, printed, answer)
        if fault is not None:
            logger.debug("The failed macro printed: %s", printed)
            raise CrispimError(f"The ImageJ macro failed: {fault}; mend the macro or its argument.")
        for line in printed.splitlines():
            logger.info("ImageJ: %s", line)
        return "" if answer is None else str(answer)

    @contextmanager
    def _memory_errors(self) -> Iterator[None]:
        """Turn Java's out of memory into a sentence."""
        try:
            yield
        except self._out_of_memory as error:
            raise CrispimError(
                "ImageJ ran out of memory on a plane of this size: give Java a larger heap, for "
                "example --heap 4g."
            ) from error


@contextmanager
def caught_console() -> Iterator[Any]:
    """Catch what ImageJ prints: headless, its messages and its log go to the console."""
    system = scyjava.jimport("java.lang.System")
    buffer = scyjava.jimport("java.io.ByteArrayOutputStream")()
    stream = scyjava.jimport("java.io.PrintStream")(buffer, True)
    out, err = system.out, system.err
    system.setOut(stream)
    system.setErr(stream)
    try:
        yield buffer
    finally:
        system.setOut(out)
        system.setErr(err)


def _macro_fault(reported: Any, thrown: Any, printed: str, answer: Any) -> str | None:
    """Say why a macro failed, or None where it reached its end without an error."""
    # ImageJ only prints what a command throws, and lets the macro continue.
    trace = _STACK_TRACE.search(printed)
    if reported is not None:
        cause = str(reported)
    elif thrown is not None and "Macro canceled" not in str(thrown):
        cause = str(thrown)
    elif trace:
        cause = trace.group(1)
    elif thrown is not None:
        cause = printed or "it stopped by exit or cancel before its end"
    elif answer == "[aborted]":
        # The answer of a macro that the macro called.
        cause = printed or "a macro that it calls was aborted"
    else:
        return None
    return " ".join(cause.split()).rstrip(" .;")


def _to_processor(plane: Plane) -> Any:
    """Copy a plane into a new ImageJ processor."""
    height, width = plane.shape
    flat = np.ascontiguousarray(plane).reshape(-1)
    if plane.dtype == np.uint8:
        pixels = jpype.JArray(jpype.JByte)(flat.view(np.int8))
        return scyjava.jimport("ij.process.ByteProcessor")(width, height, pixels)
    if plane.dtype == np.uint16:
        pixels = jpype.JArray(jpype.JShort)(flat.view(np.int16))
        return scyjava.jimport("ij.process.ShortProcessor")(width, height, pixels, None)
    if plane.dtype == np.float32:
        pixels = jpype.JArray(jpype.JFloat)(flat)
        return scyjava.jimport("ij.process.FloatProcessor")(width, height, pixels)
    names = ", ".join(str(dtype) for dtype in PLANE_DTYPES)
    raise CrispimError(
        f"ImageJ can't hold a plane of type {plane.dtype}: convert it to one of {names}."
    )


def _to_plane(processor: Any, dtype: np.dtype[Any]) -> Plane:
    """Copy an ImageJ processor's pixels into a new plane."""
    shape = (int(processor.getHeight()), int(processor.getWidth()))
    pixels = np.array(memoryview(processor.getPixels()))
    return pixels.view(dtype).reshape(shape)
