"""Planes read from TIFF: a folder of files, or one file or set of files."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tifffile
from natsort import natsorted
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.planes.channels import channel_names, said_of_channels
from crispim_ij.planes.checks import (
    PNG_SUFFIX,
    TIFF_SUFFIXES,
    are_png,
    check_unchanged,
    fingerprint,
    unreadable,
)
from crispim_ij.planes.metadata import Metadata, as_stack, of_plane
from crispim_ij.planes.pixels import as_read, read_as, said_type
from crispim_ij.planes.plane_names import are_told, arrange, file_names
from crispim_ij.planes.source import Source
from crispim_ij.planes.tiff_layout import Layout, choose
from crispim_ij.planes.tiff_metadata import (
    metadata_of,
    ome_document,
    read_metadata,
    said_of_display,
    stage_position,
)
from crispim_ij.planes.tiff_page import (
    Header,
    RegionReader,
    check_page,
    decoded,
    opened,
    page_chunk,
    tifffile_faults,
    truncated,
)
from crispim_ij.planes.tiff_series import count_planes, series_of_file, series_of_unlike_pages
from crispim_ij.planes.tiff_sets import holds_several, listed_series, series_of_set

_LITTER = {"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"}
_OWN_SUFFIXES = (".json", ".csv")
# Notes that microscopes and people leave beside planes, which are no planes.
_NOTES_SUFFIXES = (
    ".txt", ".xml", ".ini", ".log", ".json", ".csv", ".tsv", ".yaml", ".yml", ".toml", ".cfg",
    ".md", ".html", ".pdf", ".nd", ".index", ".ome", ".env", ".xlog",
)  # fmt: skip
_HEADER_THREADS = 8
_REMEMBERED = 64
_MOST_OPEN = 64


class FolderSource(Source):
    """The planes of a folder, one file each, in the order that their OME-XML or names tell.

    `series` is that of an OME set which is meant, counted from 1. A subclass reads files of another
    format.
    """

    def __init__(self, path: Path, listed: PlaneFiles, series: int | None = None) -> None:
        self.path, self.left_out = path, listed.left_out
        self._header = _common_header(listed.files, self._read_header)
        self.dtype = read_as(self._header.dtype)
        self._is_set = False
        self._describe(listed.files, series)
        self.notes = (*self.notes, *said_type(path, self._header.dtype))
        self.shape = len(self.names), *self._header.shape
        self._prepare()
        self._opened = tuple(fingerprint(file) for file in self.files)

    def _read_header(self, file: Path) -> Header:
        """Return what a file says of its plane, having checked it."""
        return _plane_header(file)

    def _describe(self, files: Sequence[Path], series: int | None) -> None:
        """Find the order of the planes, and what is said of them."""
        with opened(files[0]) as tif:
            self.chunks = 1, *page_chunk(tif.pages.first)
            document = ome_document(tif, files[0])
            self.notes = (*document.notes, *said_of_display(tif, files[0]))
            found = listed_series(document, files[0], files, [1] * len(files))
            covered: set[int] = set().union(*(one.files for one in found))
            if not len(covered) == len(files) > 1:
                unlisted = _said_unlisted(files, covered)
                self.notes = (*self.notes, *unlisted, *_said_positions(tif, files))
                self._arrange(files, series, read_metadata(tif, planes=1))
                return
            self._is_set = True
            layout = choose(found, series, self.path)
            self._stored = tuple(files[place.file].name for place in layout.places)
            first = files[layout.places[0].file]
            self.metadata = metadata_of(tif, first, layout, document.xml)
            self.names = _in_order(self.path, self._stored, self.metadata)
            self.notes, self.series = (*self.notes, *layout.notes), layout.names

    def _arrange(self, files: Sequence[Path], series: int | None, first: Metadata) -> None:
        """Take the planes along the axes that their files' names tell."""
        _refuse_series(self.path, series)
        planes = arrange([file.name for file in files], self.path)
        self.names, self.metadata = planes.names, as_stack(first, planes)
        self._stored = planes.names
        self.notes = (*self.notes, *planes.notes)

    def _prepare(self) -> None:
        """Make what each process has of its own."""
        self.files = tuple(self.path / name for name in self._stored)
        self._lock = threading.Lock()
        self._regions = RegionReader(
            self.shape[1:], self._header.dtype, self.chunks[1:], nullcontext()
        )
        self._recent: dict[int, Metadata] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Return what another process needs; it doesn't check all headers again."""
        known = (
            "names", "shape", "dtype", "chunks", "metadata", "notes", "left_out", "series",
            "_header", "_is_set", "_opened", "_stored",
        )  # fmt: skip
        return {"path": self.path.absolute()} | {name: getattr(self, name) for name in known}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._prepare()

    def read(self, index: int) -> NDArray[Any]:
        """Return plane `index` as a (Y, X) array in native byte order."""
        file = self.files[index]
        with opened(file) as tif:
            pixels = decoded(tif.pages.first, file)
            if not self._is_set:
                self._remember(index, read_metadata(tif, planes=1))
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
        return as_read(pixels, shape, self._header.dtype, f"'{file}'")

    def plane_metadata(self, index: int) -> Metadata:
        """Return the metadata of file `index`, without opening it again soon after `read`."""
        if self._is_set:
            return of_plane(self.metadata, range(len(self))[index])
        with self._lock:
            recent = self._recent.get(index)
        if recent is not None:
            return recent
        with opened(self.files[index]) as tif:
            return read_metadata(tif, planes=1)

    def _remember(self, index: int, metadata: Metadata) -> None:
        """Keep what was read, for the sink that will ask, and forget the oldest."""
        with self._lock:
            self._recent[index] = metadata
            if len(self._recent) > _REMEMBERED:
                del self._recent[next(iter(self._recent))]


