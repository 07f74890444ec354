"""Regions of a TIFF's page, read without the rest of it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from crispim_ij.planes.checks import faults_named
from crispim_ij.planes.chunks import ChunkCache, assembled

_Key = tuple[int, int, int]
_ROWS_AT_ONCE = 256


def page_chunk(page: tifffile.TiffPage) -> tuple[int, int]:
    """Return rows and columns of what a page is read in at least.

    Parameters
    ----------
    page : tifffile.TiffPage
        A grey page.

    Returns
    -------
    tuple of int
        A tile or a strip; some rows where the pixels lie one after another.
    """
    rows, columns = page.shape
    if page.is_contiguous:
        return min(rows, _ROWS_AT_ONCE), columns
    if page.is_tiled:
        return page.tilelength, page.tilewidth
    return min(rows, page.rowsperstrip), columns


def mapped_region(
    path: Path,
    offset: int,
    shape: tuple[int, int],
    dtype: np.dtype[Any],
    region: tuple[slice, slice],
) -> NDArray[Any]:
    """Read a region of pixels that lie one after another in a file.

    Parameters
    ----------
    path : Path
        The file.
    offset : int
        Byte at which the plane begins.
    shape : tuple of int
        Rows and columns of the plane.
    dtype : numpy.dtype
        In the file's byte order.
    region : pair of slice
        Rows and columns, within the plane.

    Returns
    -------
    ndarray
        A copy.
    """
    rows, columns = region
    begin = offset + rows.start * shape[1] * dtype.itemsize
    height = rows.stop - rows.start
    # Opened anew for each region: pages of a file stay in memory as long as it is mapped.
    lines = np.memmap(path, dtype, "r", begin, (height, shape[1]))
    return np.array(lines[:, columns])


class SegmentReader:
    """Tiles and strips of a file's pages, each decoded once while it is needed.

    Parameters
    ----------
    path : Path
        The file or folder, for messages.
    lock : threading.RLock
        Held while the file is read.
    """

    def __init__(self, path: Path, lock: threading.RLock) -> None:
        self._path = path
        self._cache: ChunkCache[_Key] | None = None
        self._lock = lock

    def read(
        self, index: int, page: tifffile.TiffPage, region: tuple[slice, slice]
    ) -> NDArray[Any]:
        """Return a region of a page.

        Parameters
        ----------
        index : int
            The page's number, to tell its segments from those of others.
        page : tifffile.TiffPage
            Its header; the file is open.
        region : pair of slice
            Rows and columns.

        Returns
        -------
        ndarray
            In the file's type, native byte order.
        """
        chunk = page_chunk(page)
        assert page.dtype is not None
        dtype = page.dtype.newbyteorder("=")
        per_row = -(-page.shape[1] // chunk[1])

        def load(key: _Key) -> NDArray[Any]:
            return self._decoded(page, key[1] * per_row + key[2], chunk, dtype)

        with self._lock:
            if self._cache is None:
                self._cache = ChunkCache(chunk[0] * chunk[1] * dtype.itemsize)
            cache = self._cache
        return assembled(
            region, chunk, dtype, lambda row, column: cache.get((index, row, column), load)
        )

    def _decoded(
        self,
        page: tifffile.TiffPage,
        segment: int,
        chunk: tuple[int, int],
        dtype: np.dtype[Any],
    ) -> NDArray[Any]:
        """Decode one tile or strip."""
        handle = page.parent.filehandle
        with faults_named(self._path):
            with self._lock:
                handle.seek(page.dataoffsets[segment])
                data = handle.read(page.databytecounts[segment])
            pixels = page.decode(data, segment, jpegtables=page.jpegtables)[0]
            if pixels is None:
                # An empty segment is left out of the file.
                return np.full(chunk, page.nodata, dtype)
            return np.ascontiguousarray(pixels[0, :, :, 0]).astype(dtype, copy=False)
