"""What a file, a folder or a tree of stacks holds, and whether it can be worked on."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from crispim_ij.denoising.denoiser import check_size
from crispim_ij.errors import CrispimError
from crispim_ij.models import find_model
from crispim_ij.noise import Measurement, measure_noise
from crispim_ij.noise.channel_noise import look_at_channel
from crispim_ij.noise.measure import is_camera_limit, measure_noise_over
from crispim_ij.planes import Selection, Source, Tree, open_source, open_stack
from crispim_ij.planes.channels import channel_names, named_channels
from crispim_ij.planes.checks import PNG_SUFFIX, TIFF_SUFFIXES, existing, is_zarr
from crispim_ij.planes.ome_zarr_metadata import read_image
from crispim_ij.planes.provenance import History
from crispim_ij.planes.tiff_page import opened
from crispim_ij.planes.tiff_series import kind_of
from crispim_ij.planes.tree import channel_of
from crispim_ij.planes.units import Size
from crispim_ij.preprocessing import PreprocessSettings, plan_noise, target_size
from crispim_ij.previewing.region import choose_part

PERCENTILES = (0.0, 1.0, 50.0, 99.0, 100.0)
"""Percentiles that are told of a plane."""

_PLANES = 3
_MODEL = "crispim-2d"
_KINDS = {"plain": "TIFF", "imagej": "ImageJ TIFF", "ome": "OME-TIFF"}
_VENDORS = {
    "stk": "MetaMorph STK",
    "lsm": "Zeiss LSM",
    "mmstack": "Micro-Manager TIFF",
    "ndtiff": "NDTiff",
    "scanimage": "ScanImage TIFF",
    "fluoview": "FluoView TIFF",
}
_CARRIERS = {"bytes", "sharding_indexed", "crc32c"}


@dataclass(frozen=True)
class PlaneFacts:
    """Counts of one plane.

    Percentiles are those of `PERCENTILES`; `saturated` is the share of the pixels at the camera's
    or the type's largest count, None where the type has none.
    """

    plane: int
    percentiles: tuple[float, ...]
    saturated: float | None


@dataclass(frozen=True)
class Contents:
    """Planes that can be read.

    Attributes
    ----------
    planes, rows, columns : int
        How many there are, and their size in px.
    dtype : str
        Pixel type.
    axes : mapping of str to int
        Lengths of the axes that several planes run along, slowest first; C are channels,
        T time points.
    steps : mapping of str to Size
        What is known of the size of a pixel ('X', 'Y') and the distance between slices ('Z') and
        time points ('T'), each in the unit that the file gives, None where it gives none.
    channels : tuple of str
        Names of the channels, empty where none has one.
    channels_told : str
        How many channels there are, by what and what they are called; '' for one without name.
    pixel_size : tuple of float or None
        Height and width of a pixel, in `unit`, None unless both are known.
    z_step : float or None
        Distance between planes, in `unit`.
    unit : str or None
        Of a pixel's width, such as 'µm'; None where the file gives none.
    frame_interval : float or None
        Seconds between time points.
    history : tuple of mapping
        What jobs of this program made the planes, the latest last.
    compression : str
        Of the file, or of a folder's first; 'none' without.
    size : int
        Bytes of all pixels in memory.
    looked_at : tuple of PlaneFacts
        A few planes, of large ones the middle.
    noise : tuple of Measurement
        Of each channel; empty where planes could not be read.
    series : tuple of str
        Names of the images of a file that holds several, of which the first was looked at.
    notes : tuple of str
        What a user must know of the planes.
    left_out : tuple of str
        Names of files beside a folder's planes that are none.
    """

    planes: int
    rows: int
    columns: int
    dtype: str
    axes: Mapping[str, int]
    steps: Mapping[str, Size]
    channels: tuple[str, ...]
    channels_told: str
    pixel_size: tuple[float, float] | None
    z_step: float | None
    unit: str | None
    frame_interval: float | None
    history: History
    compression: str
    size: int
    looked_at: tuple[PlaneFacts, ...]
    noise: tuple[Measurement, ...]
    series: tuple[str, ...]
    notes: tuple[str, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class Inspection:
    """What a path holds.

    `contents` is None where the planes can't be opened. `refusals` says for 'denoise' and
    'preprocess' why they refuse and what to do, None where they take the planes.
    """

    path: str
    format: str
    contents: Contents | None
    refusals: Mapping[str, str | None]


def inspect_path(path: Path) -> Inspection:
    """Look at anything that is there; CrispimError if there is nothing."""
    existing(path)
    try:
        with open_source(path) as source:
            return _inspected(source)
    except CrispimError as error:
        refusals = dict.fromkeys(("denoise", "preprocess"), str(error))
        return Inspection(str(path), _other_format(path), None, refusals)


def _inspected(source: Source) -> Inspection:
    """Look at planes that could be opened."""
    looked_at: tuple[PlaneFacts, ...] = ()
    noise: tuple[Measurement, ...] = ()
    damage = None
    try:
        part = choose_part((source.shape[1], source.shape[2]), None)
        indices = np.linspace(0, len(source) - 1, min(_PLANES, len(source))).round()
        pixels = [source.read_region(int(k), *part) for k in indices]
        looked_at = tuple(_facts(int(k), plane) for k, plane in zip(indices, pixels, strict=True))
        noise = measure_noise(source)
    except CrispimError as error:
        damage = str(error)
    metadata = source.metadata
    contents = Contents(
        *source.shape,
        dtype=str(source.dtype),
        axes=_longer(metadata.lengths),
        steps=metadata.steps,
        channels=channel_names(metadata),
        channels_told=named_channels(metadata),
        pixel_size=metadata.pixel_size,
        z_step=metadata.z_step,
        unit=metadata.unit,
        frame_interval=metadata.frame_interval,
        history=metadata.history,
        compression=_compression(source),
        size=math.prod(source.shape) * source.dtype.itemsize,
        looked_at=looked_at,
        noise=noise,
        series=source.series if len(source.series) > 1 else (),
        notes=source.notes,
        left_out=source.left_out,
    )
    refusals = {name: damage or why for name, why in refusals_of(source).items()}
    return Inspection(str(source.path), _format(source), contents, refusals)


def refusals_of(source: Source) -> dict[str, str | None]:
    """Return, by their names, why commands refuse planes that could be opened."""
    return {"denoise": _denoise_refuses(source), "preprocess": _preprocess_refuses(source)}


def _longer(axes: Mapping[str, int]) -> dict[str, int]:
    """Leave out axes along which there is but one plane, as ImageJ always names T, Z and C."""
    return {axis: size for axis, size in axes.items() if size > 1} or {"Z": 1}


def _facts(index: int, plane: NDArray[Any]) -> PlaneFacts:
    """Count the pixels of a plane."""
    percentiles = tuple(float(value) for value in np.percentile(plane, PERCENTILES))
    saturated = None
    if plane.dtype.kind in "iu":
        highest, limit = int(plane.max()), int(np.iinfo(plane.dtype).max)
        saturated = float(np.mean(plane == (highest if is_camera_limit(highest) else limit)))
    return PlaneFacts(index, percentiles, saturated)


def _denoise_refuses(source: Source) -> str | None:
    """Return why the shipped model can't take planes."""
    try:
        check_size((source.shape[1], source.shape[2]), find_model(_MODEL).spec)
    except CrispimError as error:
        return str(error)
    return None


