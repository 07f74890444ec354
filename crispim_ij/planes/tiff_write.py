"""Planes written as TIFF: a folder with a file per plane, or one file that takes them in order."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
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
from crispim_ij.planes.checks import PNG_SUFFIX
from crispim_ij.planes.journal import PastRun, sync_file, sync_folder
from crispim_ij.planes.metadata import Metadata, grown_resolution, in_imagej_order
from crispim_ij.planes.pixels import PNG_TYPES
from crispim_ij.planes.plane_names import MOST_CHANNELS, are_told
from crispim_ij.planes.provenance import History, as_line, with_lines, write_folder_file
from crispim_ij.planes.sink import Compression, DiskSink, SinkSettings
from crispim_ij.planes.source import Source
from crispim_ij.planes.tiff_page import decoded, mapped_region, tifffile_faults

# Offsets have 32 bits; the rest is room for what surrounds the pixels.
_CLASSIC_LIMIT = 2**32 - 2**25
_PAGE_OVERHEAD = 512
# Room for tags; planes go past it, and are not copied into it.
_BUFFER = 2**16
_PALETTE = 3
_COLORMAP = 320

Layout = Literal["classic", "run-on", "big"]


@dataclass(frozen=True)
class TiffContents:
    """What a TIFF is to hold."""

    planes: int
    shape: tuple[int, int]  # rows and columns of each
    dtype: np.dtype[Any]
    metadata: Metadata  # of the planes at their source
    source_dtype: np.dtype[Any]
    scale: tuple[float, float] = (1.0, 1.0)  # by which pixels have grown in Y and X


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
            file = stack.enter_context(io.BufferedWriter(PlainFile(path, "wb"), _BUFFER))
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
        self._varying = {"description": None, "software": False, "extratags": colormaps}

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
    options: dict[str, Any] = {"metadata": None}
    if metadata.resolution is not None:
        options["resolution"] = grown_resolution(metadata, contents.scale)
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
    private = dict(metadata.imagej)
    if metadata.history and metadata.kind == "imagej":
        private["Info"] = with_lines(private.get("Info"), metadata.history)
    extratags += imagej_tags.private_tags(private, resized=resized)
    return {
        "description": _description(contents),
        "software": "\n".join(map(as_line, metadata.history)) or False,
        "extratags": extratags,
    }


def _description(contents: TiffContents) -> bytes | None:
    """Return the ImageDescription of the first page."""
    metadata, planes = contents.metadata, contents.planes
    text = metadata.description
    if text is None:
        return None
    if metadata.kind == "ome":
        xml = ome_xml.written(text, planes, contents.shape, contents.dtype, contents.scale)
        return ome_xml.annotated(xml, metadata.history)
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

    def _writer(self, part: Path, planes: int, metadata: Metadata) -> PageWriter:
        """Open the hidden file of so many planes that gets its name at the end."""
        contents = TiffContents(
            planes=planes,
            shape=self._shape,
            dtype=self._dtype,
            metadata=self._signed(metadata),
            source_dtype=self._source.dtype,
            scale=self._scale,
        )
        layout = choose_layout(contents, self._compression)
        return PageWriter(part, contents, self._compression, layout)

    def _whole(self, index: int, pixels: NDArray[Any], at: tuple[int, int]) -> NDArray[Any]:
        """Return a whole plane in the output's type, having checked it."""
        if at != (0, 0):
            raise ValueError(f"{self.path} takes whole planes, not parts at {at}")
        return self._converted(index, pixels, self._shape)


def folder_names(source: Source, dtype: np.dtype[Any] | None) -> tuple[str, ...]:
    """Return the names of a folder's files: the source's, but TIFF's for what PNG can't hold.

    CrispimError where channels are too many for names, which would be read back as slices.
    """
    lengths = source.metadata.lengths
    channels = lengths.get("C", 1)
    if channels > MOST_CHANNELS and not are_told(source.names, lengths):
        raise CrispimError(
            f"Names of a folder's files tell {MOST_CHANNELS} channels at most, and there are "
            f"{channels}: give OUTPUT as .tif or .zarr."
        )
    if np.dtype(dtype or source.dtype) in PNG_TYPES:
        return source.names
    return tuple(
        f"{name[: -len(PNG_SUFFIX)]}.tif" if name.lower().endswith(PNG_SUFFIX) else name
        for name in source.names
    )


