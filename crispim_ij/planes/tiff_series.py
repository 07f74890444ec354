"""The series of a TIFF: where their planes are, as tifffile and OME-XML tell of them.

A file's series are images of their own: stage positions, a mosaic's tiles, images of an
OME-XML. Of each the planes run along T, Z and C; a plane that is listed but not there is None.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from crispim_ij.planes import imagej_tags, ome_xml
from crispim_ij.planes.checks import DamagedError, check_count
from crispim_ij.planes.ome_xml import OmeImage
from crispim_ij.planes.tiff_layout import ELSEWHERE, Place, Series, flat
from crispim_ij.planes.tiff_page import check_page, is_bare, tifffile_faults, truncated

# Kinds whose order of planes tifffile tells; those that say no more than their pages are not here.
_TOLD = (
    "shaped", "lsm", "mmstack", "imagej", "ndtiff", "fluoview", "stk", "sis", "scanimage", "mdgel",
)  # fmt: skip
# Their pages are found by an index of planes, not by the chain of pages.
_INDEXED = ("mmstack", "ndtiff")
# What tifffile's letters mean for neighbours: samples, wavelengths and lifetimes are channels, a
# row of images without a name is a stack. Any other axis, such as R, a position, is of series.
_MEANS = {"S": "C", "L": "C", "E": "C", "I": "Z", "Q": "Z", "T": "T", "Z": "Z", "C": "C"}
# Of the columns of its index.
_MICRO_MANAGERS_COUNTS = ("Channels", "Slices", "Frames", "Positions")
_RGB = 2
_SAMPLES_IN_ROW = (
    "says that its planes are red, green and blue, as tifffile writes of 3 or 4 planes of which it "
    "isn't told what they are: each is taken as a channel."
)
# Bytes behind a file's only plane that are none of another plane's.
_MOST_SLACK = 16
_CHANNELS_SAVED = re.compile(
    r"(?:channelSave|channelsSave)\s*=\s*\[([^\]]*)\]|numberOfChannelsSave\s*=\s*(\d+)"
)


# The series of one file


def series_of_file(
    tif: tifffile.TiffFile, path: Path, xml: str | None, *, is_own: bool
) -> list[Series]:
    """Return the series of a file; `xml` is its own OME-XML, or that of the set that it is of."""
    if xml is not None:
        document = path if is_own else None
        found = ome_series(ome_xml.images(xml), [path], [len(tif.pages)], document)
        if found:
            return _with_unlisted(found, len(tif.pages))
        note = "is in none of the files that its OME-XML lists: its planes are in their own order."
        return [replace(one, notes=(note,)) for one in _pages_alone(tif, path)]
    kind = kind_of(tif)
    found = [] if kind is None else told_series(tif, path, kind, [path])
    return found or _pages_alone(tif, path)


def kind_of(tif: tifffile.TiffFile) -> str | None:
    """Return tifffile's name of a kind of file that says more of its planes than pages do."""
    kind = next((kind for kind in _TOLD if getattr(tif, f"is_{kind}")), None)
    says_more = kind != "imagej" and not (kind == "shaped" and _is_plain_stack(tif))
    return kind if says_more else None


def _is_plain_stack(tif: tifffile.TiffFile) -> bool:
    """Whether tifffile wrote a plane a page along one axis at most, whose name it doesn't say."""
    page = tif.pages.first
    said = tifffile.tifffile.shaped_description_metadata(page.shaped_description or "")
    shape, count = tuple(said.get("shape", ())), len(tif.pages)
    stack = page.shape if count == 1 else (count, *page.shape)
    return "axes" not in said and page.samplesperpixel == 1 and shape in (stack, (1, *page.shape))


