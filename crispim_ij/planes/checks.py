"""What is wrong with a TIFF file, found from its headers and said in one sentence."""

from __future__ import annotations

import logging
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.planes.identity import changed

TIFF_SUFFIXES = (".tif", ".tiff")
DTYPES = tuple(np.dtype(name) for name in ("uint8", "uint16", "int16", "float32"))
MOST_PLANES = 5_000_000
"""What a file may claim to hold: each plane has a name, which takes memory."""

# What tifffile raises on files that are damaged or of another format.
_DAMAGE = (
    tifffile.TiffFileError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    NotImplementedError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)

# tifffile logs what it finds odd; without a handler Python prints it to the
# terminal beside the one sentence that says the same.
logging.getLogger("tifffile").addHandler(logging.NullHandler())


def existing(path: Path) -> Path:
    """Return `path` if there is something there, else raise CrispimError."""
    try:
        path.stat()
    except PermissionError as error:
        raise unreadable(path) from error
    except OSError as error:
        raise CrispimError(
            f"'{path}' does not exist: check the spelling, or give the full path."
        ) from error
    return path


def unreadable(path: Path) -> CrispimError:
    """Return the error for a file or folder without read permission."""
    return CrispimError(
        f"'{path}' can't be read for lack of permission: give yourself read access to it."
    )


def too_large(where: str) -> CrispimError:
    """Return the error for pixels that don't fit into memory."""
    return CrispimError(
        f"{where} needs more memory than there is: close other programs or take a larger machine, "
        "or copy the file again if its planes are not that large."
    )


@contextmanager
def opened(path: Path) -> Iterator[tifffile.TiffFile]:
    """Open a TIFF whose chain of pages is whole; faults become CrispimError."""
    with faults_named(path), tifffile.TiffFile(path) as tif:
        _check_chain(tif, path)
        yield tif


@contextmanager
def faults_named(path: Path, plane: int | None = None) -> Iterator[None]:
    """Turn what reading a TIFF raises into one sentence about the file."""
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
        raise CrispimError(
            f"{where} is not a TIFF that can be read ({_short(error)}): "
            "it may be damaged or of another format; copy it again or save it anew from ImageJ."
        ) from error


def _short(error: BaseException) -> str:
    """Return an error's first line, short enough for a sentence."""
    return (str(error).splitlines() or [type(error).__name__])[0][:100]


def truncated(path: Path) -> CrispimError:
    """Return the error for a file that ends too early."""
    return CrispimError(
        f"'{path}' is truncated: it ends before its last plane does; copy it again or save it anew."
    )


def _check_chain(tif: tifffile.TiffFile, path: Path) -> None:
    """Raise CrispimError unless the last page says that no page follows."""
    count = len(tif.pages)
    end = tif.pages.next_page_offset
    size = tif.tiff.offsetsize
    if count == 0 or end is None:
        raise truncated(path)
    tif.filehandle.seek(end)
    # tifffile only logs a chain that is cut short and goes on with what it has.
    if tif.filehandle.read(size) != bytes(size):
        raise truncated(path)


def check_page(
    page: tifffile.TiffPage, path: Path, *, planes: int = 1
) -> tuple[tuple[int, int], np.dtype[Any]]:
    """Raise CrispimError unless a page holds a grey plane that is all there.

    Parameters
    ----------
    page : tifffile.TiffPage
        The page's header.
    path : Path
        The file, for the message.
    planes : int
        How many planes lie one after another from the page's data on.

    Returns
    -------
    shape : tuple of int
        Rows and columns.
    dtype : numpy.dtype
        In native byte order.

    Raises
    ------
    CrispimError
        If the page is in colour, of a type that isn't supported, or not all there.
    """
    if page.samplesperpixel != 1 or page.photometric in (2, 5, 6, 8):
        raise CrispimError(
            f"'{path}' is a colour image (RGB or the like): "
            "split its channels in ImageJ (Image > Color > Split Channels) and give one of them."
        )
    dtype = None if page.dtype is None else page.dtype.newbyteorder("=")
    if dtype is None or dtype not in DTYPES:
        raise CrispimError(
            f"'{path}' holds {_type_name(page, dtype)} pixels, which are not supported: "
            "convert it in ImageJ (Image > Type) to 8-bit, 16-bit or 32-bit."
        )
    if len(page.shape) != 2 or 0 in page.shape:
        raise CrispimError(
            f"'{path}' holds a page of shape {page.shape} where a plane of rows and columns is "
            "needed: save it anew from ImageJ as TIFF."
        )
    _check_segments(page, path, page.nbytes * planes)
    rows, columns = page.shape
    return (rows, columns), dtype


def check_count(planes: int, path: Path) -> None:
    """Raise CrispimError if a file claims more planes than there can be."""
    if planes > MOST_PLANES:
        raise CrispimError(
            f"'{path}' claims to hold {planes} planes, of which {MOST_PLANES} are the most that "
            "can be worked on: its description may be damaged; copy it again or save it in parts."
        )


def plane_type(shape: tuple[int, int], dtype: np.dtype[Any]) -> str:
    """Return a plane's size and type in words, width first as ImageJ says it."""
    return f"{shape[1]} x {shape[0]} pixels of {dtype}"


def _type_name(page: tifffile.TiffPage, dtype: np.dtype[Any] | None) -> str:
    """Return the pixel type of a page in words."""
    return f"{page.bitspersample}-bit" if dtype is None or dtype.kind == "b" else dtype.name


def _check_segments(page: tifffile.TiffPage, path: Path, needed: int) -> None:
    """Raise CrispimError if strips or tiles are missing or lie beyond the file's end."""
    size = page.parent.filehandle.size
    offsets, counts = page.dataoffsets, page.databytecounts
    if not offsets or len(offsets) != len(counts):
        raise truncated(path)
    if max(map(sum, zip(offsets, counts, strict=True))) > size:
        raise truncated(path)
    # Data that run on over several planes are longer than the page says.
    if page.is_contiguous and offsets[0] + needed > size:
        raise truncated(path)


def decoded(
    page: tifffile.TiffPage, path: Path, plane: int | None = None, **how: Any
) -> NDArray[Any]:
    """Return a page's pixels; faults in the compressed data become CrispimError."""
    with faults_named(path, plane):
        pixels: NDArray[Any] = page.asarray(maxworkers=1, **how)
        return pixels


def checked(
    pixels: NDArray[Any], shape: tuple[int, int], dtype: np.dtype[Any], where: str
) -> NDArray[Any]:
    """Return pixels as native `dtype` if they are what the header said and finite."""
    plane = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    if plane.shape != shape or plane.dtype != dtype:
        raise changed(where)
    if dtype.kind == "f" and not np.isfinite(plane).all():
        raise CrispimError(
            f"{where} holds NaN or infinite values: replace them in ImageJ "
            "(Process > Math > NaN Background, or Remove NaNs) and save it anew."
        )
    return plane
