"""Open planes: a folder of TIFF files, one multi-page TIFF, or an OME-Zarr."""

from __future__ import annotations

from pathlib import Path

from crispim_ij.errors import CrispimError
from crispim_ij.planes.checks import existing
from crispim_ij.planes.ome_zarr.attributes import is_zarr
from crispim_ij.planes.selection import Selection, select
from crispim_ij.planes.source import Source
from crispim_ij.planes.tiff.folder_source import FolderSource
from crispim_ij.planes.tiff.stack_source import StackSource


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
        from crispim_ij.planes.ome_zarr.source import ZarrSource

        return select(ZarrSource(found, chosen.level), chosen)
    if chosen.level:
        raise CrispimError(
            f"'{found}' has one resolution, so --level {chosen.level} is not there: leave it out."
        )
    if found.is_dir():
        return select(FolderSource(found), chosen)
    return select(StackSource(found), chosen)