def count_planes(tif: tifffile.TiffFile, path: Path) -> int:
    """Return how many planes a file holds, as far as its pages and tags say it without OME-XML."""
    pages, page = len(tif.pages), tif.pages.first
    # Most planes of a folder: whatever such a file says, there is no room for another.
    if pages == 1 and (not is_bare(page) or _ends_with_its_plane(page)):
        return 1
    kind = None if tif.is_ome else kind_of(tif)
    found = [] if kind is None else told_series(tif, path, kind, [path])
    return sum(len(one.planes) for one in found) or max(pages, planes_of_one_page(tif)[0])


def _with_unlisted(found: list[Series], pages: int) -> list[Series]:
    """Note pages that no image of the OME-XML lists."""
    listed = {place.page for one in found for place in one.planes if place is not None}
    if len(listed) >= pages:
        return found
    note = f"holds {pages - len(listed)} pages that its OME-XML doesn't list: they are not read."
    return [replace(one, notes=(*one.notes, note)) for one in found]


def _pages_alone(tif: tifffile.TiffFile, path: Path) -> list[Series]:
    """Return the planes of a file that says nothing, or in ImageJ's way, of their order."""
    count, notes = planes_of_one_page(tif)
    header = check_page(tif.pages.first, path, planes=count)
    size = math.prod(header.shape) * header.dtype.itemsize
    if count > 1:
        run_on = [Place(0, 0, k * size) for k in range(count)]
        return [Series("", "Z", (count,), run_on, notes=notes)]
    pages, samples = range(len(tif.pages)), header.samples
    planes = [Place(0, page, 0, sample) for page in pages for sample in range(samples)]
    if tif.pages.first.is_scanimage and samples == 1:
        axes, sizes = _scanned(tif.pages.first, len(pages), said_by_scanimage(tif))
        found = _by_position("", axes, sizes, planes)
        return [replace(_for_imagej(one), is_told=True, notes=notes) for one in found]
    if samples == 1:
        return [Series("", "Z", (len(pages),), planes, notes=notes)]
    return [Series("", "ZC", (len(pages), samples), planes, is_told=True, notes=notes)]


def series_of_unlike_pages(tif: tifffile.TiffFile, path: Path) -> list[Series]:
    """Return pages that are not alike as series of those that are; [] where tifffile has none."""
    # Pages that tifffile wrote one by one are a stack that isn't one.
    if tif.pages.first.is_shaped:
        return []
    found = [_of_series(path, one, [path], tif) for one in _images(tif.series)]
    return [one for some in found if some for one in some]


def planes_of_one_page(tif: tifffile.TiffFile) -> tuple[int, tuple[str, ...]]:
    """Return how many planes lie one after another behind a file's only page, 1 if just its own.

    ImageJ writes stacks above 4 GB so. Also returned is what to say of a file that claims more
    planes than it holds.
    """
    page, pages = tif.pages.first, len(tif.pages)
    description = page.imagej_description
    if description is None:
        return 1, ()
    fields = imagej_tags.parse(description)
    claimed = max(1, int(imagej_tags.number(fields, "images") or 1))
    may_run_on = pages == 1 and page.samplesperpixel == 1 and not page.is_tiled
    if may_run_on and is_bare(page) and not _ends_with_its_plane(page):
        return claimed, ()
    if pages >= claimed:
        return 1, ()
    return 1, (
        f"says that it holds {claimed} planes, as the stack did that it was cut from, but holds "
        f"{pages}: so many are taken.",
    )


def _ends_with_its_plane(page: tifffile.TiffPage) -> bool:
    """Whether no pixels follow those of a file's only page."""
    begin = int(page.dataoffsets[0])
    # The page itself may lie behind its pixels.
    end = page.offset if page.offset > begin else page.parent.filehandle.size
    behind = end - begin - page.nbytes
    return behind <= _MOST_SLACK or (page.offset > begin and behind < page.nbytes)


# What tifffile tells


def _images(series: Iterable[tifffile.TiffPageSeries]) -> list[tifffile.TiffPageSeries]:
    """Leave out thumbnails and masks."""
    found = list(series)
    return [one for one in found if not one.keyframe.is_reduced] or found


