"""A page of a TIFF: what it says of its pixels, and planes, regions and samples read from it."""

from __future__ import annotations

import logging
import math
import struct
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tifffile
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.planes.checks import DamagedError, first_line, raised_in, read_faults
from crispim_ij.planes.pixels import DTYPES, READ_AS_FLOAT32, ChunkCache, assemble

# What tifffile, and imagecodecs below it, raise on files that are damaged or of another format, as
# seen when bytes of good files are exchanged. Most of it is what faults in programs raise, too.
_DAMAGE = (
    tifffile.TiffFileError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)
# What says of itself that it is the file's fault.
_OURS = (DamagedError, UnicodeDecodeError)
# PhotometricInterpretation of RGB, CMYK, YCbCr and CIELAB.
_COLOUR = {2, 5, 6, 8}
# ExtraSamples that say how much light shines through.
_ALPHA = {1, 2}
# ImageJ opens these beside those that we take, as the same values.
_IMAGEJ_OPENS = {1, 12}
_ROWS_AT_ONCE = 256

Region = tuple[slice, slice]
_Lock = AbstractContextManager[Any]

# tifffile logs what it finds odd; without a handler Python prints it to the
# terminal beside the one sentence that says the same.
logging.getLogger("tifffile").addHandler(logging.NullHandler())


# Files


@contextmanager
def tifffile_faults(path: Path, plane: int | None = None) -> Iterator[None]:
    """Turn what tifffile raises on damaged files, and `DamagedError`, into one sentence."""
    where = f"'{path}'" if plane is None else f"plane {plane} of '{path}'"
    try:
        with read_faults(path, where):
            yield
    except _DAMAGE as error:
        if not (isinstance(error, _OURS) or raised_in("tifffile", error)):
            raise
        raise damaged(where, error) from error


def damaged(where: str, error: Exception) -> CrispimError:
    """Return the error for a file that can't be read as TIFF."""
    return CrispimError(
        f"{where} is not a TIFF that can be read ({first_line(error)}): "
        "it may be damaged or of another format; copy or save it again from ImageJ."
    )


def truncated(path: Path) -> CrispimError:
    """Return the error for a file that ends before its planes do."""
    return CrispimError(
        f"'{path}' is truncated: it ends before its last plane does; copy or save it again."
    )


@contextmanager
def opened(path: Path) -> Iterator[tifffile.TiffFile]:
    """Open a TIFF whose chain of pages is whole; what tifffile raises meanwhile is one sentence."""
    with tifffile_faults(path):
        tif = tifffile.TiffFile(path)
        if tif.is_scanimage and not tif.is_bigtiff:
            # tifffile reckons where the pages of ScanImage's older files are, and loses the last.
            tif.close()
            tif = tifffile.TiffFile(path, is_scanimage=False)
        with tif:
            if not _has_whole_chain(tif):
                raise truncated(path)
            yield tif


def _has_whole_chain(tif: tifffile.TiffFile) -> bool:
    """Whether the last page says that no page follows; tifffile only logs where it doesn't."""
    size, end = tif.tiff.offsetsize, tif.pages.next_page_offset
    if len(tif.pages) == 0 or end is None:
        return False
    tif.filehandle.seek(end)
    return tif.filehandle.read(size) == bytes(size)


# Pages


class Header(NamedTuple):
    """What planes must have in common to be one stack: size, stored type and samples a page."""

    shape: tuple[int, int]
    dtype: np.dtype[Any]
    samples: int = 1

    def __str__(self) -> str:
        samples = f", {self.samples} samples a pixel" if self.samples > 1 else ""
        return f"{self.shape[1]} x {self.shape[0]} pixels of {self.dtype}{samples}"


def _is_grey(page: tifffile.TiffPage) -> bool:
    """Whether a page's samples are counts of their own, as far as it says."""
    # tifffile says of 3 or 4 planes in a row that they are red, green, blue and how much shines
    # through; Zeiss of channels.
    if page.is_lsm or (page.is_shaped and page.samplesperpixel > 1 and page.planarconfig == 2):
        return True
    return page.photometric not in _COLOUR and not _ALPHA.intersection(page.extrasamples)


def is_bare(page: tifffile.TiffPage) -> bool:
    """Whether a page's pixels lie in the file one after another as they are in memory."""
    # tifffile leaves the order of bits and differences out of `is_contiguous`.
    return bool(page.is_contiguous and page.fillorder == 1 and page.predictor == 1)


def check_page(page: tifffile.TiffPage, path: Path, *, planes: int = 1) -> Header:
    """Return what a page of an open file of grey planes says of them, all there.

    `planes` of them lie one after another from the page's data on. Raises CrispimError if
    the page is in colour, of a type that isn't supported, or not all there.
    """
    # Of a damaged tag they may be text or fractions.
    numbers = (*page.shape, page.samplesperpixel, *page.dataoffsets, *page.databytecounts)
    if not all(isinstance(number, (int, np.integer)) for number in numbers):
        raise DamagedError("its sizes or places of pixels are no whole numbers")
    shape, samples = list(map(int, page.shape)), int(page.samplesperpixel)
    if samples < 1:
        raise DamagedError("it says that its pixels have no samples")
    if samples > 1:
        shape.remove(samples)
    dtype = None if page.dtype is None else page.dtype.newbyteorder("=")
    if not _is_grey(page):
        raise CrispimError(
            f"'{path}' is a colour image (RGB or the like): "
            "split its channels in ImageJ (Image > Color > Split Channels) and give one of them."
        )
    if dtype is None or dtype not in (*DTYPES, *READ_AS_FLOAT32):
        raise _other_type(path, dtype, page.bitspersample)
    if len(shape) != 2 or 0 in shape:
        raise CrispimError(
            f"'{path}' holds a page of shape {tuple(shape)} where a plane of rows and columns is "
            "needed: save it again from ImageJ as TIFF."
        )
    if not _are_there(page, planes):
        raise truncated(path)
    return Header((shape[0], shape[1]), dtype, samples)


