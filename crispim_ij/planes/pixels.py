"""Pixels in memory: their types, what is refused of them, and planes put together from chunks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.planes.checks import changed

DTYPES = tuple(np.dtype(name) for name in ("uint8", "uint16", "int16", "float32"))
"""The pixel types that are read and written."""

READ_AS_FLOAT32 = tuple(
    np.dtype(name) for name in ("float64", "float16", "int8", "uint32", "int32")
)
"""The pixel types that are read as float32, plane by plane, where nothing is lost."""

PNG_TYPES = (np.dtype("uint8"), np.dtype("uint16"))
"""The pixel types that a grey PNG can hold."""

CACHE_BYTES = 2**26
"""Bytes of decoded chunks that are kept for neighbouring regions."""

# The median of how far two draws of a normal distribution lie apart, over its sd.
_STEP_OF_SD = 0.9539
_STEPS = 2**16

Key = TypeVar("Key")


def to_dtype(plane: NDArray[Any], dtype: DTypeLike) -> NDArray[Any]:
    """Return a plane in another pixel type.

    Parameters
    ----------
    plane : numpy.ndarray
        Any shape, integer or float; finite where `dtype` is an integer type.
    dtype : numpy dtype
        The type wanted.

    Returns
    -------
    numpy.ndarray
        For an integer type, ``clip(rint(plane), smallest, largest)``, where `rint`
        rounds half to even; for a float type, the values as they are.
    """
    wanted = np.dtype(dtype)
    if wanted.kind == "f" or np.can_cast(plane.dtype, wanted):
        return plane.astype(wanted, copy=False)
    limits = np.iinfo(wanted)
    if plane.dtype.kind == "f":
        # The limits of 16-bit types are not numbers of float16.
        wide = plane.astype(np.promote_types(plane.dtype, np.float32), copy=False)
        clipped: NDArray[Any] = np.clip(np.rint(wide), limits.min, limits.max)
        return clipped.astype(wanted)
    own = np.iinfo(plane.dtype)
    lowest, highest = max(limits.min, own.min), min(limits.max, own.max)
    within: NDArray[Any] = np.clip(plane, lowest, highest)
    return within.astype(wanted)


def loses_detail(pixels: NDArray[Any], as_float32: NDArray[np.float32]) -> bool:
    """Whether float32 changes pixels by more than half the sd of their noise.

    The noise is that of the differences of neighbours along X, by their median. Where more than
    half of them are 0 there is none, and values that differ must stay apart.
    """
    wide = pixels.astype(np.float64, copy=False)
    if not np.isfinite(as_float32).all():
        return bool(np.isfinite(wide).all())
    error = float(np.abs(wide - as_float32).max())
    if error == 0:
        return False
    steps = np.abs(np.diff(wide, axis=-1)).ravel()
    steps = steps[:: max(1, steps.size // _STEPS)]
    noise = float(np.median(steps)) / _STEP_OF_SD if steps.size else 0.0
    if noise == 0:
        noise = float(steps[steps > 0].min(initial=np.inf))
    return error > noise / 2


def checked(
    pixels: NDArray[Any], shape: tuple[int, ...], dtype: np.dtype[Any], where: str
) -> NDArray[Any]:
    """Return pixels as native `dtype` if they are what the header said and finite."""
    plane = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    if plane.shape != shape or plane.dtype != dtype:
        raise changed(where)
    if dtype.kind == "f" and not np.isfinite(plane).all():
        raise CrispimError(
            f"{where} holds NaN or infinite values: replace them in ImageJ "
            "(Process > Math > NaN Background, or Remove NaNs) and save it again."
        )
    return plane


def read_as(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type that planes of a stored type are given in."""
    return np.dtype(np.float32) if dtype in READ_AS_FLOAT32 else dtype


def said_type(path: Path, dtype: np.dtype[Any]) -> tuple[str, ...]:
    """Say where planes are given in another type than they are stored in."""
    if dtype not in READ_AS_FLOAT32:
        return ()
    return (f"The pixels of '{path}' are {dtype}: they are read as float32.",)


def as_read(
    pixels: NDArray[Any], shape: tuple[int, ...], stored: np.dtype[Any], where: str
) -> NDArray[Any]:
    """Return pixels that are what the header said, in the type that they are given in."""
    plane = checked(pixels, shape, stored, where)
    if stored not in READ_AS_FLOAT32:
        return plane
    with np.errstate(over="ignore"):
        given = plane.astype(np.float32)
    if loses_detail(plane, given):
        raise CrispimError(
            f"{where} holds {stored} values that float32 would change by more than half their "
            "noise: subtract a constant, or save it as uint16, with the program that it comes from."
        )
    return given


def halved(pixels: NDArray[Any]) -> NDArray[Any]:
    """Return the means of 2 x 2 pixels each; at an odd side's end, of the last pixels alone."""
    even = np.pad(pixels, [(0, side % 2) for side in pixels.shape], mode="edge")
    rows, columns = (side // 2 for side in even.shape)
    mean = even.reshape(rows, 2, columns, 2).mean(axis=(1, 3), dtype=np.float64)
    return to_dtype(mean, pixels.dtype)


class ChunkCache(Generic[Key]):
    """Decoded chunks, the least recently used dropped first.

    Several threads may ask at once; a chunk that two of them want is decoded once.
    """

    def __init__(self, chunk_bytes: int) -> None:
        self._capacity = max(1, CACHE_BYTES // chunk_bytes)
        self._chunks: dict[Key, Future[NDArray[Any]]] = {}
        self._lock = threading.Lock()

    def reserve(self, chunks: int) -> None:
        """Keep at least so many chunks from now on, whatever their size."""
        with self._lock:
            self._capacity = max(self._capacity, chunks)

    def get(self, key: Key, load: Callable[[Key], NDArray[Any]]) -> NDArray[Any]:
        """Return a chunk, decoded by `load` now or before."""
        with self._lock:
            found = self._chunks.pop(key, None)
            future: Future[NDArray[Any]] = Future() if found is None else found
            self._chunks[key] = future
            while len(self._chunks) > self._capacity:
                del self._chunks[next(iter(self._chunks))]
        if found is None:
            try:
                future.set_result(load(key))
            except BaseException as error:
                with self._lock:
                    self._chunks.pop(key, None)
                future.set_exception(error)
                raise
        return future.result()


def assemble(
    region: tuple[slice, slice],
    chunk: tuple[int, int],
    dtype: np.dtype[Any],
    get: Callable[[int, int], NDArray[Any]],
) -> NDArray[Any]:
    """Copy a region of a plane from chunks, which `get` returns by their row and column."""
    result = np.empty(tuple(part.stop - part.start for part in region), dtype)
    for row, inside_y, place_y in _overlaps(region[0], chunk[0]):
        for column, inside_x, place_x in _overlaps(region[1], chunk[1]):
            result[place_y, place_x] = get(row, column)[inside_y, inside_x]
    return result


def _overlaps(part: slice, chunk: int) -> Iterator[tuple[int, slice, slice]]:
    """Yield each chunk along an axis that a part lies in, the part in it, and where that goes."""
    for number in range(part.start // chunk, -(-part.stop // chunk)):
        first, last = max(part.start, number * chunk), min(part.stop, (number + 1) * chunk)
        origin = number * chunk
        yield (
            number,
            slice(first - origin, last - origin),
            slice(first - part.start, last - part.start),
        )
