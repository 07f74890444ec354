"""A zip that `crispim-ij export` wrote for CSBDeep's plugin, and how the plugin must run it."""

from __future__ import annotations

import json
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import isqrt
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.models import SharedNoise

_OURS = "crispim-ij "
_2D, _3D = "YXC", "ZYXC"
META_FILE = "meta.json"
"""The description in the zip."""

_ENCRYPTED = 1
_MOST_BYTES = 2**20
_MOST_PIXELS = 4096
_UNPACKING = (zlib.error, lzma.LZMAError, struct.error)


@dataclass(frozen=True)
class ModelZip:
    """A network, exported.

    The sides of a tile are multiples of `multiple` px, and tiles overlap by `overlap` px: as far
    as the network sees. Where `takes_noise`, it takes values whose noise has an sd of 1, all of it
    where it has `learnt_grain` (see `crispim_ij.models.ModelSpec`). A plane is made of `depth`
    planes around it; it comes out alone, or in the middle of as many as went in where the network
    `gives_stacks`.
    """

    path: Path
    multiple: int
    overlap: int
    takes_noise: bool = False
    depth: int = 1
    gives_stacks: bool = False
    learnt_grain: tuple[SharedNoise, ...] | None = None

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name


@dataclass(frozen=True)
class PluginTiles:
    """A plane, extended so that the plugin cuts it into square tiles of one size.

    The plugin divides the side whose tiles are longest until there are as many tiles as
    it was told, and it loses pixels at the far end where a side is not a multiple of its
    tiles (CSBDeep 0.6.0, DefaultTiling). Sides that are whole numbers of equal squares
    leave it one way to get there, and nothing to lose. There are `rows` x `columns` tiles of
    `side` px; `margin` px are added at the near sides.
    """

    rows: int
    columns: int
    side: int
    margin: int

    def extend(self, plane: NDArray[Any]) -> NDArray[np.float32]:
        """Mirror a plane (Y, X), or each of a stack, outwards to the size of the tiles.

        With what the network sees on all sides, the plane's own pixels don't depend on
        how the plugin treats borders, and are what `crispim-ij denoise` gives.
        """
        margins = [(0, 0)] * (plane.ndim - 2) + [
            (self.margin, count * self.side - self.margin - length)
            for count, length in zip((self.rows, self.columns), plane.shape[-2:], strict=True)
        ]
        return np.pad(plane, margins, mode="symmetric").astype(np.float32)

    def crop(self, extended: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
        """Cut the plane of a shape out of its extension."""
        rows, columns = shape
        return extended[..., self.margin : self.margin + rows, self.margin : self.margin + columns]


def plan_tiles(shape: tuple[int, int], model: ModelZip, largest: int) -> PluginTiles:
    """Choose the tiles that cost the network least.

    Their side, without overlap, is at most `largest` px, unless the plugin could not cut so many
    tiles.
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
    return PluginTiles(-(-rows // side), -(-columns // side), side, model.overlap)


def read_model_zip(path: Path) -> ModelZip:
    """Read how a zip of ``crispim-ij export --format csbdeep`` wants to be run, or refuse it.

    One of ``--format csbdeep-stack`` is read, too.
    """
    try:
        meta = _read_meta(path)
        axes = meta.get("axes")
        if axes not in (_2D, _3D) or not str(meta.get("type")).startswith(_OURS):
            raise ValueError("its type or its axes are none of ours")
        multiples = _lengths(meta.get("axes_div_by"), axes, 1)
        overlaps = _lengths(meta.get("tile_overlap"), axes, 0)
        learnt_grain = _learnt_grain(meta.get("learnt_grain"))
    except ValueError as error:
        raise _not_ours(path) from error
    gives_stacks = axes == meta.get("axes_out") == _3D
    # A stack's form says how many planes it sees on either side.
    depth = 2 * overlaps["Z"] + 1 if gives_stacks else multiples.get("Z", 1)
    multiple, overlap = (max(sizes["Y"], sizes["X"]) for sizes in (multiples, overlaps))
    takes_noise = meta.get("input_scaling") == "noise"
    zip_file = path.absolute()
    return ModelZip(zip_file, multiple, overlap, takes_noise, depth, gives_stacks, learnt_grain)


def _learnt_grain(said: Any) -> tuple[SharedNoise, ...] | None:
    """Read how pixels share the noise that a network was adapted to; 'true' says that they do."""
    if said is None:
        return None
    return () if said == "true" else tuple(map(SharedNoise.from_text, str(said).split()))


@contextmanager
def opened_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip from anywhere; ValueError says what is wrong with it."""
    try:
        with zipfile.ZipFile(path) as archive:
            if any(entry.flag_bits & _ENCRYPTED for entry in archive.infolist()):
                raise ValueError("it is encrypted")
            yield archive
    # What zipfile raises on a file that is missing, damaged or of another kind.
    except (OSError, EOFError, NotImplementedError, zipfile.BadZipFile, *_UNPACKING) as error:
        raise ValueError(str(error)) from error


def read_entry(archive: zipfile.ZipFile, name: str, most_bytes: int) -> bytes:
    """Unpack a file of `opened_zip`, unless it would fill the memory."""
    if name not in archive.namelist():
        raise ValueError(f"it has no {name}")
    if archive.getinfo(name).file_size > most_bytes:
        raise ValueError(f"a file in it is larger than {most_bytes} bytes")
    return archive.read(name)


def _read_meta(path: Path) -> dict[str, Any]:
    """Read the description in a zip; ValueError where there is none that can be read."""
    with opened_zip(path) as archive:
        content = read_entry(archive, META_FILE, _MOST_BYTES)
    try:
        meta = json.loads(content)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    return meta if isinstance(meta, dict) else {}


def _lengths(values: object, axes: str, least: int) -> dict[str, int]:
    """Return a description's whole numbers by their axes; ValueError for anything else."""
    if not isinstance(values, list) or len(values) != len(axes):
        raise ValueError(f"it has not one number for each of the axes {axes}")
    if not all(isinstance(value, int) and least <= value <= _MOST_PIXELS for value in values):
        raise ValueError(f"its numbers for the axes {axes} are not whole, or too large")
    return dict(zip(axes, values, strict=True))


def _not_ours(path: Path) -> CrispimError:
    """Say that a zip's needs are not known."""
    return CrispimError(
        f"The model '{path}' is no zip that `crispim-ij export --format csbdeep` wrote, so how it "
        "must be run is not known: export the model with that command, or give its name."
    )
