"""Where planes come from: a folder of TIFF files, one multi-page TIFF, or an OME-Zarr."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.planes.checks import existing
from crispim_ij.planes.metadata import Metadata
from crispim_ij.planes.selection import Selection, select
from crispim_ij.planes.tiff_folder import FolderSource
from crispim_ij.planes.tiff_stack import StackSource
from crispim_ij.planes.zarr_attributes import is_zarr


class Source(Protocol):
    """Planes on disk, read one at a time.

    A source is a context manager. Several threads may call `read` at once.

    Attributes
    ----------
    path : Path
        The folder or file.
    names : tuple of str
        A file name for each plane: its own in a folder, '<stem>_0000.tif' and
        so on for the planes of a stack.
    shape : tuple of int
        Planes, rows and columns. The planes of a hyperstack are in the file's
        own order.
    dtype : numpy.dtype
        uint8, uint16, int16 or float32 in native byte order.
    chunks : tuple of int
        Planes along Z, rows and columns of the pieces in which the image is read.
    files : tuple of Path
        The files that tell whether the source has changed: all of a folder, the
        descriptions of an OME-Zarr.
    metadata : Metadata
        Of the whole stack; of a folder, that of its first file.
    """

    path: Path
    names: tuple[str, ...]
    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    chunks: tuple[int, int, int]
    files: tuple[Path, ...]
    metadata: Metadata

    def __len__(self) -> int: ...

    def __enter__(self) -> Source: ...

    def __exit__(self, *error: object) -> None: ...

    def read(self, index: int) -> NDArray[Any]:
        """Return plane `index` as a (Y, X) array."""

    def read_region(self, index: int, rows: slice, columns: slice) -> NDArray[Any]:
        """Return a region of plane `index`, from start to before stop, within the plane."""

    def plane_metadata(self, index: int) -> Metadata:
        """Return what a file that holds plane `index` alone should say of it."""

    def close(self) -> None:
        """Let go of open files."""


def open_source(path: str | Path, selection: Selection | None = None) -> Source:
    """Open a folder of TIFF planes, a TIFF stack or an OME-Zarr.

    Everything that can be known from the files' headers is checked here; no
    pixel is read.

    Parameters
    ----------
    path : str or Path
        A folder whose files hold one plane each, taken in natural order
        (``2.tif`` before ``10.tif``), or a multi-page TIFF, an ImageJ
        hyperstack or an OME-TIFF, or the folder of an OME-Zarr.
    selection : Selection, optional
        Channels, time points and resolution that are wanted; by default all
        planes in full resolution.

    Returns
    -------
    Source
        The planes, to be closed or used in a `with` statement.

    Raises
    ------
    CrispimError
        If the path or one of its files can't be used, with the remedy.
    """
    found = existing(Path(path))
    chosen = selection or Selection()
    if is_zarr(found):
        from crispim_ij.planes.zarr_source import ZarrSource

        return select(ZarrSource(found, chosen.level), chosen)
    if chosen.level:
        raise CrispimError(
            f"'{found}' has one resolution, so --level {chosen.level} is not there: leave it out."
        )
    if found.is_dir():
        return select(FolderSource(found), chosen)
    return select(StackSource(found), chosen)