class StackSource(Source):
    """The planes of one TIFF file, or of files that are a set, in the order that they tell.

    `series` is the one that is meant, counted from 1; `parts` are the files of a set, which `path`
    is the folder or the first of.
    """

    def __init__(
        self, path: Path, series: int | None = None, parts: Sequence[Path] | None = None
    ) -> None:
        self.path = path
        self.files = (path,) if parts is None else tuple(parts)
        self._is_set = parts is not None
        self._chosen = series
        self._opened = tuple(fingerprint(file) for file in self.files)
        self._lock = threading.RLock()
        self._tifs: dict[int, tifffile.TiffFile] = {}
        with ExitStack() as stack:
            self._open_files = stack
            self._check_and_describe()
            self._open_files = stack.pop_all()

    def _check_and_describe(self) -> None:
        """Check all headers and remember which page holds which plane."""
        with self._tif(0) as tif:
            document = ome_document(tif, self.files[0])
            xml, is_own, notes = document
            shown = said_of_display(tif, self.files[0])
            if self._is_set:
                found = series_of_set(self.files)
            else:
                found = series_of_file(tif, self.path, xml, is_own=is_own)
            layout = choose(found, self._chosen, self.path)
            unlike = self._first_unlike(layout)
            if unlike is not None and xml is None and not self._is_set:
                found = series_of_unlike_pages(tif, self.path)
                layout = choose(found, self._chosen, self.path) if found else layout
                unlike = self._first_unlike(layout) if found else unlike
            if unlike is not None:
                raise unlike
            self._places, self.series = layout.places, layout.names
            count = len(layout.places)
            self.metadata = metadata_of(tif, self.files[0], layout, xml)
            stem = _stem(self.path) if self.path in self.files else self.path.name
            self.names = file_names(stem, self.metadata.lengths, channel_names(self.metadata))
            shown += said_of_channels(self.metadata, self.path)
        self.shape = count, *self._header.shape
        self.dtype = read_as(self._header.dtype)
        self.notes = (*notes, *layout.notes, *shown, *said_type(self.path, self._header.dtype))
        place = layout.places[0]
        with self._tif(place.file) as tif:
            self.chunks = 1, *page_chunk(self._page(tif, 0))
        self._regions = RegionReader(
            self._header.shape, self._header.dtype, self.chunks[1:], self._lock
        )

    def _first_unlike(self, layout: Layout) -> CrispimError | None:
        """Check the pages of all planes; return the refusal of the first unlike the others."""
        self._places = layout.places
        first: Header | None = None
        checked_pages: set[tuple[int, int]] = set()
        for k, place in enumerate(layout.places):
            if place[:2] in checked_pages:
                continue
            checked_pages.add(place[:2])
            with self._tif(place.file) as tif:
                header = check_page(self._page(tif, k), self.files[place.file])
            if first is None:
                self._header = first = header
            elif header != first:
                return CrispimError(
                    f"plane {k} of '{self.path}' is {header} but plane 0 is {first}: "
                    "keep planes of one size and type in a file."
                )
        return None

    @contextmanager
    def _tif(self, number: int) -> Iterator[tifffile.TiffFile]:
        """Give an open file; of many but the first stay open."""
        with self._lock:
            tif = self._tifs.get(number)
            if tif is None and len(self._tifs) < _MOST_OPEN:
                tif = self._open_files.enter_context(opened(self.files[number]))
                self._tifs[number] = tif
        if tif is not None:
            with tifffile_faults(self.files[number]):
                yield tif
            return
        with opened(self.files[number]) as brief:
            yield brief

    def _page(self, tif: tifffile.TiffFile, k: int) -> tifffile.TiffPage:
        """Return the page that plane `k` begins in."""
        index = self._places[k].page
        with self._lock, tifffile_faults(self.path, k):
            page = tif.pages.get(index, aspage=True)
            assert isinstance(page, tifffile.TiffPage)
            if tif.is_lsm:
                # tifffile mends the offsets in Zeiss' files once for all.
                mended = tif.pages[index]
                page.dataoffsets = mended.dataoffsets
                page.databytecounts = mended.databytecounts
        return page

    def __reduce__(self) -> tuple[type[StackSource], tuple[Any, ...]]:
        """Another process opens the files itself."""
        parts = tuple(file.absolute() for file in self.files) if self._is_set else None
        return StackSource, (self.path.absolute(), self._chosen, parts)

    def read(self, index: int) -> NDArray[Any]:
        """Return plane `index` as a (Y, X) array in native byte order."""
        k = range(len(self))[index]
        place = self._places[k]
        with self._tif(place.file) as tif:
            page, file = self._page(tif, k), self.files[place.file]
            if place.ahead:
                pixels = self._read_behind(tif, page, k)
            else:
                pixels = decoded(page, file, self._number(k), sample=place.sample, lock=self._lock)
        return self._verified(k, pixels, self.shape[1:])

    def _read_behind(self, tif: tifffile.TiffFile, page: tifffile.TiffPage, k: int) -> NDArray[Any]:
        """Return plane `k` where it lies in the file behind a page that holds another."""
        place, header = self._places[k], self._header
        with self._lock, tifffile_faults(self.files[place.file], self._number(k)):
            tif.filehandle.seek(page.dataoffsets[0] + place.ahead)
            dtype = header.dtype.newbyteorder(tif.byteorder)
            data = tif.filehandle.read(math.prod(header.shape) * dtype.itemsize)
            if len(data) < math.prod(header.shape) * dtype.itemsize:
                raise truncated(self.files[place.file])
            return np.frombuffer(data, dtype).reshape(header.shape)

    def read_region(self, index: int, rows: slice, columns: slice) -> NDArray[Any]:
        """Return a region of plane `index`, reading little else."""
        k = range(len(self))[index]
        place = self._places[k]
        with self._tif(place.file) as tif:
            pixels = self._regions.read(
                self.files[place.file],
                k,
                self._page(tif, k),
                (rows, columns),
                ahead=place.ahead,
                sample=place.sample,
            )
        return self._verified(k, pixels, (rows.stop - rows.start, columns.stop - columns.start))

    def _number(self, k: int) -> int:
        """Return by which number plane `k` is told: its own, or its page's in one of many files."""
        return self._places[k].page if self._is_set else k

    def _verified(self, k: int, pixels: NDArray[Any], shape: tuple[int, int]) -> NDArray[Any]:
        """Return what was read if the file is still what it was when it was opened."""
        number = self._places[k].file
        check_unchanged(self.files[number], self._opened[number])
        where = f"plane {self._number(k)} of '{self.files[number]}'"
        return as_read(pixels, shape, self._header.dtype, where)

    def close(self) -> None:
        """Close the files."""
        self._open_files.close()


