"""Where planes come from, as every format gives them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from crispim_ij.planes.metadata import Metadata, of_plane


class Source(ABC):
    """Planes, read one at a time; a context manager.

    A subclass sets the attributes and reads regions. Several threads may read at once.

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
        Planes along Z, rows and columns that are decoded at once.
    files : tuple of Path
        The files that tell whether the source has changed: all of a folder, the
        descriptions of an OME-Zarr.
    metadata : Metadata
        Of the whole stack; of a folder, that of its first file.
    notes : tuple of str
        Sentences that whoever opens the source tells its user: planes that are missing, which
        of several series this is, values that are read as another type.
    left_out : tuple of str
        Names of files beside a folder's planes that are none.
    series : tuple of str
        Names of all series of the file or set that this is one of; '' where it gives none.
    """

    path: Path
    names: tuple[str, ...]
    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    chunks: tuple[int, int, int]
    files: tuple[Path, ...] = ()
    metadata: Metadata
    notes: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    series: tuple[str, ...] = ()

    def __len__(self) -> int:
        return self.shape[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def read(self, index: int) -> NDArray[Any]:
        """Return plane `index` as a (Y, X) array in native byte order."""
        return self.read_region(index, slice(0, self.shape[1]), slice(0, self.shape[2]))

    @abstractmethod
    def read_region(self, index: int, rows: slice, columns: slice) -> NDArray[Any]:
        """Return a region of plane `index`, from start to before stop, within the plane."""

    def plane_metadata(self, index: int) -> Metadata:
        """Return what a file that holds plane `index` alone should say of it."""
        return of_plane(self.metadata, range(len(self))[index])

    def close(self) -> None:  # noqa: B027
        """Close what is open; by default each read opens and closes its own files."""
