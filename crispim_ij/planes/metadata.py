"""What files say of planes beside their pixels: read, and said of a part of them or of a stack."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from crispim_ij.planes import imagej_tags, ome_xml, units
from crispim_ij.planes.plane_names import NamedPlanes

Kind = Literal["plain", "imagej", "ome"]
Rational = tuple[int, int]


@dataclass(frozen=True)
class Metadata:
    """Sizes in the world and whatever else a written file must say again.

    Attributes
    ----------
    kind : {'plain', 'imagej', 'ome'}
        Whose way of describing stacks the file follows.
    axes : str
        The axes that the planes run along, slowest first, such as 'TZC'; 'Z'
        where the file doesn't say.
    sizes : tuple of int
        The length of each of `axes`.
    pixel_size : tuple of float or None
        Height and width of a pixel (Y, X) in `unit`.
    z_step : float or None
        Distance between planes in `unit`.
    unit : str or None
        'µm', 'nm', 'mm', 'inch' and so on.
    frame_interval : float or None
        Seconds from one time point to the next.
    description : str or None
        The ImageDescription tag: ImageJ's lines, OME-XML or free text.
    imagej : mapping
        ImageJ's private tag as tifffile parses it: Info, Labels, Ranges, LUTs,
        ROI, Overlays, Properties and others.
    resolution : pair of rationals or None
        The XResolution and YResolution tags.
    resolution_unit : int
        The ResolutionUnit tag: 1 none, 2 inch, 3 cm.
    photometric : int
        The PhotometricInterpretation tag: 0 white is zero, 1 black is zero, 3 palette.
    colormap : numpy.ndarray or None
        The ColorMap tag, (3, 2**bits), uint16: the LUT of the whole file.
    omero : mapping
        An OME-Zarr's names of channels and display settings.
    channels : tuple of str
        Names of channels where the names of a folder's files tell them; see
        `crispim_ij.planes.channels.channel_names` for those of every format.
    """

    kind: Kind = "plain"
    axes: str = "Z"
    sizes: tuple[int, ...] = (1,)
    pixel_size: tuple[float, float] | None = None
    z_step: float | None = None
    unit: str | None = None
    frame_interval: float | None = None
    description: str | None = None
    imagej: Mapping[str, Any] = field(default_factory=dict, compare=False)
    resolution: tuple[Rational, Rational] | None = None
    resolution_unit: int = 1
    photometric: int = 1
    colormap: NDArray[np.uint16] | None = field(default=None, compare=False)
    omero: Mapping[str, Any] = field(default_factory=dict, compare=False)
    channels: tuple[str, ...] = ()


def described(tags: Metadata) -> Metadata:
    """Add to a TIFF's tags what they mean: axes, and sizes in the world.

    Raises `ome_xml.OmeXmlError` if the file is an OME-TIFF of damaged OME-XML.
    """
    if tags.kind == "ome":
        facts = ome_xml.read(tags.description or "")
        return replace(
            tags,
            axes=facts.axes,
            sizes=facts.sizes,
            pixel_size=facts.pixel_size,
            z_step=facts.z_step,
            unit=facts.unit,
            frame_interval=facts.frame_interval,
        )
    unit = units.TIFF.get(tags.resolution_unit)
    if tags.kind == "plain":
        return replace(tags, pixel_size=_pixel_size(tags) if unit else None, unit=unit)
    fields = imagej_tags.parse(tags.description or "")
    axes, sizes = imagej_tags.stack_axes(fields, tags.sizes[0])
    unit = imagej_tags.unit(fields) or unit
    return replace(
        tags,
        axes=axes,
        sizes=sizes,
        pixel_size=_pixel_size(tags) if unit else None,
        z_step=imagej_tags.number(fields, "spacing"),
        unit=unit,
        frame_interval=imagej_tags.number(fields, "finterval"),
    )


def _pixel_size(metadata: Metadata) -> tuple[float, float] | None:
    """Return height and width of a pixel in the unit that the resolution is in."""
    if metadata.resolution is None:
        return None
    (nx, dx), (ny, dy) = metadata.resolution
    return dy / ny, dx / nx


def display_ranges(metadata: Metadata) -> list[tuple[float, float] | None]:
    """Return the counts that each channel shows darkest and brightest, None where not known."""
    if metadata.omero:
        return omero_ranges(metadata.omero)
    channels = dict(zip(metadata.axes, metadata.sizes, strict=True)).get("C", 1)
    ends = [float(value) for value in metadata.imagej.get("Ranges") or ()]
    if len(ends) < 2 * channels and channels == 1 and metadata.kind == "imagej":
        fields = imagej_tags.parse(metadata.description or "")
        found = [imagej_tags.number(fields, key) for key in ("min", "max")]
        ends = [end for end in found if end is not None]
    if len(ends) < 2 * channels:
        return [None] * channels
    return [(ends[2 * k], ends[2 * k + 1]) for k in range(channels)]


def omero_ranges(omero: Mapping[str, Any]) -> list[tuple[float, float] | None]:
    """Return the display ranges in an OME-Zarr's settings of channels."""
    ranges: list[tuple[float, float] | None] = []
    for channel in omero.get("channels", ()):
        match channel.get("window"):
            case {"start": int() | float() as low, "end": int() | float() as high}:
                ranges.append((float(low), float(high)))
            case _:
                ranges.append(None)
    return ranges