def told_series(
    tif: tifffile.TiffFile, path: Path, kind: str, files: Sequence[Path]
) -> list[Series]:
    """Return the series of a kind of file that tifffile knows; [] where it is as the pages are.

    Of planes in several files those in `files` are meant.
    """
    if kind == "ndtiff":
        _check_ndtiff_index(path.parent / "NDTiff.index")
    if kind == "mmstack":
        _check_index_map(tif, path)
    series = _images(tif.series)
    one_by_one = len(series) > 1 and all(map(_is_one_plane, series))
    if kind == "shaped" and (series[0].kind != "shaped" or one_by_one):
        return []
    found = [_of_series(path, one, files, tif) for one in series]
    if None in found:
        return []
    return [one for some in found if some for one in some if one.files]


def _is_one_plane(series: tifffile.TiffPageSeries) -> bool:
    return math.prod(series.shape) == series.keyframe.size


def _of_series(
    path: Path, series: tifffile.TiffPageSeries, files: Sequence[Path], tif: tifffile.TiffFile
) -> list[Series] | None:
    """Return a series as those that its positions and the like are; None for no planes' series."""
    axes, sizes = _leading_axes(series)
    count = math.prod(sizes)
    check_count(count, path)
    if axes is None or count < 1:
        return None
    known = {os.path.abspath(file): k for k, file in enumerate(files)}  # noqa: PTH100
    planes = _places(series, known, count)
    if planes is None:
        return None
    notes: tuple[str, ...] = ()
    unnamed = [size for axis, size in zip(axes, sizes, strict=True) if axis in "QI" and size > 1]
    if len(unnamed) > 1:
        words = " x ".join(map(str, unnamed))
        notes = (f"holds {words} planes along axes without names: they are taken as one stack.",)
    if series.kind == "shaped" and "S" in axes and series.keyframe.photometric == _RGB:
        notes = (*notes, _SAMPLES_IN_ROW)
    axes, sizes, ordered, more = _vendors_axes(tif, series.kind, axes, sizes, planes)
    arranged = [one.own() for one in _by_position(series.name, axes, sizes, ordered)]
    is_told = series.kind not in ("shaped", "uniform", "generic", "imagej")
    return [
        replace(
            _for_imagej(one) if is_told else one,
            is_told=is_told or int(series.keyframe.samplesperpixel) > 1,
            notes=notes + more,
        )
        for one in arranged
    ]


def _leading_axes(series: tifffile.TiffPageSeries) -> tuple[str | None, tuple[int, ...]]:
    """Return the axes of a series but Y and X, samples as the fastest; None without Y and X."""
    axes, shape = series.axes, tuple(int(side) for side in series.shape)
    page = series.keyframe
    at = axes.find("YX")
    if at < 0 or shape[at : at + 2] != (page.imagelength, page.imagewidth):
        return None, (1,)
    rest, sizes = axes[:at] + axes[at + 2 :], shape[:at] + shape[at + 2 :]
    return (rest, sizes) if rest else ("Z", (1,))


def _places(
    series: tifffile.TiffPageSeries, files: Mapping[str, int], count: int
) -> list[Place | None] | None:
    """Return where a series' planes are, None for those missing or in none of `files`.

    None in place of a list where pages and planes don't fit each other.
    """
    first = series.keyframe
    if first.dtype is None:
        return None
    size = int(first.imagelength) * int(first.imagewidth) * first.dtype.itemsize
    samples = int(first.samplesperpixel)
    pages = list(series.pages)
    if len(pages) * samples == count:
        found = [_place(page, series.kind, files, size) for page in pages]
        if samples == 1:
            return found
        return [p and p._replace(sample=s) for p in found for s in range(samples)]
    if len(pages) != 1 or not is_bare(first) or (samples > 1 and first.planarconfig != 2):
        return None
    index = int(first.index)
    if not series.is_truncated and len(first.parent.pages) >= index + count and samples == 1:
        return [Place(0, index + k) for k in range(count)]
    if int(first.dataoffsets[0]) + count * size > first.parent.filehandle.size:
        raise truncated(Path(first.parent.filehandle.path))
    return [Place(0, index, k * size) for k in range(count)]


