"""Planes read from an OME-Zarr."""

from __future__ import annotations

import lzma
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.planes.channels import channel_names
from crispim_ij.planes.checks import check_count, first_line, raised_in, too_large, unreadable
from crispim_ij.planes.ome_zarr_metadata import descriptions, read_image, to_metadata
from crispim_ij.planes.pixels import (
    DTYPES,
    READ_AS_FLOAT32,
    ChunkCache,
    as_read,
    assemble,
    read_as,
    said_type,
)
from crispim_ij.planes.plane_names import file_names
from crispim_ij.planes.source import Source

if TYPE_CHECKING:
    import zarr

_Key = tuple[int, ...]
_SMALLEST = 512

# What zarr, and the codecs of chunks below it, raise on files that are damaged.
_DAMAGE = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    lzma.LZMAError,
    zlib.error,
)


@contextmanager
def zarr_faults(path: Path) -> Iterator[None]:
    """Turn what zarr raises on damaged files into one sentence."""
    try:
        yield
    except PermissionError as error:
        raise unreadable(path) from error
    except MemoryError as error:
        raise too_large(f"'{path}'") from error
    except _DAMAGE as error:
        if not raised_in("zarr", error):
            raise
        raise CrispimError(
            f"'{path}' can't be read ({first_line(error)}): it may be damaged; "
            "copy or write it again."
        ) from error


class ZarrSource(Source):
    """The planes of one resolution of an OME-Zarr, time points slowest, channels fastest."""

    def __init__(self, path: Path, level: int = 0) -> None:
        self.path = path
        self._level = level
        image = read_image(path)
        if level >= len(image.paths):
            raise CrispimError(
                f"'{path}' has {len(image.paths)} resolution(s), so --level {level} is not there: "
                f"choose from 0 to {len(image.paths) - 1}."
            )
        self._array = _opened(path, image.paths[level], len(image.axes))
        lengths = dict(zip(image.axes, self._array.shape, strict=True))
        self._axes = image.axes
        self.metadata = to_metadata(image, level, lengths)
        self._stored = _checked_type(path, self._array.dtype)
        self.dtype, self.notes = read_as(self._stored), said_type(path, self._stored)
        rows, columns = self._array.shape[-2:]
        self.shape = (math.prod(self.metadata.sizes), rows, columns)
        check_count(self.shape[0], path)
        stem, channels = path.name.split(".")[0], channel_names(self.metadata)
        self.names = file_names(stem, self.metadata.lengths, channels)
        self.files = (*descriptions(path), *descriptions(path / image.paths[level]))
        self._read_at_once = _read_at_once(self._array.chunks)
        thick = self._read_at_once[self._axes.index("z")] if "z" in self._axes else 1
        self.chunks = (thick, self._read_at_once[-2], self._read_at_once[-1])
        self._cache: ChunkCache[_Key] = ChunkCache(
            math.prod(self._read_at_once) * self._stored.itemsize
        )

    def __reduce__(self) -> tuple[type[ZarrSource], tuple[Path, int]]:
        """Another process opens the image itself."""
        return ZarrSource, (self.path.absolute(), self._level)

    def read_region(self, index: int, rows: slice, columns: slice) -> NDArray[Any]:
        """Return a region of plane `index`; chunks are decoded once while it needs them."""
        k = range(len(self))[index]
        place = self._place(k)
        outer = [at // side for at, side in zip(place, self._read_at_once, strict=False)]
        within = tuple(at % side for at, side in zip(place, self._read_at_once, strict=False))
        self._reserve(rows, columns)

        def get(row: int, column: int) -> NDArray[Any]:
            box = self._cache.get((*outer, row, column), self._decoded)
            pixels: NDArray[Any] = box[within]
            return pixels

        pixels = assemble((rows, columns), (self.chunks[1], self.chunks[2]), self._stored, get)
        return as_read(pixels, pixels.shape, self._stored, f"plane {k} of '{self.path}'")

    def _place(self, index: int) -> list[int]:
        """Return where a plane lies along the array's axes before Y and X."""
        metadata = self.metadata
        numbers = np.unravel_index(index, metadata.sizes)
        at = dict(zip(metadata.axes.lower(), numbers, strict=True))
        return [int(at[axis]) for axis in self._axes[:-2]]

    def _reserve(self, rows: slice, columns: slice) -> None:
        """Let the cache hold what neighbours along Z will want, too, where chunks are thick."""
        if math.prod(self._read_at_once[:-2]) > 1:
            sides = zip((rows, columns), self.chunks[1:], strict=True)
            count = math.prod(-(-part.stop // c) - part.start // c for part, c in sides)
            channels = self.metadata.lengths.get("C", 1)
            # Twice: one thread may be in the next slab already.
            self._cache.reserve(2 * count * channels)

    def _decoded(self, key: _Key) -> NDArray[Any]:
        """Decode what is read at once."""
        sides = zip(key, self._read_at_once, strict=True)
        box = tuple(slice(number * side, (number + 1) * side) for number, side in sides)
        with zarr_faults(self.path):
            return np.asarray(self._array[box])


def _opened(path: Path, name: str, axes: int) -> zarr.Array[Any]:
    """Open one of an image's arrays for reading."""
    import zarr

    with zarr_faults(path):
        array: zarr.Array[Any] = zarr.open_array(path / name, mode="r")
    _refuse_codecs(path, array)
    if array.ndim != axes or 0 in array.shape:
        raise CrispimError(
            f"'{path / name}' has the shape {array.shape}, which doesn't fit its {axes} axes: "
            "write the OME-Zarr again with the program it is from."
        )
    if min(array.chunks) < 1:
        raise CrispimError(
            f"'{path / name}' says that its chunks are {array.chunks} pixels large: it may be "
            "damaged; copy or write it again."
        )
    return array


def _refuse_codecs(path: Path, array: zarr.Array[Any]) -> None:
    """Refuse chunks that are programs."""
    names = [getattr(codec, "codec_id", "") for codec in (*array.filters, *array.compressors)]
    if "pickle" in names:
        raise CrispimError(
            f"'{path}' keeps its pixels as Python's pickles, which can run programs: "
            "write the OME-Zarr again with another compression."
        )


def _checked_type(path: Path, dtype: Any) -> np.dtype[Any]:
    """Return the pixel type if it is supported."""
    native: np.dtype[Any] = np.dtype(dtype)
    if native.kind in "iuf":
        native = native.newbyteorder("=")
    if native not in (*DTYPES, *READ_AS_FLOAT32):
        raise CrispimError(
            f"'{path}' holds {native} pixels, which are not supported: "
            "convert it to uint8, uint16, int16 or float32."
        )
    return native


def _read_at_once(chunks: tuple[int, ...]) -> tuple[int, ...]:
    """Return the smallest box of whole chunks that is worth a call: small ones are taken together.

    Along T and C chunks are taken one by one, along Z as they are.
    """
    rows, columns = (side * max(1, _SMALLEST // side) for side in chunks[-2:])
    return (*chunks[:-2], rows, columns)
