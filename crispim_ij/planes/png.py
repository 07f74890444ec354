"""Planes read from PNG and written as PNG: folders of grey files of 8 or 16 bits."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.planes.atomic import fresh_partial
from crispim_ij.planes.checks import first_line, read_faults
from crispim_ij.planes.metadata import Metadata
from crispim_ij.planes.pixels import ChunkCache
from crispim_ij.planes.provenance import History
from crispim_ij.planes.sink import Compression, SinkSettings
from crispim_ij.planes.source import Source
from crispim_ij.planes.tiff_page import Header
from crispim_ij.planes.tiff_read import FolderSource
from crispim_ij.planes.tiff_write import FolderSink

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_END = b"\0\0\0\0IEND\xaeB`\x82"
_COLOURS = {2: "RGB", 3: "palette", 4: "transparent", 6: "RGB"}
# Deflate makes 1032 bytes of one at most, and a row has one byte more than its pixels.
_MOST_PACKED = 1032
# Longest side that libpng takes.
_LONGEST = 1_000_000
# zlib's: fast where nothing is said of compression, as a PNG is always packed.
_LEVELS = {Compression.NONE: 1, Compression.ZLIB: 6}


class PngFolderSource(FolderSource):
    """The planes of a folder of PNG files, decoded as a whole."""

    def _read_header(self, file: Path) -> Header:
        return _read_header(file)

    def _describe(self, files: Sequence[Path], series: int | None) -> None:
        self.chunks = 1, *self._header.shape
        self._arrange(files, series, Metadata())

    def _prepare(self) -> None:
        super()._prepare()
        rows, columns = self.shape[1:]
        self._cache: ChunkCache[int] = ChunkCache(rows * columns * self.dtype.itemsize)

    def read(self, index: int) -> NDArray[Any]:
        """Return plane `index` as a (Y, X) array in native byte order."""
        return self._verified(index, self._decoded(index), self.shape[1:])

    def read_region(self, index: int, rows: slice, columns: slice) -> NDArray[Any]:
        """Return a region of plane `index`; what was decoded last is at hand for its neighbours."""
        pixels = self._cache.get(index, self._decoded)[rows, columns]
        shape = rows.stop - rows.start, columns.stop - columns.start
        return self._verified(index, np.array(pixels), shape)

    def plane_metadata(self, index: int) -> Metadata:  # noqa: ARG002
        """Return what a file that holds plane `index` alone should say of it: nothing."""
        return Metadata()

    def _decoded(self, index: int) -> NDArray[Any]:
        from imagecodecs import png_decode

        file = self.files[index]
        # A header that has changed since could ask for any memory.
        _read_header(file)
        with _png_faults(file):
            pixels: NDArray[Any] = png_decode(file.read_bytes())
        return pixels


class PngFolderSink(FolderSink):
    """A folder that takes a PNG file per plane, in any order and from any thread."""

    def __init__(
        self, path: Path, source: Source, settings: SinkSettings, written: History = ()
    ) -> None:
        if Compression(settings.compression) not in _LEVELS:
            raise CrispimError(
                f"'{path}' gets PNG files, as the input has, which can't be packed by "
                f"{settings.compression} (--compression): leave it out, or take zlib."
            )
        super().__init__(path, source, settings, written)

    def _put(self, target: Path, index: int, pixels: NDArray[Any]) -> None:  # noqa: ARG002
        from imagecodecs import png_encode

        packed = png_encode(pixels, level=_LEVELS[self._compression])
        fresh_partial(target).write_bytes(packed)


@contextmanager
def _png_faults(file: Path) -> Iterator[None]:
    """Turn what the system and libpng raise into one sentence."""
    from imagecodecs import PngError

    try:
        with read_faults(file, f"'{file}'"):
            yield
    except (PngError, ValueError) as error:
        raise _damaged(file, first_line(error)) from error


def _damaged(file: Path, why: str) -> CrispimError:
    return CrispimError(
        f"'{file}' is not a PNG that can be read ({why}): it may be damaged or of another format; "
        "copy it again, or convert it to TIFF."
    )


def _read_header(file: Path) -> Header:
    """Return rows and columns and type of a grey PNG that is all there."""
    with _png_faults(file), file.open("rb") as stream:
        start = stream.read(33)
        chunks = set(_chunks_before_pixels(stream))
        size = stream.seek(0, 2)
        stream.seek(max(0, size - len(_END)))
        end = stream.read()
    if len(start) < 33 or start[:8] != _SIGNATURE or start[12:16] != b"IHDR":
        raise _damaged(file, "it doesn't begin as a PNG does")
    columns, rows, bits, colour = struct.unpack(">IIBB", start[16:26])
    if colour != 0 or b"tRNS" in chunks:
        kind = _COLOURS.get(colour, "transparent" if colour == 0 else "unknown")
        raise CrispimError(
            f"'{file}' is a PNG of {kind} pixels where grey ones are needed: save it as a grey "
            "image of 8 or 16 bits."
        )
    if bits not in (8, 16):
        raise CrispimError(
            f"'{file}' is a PNG of {bits}-bit pixels, which are not supported: save it as a grey "
            "image of 8 or 16 bits."
        )
    if end != _END:
        raise CrispimError(f"'{file}' is truncated: copy or save it again.")
    row_bytes = columns * bits // 8 + 1
    is_possible = min(rows, columns) > 0 and max(rows, columns) <= _LONGEST
    if not is_possible or rows * row_bytes > _MOST_PACKED * size:
        raise _damaged(file, f"it claims {columns} x {rows} pixels in {size} bytes")
    return Header((rows, columns), np.dtype(f"uint{bits}"))


def _chunks_before_pixels(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the kinds of chunks that stand before the pixels."""
    while len(head := stream.read(8)) == 8 and head[4:] not in (b"IDAT", b"IEND"):
        yield head[4:]
        stream.seek(int.from_bytes(head[:4], "big") + 4, 1)
