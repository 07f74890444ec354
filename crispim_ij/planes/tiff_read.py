"""Planes read from TIFF: a folder of files, or one file, plain, ImageJ's or OME's."""

from __future__ import annotations

import logging
import math
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tifffile
from natsort import natsorted
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.planes import imagej_tags
from crispim_ij.planes.checks import (
    TIFF_SUFFIXES,
    check_count,
    check_unchanged,
    checked,
    fingerprint,
    first_line,
    too_large,
    unreadable,
)
from crispim_ij.planes.metadata import Kind, Metadata, Rational, as_stack, described
from crispim_ij.planes.ome_xml import OmeXmlError
from crispim_ij.planes.pixels import DTYPES, ChunkCache, assemble
from crispim_ij.planes.plane_names import arrange
from crispim_ij.planes.source import Source

# What tifffile and imagecodecs raise on files that are damaged or of another format, as seen
# when bytes of good files are exchanged.
_DAMAGE = (
    tifffile.TiffFileError,
    ArithmeticError,
    AssertionError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)
# PhotometricInterpretation of RGB, CMYK, YCbCr and CIELAB.
_COLOUR = {2, 5, 6, 8}
_LITTER = {"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"}
_SIDECAR_SUFFIXES = (".json", ".csv")
_HEADER_THREADS = 8
_REMEMBERED = 64
_ROWS_AT_ONCE = 256

Region = tuple[slice, slice]
_Lock = AbstractContextManager[Any]

# tifffile logs what it finds odd; without a handler Python prints it to the
# terminal beside the one sentence that says the same.
logging.getLogger("tifffile").addHandler(logging.NullHandler())


# Files


@contextmanager
def tifffile_faults(path: Path, plane: int | None = None) -> Iterator[None]:
    """Turn what tifffile raises on damaged files into one sentence; only its calls go inside."""
    where = f"'{path}'" if plane is None else f"plane {plane} of '{path}'"
    try:
        yield
    except PermissionError as error:
        raise unreadable(path) from error
    except OSError as error:
        raise CrispimError(
            f"'{path}' can't be read ({error.strerror or error}): check the drive or copy it again."
        ) from error
    except MemoryError as error:
        raise too_large(where) from error
    except _DAMAGE as error:
        raise _damaged(where, error) from error


def _damaged(where: str, error: Exception) -> CrispimError:
    return CrispimError(
        f"{where} is not a TIFF that can be read ({first_line(error)}): "
        "it may be damaged or of another format; copy or save it again from ImageJ."
    )


def _truncated(path: Path) -> CrispimError:
    return CrispimError(
        f"'{path}' is truncated: it ends before its last plane does; copy or save it again."
    )


@contextmanager
def opened(path: Path) -> Iterator[tifffile.TiffFile]:
    """Open a TIFF whose chain of pages is whole."""
    with tifffile_faults(path):
        tif = tifffile.TiffFile(path)
    with tif:
        with tifffile_faults(path):
            whole = _has_whole_chain(tif)
        if not whole:
            raise _truncated(path)
        yield tif


def _has_whole_chain(tif: tifffile.TiffFile) -> bool:
    """Whether the last page says that no page follows; tifffile only logs where it doesn't."""
    size, end = tif.tiff.offsetsize, tif.pages.next_page_offset
    if len(tif.pages) == 0 or end is None:
        return False
    tif.filehandle.seek(end)
    return tif.filehandle.read(size) == bytes(size)


# Pages