def _place(
    page: tifffile.TiffPage | tifffile.TiffFrame | None,
    kind: str,
    files: Mapping[str, int],
    size: int,
) -> Place | None:
    """Return where a page of a series is."""
    if page is None:
        return None
    if page.parent.filehandle.path not in files:
        return ELSEWHERE
    file = files[page.parent.filehandle.path]
    if kind not in _INDEXED:
        return Place(file, int(page.index))
    keyframe = page.keyframe
    assert keyframe is not None
    if not is_bare(keyframe) or not page.dataoffsets:
        raise DamagedError("an index of planes that are compressed")
    first, begin = keyframe.dataoffsets[0], page.dataoffsets[0]
    # tifffile sets the places of planes that were not written to 0.
    is_there = 0 < begin <= page.parent.filehandle.size - size
    return Place(file, 0, begin - first) if is_there else None


def _by_position(
    name: str, axes: str, sizes: tuple[int, ...], planes: Sequence[Place | None]
) -> list[Series]:
    """Return planes as series along T, Z and C, a series for each place along other axes."""
    groups: list[tuple[str, int]] = []
    for axis, size in zip(axes, sizes, strict=True):
        meaning = _MEANS.get(axis, axis)
        if groups and axis in _MEANS and groups[-1][0] == meaning:
            groups[-1] = meaning, groups[-1][1] * size
        elif size > 1:
            groups.append((meaning, size))
    groups = groups or [("Z", 1)]
    numbers = np.arange(len(planes)).reshape([size for _, size in groups])
    # Of two axes that mean the same, the faster one is it.
    last = {meaning: k for k, (meaning, _) in enumerate(groups)}
    inner = sorted(k for meaning, k in last.items() if meaning in "TZC")
    outer = [k for k in range(len(groups)) if k not in inner]
    table = numbers.transpose([*outer, *inner])
    table = table.reshape(-1, *(groups[k][1] for k in inner), *([] if inner else [1]))
    named = "".join(groups[k][0] for k in outer)
    return [
        Series(
            name if len(table) == 1 else f"{name} {named}{number + 1}".strip(),
            "".join(groups[k][0] for k in inner) or "Z",
            tuple(inside.shape),
            [planes[k] for k in inside.reshape(-1).tolist()],
        )
        for number, inside in enumerate(table)
    ]


def _for_imagej(series: Series) -> Series:
    """Return a series with its planes along T, Z and C, C fastest, as ImageJ has hyperstacks."""
    order = sorted(range(len(series.axes)), key=lambda k: "TZC".index(series.axes[k]))
    numbers = np.arange(len(series.planes)).reshape(series.sizes).transpose(order)
    return replace(
        series,
        axes="".join(series.axes[k] for k in order),
        sizes=tuple(numbers.shape),
        planes=[series.planes[k] for k in numbers.reshape(-1).tolist()],
    )


Axes = tuple[str, tuple[int, ...]]
Described = tuple[str, tuple[int, ...], Sequence["Place | None"], tuple[str, ...]]


def _vendors_axes(
    tif: tifffile.TiffFile,
    kind: str,
    axes: str,
    sizes: tuple[int, ...],
    planes: Sequence[Place | None],
) -> Described:
    """Find the channels of files whose channels tifffile leaves among slices."""
    if kind == "stk" and len(planes) > 1:
        return _wavelengths(tif.stk_metadata or {}, axes, planes)
    if kind == "scanimage" and len(planes) > 1:
        return *_scanned(tif.pages.first, len(planes), said_by_scanimage(tif)), planes, ()
    return axes, sizes, planes, ()


