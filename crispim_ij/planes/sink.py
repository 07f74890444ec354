"""Where planes go: a folder of TIFF files, one multi-page TIFF, or an OME-Zarr."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.planes.checks import DTYPES, TIFF_SUFFIXES
from crispim_ij.planes.journal import read_journal
from crispim_ij.planes.ome_zarr.attributes import ZARR_SUFFIX
from crispim_ij.planes.output_checks import check_output
from crispim_ij.planes.sink_settings import SinkSettings
from crispim_ij.planes.source import Source
from crispim_ij.planes.tiff.folder_sink import FolderSink
from crispim_ij.planes.tiff.stack_sink import StackSink
from crispim_ij.planes.writing import journal_path


class Sink(Protocol):
    """Planes going to disk, used in a `with` statement.

    Where the statement is left by an exception, everything this run wrote is removed,
    unless `record` was called before: then what is finished is kept, and
    ``SinkSettings.resume`` goes on with it.

    Attributes
    ----------
    path : Path
        The folder or file.
    unit : tuple of int
        Rows and columns of what is written at once: a whole plane, or of an OME-Zarr
        a chunk or shard.
    in_order : bool
        Whether planes must come in their order.
    """

    path: Path
    unit: tuple[int, int]
    in_order: bool

    @property
    def kept(self) -> int:
        """How many units are finished and recorded."""

    def __enter__(self) -> Sink: ...

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None: ...

    def record(self, options: Mapping[str, Any]) -> None:
        """Keep a journal from the `with` statement on.

        The options, JSON-ready and under the names that users know, must be the same
        where a run is gone on with.
        """

    def check(self) -> None:
        """Refuse what the `with` statement would refuse, without writing anything.

        After `record`, which says what a run that is gone on with must have been.
        """

    def has(self, index: int, at: tuple[int, int] = (0, 0)) -> bool:
        """Whether plane `index`, or its unit at a row and column, is finished already."""

    def write(self, index: int, pixels: NDArray[Any], at: tuple[int, int] = (0, 0)) -> None:
        """Write a (Y, X) plane, or whole units of it from a row and column on.

        Pixels of any numeric type; float values for an integer type are rounded half to
        even and clipped. A folder and an OME-Zarr take planes in any order, a file in
        its own.
        """


def _journal_of(path: Path) -> Path:
    """Return where an output's journal is, as its name says."""
    return journal_path(path, in_folder=path.suffix.lower() not in (ZARR_SUFFIX, *TIFF_SUFFIXES))


def recorded_options(output: str | Path) -> Mapping[str, Any]:
    """Return the options with which an output was begun.

    Parameters
    ----------
    output : str or Path
        The output.

    Returns
    -------
    mapping
        What `Sink.record` was given; empty where no journal is.
    """
    record = read_journal(_journal_of(Path(output)))
    options: Mapping[str, Any] = {} if record is None else record.header.get("options", {})
    return options


def create_sink(output: str | Path, source: Source, settings: SinkSettings | None = None) -> Sink:
    """Return where the planes of a source go once they are changed.

    Parameters
    ----------
    output : str or Path
        A name that ends in .tif or .tiff for one file of the source's kind (plain,
        ImageJ hyperstack, OME-TIFF); one that ends in .zarr for an OME-Zarr; any other
        name for a folder with a file per plane under the source's names. Missing folders
        are created.
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
    in_folder = not (as_file or as_zarr)
    record = read_journal(_journal_of(path))
    check_output(
        path,
        source.names if in_folder else None,
        source.path,
        as_folder=not as_file,
        overwrite=chosen.overwrite or (chosen.resume and record is not None),
    )
    if record and record.done and not (record.finished or chosen.overwrite or chosen.resume):
        raise CrispimError(
            f"a run into '{path}' was stopped before its end: give --resume to go on with it, or "
            "--overwrite to begin anew."
        )
    if as_zarr:
        from crispim_ij.planes.ome_zarr.sink import ZarrSink

        return ZarrSink(path, source, chosen)
    return StackSink(path, source, chosen) if as_file else FolderSink(path, source, chosen)
