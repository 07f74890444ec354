"""Where planes go: a folder of TIFF files or one multi-page TIFF."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.planes.atomic import (
    make_folders,
    partial_path,
    remove_folders,
    remove_partials,
    write_faults,
)
from crispim_ij.planes.checks import DTYPES, TIFF_SUFFIXES
from crispim_ij.planes.convert import to_dtype
from crispim_ij.planes.metadata import Metadata
from crispim_ij.planes.output_checks import check_output
from crispim_ij.planes.page_writer import Compression, Contents, PageWriter, choose_layout
from crispim_ij.planes.source import Source


@dataclass(frozen=True)
class SinkSettings:
    """How planes are written.

    Attributes
    ----------
    dtype : numpy.dtype or None
        Pixel type: uint8, uint16, int16 or float32; None keeps the source's.
    compression : Compression
        none, zlib or zstd.
    overwrite : bool
        Whether files of the same names may be replaced.
    plane_shape : tuple of int or None
        Rows and columns; None keeps the source's. Pixels are taken to have grown or
        shrunk accordingly: the whole plane covers what it did.
    """

    dtype: np.dtype[Any] | None = None
    compression: Compression = Compression.NONE
    overwrite: bool = False
    plane_shape: tuple[int, int] | None = None


class Sink(Protocol):
    """Planes going to disk, used in a `with` statement.

    Where the statement is left by an exception, everything this run wrote is removed.

    Attributes
    ----------
    path : Path
        The folder or file.
    """

    path: Path

    def __enter__(self) -> Sink: ...

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None: ...

    def write(self, index: int, plane: NDArray[Any]) -> None:
        """Write a (Y, X) plane of any numeric type as plane `index`.

        A folder takes planes in any order from any thread, a file in order.
        Float values for an integer type are rounded half to even and clipped.
        """


def create_sink(output: str | Path, source: Source, settings: SinkSettings | None = None) -> Sink:
    """Return where the planes of a source go once they are changed.

    Parameters
    ----------
    output : str or Path
        A name that ends in .tif or .tiff for one file of the source's kind (plain,
        ImageJ hyperstack, OME-TIFF); any other name for a folder with a file per
        plane under the source's names. Missing folders are created.
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
    as_file = path.suffix.lower() in TIFF_SUFFIXES
    names = None if as_file else source.names
    check_output(path, names, source.path, overwrite=chosen.overwrite)
    return StackSink(path, source, chosen) if as_file else FolderSink(path, source, chosen)


class _Writing:
    """What both sinks know: names, types, and which folders they made."""

    def __init__(self, path: Path, source: Source, settings: SinkSettings) -> None:
        self.path = path
        self._source = source
        self._settings = settings
        self._compression = Compression(settings.compression)
        self._dtype = np.dtype(settings.dtype or source.dtype)
        rows, columns = source.shape[1:]
        self._shape = settings.plane_shape or (rows, columns)
        self._scale = rows / self._shape[0], columns / self._shape[1]
        self._made: list[Path] = []

    def _contents(self, planes: int, metadata: Metadata) -> Contents:
        """Return what a file of so many planes is to hold."""
        return Contents(
            planes=planes,
            shape=self._shape,
            dtype=self._dtype,
            metadata=metadata,
            source_dtype=self._source.dtype,
            scale=self._scale,
        )

    def _writer(self, target: Path, contents: Contents) -> PageWriter:
        """Open the hidden file that becomes `target`."""
        layout = choose_layout(contents, self._compression)
        return PageWriter(partial_path(target), contents, self._compression, layout)

    def _converted(self, index: int, plane: NDArray[Any]) -> NDArray[Any]:
        """Return a plane in the output's type, having checked it."""
        if plane.shape != self._shape:
            raise ValueError(f"plane {index} has shape {plane.shape}, expected {self._shape}")
        if plane.dtype.kind == "f" and not np.isfinite(plane).all():
            raise CrispimError(
                f"the result for '{self._source.names[index]}' holds NaN or infinite values "
                "and was not written: check the model and the settings."
            )
        return np.ascontiguousarray(to_dtype(plane, self._dtype))


class FolderSink(_Writing):
    """A folder that takes a file per plane, in any order and from any thread.

    Parameters
    ----------
    path : Path
        The folder.
    source : Source
        Gives names and metadata.
    settings : SinkSettings
        How planes are written.
    """

    def __init__(self, path: Path, source: Source, settings: SinkSettings) -> None:
        super().__init__(path, source, settings)
        self._lock = threading.Lock()
        self._ended = False
        self._written: list[Path] = []

    def __enter__(self) -> FolderSink:
        self._made = make_folders(self.path)
        with write_faults(self.path):
            remove_partials(self.path)
        return self

    def write(self, index: int, plane: NDArray[Any]) -> None:
        """Write a (Y, X) plane under the name of the source's plane `index`."""
        converted = self._converted(index, plane)
        target = self.path / self._source.names[index]
        contents = self._contents(1, self._source.plane_metadata(index))
        try:
            with write_faults(target):
                writer = self._writer(target, contents)
                try:
                    writer.write(converted)
                finally:
                    writer.close()
                self._commit(target)
        except BaseException:
            partial_path(target).unlink(missing_ok=True)
            raise

    def _commit(self, target: Path) -> None:
        """Give a finished file its name, unless the run is over."""
        with self._lock:
            if self._ended:
                raise RuntimeError("a plane was written after the end of the 'with' statement")
            partial_path(target).replace(target)
            self._written.append(target)

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        with self._lock:
            self._ended = True
        if kind is not None:
            for file in self._written:
                file.unlink(missing_ok=True)
            remove_partials(self.path)
            remove_folders(self._made)


class StackSink(_Writing):
    """One file that takes its planes in order.

    Parameters
    ----------
    path : Path
        The file.
    source : Source
        Gives the number of planes and metadata.
    settings : SinkSettings
        How planes are written.
    """

    def __init__(self, path: Path, source: Source, settings: SinkSettings) -> None:
        super().__init__(path, source, settings)
        self._count = 0
        self._file: PageWriter | None = None

    def __enter__(self) -> StackSink:
        self._made = make_folders(self.path.parent)
        contents = self._contents(len(self._source), self._source.metadata)
        try:
            with write_faults(self.path):
                self._file = self._writer(self.path, contents)
        except BaseException:
            self._discard()
            raise
        return self

    def write(self, index: int, plane: NDArray[Any]) -> None:
        """Append a (Y, X) plane; `index` must be the number of planes so far."""
        if self._file is None or index != self._count:
            raise ValueError(f"plane {index} is out of order, expected {self._count}")
        converted = self._converted(index, plane)
        with write_faults(self.path):
            self._file.write(converted)
        self._count += 1

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        try:
            with write_faults(self.path):
                self._close()
                if kind is None:
                    self._commit()
        except BaseException:
            self._discard()
            # What went wrong first says more than what it led to.
            if kind is None:
                raise
        if kind is not None:
            self._discard()

    def _commit(self) -> None:
        """Give the file its name if it is whole."""
        if self._count != len(self._source):
            raise ValueError(f"{self._count} of {len(self._source)} planes were written")
        partial_path(self.path).replace(self.path)

    def _close(self) -> None:
        """Close the file once."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _discard(self) -> None:
        """Remove what was written."""
        partial_path(self.path).unlink(missing_ok=True)
        remove_folders(self._made)
