"""Which page of a TIFF holds which plane."""

from __future__ import annotations

import math
from pathlib import Path

import tifffile

from crispim_ij.errors import CrispimError
from crispim_ij.planes import imagej_tags, ome
from crispim_ij.planes.checks import check_count


def run_on_planes(tif: tifffile.TiffFile) -> int:
    """Return how many planes lie one after another behind a file's only page, 1 if just its own.

    ImageJ writes stacks above 4 GB so, and tifffile on demand.
    """
    page = tif.pages.first
    if len(tif.pages) > 1 or page.is_tiled or not page.is_contiguous:
        return 1
    if page.imagej_description is not None:
        images = imagej_tags.number(imagej_tags.parse(page.imagej_description), "images")
        return max(1, int(images or 1))
    if page.is_shaped:
        return max(1, math.prod(tif.series[0].shape) // page.size)
    return 1


def page_order(tif: tifffile.TiffFile, path: Path) -> list[int]:
    """Return the page of each plane: the file's own order, or that of the OME-XML.

    Parameters
    ----------
    tif : tifffile.TiffFile
        The open file.
    path : Path
        The file, for messages.

    Returns
    -------
    list of int
        Page numbers, one a plane.

    Raises
    ------
    CrispimError
        If planes of an OME data set are in other files, missing, or without number.
    """
    if not tif.is_ome:
        return list(range(len(tif.pages)))
    # tifffile makes room for all planes that are listed.
    check_count(math.prod(ome.read(tif.pages.first.description).sizes), path)
    series = tif.series[0]
    if series.is_multifile:
        raise CrispimError(
            f"'{path}' is one file of an OME data set of several: "
            "give the folder that holds its planes, or save it as one file from Fiji."
        )
    pages = list(series.pages)
    if series.kind != "ome" or None in pages:
        raise CrispimError(
            f"'{path}' lacks planes that its OME-XML lists: copy it again or save it anew."
        )
    order = [page.index for page in pages if page is not None]
    # The series has filled the cache with all pages.
    tif.pages.cache = False
    tif.pages.useframes = False
    return order
