"""Planes written as TIFF: a folder with a file per plane, or one file that takes them in order."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tifffile
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.planes import imagej_tags, ome_xml
from crispim_ij.planes.atomic import (
    PlainFile,
    fresh_partial,
    partial_path,
    remove_partials,
    write_faults,
)
from crispim_ij.planes.disk_sink import DiskSink
from crispim_ij.planes.journal import PastRun, sync_file, sync_folder
from crispim_ij.planes.metadata import Metadata
from crispim_ij.planes.sink import Compression, SinkSettings
from crispim_ij.planes.source import Source
from crispim_ij.planes.tiff_page import decoded, mapped_region, tifffile_faults

# Offsets have 32 bits; the rest is room for what surrounds the pixels.
_CLASSIC_LIMIT = 2**32 - 2**25
_PAGE_OVERHEAD = 512
_PALETTE = 3
_COLORMAP = 320

Layout = Literal["classic", "run-on", "big"]


@dataclass(frozen=True)
class TiffContents:
    """What a TIFF is to hold.

    Attributes
    ----------
    planes : int
        Number of planes.
    shape : tuple of int
        Rows and columns of each.
    dtype : numpy.dtype
        Pixel type.
    metadata : Metadata
        What is known of the planes at their source.
    source_dtype : numpy.dtype
        Pixel type at the source.
    scale : tuple of float
        Factors by which pixels have grown in Y and X.
    """

    planes: int
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    metadata: Metadata
    source_dtype: np.dtype[Any]
    scale: tuple[float, float] = (1.0, 1.0)


def choose_layout(contents: TiffContents, compression: Compression) -> Layout:
    """Return how a file is laid out.

    'classic' below 4 GB of pixels. Above, 'run-on' (a single page whose data run on over
    all planes) for ImageJ's uncompressed stacks, because ImageJ writes and reads those so
    and can't read BigTIFF; else 'big', BigTIFF.
    """
    rows, columns = contents.shape
    plane = rows * columns * contents.dtype.itemsize + _PAGE_OVERHEAD
    if plane * contents.planes <= _CLASSIC_LIMIT:
        return "classic"
    run_on = contents.metadata.kind == "imagej" and compression is Compression.NONE
    return "run-on" if run_on else "big"


class PageWriter:
    """An open TIFF file, new or overwritten, that takes planes in order."""

    def __init__(
        self, path: Path, contents: TiffContents, compression: Compression, layout: Layout
    ) -> None:
        self._options = _page_options(contents) | _packing(compression, layout)
        self._varying = _file_options(contents)
        with ExitStack() as stack:
            file = stack.enter_context(io.BufferedWriter(PlainFile(path, "wb"), 2**20))
            self._file = file
            self._tif = stack.enter_context(
                tifffile.TiffWriter(file, bigtiff=layout == "big", ome=False)
            )
            self._open_files = stack.pop_all()

    def write(self, plane: NDArray[Any]) -> None:
        """Append a plane of the contents' shape and type."""
        self._tif.write(plane, **self._options, **self._varying)
        # Only the LUT belongs to every page.
        colormaps = [tag for tag in self._varying["extratags"] if tag[0] == _COLORMAP]
        self._varying = {"description": None, "extratags": colormaps}

    def flush(self) -> None:
        """Hand the planes so far to the system."""
        self._file.flush()

    def close(self) -> None:
        """Write what is outstanding and close the file."""
        self._open_files.close()


def _packing(compression: Compression, layout: Layout) -> dict[str, Any]:
    """Return how TiffWriter is to pack a page."""
    if compression is Compression.NONE:
        # ImageJ takes planes to lie one after another where it reads 'images=' and no compression.
        return {"contiguous": True, "truncate": layout == "run-on"}
    # ImageJ ignores the predictor of a zlib page and would show differences.
    predictor = compression is Compression.ZSTD
    return {"compression": compression.value, "predictor": predictor, "contiguous": False}


def _page_options(contents: TiffContents) -> dict[str, Any]:
    """Return what TiffWriter needs for each page."""
    metadata = contents.metadata
    options: dict[str, Any] = {"metadata": None, "software": False}
    if metadata.resolution is not None:
        options["resolution"] = tuple(
            r if grown == 1 else imagej_tags.rational(float(Fraction(*r) / Fraction(grown)))
            for r, grown in zip(metadata.resolution, reversed(contents.scale), strict=True)
        )
        options["resolutionunit"] = metadata.resolution_unit
    keeps_palette = metadata.photometric == _PALETTE and contents.dtype == contents.source_dtype
    keep = metadata.photometric == 0 or keeps_palette
    return options | {"photometric": metadata.photometric if keep else 1}


