"""What files say of planes beside their pixels: read, and said of a part of them or of a stack."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from crispim_ij.planes import imagej_tags, ome_xml, provenance, units
from crispim_ij.planes.plane_names import NamedPlanes
from crispim_ij.planes.provenance import History
from crispim_ij.planes.units import Size, known_size

Kind = Literal["plain", "imagej", "ome"]
Rational = tuple[int, int]

# What programs write where they are asked for a resolution and know none: that of screens.
_SCREENS = (72, 96)


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
    steps : mapping of str to Size
        Size of a pixel along 'X' and 'Y', distance between slices ('Z') and time points ('T');
        what isn't known is left out.
    origin : mapping of str to float
        Where the centre of the first pixel lies along an axis, in the unit of its step; 0 where
        left out.
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
    history : tuple of mapping
        Records of the jobs of this program that made the planes, see `provenance`.
    channels : tuple of str
        Names of channels where the names of a folder's files tell them; see
        `crispim_ij.planes.channels.channel_names` for those of every format.
    """

    kind: Kind = "plain"
    axes: str = "Z"
    sizes: tuple[int, ...] = (1,)
    steps: Mapping[str, Size] = field(default_factory=dict)
    origin: Mapping[str, float] = field(default_factory=dict)
    description: str | None = None
    imagej: Mapping[str, Any] = field(default_factory=dict, compare=False)
    resolution: tuple[Rational, Rational] | None = None
    resolution_unit: int = 1
    photometric: int = 1
    colormap: NDArray[np.uint16] | None = field(default=None, compare=False)
    omero: Mapping[str, Any] = field(default_factory=dict, compare=False)
    history: History = ()
    channels: tuple[str, ...] = ()

    @property
    def lengths(self) -> dict[str, int]:
        """The length of each axis that the planes run along, slowest first."""
        return dict(zip(self.axes, self.sizes, strict=True))

    @property
    def unit(self) -> str | None:
        """Unit of a pixel's width, or else of what other length is known."""
        return next((self.steps[axis].unit for axis in "XYZ" if axis in self.steps), None)

    @property
    def pixel_size(self) -> tuple[float, float] | None:
        """Height and width of a pixel (Y, X) in `unit`, None unless both are known."""
        height, width = (self._length(axis) for axis in "YX")
        return None if height is None or width is None else (height, width)

    @property
    def z_step(self) -> float | None:
        """Distance between planes in `unit`, None where it isn't known."""
        return self._length("Z")

    @property
    def frame_interval(self) -> float | None:
        """Seconds from one time point to the next, None where that isn't known."""
        return self.steps["T"].within("s") if "T" in self.steps else None

    def _length(self, axis: str) -> float | None:
        return self.steps[axis].within(self.unit) if axis in self.steps else None


def described(tags: Metadata) -> Metadata:
    """Add to a TIFF's tags what they mean: axes, and sizes in the world.

    Raises `ome_xml.OmeXmlError` if the file is an OME-TIFF of damaged OME-XML.
    """
    if tags.kind == "ome":
        facts = ome_xml.read(tags.description or "")
        history = provenance.history([*tags.history, *facts.history])
        return replace(tags, axes=facts.axes, sizes=facts.sizes, steps=facts.steps, history=history)
    unit = units.TIFF.get(tags.resolution_unit)
    if tags.kind == "plain":
        # Without a unit the tags give a pixel's proportions alone.
        return replace(tags, steps=_pixel_steps(tags, unit, unit) if unit else {})
    fields = imagej_tags.parse(tags.description or "")
    axes, sizes = imagej_tags.stack_axes(fields, tags.sizes[0])
    steps = _imagej_steps(tags, fields)
    if "X" not in steps and imagej_tags.unit(fields):
        # Else it would be one of that unit to ImageJ, and to us when it is written again.
        fields = imagej_tags.without_unit_of_x(fields)
        tags = replace(tags, description=imagej_tags.join(fields))
    return replace(
        tags,
        axes=axes,
        sizes=sizes,
        steps=steps,
        origin=imagej_tags.origin_of(fields, steps),
        history=provenance.history([*tags.history, *provenance.from_text(tags.imagej.get("Info"))]),
    )


def _imagej_steps(tags: Metadata, fields: imagej_tags.Fields) -> dict[str, Size]:
    """Return the sizes that ImageJ reads from a file, without those that it makes up."""
    if not fields.get("unit"):
        width_unit = height_unit = units.TIFF.get(tags.resolution_unit)
    else:
        width_unit, height_unit = (imagej_tags.unit(fields, axis) for axis in "XY")
    pixels = _pixel_steps(tags, width_unit, height_unit, _times(tags, fields))
    spacing = imagej_tags.number(fields, "spacing")
    others = {
        "Z": known_size(None if spacing is None else abs(spacing), imagej_tags.unit(fields, "Z")),
        "T": known_size(imagej_tags.number(fields, "finterval"), imagej_tags.unit(fields, "T")),
    }
    return pixels | {axis: step for axis, step in others.items() if step is not None}


