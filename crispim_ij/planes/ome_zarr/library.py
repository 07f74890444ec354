"""Faults of the zarr library."""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crispim_ij.errors import CrispimError
from crispim_ij.planes.checks import too_large, unreadable

# What zarr and the codecs of chunks raise on files that are damaged.
_DAMAGE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    lzma.LZMAError,
    zlib.error,
)


@contextmanager
def faults_of_zarr(path: Path) -> Iterator[None]:
    """Turn what zarr raises on damaged or missing files into one sentence."""
    try:
        yield
    except PermissionError as error:
        raise unreadable(path) from error
    except MemoryError as error:
        raise too_large(f"'{path}'") from error
    except _DAMAGE as error:
        said = (str(error).splitlines() or [type(error).__name__])[0][:100]
        raise CrispimError(
            f"'{path}' can't be read ({said}): it may be damaged; copy it again or write it anew."
        ) from error
