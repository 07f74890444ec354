"""Where planes go, as every format takes them, and how they are written."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.planes.provenance import Record

if TYPE_CHECKING:
    from typing import Self

_LARGEST_SHARD = 2**14


class Sink(ABC):
    """Planes that are written, in a `with` statement.

    Where the statement is left by an exception, everything this run wrote is removed,
    unless `record` was called before: then what is finished is kept, and
    ``SinkSettings.resume`` continues it. A subclass sets the attributes and writes; what
    is said here of journals holds for outputs on disk.

    Attributes
    ----------
    path : Path
        The folder or file.
    unit : tuple of int
        Rows and columns of what is written at once: a whole plane, or of an OME-Zarr
        a chunk or shard.
    in_order : bool
        Whether planes must come in their order.
    """

    path: Path
    unit: tuple[int, int]
    in_order: bool = False

    @property
    def kept(self) -> int:
        """How many units are finished and recorded."""
        return 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:  # noqa: B027
        """Finish, or clean up after an exception."""

    def record(self, options: Mapping[str, Any]) -> None:  # noqa: B027
        """Keep a journal from the `with` statement on.

        The options, JSON-ready and under the names that users know, must be the same
        where a run is resumed.
        """

    def sign(self, record: Record) -> None:  # noqa: B027
        """Say in the output, from the `with` statement on, what made it.

        See `crispim_ij.planes.provenance`. Of a signed output no journal stays when it is finished.
        """

    def check(self) -> None:  # noqa: B027
        """Refuse what the `with` statement would refuse, without writing anything.

        After `record`, which says what a run that is resumed must have been.
        """

    def has(self, index: int, at: tuple[int, int] = (0, 0)) -> bool:  # noqa: ARG002
        """Whether plane `index`, or its unit at a row and column, is finished already."""
        return False

    @abstractmethod
    def write(self, index: int, pixels: NDArray[Any], at: tuple[int, int] = (0, 0)) -> None:
        """Write a (Y, X) plane, or whole units of it from a row and column on.

        Pixels of any numeric type; float values for an integer type are rounded half to
        even and clipped. A folder and an OME-Zarr take planes in any order, a file in
        its own.
        """


class PairedSink(Sink):
    """A sink that takes two planes at once and writes each to an output of its own.

    Raises
    ------
    CrispimError
        If both are the same, or can't be written unit by unit alike.
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

    def __enter__(self) -> Self:
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


class Compression(StrEnum):
    """How pixels are packed: zlib opens in ImageJ, zstd (Bio-Formats) is faster and smaller."""

    NONE = "none"
    ZLIB = "zlib"
    ZSTD = "zstd"


@dataclass(frozen=True)
class ZarrSettings:
    """How an OME-Zarr is laid out.

    Attributes
    ----------
    version : {'0.4', '0.5'} or None
        Of OME-NGFF: 0.4 is Zarr 2, which most programs read, 0.5 Zarr 3. None takes
        0.5 for shards, else 0.4.
    chunk : int
        Rows and columns of a chunk, in px; chunks are one plane thick.
    shard : int or None
        Rows and columns of a shard, the file that holds several chunks, in px: a
        multiple of `chunk`. None: each chunk is a file.
    pyramid : bool
        Whether resolutions are added, each half the one before in Y and X, until a
        plane fits into a chunk.

    Raises
    ------
    CrispimError
        If the settings contradict each other.
    """

    version: Literal["0.4", "0.5"] | None = None
    chunk: int = 1024
    shard: int | None = None
    pyramid: bool = False

    def __post_init__(self) -> None:
        if not (16 <= self.chunk <= _LARGEST_SHARD and self.chunk % 16 == 0):
            raise CrispimError(
                f"The chunks' side is {self.chunk} px; give a multiple of 16 from 16 to "
                f"{_LARGEST_SHARD} px."
            )
        if self.shard is None:
            return
        if self.shard % self.chunk or not self.chunk <= self.shard <= _LARGEST_SHARD:
            raise CrispimError(
                f"--shard is {self.shard}; give a multiple of the chunks' {self.chunk} px, at most "
                f"{_LARGEST_SHARD}."
            )
        if self.version == "0.4":
            raise CrispimError("--shard needs OME-Zarr 0.5: leave out --ome-zarr, or the shards.")

    @property
    def format(self) -> Literal["0.4", "0.5"]:
        """The version of OME-NGFF that is written."""
        return self.version or ("0.5" if self.shard else "0.4")


@dataclass(frozen=True)
class SinkSettings:
    """How planes are written.

    Attributes
    ----------
    dtype : numpy.dtype or None
        Pixel type: uint8, uint16, int16 or float32; None keeps the source's.
    compression : Compression
        none, zlib or zstd.
    overwrite : bool
        Whether files of the same names may be replaced.
    plane_shape : tuple of int or None
        Rows and columns; None keeps the source's. Pixels are taken to have grown or
        shrunk accordingly: the whole plane covers what it did.
    resume : bool
        Whether to continue a run into the same output that was stopped, if there is one.
    zarr : ZarrSettings
        How an OME-Zarr is laid out.
    """

    dtype: np.dtype[Any] | None = None
    compression: Compression = Compression.NONE
    overwrite: bool = False
    plane_shape: tuple[int, int] | None = None
    resume: bool = False
    zarr: ZarrSettings = ZarrSettings()