class FolderSink(_TiffSink):
    """A folder that takes a file per plane, in any order and from any thread."""

    def __init__(
        self, path: Path, source: Source, settings: SinkSettings, written: History = ()
    ) -> None:
        super().__init__(path, source, settings, written)
        self._names = folder_names(source, settings.dtype)
        self._mutex = threading.Lock()
        self._ended = False
        self._written: NDArray[np.bool_] = np.zeros(len(source), np.bool_)

    def _begin(self) -> None:
        with write_faults(self.path):
            remove_partials(self.path)

    def _surviving(self, past: PastRun) -> list[int]:
        """Return the planes that nobody has removed since."""
        present = {file.name for file in self.path.iterdir()}
        return [k for k in past.done if self._names[k] in present]

    def write(self, index: int, pixels: NDArray[Any], at: tuple[int, int] = (0, 0)) -> None:
        """Write a (Y, X) plane under the name of the source's plane `index`."""
        converted = self._whole(index, pixels, at)
        target = self.path / self._names[index]
        try:
            with write_faults(target):
                self._put(target, index, converted)
                self._commit(index, target)
        except BaseException:
            partial_path(target).unlink(missing_ok=True)
            raise
        if self._journal is not None:
            self._journal.note([index], [target])

    def _put(self, target: Path, index: int, pixels: NDArray[Any]) -> None:
        """Write a plane under the hidden name of its file."""
        metadata = self._source.plane_metadata(index)
        writer = self._writer(fresh_partial(target), 1, metadata)
        try:
            writer.write(pixels)
        finally:
            writer.close()

    def _commit(self, index: int, target: Path) -> None:
        """Give a finished file its name, unless the run is over."""
        with self._mutex:
            if self._ended:
                raise RuntimeError("a plane was written after the end of the 'with' statement")
            partial_path(target).replace(target)
            self._written[index] = True

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        with self._mutex:
            self._ended = True
        super().__exit__(kind, *rest)

    def _finish(self) -> None:
        """Say that all is written."""
        if self._journal is not None:
            self._journal.sync()
        written = self._journal.done if self._journal is not None else self._written
        if np.sum(written) < len(self._source):
            return
        if self._record is not None:
            write_folder_file(self.path, self._signed(self._source.metadata).history)
        self._forget()

    def _stop(self) -> bool:
        """Remove what is half-written, and all planes where none is safe."""
        worth_keeping = self._save_journal()
        self._discard(() if worth_keeping else np.flatnonzero(self._written))
        return worth_keeping

    def _discard(self, planes: Iterable[int]) -> None:
        """Remove some planes and what is half-written."""
        for index in planes:
            (self.path / self._names[index]).unlink(missing_ok=True)
        remove_partials(self.path)


class StackSink(_TiffSink):
    """One file that takes its planes in order.

    A run that resumes a stopped one copies the planes that are finished from the stopped
    run's file into its own, so both files are written in one and the same way.
    """

    in_order = True

    def __init__(
        self, path: Path, source: Source, settings: SinkSettings, written: History = ()
    ) -> None:
        super().__init__(path, source, settings, written)
        self._count = 0
        self._file: PageWriter | None = None
        self._partial = partial_path(path)
        # What a stopped run has written, until it is copied.
        self._old = self._partial.with_suffix(".old")
        self._copy = self._partial.with_suffix(".copy")

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
        finished = self.finished_cells
        if finished == len(self._source) and not (self._old.exists() or self._partial.exists()):
            self._count = finished
            return
        with write_faults(self.path):
            if finished and not self._old.exists():
                self._partial.replace(self._old)
            part = fresh_partial(self.path)
            self._file = self._writer(part, len(self._source), self._source.metadata)
            for plane in self._planes_of(self._old, range(finished)):
                self._file.write(plane)
                self._count += 1
            if finished:
                self._flush()
                # Not before all that it held is safe elsewhere.
                self._old.unlink()

    def _abandon(self) -> None:
        self._close_quietly()
        if self._anew:
            self._partial.unlink(missing_ok=True)

    def _planes_of(self, file: Path, order: Sequence[int]) -> Iterator[NDArray[Any]]:
        """Read planes of a file of this sink's, whose end may be missing."""
        if not order:
            return
        with tifffile_faults(file), tifffile.TiffFile(file) as tif:
            for k in order:
                yield self._plane_of(tif, file, k)

    def _plane_of(self, tif: tifffile.TiffFile, file: Path, k: int) -> NDArray[Any]:
        with tifffile_faults(file, k):
            if self._compression is Compression.NONE:
                # Pages without compression follow each other without a gap.
                rows, columns = self._shape
                offset = tif.pages.first.dataoffsets[0] + k * rows * columns * self._dtype.itemsize
                whole = slice(0, rows), slice(0, columns)
                return mapped_region(file, offset, self._shape, self._dtype, whole)
            page = tif.pages.get(k, aspage=True)
            assert isinstance(page, tifffile.TiffPage)
            return decoded(page, file, k)

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
                whole = self._in_imagej_order()
                sync_file(whole)
                whole.replace(self.path)
                # In another order than the planes of `whole`; a run that is killed needs it.
                self._partial.unlink(missing_ok=True)
                sync_folder(self.path.parent)
        self._forget()

    def _in_imagej_order(self) -> Path:
        """Return the file, or a copy in ImageJ's order where a folder's names have another."""
        turned = in_imagej_order(self._source.metadata)
        if turned is None:
            return self._partial
        metadata, order = turned
        self._copy.unlink(missing_ok=True)
        writer = self._writer(self._copy, len(order), metadata)
        try:
            for plane in self._planes_of(self._partial, order):
                writer.write(plane)
        finally:
            writer.close()
        return self._copy

    def _stop(self) -> bool:
        """Keep the planes that are safe, or remove the file; return which."""
        worth_keeping = self._save_journal()
        self._close_quietly()
        self._copy.unlink(missing_ok=True)
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
