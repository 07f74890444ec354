"""One TIFF file that holds many planes: plain, ImageJ's or OME."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.planes.checks import (
    check_page,
    checked,
    decoded,
    faults_named,
    opened,
    plane_type,
)
from crispim_ij.planes.identity import check_unchanged, identity
from crispim_ij.planes.metadata import Metadata, of_plane, read_metadata
from crispim_ij.planes.tiff.layout import page_order, run_on_planes
from crispim_ij.planes.tiff.regions import SegmentReader, mapped_region, page_chunk


class StackSource:
    """The planes of one TIFF file, in the file's own order.

    Parameters
    ----------
    path : Path
        The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.files: tuple[Path, ...] = (path,)
        self._opened = identity(path)
        self._lock = threading.RLock()
        self._segments = SegmentReader(path, self._lock)
        with ExitStack() as stack:
            self._tif = stack.enter_context(opened(path))
            self._check_and_describe()
            self._open_files = stack.pop_all()

    def _check_and_describe(self) -> None:
        """Check all headers and remember which page holds which plane."""
        tif, path = self._tif, self.path
        run_on = run_on_planes(tif)
        check_page(tif.pages.first, path, planes=run_on)
        self._runs_on = run_on > 1
        self._pages = page_order(tif, path)
        header = check_page(self._page(0), path)
        for k in range(1, len(self._pages)):
            other = check_page(self._page(k), path)
            if other != header:
                raise CrispimError(
                    f"plane {k} of '{path}' is {plane_type(*other)} but plane 0 is "
                    f"{plane_type(*header)}: keep planes of one size and type in a file."
                )
        count = run_on if self._runs_on else len(self._pages)
        shape, self.dtype = header
        self.shape = count, *shape
        self.chunks = 1, *page_chunk(tif.pages.first)
        self.names = tuple(f"{_stem(path)}_{k:04d}.tif" for k in range(count))
        self.metadata = read_metadata(tif, count)

    def _page(self, k: int) -> tifffile.TiffPage:
        """Return the header of plane `k`; not for several threads at once."""
        page = self._tif.pages.get(self._pages[k], aspage=True)
        assert isinstance(page, tifffile.TiffPage)
        return page

    def __reduce__(self) -> tuple[type[StackSource], tuple[Path]]:
        """Another process opens the file itself."""
        return StackSource, (self.path.absolute(),)

    def __len__(self) -> int:
        return self.shape[0]

    def __enter__(self) -> StackSource:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def read(self, index: int) -> NDArray[Any]:
        """Return plane `index` as a (Y, X) array in native byte order."""
        k = range(len(self))[index]
        if self._runs_on:
            pixels = self._read_run_on(k)
        else:
            with self._lock, faults_named(self.path, k):
                page = self._page(k)
            pixels = decoded(page, self.path, k, lock=self._lock)
        check_unchanged(self.path, self._opened)
        return checked(pixels, self.shape[1:], self.dtype, f"plane {k} of '{self.path}'")

    def _read_run_on(self, k: int) -> NDArray[Any]:
        """Return plane `k` of a file whose one page is followed by all planes' data."""
        first = self._tif.pages.first
        handle = self._tif.filehandle
        with self._lock, faults_named(self.path, k):
            handle.seek(first.dataoffsets[0] + k * first.nbytes)
            data = handle.read(first.nbytes)
            dtype = self.dtype.newbyteorder(self._tif.byteorder)
            return np.frombuffer(data, dtype).reshape(first.shape)

    def read_region(self, index: int, rows: slice, columns: slice) -> NDArray[Any]:
        """Return a region of plane `index`, reading little else."""
        k = range(len(self))[index]
        region = rows, columns
        with self._lock, faults_named(self.path, k):
            page = self._tif.pages.first if self._runs_on else self._page(k)
        if page.is_contiguous:
            offset = page.dataoffsets[0] + (k * page.nbytes if self._runs_on else 0)
            dtype = self.dtype.newbyteorder(self._tif.byteorder)
            with faults_named(self.path, k):
                pixels = mapped_region(self.path, offset, self.shape[1:], dtype, region)
        else:
            pixels = self._segments.read(k, page, region)
        check_unchanged(self.path, self._opened)
        shape = rows.stop - rows.start, columns.stop - columns.start
        return checked(pixels, shape, self.dtype, f"plane {k} of '{self.path}'")

    def plane_metadata(self, index: int) -> Metadata:
        """Return what a file that holds plane `index` alone should say of it."""
        return of_plane(self.metadata, range(len(self))[index])

    def close(self) -> None:
        """Close the file."""
        self._open_files.close()


def _stem(path: Path) -> str:
    """Return a file's name without '.tif', '.ome.tif' and the like."""
    return Path(path.stem).stem if path.stem.lower().endswith(".ome") else path.stem