class _Header(NamedTuple):
    """What a page says of its pixels."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any] | None
    bits: int
    is_grey: bool
    is_contiguous: bool
    plane_bytes: int
    # First byte of the pixels and the one behind them; None where segments are missing.
    extent: tuple[int, int] | None
    file_size: int


def _read_header(page: tifffile.TiffPage, path: Path) -> _Header:
    with tifffile_faults(path):
        offsets, counts = page.dataoffsets, page.databytecounts
        extent = None
        if offsets and len(offsets) == len(counts):
            extent = offsets[0], max(map(sum, zip(offsets, counts, strict=True)))
        return _Header(
            # A damaged width may be a text or a fraction.
            shape=tuple(int(side) for side in page.shape),
            dtype=None if page.dtype is None else page.dtype.newbyteorder("="),
            bits=page.bitspersample,
            is_grey=page.samplesperpixel == 1 and page.photometric not in _COLOUR,
            is_contiguous=page.is_contiguous,
            plane_bytes=page.nbytes,
            extent=extent,
            file_size=page.parent.filehandle.size,
        )


def check_page(
    page: tifffile.TiffPage, path: Path, *, planes: int = 1
) -> tuple[tuple[int, int], np.dtype[Any]]:
    """Return shape and native dtype of a page that holds grey planes, all there.

    `planes` of them lie one after another from the page's data on. Raises CrispimError if
    the page is in colour, of a type that isn't supported, or not all there.
    """
    header = _read_header(page, path)
    dtype = header.dtype
    if not header.is_grey:
        raise CrispimError(
            f"'{path}' is a colour image (RGB or the like): "
            "split its channels in ImageJ (Image > Color > Split Channels) and give one of them."
        )
    if dtype is None or dtype not in DTYPES:
        named = f"{header.bits}-bit" if dtype is None or dtype.kind == "b" else dtype.name
        raise CrispimError(
            f"'{path}' holds {named} pixels, which are not supported: "
            "convert it in ImageJ (Image > Type) to 8-bit, 16-bit or 32-bit."
        )
    if len(header.shape) != 2 or 0 in header.shape:
        raise CrispimError(
            f"'{path}' holds a page of shape {header.shape} where a plane of rows and columns is "
            "needed: save it again from ImageJ as TIFF."
        )
    if header.extent is None or header.extent[1] > header.file_size:
        raise _truncated(path)
    # Planes that follow each other are longer than the page says.
    needed = header.extent[0] + header.plane_bytes * planes
    if header.is_contiguous and needed > header.file_size:
        raise _truncated(path)
    rows, columns = header.shape
    return (rows, columns), dtype


def _plane_type(shape: tuple[int, int], dtype: np.dtype[Any]) -> str:
    """Return a plane's size and type in words, width first as ImageJ says it."""
    return f"{shape[1]} x {shape[0]} pixels of {dtype}"


def decoded(
    page: tifffile.TiffPage, path: Path, plane: int | None = None, **how: Any
) -> NDArray[Any]:
    """Return a page's pixels."""
    with tifffile_faults(path, plane):
        pixels: NDArray[Any] = page.asarray(maxworkers=1, **how)
        return pixels


def page_chunk(page: tifffile.TiffPage) -> tuple[int, int]:
    """Return rows and columns that are read at once: a tile, a strip, or some rows of pixels."""
    rows, columns = (int(side) for side in page.shape)
    if page.is_contiguous:
        return min(rows, _ROWS_AT_ONCE), columns
    chunk = int(page.tilelength), int(page.tilewidth)
    if not page.is_tiled:
        chunk = min(rows, int(page.rowsperstrip)), columns
    if min(chunk) < 1:
        raise ValueError(f"tiles or strips of {chunk} pixels")
    return chunk


def mapped_region(
    path: Path, offset: int, shape: tuple[int, int], dtype: np.dtype[Any], region: Region
) -> NDArray[Any]:
    """Return a copy of a region of pixels that lie one after another from a byte of a file on."""
    rows, columns = region
    begin = offset + rows.start * shape[1] * dtype.itemsize
    height = rows.stop - rows.start
    # Opened again for each region: pages of a file stay in memory as long as it is mapped.
    lines = np.memmap(path, dtype, "r", begin, (height, shape[1]))
    return np.array(lines[:, columns])