def _file_options(contents: TiffContents) -> dict[str, Any]:
    """Return what TiffWriter needs for the first page: the description and extra tags."""
    metadata = contents.metadata
    extratags: list[tuple[Any, ...]] = []
    if metadata.colormap is not None:
        values = metadata.colormap.ravel()
        extratags.append((_COLORMAP, 3, values.size, values, False))
    resized = contents.scale != (1, 1)
    extratags += imagej_tags.private_tags(metadata.imagej, resized=resized)
    return {"description": _description(contents), "extratags": extratags}


def _description(contents: TiffContents) -> bytes | None:
    """Return the ImageDescription of the first page."""
    metadata, planes = contents.metadata, contents.planes
    text = metadata.description
    if text is None:
        return None
    if metadata.kind == "ome":
        return ome_xml.written(text, planes, contents.shape, contents.dtype, contents.scale)
    if metadata.kind == "imagej":
        text = imagej_tags.written_description(
            text, planes, contents.scale, contents.source_dtype, contents.dtype
        )
    elif text.startswith('{"shape"'):
        text = _shaped_description(text, contents)
    return text.encode()


def _shaped_description(text: str, contents: TiffContents) -> str:
    """Return tifffile's JSON description with the shape that is written."""
    fields = json.loads(text)
    fields.pop("truncated", None)
    leading = fields["shape"][:-2]
    if np.prod(leading, dtype=np.int64) != contents.planes:
        leading = [contents.planes]
        fields.pop("axes", None)
    return json.dumps(fields | {"shape": [*leading, *contents.shape]})


class _TiffSink(DiskSink):
    """A sink of whole planes in TIFF files."""

    def _writer(self, target: Path, planes: int, metadata: Metadata) -> PageWriter:
        """Open the hidden file of so many planes that becomes `target`."""
        contents = TiffContents(
            planes=planes,
            shape=self._shape,
            dtype=self._dtype,
            metadata=metadata,
            source_dtype=self._source.dtype,
            scale=self._scale,
        )
        layout = choose_layout(contents, self._compression)
        return PageWriter(fresh_partial(target), contents, self._compression, layout)

    def _whole(self, index: int, pixels: NDArray[Any], at: tuple[int, int]) -> NDArray[Any]:
        """Return a whole plane in the output's type, having checked it."""
        if at != (0, 0):
            raise ValueError(f"{self.path} takes whole planes, not parts at {at}")
        return self._converted(index, pixels, self._shape)


class FolderSink(_TiffSink):
    """A folder that takes a file per plane, in any order and from any thread."""

    def __init__(self, path: Path, source: Source, settings: SinkSettings) -> None:
        super().__init__(path, source, settings)
        self._mutex = threading.Lock()
        self._ended = False
        self._written: list[int] = []

    def _begin(self) -> None:
        with write_faults(self.path):
            remove_partials(self.path)

    def _surviving(self, past: PastRun) -> list[int]:
        """Return the planes that nobody has removed since."""
        present = {file.name for file in self.path.iterdir()}
        return [k for k in past.done if self._source.names[k] in present]

    def write(self, index: int, pixels: NDArray[Any], at: tuple[int, int] = (0, 0)) -> None:
        """Write a (Y, X) plane under the name of the source's plane `index`."""
        converted = self._whole(index, pixels, at)
        target = self.path / self._source.names[index]
        metadata = self._source.plane_metadata(index)
        try:
            with write_faults(target):
                writer = self._writer(target, 1, metadata)
                try:
                    writer.write(converted)
                finally:
                    writer.close()
                self._commit(index, target)
        except BaseException:
            partial_path(target).unlink(missing_ok=True)
            raise
        if self._journal is not None:
            self._journal.note([index], [target])

    def _commit(self, index: int, target: Path) -> None:
        """Give a finished file its name, unless the run is over."""
        with self._mutex:
            if self._ended:
                raise RuntimeError("a plane was written after the end of the 'with' statement")
            partial_path(target).replace(target)
            self._written.append(index)

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        with self._mutex:
            self._ended = True
        super().__exit__(kind, *rest)

    def _finish(self) -> None:
        """Say that all is written."""
        if self._journal is not None:
            self._journal.sync()
            if self._journal.done.all():
                self._journal.finish()

    def _stop(self) -> bool:
        """Remove what is half-written, and all planes where none is safe."""
        worth_keeping = self._save_journal()
        self._discard(() if worth_keeping else self._written)
        return worth_keeping

    def _discard(self, planes: Iterable[int]) -> None:
        """Remove some planes and what is half-written."""
        for index in planes:
            (self.path / self._source.names[index]).unlink(missing_ok=True)
        remove_partials(self.path)


