"""How planes are written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from crispim_ij.errors import CrispimError
from crispim_ij.planes.tiff.page_writer import Compression

_LARGEST_SHARD = 2**14


@dataclass(frozen=True)
class ZarrSettings:
    """How an OME-Zarr is laid out.

    Attributes
    ----------
    version : {'0.4', '0.5'} or None
        Of OME-NGFF: 0.4 is Zarr 2, which most programs read, 0.5 Zarr 3. None takes
        0.5 for shards, else 0.4.
    chunk : int
        Rows and columns of a chunk, in px; chunks are one plane thick.
    shard : int or None
        Rows and columns of a shard, the file that holds several chunks, in px: a
        multiple of `chunk`. None: each chunk is a file.
    pyramid : bool
        Whether resolutions are added, each half the one before in Y and X, until a
        plane fits into a chunk.

    Raises
    ------
    CrispimError
        If the settings contradict each other.
    """

    version: Literal["0.4", "0.5"] | None = None
    chunk: int = 1024
    shard: int | None = None
    pyramid: bool = False

    def __post_init__(self) -> None:
        if not (16 <= self.chunk <= _LARGEST_SHARD and self.chunk % 16 == 0):
            raise CrispimError(
                f"The chunks' side is {self.chunk} px; give a multiple of 16 from 16 to "
                f"{_LARGEST_SHARD} px."
            )
        if self.shard is None:
            return
        if self.shard % self.chunk or not self.chunk <= self.shard <= _LARGEST_SHARD:
            raise CrispimError(
                f"--shard is {self.shard}; give a multiple of the chunks' {self.chunk} px, at most "
                f"{_LARGEST_SHARD}."
            )
        if self.version == "0.4":
            raise CrispimError("--shard needs OME-Zarr 0.5: leave out --ome-zarr, or the shards.")

    @property
    def format(self) -> Literal["0.4", "0.5"]:
        """The version of OME-NGFF that is written."""
        return self.version or ("0.5" if self.shard else "0.4")


@dataclass(frozen=True)
class SinkSettings:
    """How planes are written.

    Attributes
    ----------
    dtype : numpy.dtype or None
        Pixel type: uint8, uint16, int16 or float32; None keeps the source's.
    compression : Compression
        none, zlib or zstd.
    overwrite : bool
        Whether files of the same names may be replaced.
    plane_shape : tuple of int or None
        Rows and columns; None keeps the source's. Pixels are taken to have grown or
        shrunk accordingly: the whole plane covers what it did.
    resume : bool
        Whether to go on with a run into the same output that was stopped, if there is one.
    zarr : ZarrSettings
        How an OME-Zarr is laid out.
    """

    dtype: np.dtype[Any] | None = None
    compression: Compression = Compression.NONE
    overwrite: bool = False
    plane_shape: tuple[int, int] | None = None
    resume: bool = False
    zarr: ZarrSettings = ZarrSettings()