def _preprocess_refuses(source: Source) -> str | None:
    """Return why ImageJ's arithmetic can't take planes."""
    settings = PreprocessSettings()
    try:
        plan_noise(source, settings)
        target_size((source.shape[1], source.shape[2]), settings.factor)
    except CrispimError as error:
        return str(error)
    return None


def _format(source: Source) -> str:
    """Name the format of planes that could be opened."""
    if is_zarr(source.path):
        return f"OME-Zarr {read_image(source.path).version}"
    if _is_png(source):
        return "folder of PNG files, one plane each"
    with opened(source.files[0]) as tif:
        own = _VENDORS.get(kind_of(tif) or "")
        is_plain = source.metadata.kind == "imagej" and not (tif.is_imagej or tif.is_ome)
    kind = own or _KINDS["plain" if is_plain else source.metadata.kind]
    if not source.path.is_dir():
        return kind
    return f"folder of {kind} files, {'parts of a set' if source.series else 'one plane each'}"


def _is_png(source: Source) -> bool:
    return source.files[0].suffix.lower() == PNG_SUFFIX


def _compression(source: Source) -> str:
    """Name how pixels are compressed."""
    if _is_png(source):
        return "deflate"
    if not is_zarr(source.path):
        with opened(source.files[0]) as tif:
            code = tif.pages.first.compression
        known = code in list(tifffile.COMPRESSION)
        return tifffile.COMPRESSION(code).name.lower() if known else f"number {code}"
    # The array's own descriptions come last.
    described = [json.loads(file.read_text(encoding="utf-8")) for file in source.files]
    names = [name for one in described for name in _codecs(one)]
    return ", ".join(dict.fromkeys(names)) or "none"


