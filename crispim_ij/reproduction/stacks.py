"""The stacks in what a user names: where they are, how bright and noisy each is, parts of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from natsort import natsorted
from numpy.typing import NDArray

from crispim_ij.errors import CrispimError
from crispim_ij.parity import NativeImageJ
from crispim_ij.planes import Metadata, Source, imagej_tags, open_source
from crispim_ij.planes.checks import PNG_SUFFIX, TIFF_SUFFIXES, existing, holds_png, is_zarr
from crispim_ij.planes.metadata import calibrated
from crispim_ij.preprocessing import PreprocessSettings, target_size

PAPER_COUNTS = (100.0, 500.0)
"""Counts between which the paper's tissue mostly lies."""

_PERCENTILES = (1, 99)
_SAMPLED_PLANES = 16
_SAMPLED_PIXELS = 250_000  # of each of them, at most
_ENDINGS = re.compile(r"(\.ome)?\.(tiff?|zarr)$", re.IGNORECASE)


def find_stacks(data: Sequence[Path]) -> dict[str, Path]:
    """Find all stacks, by their names: those of files or folders without ending, in natural order.

    A folder is one stack if it holds TIFF files of one plane each and no folders of them.
    In any other folder each TIFF file and each folder of TIFF files is a stack.
    """
    found: dict[str, Path] = {}
    for path in (stack for place in data for stack in _stacks_in(existing(place))):
        name = stack_name(path)
        if name in found:
            raise CrispimError(
                f"'{found[name]}' and '{path}' are both stacks of the name {name!r}: give each "
                "once, and rename one if they differ."
            )
        found[name] = path
    return {name: found[name] for name in natsorted(found)}


def stack_name(path: Path) -> str:
    """Return the name of a stack's file or folder, without ending."""
    return _ENDINGS.sub("", path.resolve().name)


def _stacks_in(path: Path) -> list[Path]:
    """Return the stacks in a folder, or the one that the path itself is."""
    if not path.is_dir() or is_zarr(path):
        return [path]
    inside = [child for child in _visible(path) if _is_image(child)]
    if not inside:
        raise CrispimError(
            f"'{path}' holds no TIFF files and no folders of them: give the folder of your stacks."
        )
    if any(child.is_dir() for child in inside):
        return inside
    if holds_png(path):
        return [path]
    with open_source(inside[0]) as first:
        return inside if len(first) > 1 else [path]


def _is_image(path: Path) -> bool:
    """Tell whether something may be a stack, or a plane."""
    if not path.is_dir():
        return _is_tiff(path) or path.suffix.lower() == PNG_SUFFIX
    return is_zarr(path) or holds_png(path) or any(_is_tiff(child) for child in _visible(path))


def _is_tiff(path: Path) -> bool:
    return path.is_file() and path.suffix.lower() in TIFF_SUFFIXES


def _visible(folder: Path) -> list[Path]:
    """Return what is in a folder, but for hidden files, in natural order."""
    inside = [path for path in folder.iterdir() if not path.name.startswith(".")]
    return natsorted(inside, key=lambda path: path.name)


@dataclass(frozen=True)
class StackStatistics:
    """A downsampled stack's 1st and 99th percentile, and the noise's sd by its finest wavelets."""

    low: float
    high: float
    noise: float

    @property
    def relative_noise(self) -> float:
        """The noise as a share of the span from `low` to `high`."""
        return self.noise / (self.high - self.low)


@dataclass(frozen=True)
class CountMap:
    """A linear map of counts: ``offset + scale * count``, rounded and clipped to 16 bits."""

    scale: float
    offset: float

    @classmethod
    def to_paper(cls, statistics: StackStatistics) -> CountMap:
        """Return the map of a stack's percentiles to `PAPER_COUNTS`."""
        low, high = PAPER_COUNTS
        scale = (high - low) / (statistics.high - statistics.low)
        return cls(scale, low - scale * statistics.low)

    def __call__(self, counts: NDArray[Any]) -> NDArray[np.uint16]:
        """Map counts of any numeric type and shape."""
        mapped = np.rint(self.offset + self.scale * np.asarray(counts, np.float64))
        return np.clip(mapped, 0, 65535).astype(np.uint16)


def measure_stack(source: Source, factor: float) -> StackStatistics:
    """Measure up to 16 planes spread over a stack, each shrunk by `factor` as ImageJ shrinks it."""
    from skimage.restoration import estimate_sigma

    settings = PreprocessSettings(factor=factor)
    height, width = target_size(source.shape[1:], factor)
    engine = NativeImageJ()
    pixels, noises = [], []
    count = min(_SAMPLED_PLANES, len(source))
    for index in np.linspace(0, len(source) - 1, count).round().astype(int).tolist():
        plane = engine.resize(
            source.read(index), width, height, settings.interpolation, settings.average
        )
        pixels.append(plane.ravel()[:: -(-plane.size // _SAMPLED_PIXELS)])
        noises.append(float(estimate_sigma(plane.astype(np.float64))))
    low, high = (float(value) for value in np.percentile(np.concatenate(pixels), _PERCENTILES))
    if not low < high:
        raise CrispimError(
            f"'{source.path}' is blank: its 1st and 99th percentile are both {low:g} counts; leave "
            "it out."
        )
    return StackStatistics(low, high, float(np.median(noises)))


class Substack(Source):
    """Planes of another source, which stays its opener's to close, cut and mapped as they are read.

    `planes`, `window` (rows and columns) and `count_map` are what is taken; None takes all, and
    leaves counts as they are.
    """

    def __init__(
        self,
        source: Source,
        *,
        planes: range | None = None,
        window: tuple[slice, slice] | None = None,
        count_map: CountMap | None = None,
    ) -> None:
        self._source, self._map = source, count_map
        self._planes = range(len(source)) if planes is None else planes
        shape = source.shape[1:]
        rows, columns = window or (slice(0, shape[0]), slice(0, shape[1]))
        self._window = rows, columns
        self.path, self.files = source.path, source.files
        self.names = tuple(source.names[k] for k in self._planes)
        self.shape = (len(self._planes), rows.stop - rows.start, columns.stop - columns.start)
        self.dtype = np.dtype(np.uint16) if count_map else source.dtype
        self.chunks, self.notes = source.chunks, source.notes
        self.metadata = self._described()

    def _described(self) -> Metadata:
        """Return sizes in the world; colours and display ranges are of other counts."""
        known, planes = self._source.metadata, len(self._planes)
        steps = {axis: step for axis, step in known.steps.items() if axis != "T"}
        if not steps:
            return Metadata(sizes=(planes,))
        alone = Metadata(kind="imagej", sizes=(planes,), steps=steps)
        return calibrated(alone, imagej_tags.as_stack({}, planes))

    def read(self, index: int) -> NDArray[Any]:
        """Return plane `index` of the substack as a (Y, X) array."""
        return self._mapped(self._source.read(self._planes[index])[self._window])

    def read_region(self, index: int, rows: slice, columns: slice) -> NDArray[Any]:
        """Return a region of plane `index` of the substack."""
        place = [
            slice(start.start + part.start, start.start + part.stop)
            for start, part in zip(self._window, (rows, columns), strict=True)
        ]
        return self._mapped(self._source.read_region(self._planes[index], place[0], place[1]))

    def _mapped(self, pixels: NDArray[Any]) -> NDArray[Any]:
        return pixels if self._map is None else self._map(pixels)
