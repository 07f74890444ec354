"""TIFFs of a folder that are the parts of one set, as OME-XML and Micro-Manager's indices tell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path

import tifffile

from crispim_ij.errors import CrispimError
from crispim_ij.planes import ome_xml
from crispim_ij.planes.tiff_layout import Series
from crispim_ij.planes.tiff_metadata import Document, ome_document
from crispim_ij.planes.tiff_page import check_page, opened, tifffile_faults
from crispim_ij.planes.tiff_series import count_planes, kind_of, ome_series, told_series


def holds_several(file: Path) -> bool | None:
    """Whether a TIFF has more than one plane, None where it can't be read."""
    try:
        with opened(file) as tif:
            return check_page(tif.pages.first, file).samples * count_planes(tif, file) > 1
    except CrispimError:
        pass
    try:
        # Of a file that is truncated the first pages may be there.
        with tifffile_faults(file), tifffile.TiffFile(file) as tif:
            return True if tif.pages.is_multipage else None
    except CrispimError:
        return None


def series_of_set(files: Sequence[Path]) -> list[Series]:
    """Return the series of the set that all files of a folder are the parts of, [] without any.

    The files have several planes each. Raises CrispimError for a file beside the parts of a stack
    that is none of them.
    """
    pages = cache(partial(_count_pages, files))
    known: set[int] = set()
    for number, file in enumerate(files):
        if number in known:
            continue
        found = _told_by(file, files, pages)
        parts: set[int] = set().union(*(one.files for one in found))
        if number == 0 and len(parts) == len(files) > 1:
            return found
        if is_split(found):
            raise _odd(files[min({*range(len(files))} - parts, default=0)], file)
        known |= parts
    return []


def sets_in(files: Sequence[Path]) -> list[list[Path]]:
    """Group files of several planes each, so that each group holds stacks of its own.

    Raises CrispimError for a file beside the parts of one stack that tells of no set itself.
    """
    pages = cache(partial(_count_pages, files))
    groups: list[set[int]] = []
    untold: list[int] = []
    for number, file in enumerate(files):
        if any(number in group for group in groups):
            continue
        found = [one.files for one in _told_by(file, files, pages)]
        untold += [] if found else [number]
        for own in (*found, {number}):
            others = [group for group in groups if group & own]
            groups = [group for group in groups if not group & own]
            groups.append(own.union(*others))
    split = [group for group in groups if len(group) > 1]
    if len(split) == 1 and untold:
        raise _odd(files[untold[0]], files[min(split[0])])
    return [[files[number] for number in sorted(group)] for group in sorted(groups, key=min)]


def _odd(file: Path, of: Path) -> CrispimError:
    return CrispimError(
        f"'{file}' is none of the files that the planes of '{of}' are in: move it out of "
        "the folder, or give each stack a folder of its own."
    )


def _told_by(file: Path, files: Sequence[Path], pages: Callable[[], Sequence[int]]) -> list[Series]:
    """Return the series of several files that one of them tells of."""
    with opened(file) as tif:
        document = ome_document(tif, file)
        if document.xml is not None:
            return listed_series(document, file, files, pages())
        kind = kind_of(tif)
        return told_series(tif, file, kind, files) if kind in ("mmstack", "ndtiff") else []


def is_split(found: Sequence[Series]) -> bool:
    """Whether planes of one series are in several files."""
    return any(len(one.files) > 1 for one in found)


def listed_series(
    document: Document, file: Path, files: Sequence[Path], pages: Sequence[int]
) -> list[Series]:
    """Return the series of a file's OME-XML whose planes are in files of so many pages."""
    if document.xml is None:
        return []
    images = ome_xml.images(document.xml)
    return ome_series(images, files, pages, file if document.is_own else None)


def _count_pages(files: Sequence[Path]) -> list[int]:
    counts = []
    for file in files:
        with opened(file) as tif:
            counts.append(len(tif.pages))
    return counts
