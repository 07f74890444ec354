"""BM3D and BM4D, which are told how strong the noise is, where a user has installed them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError

VOLUME = 9
"""Planes that BM4D is given for one: four below it and four above."""

SMALLEST_SIDE = 8
"""Smallest side of planes, in px: that of BM3D's blocks."""

FEWEST = 5
"""Fewest planes of a volume: BM4D's blocks are as high."""


def bm3d(plane: NDArray[Any], sd: float) -> NDArray[np.float64]:
    """BM3D [1]_ with its own settings.

    Parameters
    ----------
    plane : ndarray, shape (Y, X)
        Raw counts.
    sd : float
        Standard deviation of the noise, in counts.

    Returns
    -------
    ndarray of float64, shape (Y, X)
        Counts.

    References
    ----------
    .. [1] K. Dabov, A. Foi, V. Katkovnik, K. Egiazarian, "Image denoising by sparse 3-D
       transform-domain collaborative filtering", IEEE Transactions on Image Processing 16
       (2007) 2080-2095, doi:10.1109/TIP.2007.901238
    """
    _check_size(plane)
    return np.asarray(_package("bm3d").bm3d(np.asarray(plane, np.float64), sd))


def bm4d(planes: NDArray[Any], sd: float) -> NDArray[np.float64]:
    """BM4D [1]_ with its own settings on a volume, of which the middle plane is taken.

    Parameters
    ----------
    planes : ndarray, shape (Z, Y, X)
        Raw counts of a mini-stack. Planes that are mirrored beyond a stack's ends are left
        out: their noise comes twice, and would be taken for structure.
    sd : float
        Standard deviation of the noise, in counts.

    Returns
    -------
    ndarray of float64, shape (Y, X)
        Counts.

    References
    ----------
    .. [1] M. Maggioni, V. Katkovnik, K. Egiazarian, A. Foi, "Nonlocal transform-domain filter
       for volumetric data denoising and reconstruction", IEEE Transactions on Image
       Processing 22 (2013) 119-133, doi:10.1109/TIP.2012.2210725
    """
    _check_size(planes)
    own, place = without_mirrored(planes)
    if len(own) < FEWEST:
        raise CrispimError(
            f"BM4D can't take a stack of {len(own)} planes: give one of at least {FEWEST}, or "
            "take bm3d."
        )
    return np.asarray(_package("bm4d").bm4d(np.asarray(own, np.float64), sd)[place])


def without_mirrored(planes: NDArray[Any]) -> tuple[NDArray[Any], int]:
    """Leave out what a mini-stack has twice.

    Parameters
    ----------
    planes : ndarray, shape (Z, Y, X)
        A mini-stack, as `crispim_ij.networks.mini_stack` chooses it: beyond a stack's end its
        last plane comes again, so two equal neighbours are where the mirror stands.

    Returns
    -------
    planes : ndarray, shape (Z, Y, X)
        Those between the mirrors.
    place : int
        Where the plane at ``Z // 2`` is among them.
    """
    middle = len(planes) // 2
    mirrors = [k for k in range(1, len(planes)) if np.array_equal(planes[k - 1], planes[k])]
    first = max((k for k in mirrors if k <= middle), default=0)
    end = min((k for k in mirrors if k > middle), default=len(planes))
    return planes[first:end], middle - first


@dataclass(frozen=True)
class ToldClassic:
    """A denoiser that is told the noise.

    Attributes
    ----------
    denoise : callable
        Takes a noisy (Y, X) plane, or planes, of counts and the standard deviation of the
        noise in counts.
    depth : int
        Planes that it takes for one.
    """

    denoise: Callable[[NDArray[Any], float], NDArray[np.float64]]
    depth: int = 1


TOLD: Mapping[str, ToldClassic] = MappingProxyType(
    {"bm3d": ToldClassic(bm3d), "bm4d": ToldClassic(bm4d, VOLUME)}
)
"""Denoisers by the names that the command line and PyPI have for them."""


def find_told(name: str) -> ToldClassic:
    """Find a denoiser that is told the noise.

    Parameters
    ----------
    name : str
        A key of `TOLD`.

    Returns
    -------
    ToldClassic
        The denoiser.

    Raises
    ------
    CrispimError
        If its package is not installed.
    """
    _package(name)
    return TOLD[name]


def is_installed(name: str) -> bool:
    """Say whether a denoiser's package is there.

    Parameters
    ----------
    name : str
        A key of `TOLD`.

    Returns
    -------
    bool
        Whether it can be imported.
    """
    try:
        _package(name)
    except CrispimError:
        return False
    return True


def _package(name: str) -> Any:
    """Import a package that is the user's own choice."""
    try:
        return import_module(name)
    except ImportError as error:
        raise CrispimError(
            f"The method {name!r} needs the package {name}, which is not installed. Its licence "
            "(Tampere University) is for non-commercial use only, so it doesn't come with this "
            f"program: if you may use it, run pip install {name}."
        ) from error


def _check_size(planes: NDArray[Any]) -> None:
    """Raise CrispimError for planes smaller than a block."""
    rows, columns = planes.shape[-2:]
    if min(rows, columns) < SMALLEST_SIDE:
        raise CrispimError(
            f"BM3D and BM4D can't take planes of {columns} x {rows} px: give planes of at least "
            f"{SMALLEST_SIDE} px on each side."
        )