def _wavelengths(meta: Mapping[str, Any], axis: str, planes: Sequence[Place | None]) -> Described:
    """Split MetaMorph's planes by their wavelengths."""
    # tifffile takes planes for a time series where the first has no distance from the one before.
    is_deep = bool(np.asarray(meta.get("ZDistance", ())).any())
    along = "Z" if is_deep or axis != "T" else "T"
    waves = np.asarray(meta.get("Wavelengths", ())).reshape(-1)
    values = list(dict.fromkeys(waves.tolist()))
    if len(waves) != len(planes) or len(values) < 2:
        return along, (len(planes),), planes, ()
    groups = [np.flatnonzero(waves == value) for value in values]
    if len({len(group) for group in groups}) > 1:
        counts = ", ".join(f"{len(g)} of {v:g}" for g, v in zip(groups, values, strict=True))
        note = f"holds planes of several wavelengths, not as many of each ({counts})"
        return "T", (len(planes),), planes, (f"{note}: each counts as a time point of its own.",)
    order = np.stack(groups)
    sorted_planes = [planes[k] for k in order.reshape(-1).tolist()]
    return "C" + along, order.shape, sorted_planes, ()


def _scanned(page: tifffile.TiffPage, count: int, said: Mapping[str, Any]) -> Axes:
    """Return the axes of so many planes of ScanImage, along Z where it doesn't say more."""
    channels = _channels_saved(page, said)
    if count % channels:
        return "Z", (count,)
    slices = said.get("SI.hStackManager.actualNumSlices", said.get("SI.hStackManager.numSlices"))
    frames = said.get("SI.hStackManager.framesPerSlice")
    along = count // channels
    repeats = frames if isinstance(frames, int) and frames > 1 else 1
    if isinstance(slices, int) and slices >= 1 and not along % (slices * repeats):
        # Frames of a slice follow each other, volumes come after.
        volumes = along // (slices * repeats)
        if volumes == 1:
            return "ZTC", (slices, repeats, channels)
        if repeats == 1:
            return "TZC", (volumes, slices, channels)
    return "ZC", (along, channels)


def _channels_saved(page: tifffile.TiffPage, said: Mapping[str, Any]) -> int:
    """Return how many channels ScanImage says were saved, 1 where it doesn't."""
    saved = said.get("SI.hChannels.channelSave")
    if saved is not None:
        return max(1, np.asarray(saved, object).size)
    match = _CHANNELS_SAVED.search(page.description)
    if match is None:
        return 1
    return max(1, int(match[2][:3]) if match[2] else len(re.findall(r"\d+", match[1])))


def said_by_scanimage(tif: tifffile.TiffFile) -> Mapping[str, Any]:
    """Return what ScanImage says of all planes."""
    first = tif.pages.first
    said = (tif.scanimage_metadata or {}).get("FrameData")
    if isinstance(said, dict):
        return said
    text = first.software if first.software[:3] == "SI." else first.description
    try:
        said = tifffile.tifffile.matlabstr2py(text) if "SI." in text else None
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _check_ndtiff_index(path: Path) -> None:
    """Refuse an index of planes that leads out of its folder."""
    with tifffile_faults(path):
        for entry in tifffile.tifffile.read_ndtiff_index(path):
            if Path(entry[1]).name != entry[1]:
                raise DamagedError(f"it names the file {entry[1]!r}")


def _check_index_map(tif: tifffile.TiffFile, path: Path) -> None:
    """Refuse an index of Micro-Manager's that claims more planes than there can be."""
    said = tif.micromanager_metadata or {}
    index, summary = said.get("IndexMap"), said.get("Summary")
    if not isinstance(index, np.ndarray) or not index.size or not isinstance(summary, dict):
        raise DamagedError("Micro-Manager's index of its planes is missing")
    counts = [summary.get(key, 1) for key in _MICRO_MANAGERS_COUNTS]
    try:
        whole = [max(1, int(count)) for count in counts]
    except (TypeError, ValueError, OverflowError) as error:
        raise DamagedError(f"Micro-Manager counts {counts} planes") from error
    reached = (np.max(index[:, :4], axis=0).astype(int) + 1).tolist()
    # tifffile makes room for all of them.
    check_count(math.prod(map(max, reached, whole)), path)


