"""What is read of a file of weights: numbers that lie in the file itself, and nothing else.

HDF5 can also point: to other files, by links, external storage and virtual datasets. And a
few bytes of it, or of a zip, can claim to be many gigabytes.
"""

from __future__ import annotations

import hashlib
import io
import lzma
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import h5py

MOST_BYTES = 2**30
"""Largest file, part of an archive, or sum of all numbers that is read."""

ARCHIVED = "model.weights.h5"
"""The weights in a `.keras` archive."""

_ZIP_FAULTS = (
    OSError,
    EOFError,
    KeyError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    lzma.LZMAError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What zipfile raises on archives that are damaged, encrypted or of another kind."""

_HDF5_FAULTS = (OSError, KeyError, OverflowError, RuntimeError, TypeError, ValueError)
"""What h5py raises on files that are damaged, or hold types that NumPy hasn't."""

_NUMBERS = "fiu"


class DamagedFileError(ValueError):
    """A file that isn't what it should be, and why."""


def reason(error: Exception) -> str:
    """Return the first line of what an error says, without the mark at its end."""
    said = str(error).splitlines() or [type(error).__name__]
    return said[0].rstrip(":. ")


def read_bytes(path: Path) -> bytes:
    """Read a whole file; DamagedFileError where it is larger than `MOST_BYTES`."""
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise DamagedFileError(f"it is larger than {MOST_BYTES} bytes")
    return content


def file_sha256(path: Path) -> str:
    """Hash a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_members(content: bytes, *names: str) -> list[bytes]:
    """Unpack parts of an archive into memory; DamagedFileError if one is missing or too large."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            large = [name for name in names if archive.getinfo(name).file_size > MOST_BYTES]
            # zipfile unpacks no more than it says there, whatever follows.
            members = [] if large else [archive.read(name) for name in names]
    except _ZIP_FAULTS as error:
        raise DamagedFileError(reason(error)) from error
    if large:
        raise DamagedFileError(f"{large[0]} is larger than {MOST_BYTES} bytes")
    return members


@contextmanager
def hdf5_faults() -> Iterator[None]:
    """Turn what h5py raises into `DamagedFileError`; for calls of h5py alone."""
    try:
        yield
    except _HDF5_FAULTS as error:
        raise DamagedFileError(reason(error)) from error


@contextmanager
def opened_hdf5(content: bytes) -> Iterator[h5py.File]:
    """Open the content of an HDF5 file that holds nothing but numbers of its own.

    DamagedFileError if it is damaged, points to other files, or holds something else than numbers,
    or more than `MOST_BYTES` of them.
    """
    import h5py

    with hdf5_faults():
        file = h5py.File(io.BytesIO(content), "r")
    with file:
        _check_tree(file)
        yield file


def read_numbers(parent: h5py.Group, name: str) -> NDArray[np.float32]:
    """Read a dataset of a file that `opened_hdf5` opened."""
    import h5py

    with hdf5_faults():
        stored = parent[name]
        numbers = np.asarray(stored) if isinstance(stored, h5py.Dataset) else None
    if numbers is None or numbers.dtype.kind not in _NUMBERS:
        raise DamagedFileError(f"{name!r} in it holds no numbers")
    return numbers.astype(np.float32, copy=False)


@contextmanager
def checked_weights(content: bytes) -> Iterator[Path]:
    """Put the weights of a `.keras` archive, looked through, where Keras can load them.

    The file can only be read by this user, and is removed at the end. DamagedFileError where they
    may not be loaded, see `opened_hdf5`.
    """
    (weights,) = read_members(content, ARCHIVED)
    with opened_hdf5(weights):
        pass
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / ARCHIVED
        path.write_bytes(weights)
        yield path


class _Stored(NamedTuple):
    """A dataset that is not read yet."""

    name: str
    dtype: np.dtype[np.generic]
    size: int
    is_elsewhere: bool


def _check_tree(file: h5py.File) -> None:
    """Look at each link without following it, then at each dataset without reading it."""
    names, elsewhere = _links(file)
    if elsewhere is not None:
        raise DamagedFileError(f"{elsewhere!r} in it is a link to another place")
    found = (_described(file, name) for name in names)
    size = sum(_checked_size(stored) for stored in found if stored is not None)
    if size > MOST_BYTES:
        raise DamagedFileError(f"its numbers would fill more than {MOST_BYTES} bytes")


def _links(file: h5py.File) -> tuple[list[str], str | None]:
    """Return the names of all links, or of those up to the first that leads elsewhere, and it."""
    import h5py

    names: list[str] = []

    def note(name: str, link: object) -> str | None:
        names.append(name)
        # h5py can't pass on what is raised here.
        return None if isinstance(link, h5py.HardLink) else name

    with hdf5_faults():
        elsewhere: str | None = file.visititems_links(note)
    return names, elsewhere


def _described(file: h5py.File, name: str) -> _Stored | None:
    """Describe a dataset; None for a group."""
    import h5py

    with hdf5_faults():
        item = file[name]
        if not isinstance(item, h5py.Dataset):
            return None
        is_elsewhere = bool(item.external) or item.is_virtual
        return _Stored(str(item.name), item.dtype, int(item.nbytes), is_elsewhere)


def _checked_size(stored: _Stored) -> int:
    """Return how much memory a dataset would fill; refuse one whose numbers lie elsewhere."""
    if stored.is_elsewhere:
        raise DamagedFileError(f"{stored.name!r} in it takes its numbers from another file")
    # Keras stores bfloat16 as two bytes without a meaning.
    if stored.dtype.kind not in _NUMBERS and stored.dtype.str != "|V2":
        raise DamagedFileError(f"{stored.name!r} in it holds {stored.dtype}, not numbers")
    return stored.size