class RegionReader:
    """Regions of pages of one size and type, whose tiles and strips are decoded once.

    `lock` is held while an open file is read that several threads share.
    """

    def __init__(
        self, shape: tuple[int, int], dtype: np.dtype[Any], chunk: tuple[int, int], lock: _Lock
    ) -> None:
        self._shape, self._dtype, self._lock = shape, dtype, lock
        self._cache: ChunkCache[tuple[int, int, int]] = ChunkCache(
            math.prod(chunk) * dtype.itemsize
        )

    def read(
        self, path: Path, index: int, page: tifffile.TiffPage, region: Region, ahead: int = 0
    ) -> NDArray[Any]:
        """Return a region of plane `index`, whose pixels begin `ahead` bytes behind the page's."""
        with tifffile_faults(path):
            if page.is_contiguous:
                dtype = self._dtype.newbyteorder(page.parent.byteorder)
                offset = page.dataoffsets[0] + ahead
                return mapped_region(path, offset, self._shape, dtype, region)
            chunk = page_chunk(page)
        per_row = -(-self._shape[1] // chunk[1])

        def load(key: tuple[int, int, int]) -> NDArray[Any]:
            return self._decoded(path, page, key[1] * per_row + key[2], chunk)

        return assemble(
            region,
            chunk,
            self._dtype,
            lambda row, column: self._cache.get((index, row, column), load),
        )

    def _decoded(
        self, path: Path, page: tifffile.TiffPage, segment: int, chunk: tuple[int, int]
    ) -> NDArray[Any]:
        """Return a tile or strip."""
        with tifffile_faults(path):
            with self._lock:
                page.parent.filehandle.seek(page.dataoffsets[segment])
                data = page.parent.filehandle.read(page.databytecounts[segment])
            pixels = page.decode(data, segment, jpegtables=page.jpegtables)[0]
            if pixels is None:
                # An empty segment is left out of the file.
                return np.full(chunk, page.nodata, self._dtype)
            return np.ascontiguousarray(pixels[0, :, :, 0]).astype(self._dtype, copy=False)


# What a file says beside its pixels


def read_metadata(tif: tifffile.TiffFile, path: Path, planes: int) -> Metadata:
    """Return what the first page of a TIFF of so many planes says of them all."""
    with tifffile_faults(path):
        tags = _read_tags(tif, planes)
    try:
        return described(tags)
    except OmeXmlError as error:
        raise _damaged(f"'{path}'", error) from error


def _read_tags(tif: tifffile.TiffFile, planes: int) -> Metadata:
    """Return a file's tags, without what they mean."""
    kind: Kind = "plain"
    page, private = tif.pages.first, None
    description = page.description or None
    if tif.is_ome:
        kind = "ome"
    elif (lines := page.imagej_description) is not None:
        kind, description, private = "imagej", lines, page.tags.valueof(50839)
    return Metadata(
        kind=kind,
        sizes=(planes,),
        description=description,
        imagej=private if isinstance(private, dict) else {},
        resolution=_resolution(page),
        resolution_unit=int(page.tags.valueof(296, 2)),
        photometric=int(page.photometric),
        colormap=None if page.colormap is None else np.asarray(page.colormap, np.uint16),
    )


def _resolution(page: tifffile.TiffPage) -> tuple[Rational, Rational] | None:
    """Return the resolution tags where they mean something."""
    values = tuple(page.tags.valueof(code) for code in (282, 283))
    if not all(isinstance(v, tuple) and len(v) == 2 and 0 not in v for v in values):
        return None
    return values


# Which page holds which plane


def _planes_of_one_page(tif: tifffile.TiffFile, path: Path) -> int:
    """Return how many planes lie one after another behind a file's only page, 1 if just its own.

    ImageJ writes stacks above 4 GB so, and tifffile on demand.
    """
    with tifffile_faults(path):
        page = tif.pages.first
        if len(tif.pages) > 1 or page.is_tiled or not page.is_contiguous:
            return 1
        description = page.imagej_description
        if description is None:
            return max(1, math.prod(tif.series[0].shape) // page.size) if page.is_shaped else 1
    images = imagej_tags.number(imagej_tags.parse(description), "images")
    return max(1, int(images or 1))


def _page_order(tif: tifffile.TiffFile, path: Path) -> list[int]:
    """Return the page of each plane: the file's own order, or that of the OME-XML.

    Raises CrispimError if planes of an OME data set are in other files, missing, or
    without number.
    """
    with tifffile_faults(path):
        if not tif.is_ome:
            return list(range(len(tif.pages)))
    # tifffile makes room for all planes that are listed.
    check_count(math.prod(read_metadata(tif, path, 1).sizes), path)
    with tifffile_faults(path):
        series = tif.series[0]
        kind, is_multifile, pages = series.kind, series.is_multifile, list(series.pages)
    if is_multifile:
        raise CrispimError(
            f"'{path}' is one file of an OME data set of several: "
            "give the folder that holds its planes, or save it as one file from Fiji."
        )
    if kind != "ome" or None in pages:
        raise CrispimError(f"'{path}' lacks planes that its OME-XML lists: copy or save it again.")
    # The series has filled the cache with all pages.
    tif.pages.cache = False
    tif.pages.useframes = False
    return [page.index for page in pages if page is not None]


# Sources


class FolderSource(Source):
    """The planes of a folder, one file each, in natural order, along the axes of their names.

    A subclass reads files of another format.
    """

    format = "TIFF"
    suffixes: tuple[str, ...] = TIFF_SUFFIXES

    def __init__(self, path: Path) -> None:
        found = _plane_files(path, self.format, self.suffixes)
        planes = arrange([file.name for file in found], path)
        files = [path / name for name in planes.names]
        shape, self.dtype = _common_header(files, self._header)
        self.chunks, first = self._described(files[0], shape)
        self.path = path
        self.names = planes.names
        self.shape = len(files), *shape
        self.metadata = as_stack(first, planes)
        self._opened = tuple(fingerprint(file) for file in files)
        self._prepare()

    def _header(self, file: Path) -> tuple[tuple[int, int], np.dtype[Any]]:
        """Return shape and type of a file's plane, having checked it."""
        return _plane_header(file)

    def _described(
        self,
        file: Path,
        shape: tuple[int, int],  # noqa: ARG002
    ) -> tuple[tuple[int, int, int], Metadata]:
        """Return what is decoded at once of a file, and what it says beside its pixels."""
        with opened(file) as tif:
            with tifffile_faults(file):
                chunks = 1, *page_chunk(tif.pages.first)
            return chunks, read_metadata(tif, file, planes=1)

    def _prepare(self) -> None:
        """Make what each process has of its own."""
        self.files = tuple(self.path / name for name in self.names)
        self._lock = threading.Lock()
        self._regions = RegionReader(self.shape[1:], self.dtype, self.chunks[1:], nullcontext())
        self._recent: dict[int, Metadata] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Return what another process needs; it doesn't check all headers again."""
        known = ("names", "shape", "dtype", "chunks", "metadata", "_opened")
        return {"path": self.path.absolute()} | {name: getattr(self, name) for name in known}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._prepare()

    def read(self, index: int) -> NDArray[Any]:
        """Return plane `index` as a (Y, X) array in native byte order."""
        file = self.files[index]
        with opened(file) as tif:
            pixels = decoded(tif.pages.first, file)
            self._remember(index, read_metadata(tif, file, planes=1))
        return self._verified(index, pixels, self.shape[1:])

    def read_region(self, index: int, rows: slice, columns: slice) -> NDArray[Any]:
        """Return a region of plane `index`, reading little else."""
        file = self.files[index]
        with opened(file) as tif:
            pixels = self._regions.read(file, index, tif.pages.first, (rows, columns))
        return self._verified(index, pixels, (rows.stop - rows.start, columns.stop - columns.start))

    def _verified(self, index: int, pixels: NDArray[Any], shape: tuple[int, int]) -> NDArray[Any]:
        """Return what was read if its file is still what it was when it was opened."""
        file = self.files[index]
        check_unchanged(file, self._opened[index])
        return checked(pixels, shape, self.dtype, f"'{file}'")

    def plane_metadata(self, index: int) -> Metadata:
        """Return the metadata of file `index`, without opening it again soon after `read`."""
        with self._lock:
            recent = self._recent.get(index)
        if recent is not None:
            return recent
        with opened(self.files[index]) as tif:
            return read_metadata(tif, self.files[index], planes=1)

    def _remember(self, index: int, metadata: Metadata) -> None:
        """Keep what was read, for the sink that will ask, and forget the oldest."""
        with self._lock:
            self._recent[index] = metadata
            if len(self._recent) > _REMEMBERED:
                del self._recent[next(iter(self._recent))]


class StackSource(Source):
    """The planes of one TIFF file, in the file's own order."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.files = (path,)
        self._opened = fingerprint(path)
        self._lock = threading.RLock()
        with ExitStack() as stack:
            self._tif = stack.enter_context(opened(path))
            self._check_and_describe()
            self._open_files = stack.pop_all()

    def _check_and_describe(self) -> None:
        """Check all headers and remember which page holds which plane."""
        tif, path = self._tif, self.path
        in_one_page = _planes_of_one_page(tif, path)
        check_page(tif.pages.first, path, planes=in_one_page)
        self._pages = _page_order(tif, path)
        shape, self.dtype = check_page(self._page(0), path)
        for k in range(1, len(self._pages)):
            other = check_page(self._page(k), path)
            if other != (shape, self.dtype):
                raise CrispimError(
                    f"plane {k} of '{path}' is {_plane_type(*other)} but plane 0 is "
                    f"{_plane_type(shape, self.dtype)}: keep planes of one size and type in a file."
                )
        self._is_one_page = in_one_page > 1
        count = in_one_page if self._is_one_page else len(self._pages)
        self.shape = count, *shape
        with tifffile_faults(path):
            self.chunks = 1, *page_chunk(tif.pages.first)
        self.names = tuple(f"{_stem(path)}_{k:04d}.tif" for k in range(count))
        self.metadata = read_metadata(tif, path, count)
        self._regions = RegionReader(shape, self.dtype, self.chunks[1:], self._lock)

    def _page(self, k: int) -> tifffile.TiffPage:
        """Return the page that plane `k` begins in."""
        with self._lock, tifffile_faults(self.path, k):
            page = self._tif.pages.get(self._pages[k], aspage=True)
        assert isinstance(page, tifffile.TiffPage)
        return page

    def __reduce__(self) -> tuple[type[StackSource], tuple[Path]]:
        """Another process opens the file itself."""
        return StackSource, (self.path.absolute(),)

    def read(self, index: int) -> NDArray[Any]:
        """Return plane `index` as a (Y, X) array in native byte order."""
        k = range(len(self))[index]
        if self._is_one_page:
            pixels = self._read_behind_first(k)
        else:
            pixels = decoded(self._page(k), self.path, k, lock=self._lock)
        return self._verified(k, pixels, self.shape[1:])

    def _read_behind_first(self, k: int) -> NDArray[Any]:
        """Return plane `k` of a file whose one page is followed by all planes' data."""
        with self._lock, tifffile_faults(self.path, k):
            first, handle = self._tif.pages.first, self._tif.filehandle
            handle.seek(first.dataoffsets[0] + k * first.nbytes)
            dtype = self.dtype.newbyteorder(self._tif.byteorder)
            return np.frombuffer(handle.read(first.nbytes), dtype).reshape(first.shape)

    def read_region(self, index: int, rows: slice, columns: slice) -> NDArray[Any]:
        """Return a region of plane `index`, reading little else."""
        k = range(len(self))[index]
        page = self._page(0 if self._is_one_page else k)
        ahead = k * page.nbytes if self._is_one_page else 0
        pixels = self._regions.read(self.path, k, page, (rows, columns), ahead)
        return self._verified(k, pixels, (rows.stop - rows.start, columns.stop - columns.start))

    def _verified(self, k: int, pixels: NDArray[Any], shape: tuple[int, int]) -> NDArray[Any]:
        """Return what was read if the file is still what it was when it was opened."""
        check_unchanged(self.path, self._opened)
        return checked(pixels, shape, self.dtype, f"plane {k} of '{self.path}'")

    def close(self) -> None:
        """Close the file."""
        self._open_files.close()


def _stem(path: Path) -> str:
    """Return a file's name without '.tif', '.ome.tif' and the like."""
    return Path(path.stem).stem if path.stem.lower().endswith(".ome") else path.stem


def is_ignored(name: str) -> bool:
    """Whether a file of this name beside the planes is no one's mistake."""
    lower = name.lower()
    sidecar = lower.startswith("crispim-") and lower.endswith(_SIDECAR_SUFFIXES)
    return name.startswith(".") or lower in _LITTER or sidecar


def _plane_files(folder: Path, kind: str, suffixes: tuple[str, ...]) -> list[Path]:
    """Return a folder's files of a format in natural order."""
    try:
        entries = [p for p in folder.iterdir() if not is_ignored(p.name) and not p.is_dir()]
    except PermissionError as error:
        raise unreadable(folder) from error
    files: list[Path] = natsorted(entries, key=lambda p: p.name)
    for file in files:
        if file.suffix.lower() not in suffixes:
            raise CrispimError(
                f"'{file}' is not a {kind} file: move it out of the folder of planes, "
                f"or convert it to {kind}."
            )
    if not files:
        raise CrispimError(
            f"'{folder}' holds no TIFF files: give the folder that holds the planes themselves."
        )
    return files


def _plane_header(file: Path) -> tuple[tuple[int, int], np.dtype[Any]]:
    """Return what a plane's file says of it, having checked that it is one plane."""
    with opened(file) as tif:
        count = max(len(tif.pages), _planes_of_one_page(tif, file))
        if count > 1:
            raise CrispimError(
                f"'{file}' holds {count} pages where a folder's files hold one plane each: "
                "give that file itself as the input."
            )
        return check_page(tif.pages.first, file)


def _common_header(
    files: Sequence[Path], read: Callable[[Path], tuple[tuple[int, int], np.dtype[Any]]]
) -> tuple[tuple[int, int], np.dtype[Any]]:
    """Return the header that all files share; name the first that differs."""
    with ThreadPoolExecutor(_HEADER_THREADS) as pool:
        headers = pool.map(read, files)
        first = next(headers)
        try:
            for file, header in zip(files[1:], headers, strict=True):
                if header != first:
                    raise CrispimError(
                        f"'{file}' is {_plane_type(*header)} but '{files[0].name}' is "
                        f"{_plane_type(*first)}: keep planes of one size and type in a folder."
                    )
        finally:
            pool.shutdown(cancel_futures=True)
    return first