class StackSink(_TiffSink):
    """One file that takes its planes in order.

    A run that resumes a stopped one copies the planes that are finished from the stopped
    run's file into its own, so both files are written in one and the same way.
    """

    in_order = True

    def __init__(self, path: Path, source: Source, settings: SinkSettings) -> None:
        super().__init__(path, source, settings)
        self._count = 0
        self._file: PageWriter | None = None
        self._partial = partial_path(path)
        # What a stopped run has written, until it is copied.
        self._old = self._partial.with_suffix(".old")

    def _surviving(self, past: PastRun) -> list[int] | None:
        """Return the planes in what was written, or all of a file that has its name."""
        written = self._old.exists() or self._partial.exists()
        if self.path.exists() and not written and len(set(past.done)) == len(self._source):
            return past.done
        return past.done if written and not past.finished else None

    def _begin(self) -> None:
        """Open the file and put the planes into it that are finished."""
        if self._anew:
            self._old.unlink(missing_ok=True)
        if self.kept == len(self._source) and not (self._old.exists() or self._partial.exists()):
            self._count = len(self._source)
            return
        with write_faults(self.path):
            if self.kept and not self._old.exists():
                self._partial.replace(self._old)
            self._file = self._writer(self.path, len(self._source), self._source.metadata)
            for plane in self._finished_planes(self.kept):
                self._file.write(plane)
                self._count += 1
            if self.kept:
                self._flush()
                # Not before all that it held is safe elsewhere.
                self._old.unlink()

    def _abandon(self) -> None:
        self._close_quietly()
        if self._anew:
            self._partial.unlink(missing_ok=True)

    def _finished_planes(self, count: int) -> Iterator[NDArray[Any]]:
        """Read so many planes of a file whose end may be missing."""
        if not count:
            return
        with ExitStack() as stack:
            with tifffile_faults(self._old):
                tif = stack.enter_context(tifffile.TiffFile(self._old))
            for k in range(count):
                yield self._finished_plane(tif, k)

    def _finished_plane(self, tif: tifffile.TiffFile, k: int) -> NDArray[Any]:
        with tifffile_faults(self._old, k):
            if self._compression is Compression.NONE:
                # Pages without compression follow each other without a gap.
                rows, columns = self._shape
                offset = tif.pages.first.dataoffsets[0] + k * rows * columns * self._dtype.itemsize
                whole = slice(0, rows), slice(0, columns)
                return mapped_region(self._old, offset, self._shape, self._dtype, whole)
            page = tif.pages.get(k, aspage=True)
            assert isinstance(page, tifffile.TiffPage)
            return decoded(page, self._old, k)

    def write(self, index: int, pixels: NDArray[Any], at: tuple[int, int] = (0, 0)) -> None:
        """Append a (Y, X) plane; `index` must be the number of planes so far."""
        if self._file is None or index != self._count:
            raise ValueError(f"plane {index} is out of order, expected {self._count}")
        converted = self._whole(index, pixels, at)
        with write_faults(self.path):
            self._file.write(converted)
        self._count += 1
        if self._journal is not None:
            self._journal.note([index])

    def _finish(self) -> None:
        """Close the file and give it its name if it is whole."""
        if self._count != len(self._source):
            raise ValueError(f"{self._count} of {len(self._source)} planes were written")
        if self._journal is not None:
            self._journal.sync()
        with write_faults(self.path):
            if self._file is not None:
                file, self._file = self._file, None
                file.close()
                sync_file(self._partial)
                self._partial.replace(self.path)
                sync_folder(self.path.parent)
        if self._journal is not None:
            self._journal.finish()

    def _stop(self) -> bool:
        """Keep the planes that are safe, or remove the file; return which."""
        worth_keeping = self._save_journal()
        self._close_quietly()
        if not worth_keeping:
            self._partial.unlink(missing_ok=True)
        return worth_keeping

    def _flush(self) -> None:
        """Make the planes so far safe."""
        if self._file is not None:
            with write_faults(self.path):
                self._file.flush()
            sync_file(self._partial)

    def _close_quietly(self) -> None:
        """Close the file, which is not whole: that it can't be ended does not matter."""
        file, self._file = self._file, None
        if file is not None:
            with suppress(OSError, CrispimError):
                file.close()
