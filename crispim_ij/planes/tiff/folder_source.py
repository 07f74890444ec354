"""A folder whose TIFF files hold one plane each."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from natsort import natsorted
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.planes.checks import (
    TIFF_SUFFIXES,
    check_page,
    checked,
    decoded,
    faults_named,
    opened,
    plane_type,
    unreadable,
)
from crispim_ij.planes.identity import Identity, check_unchanged, identity
from crispim_ij.planes.metadata import Metadata, as_stack, read_metadata
from crispim_ij.planes.tiff.layout import run_on_planes
from crispim_ij.planes.tiff.regions import SegmentReader, mapped_region, page_chunk

_LITTER = {"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"}
_SIDECAR_SUFFIXES = (".json", ".csv")
_HEADER_THREADS = 8
_REMEMBERED = 64

_Header = tuple[tuple[int, int], np.dtype[Any]]


class FolderSource:
    """The planes of a folder, one file each, in natural order.

    Parameters
    ----------
    path : Path
        The folder.
    """

    def __init__(self, path: Path) -> None:
        files = _plane_files(path)
        shape, dtype = _common_header(files)
        with opened(files[0]) as tif:
            chunks = (1, *page_chunk(tif.pages.first))
            first = read_metadata(tif, planes=1)
        names = tuple(file.name for file in files)
        found = tuple(identity(file) for file in files)
        whole = len(files), *shape
        self._set_up(path, names, whole, dtype, chunks, as_stack(first, names), found)

    def _set_up(
        self,
        path: Path,
        names: tuple[str, ...],
        shape: tuple[int, int, int],
        dtype: np.dtype[Any],
        chunks: tuple[int, int, int],
        metadata: Metadata,
        found: tuple[Identity, ...],
    ) -> None:
        """Remember what is known of the planes."""
        self.path, self.names, self.shape, self.dtype = path, names, shape, dtype
        self.chunks, self.metadata, self._opened = chunks, metadata, found
        self.files = tuple(path / name for name in names)
        self._segments = SegmentReader(path, threading.RLock())
        self._recent: dict[int, Metadata] = {}
        self._lock = threading.Lock()

    def __getstate__(self) -> tuple[Any, ...]:
        """Return what another process needs; it doesn't check all headers again."""
        known = self.names, self.shape, self.dtype, self.chunks, self.metadata, self._opened
        return (self.path.absolute(), *known)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self._set_up(*state)

    def __len__(self) -> int:
        return len(self.files)

    def __enter__(self) -> FolderSource:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def read(self, index: int) -> NDArray[Any]:
        """Return plane `index` as a (Y, X) array in native byte order."""
        file = self.files[index]
        with opened(file) as tif:
            pixels = decoded(tif.pages.first, file)
            self._remember(index, read_metadata(tif, planes=1))
        check_unchanged(file, self._opened[index])
        return checked(pixels, self.shape[1:], self.dtype, f"'{file}'")

    def read_region(self, index: int, rows: slice, columns: slice) -> NDArray[Any]:
        """Return a region of plane `index`, reading little else."""
        file, region = self.files[index], (rows, columns)
        with opened(file) as tif:
            page = tif.pages.first
            if page.is_contiguous:
                dtype = self.dtype.newbyteorder(tif.byteorder)
                with faults_named(file):
                    pixels = mapped_region(file, page.dataoffsets[0], self.shape[1:], dtype, region)
            else:
                pixels = self._segments.read(index, page, region)
        check_unchanged(file, self._opened[index])
        shape = rows.stop - rows.start, columns.stop - columns.start
        return checked(pixels, shape, self.dtype, f"'{file}'")

    def plane_metadata(self, index: int) -> Metadata:
        """Return the metadata of file `index`, without opening it again soon after `read`."""
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

    def close(self) -> None:
        """Do nothing: each read opens and closes its own file."""


def is_ignored(name: str) -> bool:
    """Whether a file of this name beside the planes is no one's mistake."""
    lower = name.lower()
    sidecar = lower.startswith("crispim-") and lower.endswith(_SIDECAR_SUFFIXES)
    return name.startswith(".") or lower in _LITTER or sidecar


def _plane_files(folder: Path) -> list[Path]:
    """Return the TIFF files of a folder in natural order."""
    try:
        entries = [p for p in folder.iterdir() if not is_ignored(p.name) and not p.is_dir()]
    except PermissionError as error:
        raise unreadable(folder) from error
    files: list[Path] = natsorted(entries, key=lambda p: p.name)
    for file in files:
        if file.suffix.lower() not in TIFF_SUFFIXES:
            raise CrispimError(
                f"'{file}' is not a TIFF file: move it out of the folder of planes, "
                "or convert it to TIFF."
            )
    if not files:
        raise CrispimError(
            f"'{folder}' holds no TIFF files: give the folder that holds the planes themselves."
        )
    return files


def _header(file: Path) -> _Header:
    """Return what a plane's file says of it, having checked that it is one plane."""
    with opened(file) as tif:
        count = max(len(tif.pages), run_on_planes(tif))
        if count > 1:
            raise CrispimError(
                f"'{file}' holds {count} pages where a folder's files hold one plane each: "
                "give that file itself as the input."
            )
        return check_page(tif.pages.first, file)


def _common_header(files: Sequence[Path]) -> _Header:
    """Return the header that all files share; name the first that differs."""
    with ThreadPoolExecutor(_HEADER_THREADS) as pool:
        headers = pool.map(_header, files)
        first = next(headers)
        try:
            for file, header in zip(files[1:], headers, strict=True):
                if header != first:
                    raise CrispimError(
                        f"'{file}' is {plane_type(*header)} but '{files[0].name}' is "
                        f"{plane_type(*first)}: "
                        "keep planes of one size and type in a folder."
                    )
        finally:
            pool.shutdown(cancel_futures=True)
    return first
