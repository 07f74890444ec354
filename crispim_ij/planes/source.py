"""Where planes come from, as every format gives them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from crispim_ij.planes.metadata import Metadata


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