def of_plane(metadata: Metadata, index: int) -> Metadata:
    """Return what a file that holds plane `index` of a stack alone should say.

    The planes of an OME-TIFF become ImageJ files where pixels have a size,
    because a plain TIFF has no place for the z step.
    """
    alone = replace(metadata, axes="Z", sizes=(1,), channels=())
    if metadata.kind == "plain":
        return replace(alone, description=None)
    if metadata.kind == "ome":
        return _imagej_from_ome(alone)
    fields, private, colormap = imagej_tags.of_plane(
        imagej_tags.parse(metadata.description or ""),
        metadata.imagej,
        index,
        (metadata.axes, metadata.sizes),
    )
    return replace(
        alone,
        description=imagej_tags.join(fields),
        imagej=private,
        colormap=metadata.colormap if colormap is None else colormap,
    )


def selected(
    metadata: Metadata, places: Mapping[str, Sequence[int]], indices: Sequence[int]
) -> Metadata:
    """Return what a stack of some planes should say: those at `places` along each axis."""
    sizes = tuple(len(places[axis]) for axis in metadata.axes)
    chosen = replace(
        metadata,
        sizes=sizes,
        omero=_some_channels(metadata.omero, places),
        channels=tuple(metadata.channels[k] for k in places.get("C", ()) if metadata.channels),
    )
    description = metadata.description or ""
    if metadata.kind == "ome":
        return replace(chosen, description=ome_xml.selected(description, places))
    if metadata.kind != "imagej":
        return chosen
    fields, private, colormap = imagej_tags.selected(
        imagej_tags.parse(description), metadata.imagej, places, indices
    )
    return replace(
        chosen,
        description=imagej_tags.join(fields),
        imagej=private,
        colormap=metadata.colormap if colormap is None else colormap,
    )


def _some_channels(
    omero: Mapping[str, Any], places: Mapping[str, Sequence[int]]
) -> Mapping[str, Any]:
    """Keep an OME-Zarr's display settings of some channels."""
    channels = omero.get("channels", [])
    kept = [channels[k] for k in places.get("C", [0]) if k < len(channels)]
    return {**omero, "channels": kept} if kept else {}


def as_stack(metadata: Metadata, planes: NamedPlanes) -> Metadata:
    """Return what one file of a folder's planes should say, given what the first plane's says.

    Planes of several channels or time points become an ImageJ hyperstack, as plain TIFFs have
    no place for them.
    """
    first = of_plane(metadata, 0) if metadata.kind == "ome" else metadata
    stacked = replace(first, axes=planes.axes, sizes=planes.sizes, channels=planes.channels)
    if planes.axes != "Z" and stacked.kind == "plain":
        text = stacked.description
        info = {"Info": text} if text and not text.startswith('{"shape"') else {}
        lines = _lengths_in_lines(stacked)
        stacked = replace(stacked, kind="imagej", description=lines, imagej=info)
    if stacked.kind != "imagej":
        return stacked
    fields = imagej_tags.parse(stacked.description or "")
    if planes.axes == "Z":
        fields = imagej_tags.as_stack(fields, len(planes.names))
    else:
        sizes = dict(zip(planes.axes, planes.sizes, strict=True))
        fields = imagej_tags.as_hyperstack(fields, sizes)
    return replace(
        stacked,
        description=imagej_tags.join(fields),
        imagej={**stacked.imagej, "Labels": list(planes.names)},
    )


def _lengths_in_lines(metadata: Metadata) -> str:
    """Return a plain plane's unit and steps as ImageJ's lines."""
    unit = metadata.unit if metadata.pixel_size is not None else None
    step = metadata.z_step if unit else None
    return imagej_tags.join(imagej_tags.calibration(unit or "pixel", step, metadata.frame_interval))


def in_imagej_order(metadata: Metadata) -> tuple[Metadata, list[int]] | None:
    """Return what a file should say whose planes are in ImageJ's order, and that order.

    ImageJ takes channels to be fastest, then slices, then time points, whatever a file says.
    None where planes lie so already, or are none of an ImageJ hyperstack, or of one that says
    another order itself.
    """
    usual = "".join(axis for axis in "TZC" if axis in metadata.axes)
    fields = imagej_tags.parse(metadata.description or "")
    if metadata.kind != "imagej" or "order" in fields:
        return None
    numbers = np.arange(math.prod(metadata.sizes)).reshape(metadata.sizes)
    turned = numbers.transpose([metadata.axes.index(axis) for axis in usual])
    order: list[int] = turned.ravel().tolist()
    if order == list(range(len(order))):
        return None
    private = dict(metadata.imagej)
    if len(private.get("Labels") or ()) == len(order):
        private["Labels"] = [private["Labels"][k] for k in order]
    return replace(metadata, axes=usual, sizes=turned.shape, imagej=private), order


def _imagej_from_ome(metadata: Metadata) -> Metadata:
    """Return an OME plane as ImageJ's, or as a plain one if its pixels have no size."""
    if metadata.pixel_size is None or metadata.unit is None:
        return replace(metadata, kind="plain", description=None)
    height, width = metadata.pixel_size
    fields = imagej_tags.calibration(metadata.unit, metadata.z_step, metadata.frame_interval)
    return replace(
        metadata,
        kind="imagej",
        description=imagej_tags.join(fields),
        resolution=(imagej_tags.rational(1 / width), imagej_tags.rational(1 / height)),
        resolution_unit=1,
    )