def open_tiffs(path: Path, listed: PlaneFiles, series: int | None = None) -> Source:
    """Open a folder of TIFFs of one plane each, or of a set that belongs together."""
    files = listed.files
    if len(files) == 1 or not holds_several(files[0]) or not series_of_set(files):
        return FolderSource(path, listed, series)
    source = StackSource(path, series, files)
    source.left_out = listed.left_out
    return source


def _stem(path: Path) -> str:
    """Return a file's name without '.tif', '.ome.tif' and the like."""
    return Path(path.stem).stem if path.stem.lower().endswith(".ome") else path.stem


# Folders


def is_ignored(name: str) -> bool:
    """Whether a file of this name beside the planes is no one's mistake."""
    lower = name.lower()
    own = lower.startswith("crispim-") and lower.endswith(_OWN_SUFFIXES)
    return name.startswith(".") or lower in _LITTER or own


class PlaneFiles(NamedTuple):
    """A folder's files of one format in natural order, and the names of notes beside them."""

    files: list[Path]
    left_out: tuple[str, ...]
    is_png: bool


def plane_files(folder: Path) -> PlaneFiles:
    """List the planes of a folder.

    Raises CrispimError if there are none, or files beside them that may be planes, too.
    """
    try:
        entries = [p for p in folder.iterdir() if not is_ignored(p.name) and not p.is_dir()]
    except PermissionError as error:
        raise unreadable(folder) from error
    found: list[Path] = natsorted(entries, key=lambda p: p.name)
    notes = tuple(file.name for file in found if file.suffix.lower() in _NOTES_SUFFIXES)
    files = [file for file in found if file.suffix.lower() not in _NOTES_SUFFIXES]
    is_png = are_png(file.name for file in files)
    kind, suffixes = ("PNG", (PNG_SUFFIX,)) if is_png else ("TIFF", TIFF_SUFFIXES)
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
    return PlaneFiles(files, notes, is_png)


