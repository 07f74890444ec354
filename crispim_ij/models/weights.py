"""What is read of a file of weights: numbers that lie in the file itself, and nothing else.

HDF5 can also point: to other files, by links, external storage and virtual datasets. And a
few bytes of it, or of a zip, can claim to be many gigabytes.
"""

from __future__ import annotations

import hashlib
import io
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import h5py

MOST_BYTES = 2**30
"""Largest file, part of an archive, or sum of all numbers that is read."""

ARCHIVED = "model.weights.h5"
"""The weights in a `.keras` archive."""

READ_FAULTS = (
    OSError,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    NotImplementedError,
    RecursionError,
    RuntimeError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What zipfile, h5py, json and Keras raise on files that are damaged or made to harm."""

_NUMBERS = "fiu"


def reason(error: Exception) -> str:
    """Return the first line of what an error says, without the mark at its end."""
    said = str(error).splitlines() or [type(error).__name__]
    return said[0].rstrip(":. ")


def read_bytes(path: Path) -> bytes:
    """Read a whole file.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    bytes
        Its content.

    Raises
    ------
    ValueError
        If it is larger than `MOST_BYTES`.
    """
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"it is larger than {MOST_BYTES} bytes")
    return content


def file_sha256(path: Path) -> str:
    """Hash a file, in hexadecimal."""
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def read_member(archive: zipfile.ZipFile, name: str) -> bytes:
    """Unpack one part of an archive into memory.

    Parameters
    ----------
    archive : zipfile.ZipFile
        The archive.
    name : str
        The part.

    Returns
    -------
    bytes
        Its content.

    Raises
    ------
    ValueError
        If it is larger than `MOST_BYTES`.
    """
    # zipfile unpacks no more than this, whatever follows.
    if archive.getinfo(name).file_size > MOST_BYTES:
        raise ValueError(f"{name} is larger than {MOST_BYTES} bytes")
    return archive.read(name)


@contextmanager
def opened_hdf5(content: bytes) -> Iterator[h5py.File]:
    """Open HDF5 that holds nothing but numbers of its own.

    Parameters
    ----------
    content : bytes
        The whole file.

    Yields
    ------
    h5py.File
        The file, for reading.

    Raises
    ------
    ValueError
        If it points to other files, or holds something else than numbers, or more than
        `MOST_BYTES` of them.
    """
    import h5py

    with h5py.File(io.BytesIO(content), "r") as file:
        _check_tree(file)
        yield file


@contextmanager
def checked_weights(content: bytes) -> Iterator[Path]:
    """Put the weights of a `.keras` archive, looked through, where Keras can load them.

    Parameters
    ----------
    content : bytes
        The archive.

    Yields
    ------
    Path
        A file that only this user can read; gone at the end.

    Raises
    ------
    ValueError
        If they are none that may be loaded; see `opened_hdf5`.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        weights = read_member(archive, ARCHIVED)
    with opened_hdf5(weights):
        pass
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / ARCHIVED
        path.write_bytes(weights)
        yield path


def _check_tree(file: h5py.File) -> None:
    """Look at each link without following it, then at each dataset without reading it."""
    import h5py

    names: list[str] = []

    def note(name: str, link: object) -> str | None:
        names.append(name)
        # h5py can't pass on what is raised here.
        return None if isinstance(link, h5py.HardLink) else name

    elsewhere = file.visititems_links(note)
    if elsewhere is not None:
        raise ValueError(f"{elsewhere!r} in it is a link to another place")
    size = 0
    for name in names:
        item = file[name]
        if isinstance(item, h5py.Dataset):
            size += _checked_size(item)
    if size > MOST_BYTES:
        raise ValueError(f"its numbers would fill more than {MOST_BYTES} bytes")


def _checked_size(dataset: h5py.Dataset) -> int:
    """Return how much memory a dataset would fill; refuse one whose numbers lie elsewhere."""
    if dataset.external or dataset.is_virtual:
        raise ValueError(f"{dataset.name!r} in it takes its numbers from another file")
    # Keras stores bfloat16 as two bytes without a meaning.
    if dataset.dtype.kind not in _NUMBERS and dataset.dtype.str != "|V2":
        raise ValueError(f"{dataset.name!r} in it holds {dataset.dtype}, not numbers")
    return int(dataset.nbytes)