# What OME-XML tells


def ome_series(
    found: Sequence[OmeImage],
    files: Sequence[Path],
    pages: Sequence[int],
    document: Path | None,
) -> list[Series]:
    """Return the images whose planes are in these files, which have so many pages.

    `document` is the one that has the OME-XML, if any of them has.
    """
    names = {file.name.lower(): k for k, file in enumerate(files)}
    own = None if document is None else names[document.name.lower()]
    listed = [one for image in found for one in image.listed]
    places = {one.file: names.get((one.file or "").lower()) for one in listed}
    if len(places) == 1 and set(places.values()) == {None}:
        # A file that has another name now.
        places = dict.fromkeys(places, own)
    known = {
        (one.file, one.is_own): own if places[one.file] is None and one.is_own else places[one.file]
        for one in listed
    }
    path = files[0] if document is None else document
    series = [_ome_image(image, known, pages, path).own() for image in found]
    return [one for one in series if one.files]


def _ome_image(
    image: OmeImage,
    files: Mapping[tuple[str | None, bool], int | None],
    pages: Sequence[int],
    path: Path,
) -> Series:
    """Return where the planes of an image are."""
    axes, notes = image.axes, list[str]()
    channel = axes.index("C")
    said = [size // image.samples if k == channel else size for k, size in enumerate(image.sizes)]
    check_count(math.prod(said), path)
    reached = [max(one.first[k] + 1 for one in image.listed) for k in range(3)]
    sizes = tuple(map(max, said, reached, (1, 1, 1)))
    check_count(math.prod(sizes), path)
    if list(sizes) != said:
        words = ", ".join(f"Size{axis}={n}" for axis, n in zip(axes, said, strict=True))
        notes.append(f"lists planes outside of what its OME-XML says ({words}): they are taken.")
    planes: list[Place | None] = [None] * math.prod(sizes)
    for one in image.listed:
        begin = flat(one.first, sizes)
        file = files[one.file, one.is_own]
        pages_there = len(planes) if file is None else pages[file]
        count = pages_there if one.count is None else one.count
        if file is None and one.count is None:
            count = 1
        for k in range(min(count, len(planes) - begin, pages_there - one.page)):
            planes[begin + k] = ELSEWHERE if file is None else Place(file, one.page + k)
    if image.is_alone:
        _fill_on(planes, [flat(one.first, sizes) for one in image.listed if one.is_open], pages)
    if image.samples > 1:
        planes, sizes = _with_samples(planes, sizes, channel, image.samples)
    return Series(image.name, axes, sizes, planes, ome=image, notes=tuple(notes))


def _fill_on(planes: list[Place | None], begins: Sequence[int], pages: Sequence[int]) -> None:
    """Let pages that nothing lists follow those with which an open list ends, as Bio-Formats."""
    listed = {place[:2] for place in planes if place is not None}
    for at in begins:
        place, following = planes[at], at + 1
        while place and place.file >= 0 and planes[following : following + 1] == [None]:
            place = place._replace(page=place.page + 1)
            if place.page >= pages[place.file] or place[:2] in listed:
                break
            planes[following] = place
            following += 1


def _with_samples(
    planes: Sequence[Place | None], sizes: tuple[int, ...], channel: int, samples: int
) -> tuple[list[Place | None], tuple[int, ...]]:
    """Count each sample of a page as a channel."""
    numbers = np.arange(len(planes)).reshape(sizes)
    wide = np.repeat(numbers, samples, axis=channel)
    shape = [1] * len(sizes)
    shape[channel] = wide.shape[channel]
    which = np.broadcast_to(np.arange(shape[channel]).reshape(shape) % samples, wide.shape)
    pairs = zip(wide.reshape(-1).tolist(), which.reshape(-1).tolist(), strict=True)
    split = [(planes[k], sample) for k, sample in pairs]
    return [p and p._replace(sample=sample) for p, sample in split], wide.shape