def _in_order(folder: Path, stored: tuple[str, ...], metadata: Metadata) -> tuple[str, ...]:
    """Return names in the order of planes: those of their files, where these tell all of it.

    A folder that is written has no other word on how planes run.
    """
    if stored == tuple(natsorted(stored)) and are_told(stored, metadata.lengths):
        return stored
    return file_names(folder.resolve().name, metadata.lengths, channel_names(metadata))


def _said_unlisted(files: Sequence[Path], covered: set[int]) -> tuple[str, ...]:
    """Say where an OME-XML tells the order of some planes of a folder, but not of all."""
    if len(covered) < 2:
        return ()
    odd = files[min(set(range(len(files))) - covered)].name
    return (
        f"The OME-XML of '{files[0]}' lists {len(covered)} of the {len(files)} files, and not "
        f"'{odd}': planes are taken in the order of their names.",
    )


def _said_positions(tif: tifffile.TiffFile, files: Sequence[Path]) -> tuple[str, ...]:
    """Say where a folder's first file, which is open, is of another position than the last."""
    with opened(files[-1]) as last:
        ends = stage_position(tif), stage_position(last)
    if ends[0] == ends[1] or None in ends:
        return ()
    return (
        f"'{files[0]}' is of the stage position '{ends[0]}' but '{files[-1].name}' of '{ends[1]}': "
        "all planes are taken as those of one stack.",
    )


def _refuse_series(path: Path, series: int | None) -> None:
    """Refuse a second series of what has but one."""
    if series is not None and series > 1:
        raise CrispimError(
            f"'{path}' has one series, so series {series} (--series) is not there: leave it out."
        )


def _plane_header(file: Path) -> Header:
    """Return what a plane's file says of it, having checked that it is one plane."""
    with opened(file) as tif:
        header = check_page(tif.pages.first, file)
        count = 1 if header.samples > 1 else count_planes(tif, file)
        if count > 1:
            raise CrispimError(
                f"'{file}' holds {count} pages where a folder's files hold one plane each: "
                "give that file itself as the input."
            )
    if header.samples > 1:
        raise CrispimError(
            f"'{file}' holds {header.samples} samples a pixel where a folder's files hold one "
            "plane each: give that file itself as the input."
        )
    return header


def _common_header(files: Sequence[Path], read: Callable[[Path], Header]) -> Header:
    """Return the header that all files share; name the first that differs."""
    with ThreadPoolExecutor(_HEADER_THREADS) as pool:
        headers = pool.map(read, files)
        first = next(headers)
        try:
            for file, header in zip(files[1:], headers, strict=True):
                if header != first:
                    raise CrispimError(
                        f"'{file}' is {header} but '{files[0].name}' is "
                        f"{first}: keep planes of one size and type in a folder."
                    )
        finally:
            pool.shutdown(cancel_futures=True)
    return first
