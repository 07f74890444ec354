"""A zip that `crispim-ij export` wrote for CSBDeep's plugin, and how the plugin must run it."""

from __future__ import annotations

import json
import zipfile
import zlib
from dataclasses import dataclass
from math import isqrt
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError

_OURS = "crispim-ij "
_AXES = "YXC"
_META = "meta.json"
_MOST_BYTES = 2**20
_MOST_PIXELS = 4096


# What zipfile and json raise on what is damaged, encrypted, packed oddly or of another kind.
_FAULTS = (
    OSError,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclass(frozen=True)
class ModelZip:
    """A 2D network, exported.

    Attributes
    ----------
    path : Path
        The zip, absolute.
    multiple : int
        What the sides of a tile must be multiples of, in px.
    overlap : int
        How far tiles must overlap, in px: as far as the network sees, a multiple of
        `multiple`.
    takes_noise : bool
        Whether it takes values whose noise has an sd of 1, so that the noise must be told.
    """

    path: Path
    multiple: int
    overlap: int
    takes_noise: bool = False

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name


@dataclass(frozen=True)
class Blocks:
    """A plane, extended so that the plugin cuts it into square tiles of one size.

    The plugin divides the side whose tiles are longest until there are as many tiles as
    it was told, and it loses pixels at the far end where a side is not a multiple of its
    tiles (CSBDeep 0.6.0, DefaultTiling). Sides that are whole numbers of equal squares
    leave it one way to get there, and nothing to lose.

    Attributes
    ----------
    rows, columns : int
        Number of tiles.
    side : int
        Of a tile, in px.
    margin : int
        By which the plane is extended at the near sides, in px.
    """

    rows: int
    columns: int
    side: int
    margin: int

    def extend(self, plane: NDArray[Any]) -> NDArray[np.float32]:
        """Mirror a plane outwards, edge pixels repeated, to the size of the tiles.

        With what the network sees on all sides, the plane's own pixels don't depend on
        how the plugin treats borders, and are what `crispim-ij denoise` gives.
        """
        margins = [
            (self.margin, count * self.side - self.margin - length)
            for count, length in zip((self.rows, self.columns), plane.shape, strict=True)
        ]
        return np.pad(plane, margins, mode="symmetric").astype(np.float32)

    def crop(self, extended: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
        """Cut the plane of a shape out of its extension."""
        rows, columns = shape
        return extended[self.margin : self.margin + rows, self.margin : self.margin + columns]


def plan_blocks(shape: tuple[int, int], model: ModelZip, largest: int) -> Blocks:
    """Choose the tiles that cost the network least.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the plane, in px.
    model : ModelZip
        The network.
    largest : int
        Longest side of a tile, without overlap, in px; exceeded where the plugin could
        not cut so many tiles.

    Returns
    -------
    Blocks
        The tiles, which cover the plane and its margins.
    """
    rows, columns = (side + 2 * model.overlap for side in shape)

    def cost(side: int) -> int:
        return -(-rows // side) * -(-columns // side) * (side + 2 * model.overlap) ** 2

    # The plugin divides no tile that is as short as the multiple, and its rounding leads
    # astray where a side has more tiles than a tile has pixels.
    multiple = model.multiple
    shortest = max(2, -(-(isqrt(max(rows, columns)) + 1) // multiple)) * multiple
    longest = max(shortest, largest // multiple * multiple)
    side = min(range(shortest, longest + 1, multiple), key=cost)
    return Blocks(-(-rows // side), -(-columns // side), side, model.overlap)


def read_model_zip(path: Path) -> ModelZip:
    """Read how a zip wants to be run from its ``meta.json``.

    Parameters
    ----------
    path : Path
        A zip that ``crispim-ij export --format csbdeep`` wrote.

    Returns
    -------
    ModelZip
        The network.

    Raises
    ------
    CrispimError
        If it is another file, or a network that doesn't go from plane to plane.
    """
    try:
        meta = _meta(path)
        kind, axes = str(meta["type"]), str(meta["axes"])
        multiple, overlap = (max(map(int, meta[key])) for key in ("axes_div_by", "tile_overlap"))
    except _FAULTS as error:
        raise _not_ours(path) from error
    sound = 1 <= multiple <= _MOST_PIXELS and 0 <= overlap <= _MOST_PIXELS
    if not kind.startswith(_OURS) or not sound:
        raise _not_ours(path)
    if axes != _AXES:
        raise CrispimError(
            f"The model '{path}' takes axes {axes}, several planes at once, which `fiji denoise` "
            "can't do yet: choose a 2D model."
        )
    return ModelZip(path.absolute(), multiple, overlap, meta.get("input_scaling") == "noise")


def _meta(path: Path) -> Any:
    """Read the description in a zip, unless unpacked it would fill the memory."""
    with zipfile.ZipFile(path) as archive:
        if archive.getinfo(_META).file_size > _MOST_BYTES:
            raise ValueError(f"{_META} is larger than {_MOST_BYTES} bytes")
        return json.loads(archive.read(_META))


def _not_ours(path: Path) -> CrispimError:
    """Say that a zip's needs are not known."""
    return CrispimError(
        f"The model '{path}' is no zip that `crispim-ij export --format csbdeep` wrote, so how it "
        "must be run is not known: export the model with that command, or give its name."
    )