def _are_there(page: tifffile.TiffPage, planes: int) -> bool:
    """Whether a file reaches as far as the pixels of a page, and so many planes on from them."""
    offsets, counts = page.dataoffsets, page.databytecounts
    if not offsets or len(offsets) != len(counts):
        return False
    # Planes that follow each other are longer than the page says.
    run_on = offsets[0] + page.nbytes * planes if is_bare(page) else 0
    return max(run_on, *map(sum, zip(offsets, counts, strict=True))) <= page.parent.filehandle.size


def _other_type(path: Path, dtype: np.dtype[Any] | None, bits: int) -> CrispimError:
    named = f"{bits}-bit" if dtype is None or dtype.kind == "b" else dtype.name
    remedy = (
        "convert it in ImageJ (Image > Type) to 8-bit, 16-bit or 32-bit."
        if bits in _IMAGEJ_OPENS
        else "save it as uint8, uint16, int16 or float32 with the program that it comes from."
    )
    return CrispimError(f"'{path}' holds {named} pixels, which are not supported: {remedy}")


def decoded(
    page: tifffile.TiffPage,
    path: Path,
    plane: int | None = None,
    *,
    sample: int = 0,
    **how: Any,
) -> NDArray[Any]:
    """Return the pixels of a page's sample."""
    with tifffile_faults(path, plane):
        pixels: NDArray[Any] = page.asarray(maxworkers=1, **how)
        if page.samplesperpixel == 1:
            return pixels
        return pixels[sample] if page.planarconfig == 2 else pixels[..., sample]


def page_chunk(page: tifffile.TiffPage) -> tuple[int, int]:
    """Return rows and columns that are read at once: a tile, a strip, or some rows of pixels."""
    rows, columns = int(page.imagelength), int(page.imagewidth)
    if is_bare(page):
        return min(rows, _ROWS_AT_ONCE), columns
    if page.samplesperpixel > 1:
        return rows, columns
    chunk = (page.tilelength, page.tilewidth) if page.is_tiled else (page.rowsperstrip, columns)
    if not all(isinstance(side, int) and side > 0 for side in chunk):
        raise DamagedError(f"tiles or strips of {chunk} pixels")
    return chunk if page.is_tiled else (min(rows, chunk[0]), columns)


def mapped_region(
    path: Path, offset: int, shape: tuple[int, int], dtype: np.dtype[Any], region: Region
) -> NDArray[Any]:
    """Return a copy of a region of pixels that lie one after another from a byte of a file on."""
    rows, columns = region
    begin = offset + rows.start * shape[1] * dtype.itemsize
    height = rows.stop - rows.start
    try:
        # Opened again for each region: pages of a file stay in memory as long as it is mapped.
        lines = np.memmap(path, dtype, "r", begin, (height, shape[1]))
    except ValueError as error:
        raise DamagedError(first_line(error)) from error
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
        self,
        path: Path,
        index: int,
        page: tifffile.TiffPage,
        region: Region,
        *,
        ahead: int = 0,
        sample: int = 0,
    ) -> NDArray[Any]:
        """Return a region of plane `index`: a sample of a page, or `ahead` bytes behind it."""
        if ahead or (is_bare(page) and page.samplesperpixel == 1):
            dtype = self._dtype.newbyteorder(page.parent.byteorder)
            offset = page.dataoffsets[0] + ahead
            return mapped_region(path, offset, self._shape, dtype, region)
        if page.samplesperpixel > 1:
            return decoded(page, path, sample=sample, lock=self._lock)[region]
        chunk = page_chunk(page)
        per_row = -(-self._shape[1] // chunk[1])

        def load(key: tuple[int, int, int]) -> NDArray[Any]:
            return self._decoded(page, key[1] * per_row + key[2], chunk)

        return assemble(
            region,
            chunk,
            self._dtype,
            lambda row, column: self._cache.get((index, row, column), load),
        )

    def _decoded(
        self, page: tifffile.TiffPage, segment: int, chunk: tuple[int, int]
    ) -> NDArray[Any]:
        """Return a tile or strip."""
        if segment >= len(page.dataoffsets):
            raise DamagedError(f"it lacks tile or strip {segment}")
        with self._lock:
            page.parent.filehandle.seek(page.dataoffsets[segment])
            data = page.parent.filehandle.read(page.databytecounts[segment])
        pixels = page.decode(data, segment, jpegtables=page.jpegtables)[0]
        if pixels is None:
            # An empty segment is left out of the file.
            return np.full(chunk, page.nodata, self._dtype)
        return np.ascontiguousarray(pixels[0, :, :, 0]).astype(self._dtype, copy=False)