def _codecs(description: Any) -> list[str]:
    """Find the names of codecs in what describes an array of Zarr 2 or 3."""
    if not isinstance(description, dict):
        return []
    entries = [description.get("compressor"), *(description.get("codecs") or ())]
    names: list[str] = []
    for entry in entries:
        if isinstance(entry, dict):
            name = entry.get("id") or entry.get("name")
            names += [] if name in _CARRIERS or name is None else [str(name)]
            names += _codecs(entry.get("configuration"))
    return names


def _other_format(path: Path) -> str:
    """Say what little can be said of what can't be opened."""
    if is_zarr(path):
        return "Zarr"
    if path.is_dir():
        kinds = Counter(file.suffix.lower() or "no ending" for file in path.iterdir())
        held = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common(5))
        return f"folder ({held or 'empty'})"
    try:
        with tifffile.TiffFile(path) as tif:
            series = tif.series[0]
            return f"TIFF with axes {series.axes}, shape {series.shape}, {series.dtype}"
    except (tifffile.TiffFileError, OSError, ValueError, LookupError):
        is_tiff = path.suffix.lower() in TIFF_SUFFIXES
        return "damaged TIFF, or not one" if is_tiff else "not a TIFF"


@dataclass(frozen=True)
class StackFacts:
    """A stack of a tree, as its headers tell.

    Sizes are None where it can't be opened. `refusals` is that of an `Inspection`.
    """

    path: str
    channel: str
    planes: int | None
    rows: int | None
    columns: int | None
    dtype: str | None
    size: int
    refusals: Mapping[str, str | None]


@dataclass(frozen=True)
class ChannelFacts:
    """The noise of a channel, by each channel within its stacks, and where it was measured."""

    stacks: tuple[str, ...]
    of: int
    noise: tuple[Measurement, ...]


@dataclass(frozen=True)
class TreeInspection:
    """What a tree holds.

    `channels` leaves out those of which no stack can be read. `size` is in bytes, of all pixels in
    memory; `others` are the files that belong to no stack.
    """

    path: str
    format: str
    stacks: tuple[StackFacts, ...]
    channels: Mapping[str, ChannelFacts]
    others: tuple[str, ...]
    planes: int
    size: int


def inspect_tree(tree: Tree) -> TreeInspection:
    """Look at the headers of all stacks of a tree, and measure the noise of each channel."""
    stacks = tuple(_stack_facts(tree, path) for path in tree.stacks)
    channels = {}
    for channel in dict.fromkeys(stack.channel for stack in stacks):
        look = partial(_channel_facts, len(tree.channels[channel]))
        found = look_at_channel(tree, channel, Selection(), look)
        if found is not None:
            channels[channel] = found
    return TreeInspection(
        str(tree.path),
        f"tree of {len(stacks)} stack{'s' * (len(stacks) != 1)}",
        stacks,
        channels,
        tree.others,
        sum(stack.planes or 0 for stack in stacks),
        sum(stack.size for stack in stacks),
    )


def _channel_facts(of: int, sources: Mapping[str, Source]) -> ChannelFacts:
    """Measure the noise of a channel of so many stacks on some of them."""
    return ChannelFacts(tuple(sources), of, measure_noise_over(list(sources.values())))


def _stack_facts(tree: Tree, path: str) -> StackFacts:
    """Look at a stack's headers."""
    channel = channel_of(path)
    try:
        with open_stack(tree, path) as source:
            size = math.prod(source.shape) * source.dtype.itemsize
            refusals = refusals_of(source)
            return StackFacts(path, channel, *source.shape, str(source.dtype), size, refusals)
    except CrispimError as error:
        refused = dict.fromkeys(("denoise", "preprocess"), str(error))
        return StackFacts(path, channel, None, None, None, None, 0, refused)
