"""One TIFF file, written plane by plane."""

from __future__ import annotations

import io
import json
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tifffile
from numpy.typing import NDArray

from crispim_ij.planes import imagej_tags, ome
from crispim_ij.planes.atomic import PlainFile
from crispim_ij.planes.metadata import Metadata

# Offsets have 32 bits; the rest is room for what surrounds the pixels.
_CLASSIC_LIMIT = 2**32 - 2**25
_PAGE_OVERHEAD = 512
_PALETTE = 3
_COLORMAP = 320

Layout = Literal["classic", "run-on", "big"]


class Compression(StrEnum):
    """How pixels are packed: zlib opens in ImageJ, zstd (Bio-Formats) is faster and smaller."""

    NONE = "none"
    ZLIB = "zlib"
    ZSTD = "zstd"


@dataclass(frozen=True)
class Contents:
    """What a file is to hold.

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


def choose_layout(contents: Contents, compression: Compression) -> Layout:
    """Return how a file is laid out.

    Parameters
    ----------
    contents : Contents
        What the file is to hold.
    compression : Compression
        How its pixels are packed.

    Returns
    -------
    {'classic', 'run-on', 'big'}
        'classic' below 4 GB of pixels. Above, 'run-on' (a single page whose data
        run on over all planes) for ImageJ's uncompressed stacks, because ImageJ
        writes and reads those so and can't read BigTIFF; else 'big', BigTIFF.
    """
    rows, columns = contents.shape
    plane = rows * columns * contents.dtype.itemsize + _PAGE_OVERHEAD
    if plane * contents.planes <= _CLASSIC_LIMIT:
        return "classic"
    run_on = contents.metadata.kind == "imagej" and compression is Compression.NONE
    return "run-on" if run_on else "big"


class PageWriter:
    """An open TIFF file that takes planes in order.

    Parameters
    ----------
    path : Path
        The file, overwritten if it is there.
    contents : Contents
        What it is to hold.
    compression : Compression
        How pixels are packed.
    layout : {'classic', 'run-on', 'big'}
        See `choose_layout`.
    """

    def __init__(
        self, path: Path, contents: Contents, compression: Compression, layout: Layout
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


def _page_options(contents: Contents) -> dict[str, Any]:
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


def _file_options(contents: Contents) -> dict[str, Any]:
    """Return what TiffWriter needs for the first page: the description and extra tags."""
    metadata = contents.metadata
    extratags: list[tuple[Any, ...]] = []
    if metadata.colormap is not None:
        values = metadata.colormap.ravel()
        extratags.append((_COLORMAP, 3, values.size, values, False))
    resized = contents.scale != (1, 1)
    extratags += imagej_tags.private_tags(metadata.imagej, resized=resized)
    return {"description": _description(contents), "extratags": extratags}


def _description(contents: Contents) -> bytes | None:
    """Return the ImageDescription of the first page."""
    metadata, planes = contents.metadata, contents.planes
    text = metadata.description
    if text is None:
        return None
    if metadata.kind == "ome":
        return ome.written(text, planes, contents.shape, contents.dtype, contents.scale)
    if metadata.kind == "imagej":
        text = imagej_tags.written_description(
            text, planes, contents.scale, contents.source_dtype, contents.dtype
        )
    elif text.startswith('{"shape"'):
        text = _shaped_description(text, contents)
    return text.encode()


def _shaped_description(text: str, contents: Contents) -> str:
    """Return tifffile's JSON description with the shape that is written."""
    fields = json.loads(text)
    fields.pop("truncated", None)
    leading = fields["shape"][:-2]
    if np.prod(leading, dtype=np.int64) != contents.planes:
        leading = [contents.planes]
        fields.pop("axes", None)
    return json.dumps(fields | {"shape": [*leading, *contents.shape]})
