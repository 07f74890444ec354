"""Where planes come from: a folder of TIFF files or one multi-page TIFF."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from crispim_ij.planes.checks import existing
from crispim_ij.planes.metadata import Metadata
from crispim_ij.planes.tiff_folder import FolderSource
from crispim_ij.planes.tiff_stack import StackSource


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
    metadata : Metadata
        Of the whole stack; of a folder, that of its first file.
    """

    path: Path
    names: tuple[str, ...]
    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    metadata: Metadata

    def __len__(self) -> int: ...

    def __enter__(self) -> Source: ...

    def __exit__(self, *error: object) -> None: ...

    def read(self, index: int) -> NDArray[Any]:
        """Return plane `index` as a (Y, X) array."""

    def plane_metadata(self, index: int) -> Metadata:
        """Return what a file that holds plane `index` alone should say of it."""

    def close(self) -> None:
        """Let go of open files."""


def open_source(path: str | Path) -> Source:
    """Open a folder of TIFF planes or a TIFF stack.

    Everything that can be known from the files' headers is checked here; no
    pixel is read.

    Parameters
    ----------
    path : str or Path
        A folder whose files hold one plane each, taken in natural order
        (``2.tif`` before ``10.tif``), or a multi-page TIFF, an ImageJ
        hyperstack or an OME-TIFF.

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
    return FolderSource(found) if found.is_dir() else StackSource(found)
