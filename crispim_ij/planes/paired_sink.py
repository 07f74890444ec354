"""Two outputs of one run."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.planes.sink import Sink


class PairedSink:
    """A sink that takes two planes at once and writes each to an output of its own.

    Parameters
    ----------
    first, second : Sink
        The outputs.

    Raises
    ------
    CrispimError
        If they are the same, or can't be written piece by piece alike.
    """

    def __init__(self, first: Sink, second: Sink) -> None:
        self.path, self.unit = first.path, first.unit
        self.in_order = first.in_order or second.in_order
        self._sinks = (first, second)
        self._opened = ExitStack()
        if first.path.absolute() == second.path.absolute():
            raise CrispimError(f"'{first.path}' is given for two outputs: name another for one.")
        if first.unit != second.unit:
            raise CrispimError(
                f"'{first.path}' and '{second.path}' are written in pieces of different sizes: "
                "give both outputs of one run the same kind of name, such as .zarr."
            )

    @property
    def kept(self) -> int:
        """How many units are finished and recorded in both outputs."""
        return min(sink.kept for sink in self._sinks)

    def __enter__(self) -> PairedSink:
        with ExitStack() as opened:
            for sink in self._sinks:
                opened.enter_context(sink)
            self._opened = opened.pop_all()
        return self

    def __exit__(self, *error: Any) -> None:
        self._opened.__exit__(*error)

    def record(self, options: Mapping[str, Any]) -> None:
        """Keep a journal of both, see `Sink.record`."""
        for sink in self._sinks:
            sink.record(options)

    def check(self) -> None:
        """Refuse what either output would refuse."""
        for sink in self._sinks:
            sink.check()

    def has(self, index: int, at: tuple[int, int] = (0, 0)) -> bool:
        """Whether both outputs have a plane, or a unit of it, already."""
        return all(sink.has(index, at) for sink in self._sinks)

    def write(self, index: int, pixels: NDArray[Any], at: tuple[int, int] = (0, 0)) -> None:
        """Write a (2, Y, X) pair, the first to the first output, where it isn't there yet."""
        for sink, plane in zip(self._sinks, np.asarray(pixels), strict=True):
            if not sink.has(index, at):
                sink.write(index, plane, at)
