"""The arrays of an OME-Zarr that is being written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from crispim_ij.planes.journal import sync_file
from crispim_ij.planes.ome_zarr.attributes import ZarrImage, attributes_of, descriptions
from crispim_ij.planes.ome_zarr.pyramid import Level
from crispim_ij.planes.tiff.page_writer import Compression


class ZarrArrays:
    """The arrays of an image, one a resolution, in which planes have numbers.

    Parameters
    ----------
    folder : Path
        The group's folder.
    image : ZarrImage
        Its attributes.
    levels : sequence of Level
        How each resolution is laid out.
    sizes : mapping of str to int
        The lengths of T, C and Z, in the order in which planes are numbered.
    """

    def __init__(
        self,
        folder: Path,
        image: ZarrImage,
        levels: Sequence[Level],
        sizes: Mapping[str, int],
    ) -> None:
        self._folder = folder
        self._image = image
        self._levels = levels
        self._sizes = sizes
        self._open: dict[int, Any] = {}

    def create(self, dtype: np.dtype[Any], compression: Compression) -> None:
        """Create the group and its arrays.

        Parameters
        ----------
        dtype : numpy.dtype
            Pixel type.
        compression : Compression
            How chunks are packed.
        """
        import zarr

        version: Literal[2, 3] = 3 if self._image.version == "0.5" else 2
        group = zarr.create_group(
            self._folder, zarr_format=version, attributes=attributes_of(self._image)
        )
        outer = [self._sizes[axis.upper()] for axis in self._image.axes[:-2]]
        ones = (1,) * len(outer)
        for path, level in zip(self._image.paths, self._levels, strict=True):
            group.create_array(
                path,
                shape=(*outer, *level.shape),
                chunks=(*ones, *level.chunk),
                shards=None if level.unit == level.chunk else (*ones, *level.unit),
                dtype=dtype,
                fill_value=0,
                compressors=_compressors(compression, version),
                **(
                    {"dimension_names": tuple(self._image.axes)}
                    if version == 3
                    else {"chunk_key_encoding": {"name": "v2", "separator": "/"}}
                ),
            )
        for place in (self._folder, *(self._folder / path for path in self._image.paths)):
            for file in descriptions(place):
                sync_file(file)

    def _array(self, level: int) -> Any:
        """Return a resolution's array."""
        if level not in self._open:
            import zarr

            path = self._folder / self._image.paths[level]
            self._open[level] = zarr.open_array(path, mode="r+")
        return self._open[level]

    def _outer(self, index: int) -> tuple[int, ...]:
        """Return where a plane lies along the axes before Y and X."""
        numbers = np.unravel_index(index, tuple(self._sizes.values()))
        at = dict(zip(self._sizes, map(int, numbers), strict=True))
        return tuple(at[axis.upper()] for axis in self._image.axes[:-2])

    def write(self, level: int, index: int, at: tuple[int, int], pixels: NDArray[Any]) -> None:
        """Write pixels of a plane from a row and column on."""
        place = tuple(slice(a, a + n) for a, n in zip(at, pixels.shape, strict=True))
        self._array(level)[self._outer(index) + place] = pixels

    def read(self, level: int, index: int, place: tuple[slice, slice]) -> NDArray[Any]:
        """Return pixels of a plane."""
        return np.asarray(self._array(level)[self._outer(index) + place])

    def file(self, level: int, index: int, cell: tuple[int, int]) -> Path:
        """Return the file that a unit is in."""
        first = ("c",) if self._image.version == "0.5" else ()
        parts = (*first, *map(str, (*self._outer(index), *cell)))
        return self._folder.joinpath(self._image.paths[level], *parts)


def _compressors(compression: Compression, version: int) -> Any:
    """Return what packs chunks, in the words of a version of Zarr."""
    if compression is Compression.NONE:
        return None
    if version == 3:
        from zarr.codecs import GzipCodec, ZstdCodec

        return GzipCodec(level=6) if compression is Compression.ZLIB else ZstdCodec(level=3)
    import numcodecs  # type: ignore[import-untyped]

    packs = {Compression.ZLIB: numcodecs.Zlib(level=6), Compression.ZSTD: numcodecs.Zstd(level=3)}
    return packs[compression]