def _times(tags: Metadata, fields: imagej_tags.Fields) -> int:
    """Return by what ImageJ multiplies a width: Micro-Manager counts per cm, but writes 'um'."""
    is_both = fields.get("unit") == "um" and units.TIFF.get(tags.resolution_unit) == "cm"
    return 10_000 if is_both else 1


def _pixel_steps(
    tags: Metadata, width_unit: str | None, height_unit: str | None, times: int = 1
) -> dict[str, Size]:
    """Return a pixel's sizes by the resolution tags, which count pixels per unit."""
    if tags.resolution is None or _is_placeholder(tags):
        return {}
    found = {}
    for axis, (n, d), unit in zip("XY", tags.resolution, (width_unit, height_unit), strict=True):
        step = known_size(float(Fraction(d, n) * times), unit)
        if step is not None:
            found[axis] = step
    return found


def _is_placeholder(tags: Metadata) -> bool:
    """Whether the resolution is 1, 72 or 96 per inch, or as many per cm: a screen's, or none."""
    unit = units.TIFF.get(tags.resolution_unit)
    if tags.resolution is None or unit is None:
        return False
    n, d = tags.resolution[0]
    per_inch = n / d * (2.54 if unit == "cm" else 1)
    # Per cm a screen's are rounded.
    return n == d or any(abs(per_inch / dpi - 1) < 0.005 for dpi in _SCREENS)


def grown_resolution(
    metadata: Metadata, scale: tuple[float, float]
) -> tuple[Rational, Rational] | None:
    """Return the resolution tags of pixels that have grown in Y and X; what says nothing stays."""
    is_size = metadata.resolution_unit in units.TIFF and not _is_placeholder(metadata)
    if metadata.resolution is None:
        return None
    x, y = (
        units.resolution(float(Fraction(d, n) * Fraction(factor)))
        if factor != 1 and (is_size if metadata.kind == "ome" else axis in metadata.steps)
        else (n, d)
        for axis, (n, d), factor in zip("XY", metadata.resolution, reversed(scale), strict=True)
    )
    return x, y


def display_ranges(metadata: Metadata) -> list[tuple[float, float] | None]:
    """Return the counts that each channel shows darkest and brightest, None where not known."""
    if metadata.omero:
        return omero_ranges(metadata.omero)
    channels = metadata.lengths.get("C", 1)
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
        steps=_steps_between(metadata.steps, places),
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
    fields = imagej_tags.with_interval(fields, chosen.steps.get("T"))
    return replace(
        chosen,
        description=imagej_tags.join(fields),
        imagej=private,
        colormap=metadata.colormap if colormap is None else colormap,
    )


def _steps_between(
    steps: Mapping[str, Size], places: Mapping[str, Sequence[int]]
) -> Mapping[str, Size]:
    """Return the sizes of some planes: time points that are left out make the interval longer."""
    stride = units.stride(places.get("T", [0]))
    rest = {axis: step for axis, step in steps.items() if axis != "T"}
    return rest | {"T": steps["T"].grown(stride)} if stride and "T" in steps else rest


def _some_channels(
    omero: Mapping[str, Any], places: Mapping[str, Sequence[int]]
) -> Mapping[str, Any]:
    """Keep an OME-Zarr's display settings of some channels."""
    if not (channels := omero.get("channels")):
        return omero
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
        stacked = as_imagej(stacked)
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
    """Return an OME plane as ImageJ's, or as a plain one if nothing is known of its size."""
    if not metadata.steps:
        return replace(metadata, kind="plain", description=None)
    return calibrated(replace(metadata, kind="imagej"), {})


def as_imagej(metadata: Metadata) -> Metadata:
    """Return what a plain TIFF says in ImageJ's words, which have places for axes and z steps."""
    text = metadata.description
    # tifffile's line is of a shape alone.
    info = {"Info": text} if text and not text.startswith('{"shape"') else {}
    return calibrated(replace(metadata, kind="imagej", imagej=info), {})


def calibrated(metadata: Metadata, fields: imagej_tags.Fields) -> Metadata:
    """Return metadata whose ImageJ description has some lines, and those that say its sizes."""
    lines, resolution = imagej_tags.calibration(metadata.steps, metadata.origin)
    return replace(
        metadata,
        description=imagej_tags.join(fields | lines),
        resolution=resolution,
        resolution_unit=1,
    )
