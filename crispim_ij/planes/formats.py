"""Which format a path is: open it as a source, or create it as a sink."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from crispim_ij.errors import CrispimError
from crispim_ij.planes.checks import (
    PNG_SUFFIX,
    TIFF_SUFFIXES,
    ZARR_SUFFIX,
    check_output,
    existing,
    is_zarr,
)
from crispim_ij.planes.journal import journal_of, read_journal
from crispim_ij.planes.pixels import DTYPES
from crispim_ij.planes.provenance import History, folder_history
from crispim_ij.planes.selection import Selection, select
from crispim_ij.planes.sink import Sink, SinkSettings
from crispim_ij.planes.source import Source
from crispim_ij.planes.tiff_read import StackSource, open_tiffs, plane_files
from crispim_ij.planes.tiff_write import FolderSink, StackSink, folder_names
from crispim_ij.planes.tree import Tree


def open_source(path: str | Path, selection: Selection | None = None) -> Source:
    """Open a folder of TIFF or PNG planes, a TIFF stack or an OME-Zarr.

    Everything that can be known from the files' headers is checked here; no
    pixel is read.

    Parameters
    ----------
    path : str or Path
        A folder whose files hold one plane each, taken in natural order
        (``2.tif`` before ``10.tif``), along the channels, slices and time points that their
        names tell, or are the parts of a set; or a multi-page TIFF, an ImageJ hyperstack, an
        OME-TIFF or another that tifffile knows; or the folder of an OME-Zarr.
    selection : Selection, optional
        Series, channels, time points and resolution that are wanted; by default all
        planes of the first series in full resolution.

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
        if (chosen.series or 1) > 1:
            raise CrispimError(
                f"'{found}' is one image, so series {chosen.series} (--series) is not there: leave "
                "it out."
            )
        from crispim_ij.planes.ome_zarr_read import ZarrSource

        return select(ZarrSource(found, chosen.level), chosen)
    _refuse_level(found, chosen)
    return select(_open_tiff_or_png(found, chosen.series), chosen)


def open_stack(tree: Tree, stack: str, selection: Selection | None = None) -> Source:
    """Open a stack of an acquisition, as `open_source` does."""
    if stack not in tree.parts:
        return open_source(tree.path / stack, selection)
    chosen = selection or Selection()
    _refuse_level(tree.path / stack, chosen)
    parts = [tree.path / part for part in tree.parts[stack]]
    return select(StackSource(parts[0], chosen.series, parts), chosen)


def _refuse_level(path: Path, chosen: Selection) -> None:
    """Refuse another resolution of what has but one."""
    if chosen.level:
        raise CrispimError(
            f"'{path}' has one resolution, so --level {chosen.level} is not there: leave it out."
        )


def _open_tiff_or_png(path: Path, series: int | None) -> Source:
    """Open a folder of planes, or a TIFF."""
    if path.suffix.lower() == PNG_SUFFIX and not path.is_dir():
        raise CrispimError(f"'{path}' is one PNG file: give the folder that holds the planes.")
    if not path.is_dir():
        return StackSource(path, series)
    listed = plane_files(path)
    if not listed.is_png:
        return open_tiffs(path, listed, series)
    from crispim_ij.planes.png import PngFolderSource

    return PngFolderSource(path, listed, series)


def create_sink(output: str | Path, source: Source, settings: SinkSettings | None = None) -> Sink:
    """Return where the planes of a source go once they are changed.

    Parameters
    ----------
    output : str or Path
        A name that ends in .tif or .tiff for one file of the source's kind (plain,
        ImageJ hyperstack, OME-TIFF); one that ends in .zarr for an OME-Zarr; any other
        name for a folder with a file per plane under the source's names: PNG where the
        source's are, if PNG holds the pixel type, else TIFF. Missing folders are created.
    source : Source
        Gives names, pixel type and metadata.
    settings : SinkSettings, optional
        How planes are written.

    Returns
    -------
    Sink
        Nothing is written before its `with` statement begins.

    Raises
    ------
    CrispimError
        If the output is the input, lies in it, exists already or can't be written.
    """
    chosen = settings or SinkSettings()
    path = Path(output)
    if chosen.dtype is not None and np.dtype(chosen.dtype) not in DTYPES:
        raise CrispimError(
            f"'{path}' can't hold {np.dtype(chosen.dtype)} pixels: "
            "choose uint8, uint16, int16 or float32."
        )
    as_zarr = path.suffix.lower() == ZARR_SUFFIX
    as_file = path.suffix.lower() in TIFF_SUFFIXES
    names = None if as_file or as_zarr else folder_names(source, chosen.dtype)
    past = read_journal(journal_of(path))
    written = _history(path) if chosen.resume and past is None else ()
    check_output(
        path,
        names,
        source.path,
        as_folder=not as_file,
        overwrite=chosen.overwrite or (chosen.resume and bool(past or written)),
    )
    if past and past.done and not (past.finished or chosen.overwrite or chosen.resume):
        raise CrispimError(
            f"a run into '{path}' was stopped before its end: give --resume to continue it, or "
            "--overwrite to start over."
        )
    if as_zarr:
        from crispim_ij.planes.ome_zarr_write import ZarrSink

        return ZarrSink(path, source, chosen, written)
    if as_file:
        return StackSink(path, source, chosen, written)
    if names and all(name.lower().endswith(PNG_SUFFIX) for name in names):
        from crispim_ij.planes.png import PngFolderSink

        return PngFolderSink(path, source, chosen, written)
    return FolderSink(path, source, chosen, written)


def _history(output: Path) -> History:
    """Return what an output that is there says of what made it."""
    if output.is_dir() and not is_zarr(output):
        return folder_history(output)
    try:
        with open_source(output) as written:
            return written.metadata.history
    except CrispimError:
        return ()


def renaming(output: str | Path, source: Source, settings: SinkSettings) -> str | None:
    """Say where a folder's files get other names than the source's, as PNG can't hold them."""
    if Path(output).suffix.lower() in (*TIFF_SUFFIXES, ZARR_SUFFIX):
        return None
    names = folder_names(source, settings.dtype)
    if names == source.names:
        return None
    return (
        f"PNG can't hold {np.dtype(settings.dtype)} pixels, so '{output}' gets TIFF files: "
        f"'{names[0]}' for '{source.names[0]}', and so on."
    )


def recorded_options(output: str | Path) -> Mapping[str, Any]:
    """Return the options with which an output was begun, empty where no journal is."""
    past = read_journal(journal_of(Path(output)))
    options: Mapping[str, Any] = {} if past is None else past.header.get("options", {})
    return options
