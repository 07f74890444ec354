"""What the names of a folder's files tell of its planes: channels, slices and time points.

A tag is a number behind a word that microscopes write, such as `C0`, `_ch00`, `w1DAPI`,
`Ex_488_Em_525`, `z0001` or `time000000000`. A tag that is the same in all names tells nothing.
Those that differ count where all names together make a full grid: each channel has a plane for each
slice and time point. Where no tag numbers the slices, what else differs in the names does.
Positions, tiles and views, such as `Pos0`, `_s1` or `[00 x 01]`, are stacks of their own, which no
folder of planes may hold several of.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, permutations, product
from pathlib import Path
from typing import NamedTuple

from natsort import natsort_keygen, natsorted

from crispim_ij.errors import CrispimError

MOST_CHANNELS = 16
"""Values of a tag above which it is no channel's but a running number, unless other tags differ
and make a full grid with it."""

MOST_LONE_LETTERS = 4
"""The same for a `c` and a number, where nothing else in the names numbers planes."""

# Names in which a program says all: Micro-Manager's 'img_000000000_DAPI_000' and MetaMorph's
# 'exp_w1DAPI_s1_t1', whose s is a stage position.
_PROGRAMS = (
    re.compile(r"img_(?P<T>\d{9})_(?P<CW>.+)_(?P<Z>\d{3,})", re.ASCII),
    re.compile(r".*_(?P<CW>w\d[^_]*)(?:_(?P<P>s\d+))?(?:_(?P<T>t\d+))?", re.ASCII),
)
# A tag's word begins where no word goes on: 'C0' in 'brain_C0' and 'BrainC0', not in 'TIC0'.
_BEGIN = r"(?:(?<![A-Za-z])|(?<=[a-z])(?=[A-Z]))"
_DYES = (
    "dapi|hoechst|e?gfp|e?yfp|e?cfp|rfp|bfp|mcherry|tdtomato|fitc|tritc|texasred|cy[357]|draq5|"
    "autofluorescence"
)
_TAG = re.compile(
    rf"{_BEGIN}(?:(?P<CW>"
    r"(?i:ex(?:citation)?[_ -]?\d+(?:nm)?[_ -]*(?:em(?:ission)?|ch)[_ -]?\d+(?:nm)?)"
    r"|w\d(?:[ -]?[A-Za-z][^_]*?(?=_|$|[ .-]+\d+$)|(?![\dA-Za-z]))"
    r"|(?i:(?:channel|chan|chn|ch|filter|laser|lambda|wavelength)[_ -]?\d+)"
    r"|(?<![\d.])(?:[3-9]\d\d|1[0-3]\d\d)[_ -]?nm(?![A-Za-z])"
    rf"|(?i:{_DYES})(?![A-Za-z0-9])"
    r")|(?P<C>[Cc]\d+)"
    r"|(?P<P>(?i:(?:position|pos|site|stage|tile|scene|series|region|view|angle|illumination|camera"
    r"|row|column|col|xy|fov)[_ -]?\d+)|(?i:x[_ -]?\d+[_ -]?y[_ -]?\d+)"
    r"|(?<=_)s[1-9]\d*(?=_t\d+$))"
    # A position or a sample beside what numbers planes, else perhaps a plane or a slice.
    r"|(?P<PL>(?<=[_ -])[PpSs]\d+(?=[_ -]|$))"
    r"|(?P<T>(?i:(?:time[_ -]?point|time|tp|cycle)[_ -]?\d+)|[Tt]\d+)"
    r"|(?P<Z>(?i:(?:slice|plane|z)[_ -]?\d+(?:\.\d+)?)))"
    r"|(?P<PT>\[\d+ x \d+\])",
    re.ASCII,
)
_ENDING = re.compile(r"(\.ome)?\.[A-Za-z]+$", re.IGNORECASE)
_WAVE = re.compile(r"w\d+[ -]?(?=[A-Za-z])")
_NOT_IN_NAMES = re.compile(r'[/\\:*?"<>|\x00-\x1f]+|[. ]+$')
_NUMBER = re.compile(r"\d+", re.ASCII)
# As Windows and macOS name copies.
_COPY = re.compile(r"( \(\d+\)| - [CK]op(y|ie)( \(\d+\))?| copy( \d+)?)$")
_FEW = 3
_NAMES = {"C": "channels", "T": "time points", "Z": "slices"}
_natural = natsort_keygen()

Tags = dict[str, tuple[str, ...]]
"""By axis, what each name tells of its place along it."""


@dataclass(frozen=True)
class NamedPlanes:
    """A folder's planes by their names, along axes as `Metadata` has them."""

    names: tuple[str, ...]  # of the files, in the order in which their planes are numbered
    axes: str
    sizes: tuple[int, ...]
    channels: tuple[str, ...] = ()  # none where the files' names tell of none
    notes: tuple[str, ...] = ()  # sentences for the user


class _Parsed(NamedTuple):
    """A name's tags, each with its axis, and what is left without them."""

    tags: tuple[tuple[str, str], ...]
    rest: str

    @property
    def kind(self) -> tuple[str, ...]:
        """The axes of the tags, in which names of one folder agree.

        'CW' is a channel's word, 'PT' LaVision's tile, 'PL' a letter that may be a position's.
        """
        return tuple(axis[0] for axis, _ in self.tags)


class _Told(NamedTuple):
    """What differs in names that have the same tags.

    `doubtful` are lone letters that count as what numbers the slices, but may be of positions.
    """

    names: Sequence[str]
    tags: Tags
    rest: tuple[str, ...]
    positions: tuple[str, ...]
    has_letters: bool
    doubtful: tuple[str, ...]


def arrange(names: Sequence[str], folder: Path) -> NamedPlanes:
    """Find channels, slices and time points in the names, in natural order, of a folder's files.

    Planes stay in the order of `names` where that runs along the axes, else they come along T, Z
    and C; those whose names tell no full grid are one stack, along Z. Raises CrispimError if names
    tell channels or time points of which planes are missing, or planes of several stacks.
    """
    stems = [_ENDING.sub("", name) for name in names]
    numbers = _said_of_copies(names, stems, folder) or _said_of_gaps(stems, folder)
    one_stack = NamedPlanes(tuple(names), "Z", (len(names),), notes=numbers)
    parsed = [_parse(name) for name in names]
    usual, count = Counter(one.kind for one in parsed).most_common(1)[0]
    if 2 * count <= len(names):
        return one_stack
    alike = [k for k, one in enumerate(parsed) if one.kind == usual]
    told = _compared([names[k] for k in alike], [parsed[k] for k in alike])
    tags = _grid(told, folder)
    if tags is None:
        return replace(one_stack, notes=(*numbers, *_said_of_positions(told, folder)))
    if count < len(names):
        odd = next(name for name, one in zip(names, parsed, strict=True) if one.kind != usual)
        raise CrispimError(
            f"'{folder / odd}' doesn't say in its name which of the {_listed(tags)} it is of, as "
            f"'{told.names[0]}' does: rename it, or move it out of the folder of planes."
        )
    said = _said_of_several(told.doubtful, folder)
    for axis in set(tags) & {"T", "Z"}:
        said += _said_of_gaps(_values(tags[axis]), folder)
    return replace(_ordered(names, tags), notes=said)


def file_names(
    stem: str, lengths: Mapping[str, int], channels: Sequence[str] = ()
) -> tuple[str, ...]:
    """Return names for files of a plane each, from which `arrange` tells the stack that they are.

    Slices are numbered. Planes of channels and time points are named as those of a hyperstack by
    ImageJ, '<stem>_t0001_z0001_c0001.tif', but with the channels' own names where these are told.
    """
    several = {axis: size for axis, size in lengths.items() if size > 1}
    if set(several) - {"Z"}:
        # Slices and time points all have like tags: a few tell whether the others are told.
        few = {axis: size if axis == "C" else min(size, _FEW) for axis, size in several.items()}
        for tags in _channel_tags(several.get("C", 1), channels):
            if are_told(_tagged(stem, few, tags), few, tags if "C" in several else ()):
                return _tagged(stem, several, tags)
    return _numbered(stem, math.prod(lengths.values()))


def _numbered(stem: str, count: int) -> tuple[str, ...]:
    """Return names of which none is taken for a time point or channel, such as 'time_0000'."""
    tags = _parse(f"{stem}_0000.tif").tags
    is_tag = any(axis != "Z" and text.endswith("_0000") for axis, text in tags)
    begin = f"{stem}_plane" if is_tag else stem
    return tuple(f"{begin}_{k:04d}.tif" for k in range(count))


def _channel_tags(count: int, names: Sequence[str]) -> Iterator[list[str]]:
    """Yield ways to write channels into names of files, the best first."""
    if names:
        words = [_NOT_IN_NAMES.sub("-", name) for name in names]
        yield words
        yield [f"{word}nm" for word in words]
        yield [f"w{k}{word.replace('_', '-')}" for k, word in enumerate(words, 1)]
    yield [f"c{k:04d}" for k in range(1, count + 1)]
    yield [f"ch{k:0{len(str(count))}d}" for k in range(1, count + 1)]


def _tagged(stem: str, lengths: Mapping[str, int], channels: Sequence[str]) -> tuple[str, ...]:
    """Return names that say where each plane lies along each axis, in the planes' own order."""
    along = [
        channels if axis == "C" else [f"{axis.lower()}{k:04d}" for k in range(1, size + 1)]
        for axis, size in lengths.items()
    ]
    return tuple(f"{'_'.join((stem, *place))}.tif" for place in product(*along))


def are_told(
    names: Sequence[str], lengths: Mapping[str, int], channels: Sequence[str] | None = None
) -> bool:
    """Whether names tell planes along the axes that are longer than 1, and channels in order."""
    try:
        found = arrange(natsorted(set(names)), Path())
    except CrispimError:
        return False
    told = dict(zip(found.axes, found.sizes, strict=True))
    several = {axis: size for axis, size in lengths.items() if size > 1}
    as_meant = channels is None or found.channels == _channel_names(channels)
    return as_meant and told == (several or {"Z": 1}) and len(set(names)) == len(names)


def _parse(name: str) -> _Parsed:
    """Find a name's tags."""
    stem = _ENDING.sub("", name)
    for program in _PROGRAMS:
        if whole := program.fullmatch(stem):
            found = {axis: text for axis, text in whole.groupdict().items() if text}
            before = stem[: min(whole.start(axis) for axis in found)]
            tags = (*_tags_in(before), *found.items())
            return _Parsed(tags, _TAG.sub("\0", before))
    return _Parsed(tuple(_tags_in(stem)), _TAG.sub("\0", stem))


def _tags_in(text: str) -> Iterator[tuple[str, str]]:
    return ((str(tag.lastgroup), tag.group()) for tag in _TAG.finditer(text))


def _compared(names: Sequence[str], parsed: Sequence[_Parsed]) -> _Told:
    """Keep of names with the same tags what is not the same in all of them."""
    columns: dict[str, list[tuple[str, ...]]] = {}
    has_letters = may_be_slices = True
    for column in zip(*(one.tags for one in parsed), strict=True):
        values = tuple(text for _, text in column)
        if len(set(values)) > 1:
            columns.setdefault(column[0][0][0], []).append(values)
            has_letters &= column[0][0] != "CW"
            may_be_slices &= column[0][0] not in ("P", "PT", "Z")
    joined = {
        axis: tuple(" ".join(texts) for texts in zip(*several, strict=True))
        for axis, several in columns.items()
    }
    rest = tuple(one.rest for one in parsed)
    many = len(set(joined.get("C", ()))) > MOST_CHANNELS
    if many and not (len(joined) > 1 and _is_full(joined)):
        rest = tuple("\0".join(pair) for pair in zip(rest, joined.pop("C"), strict=True))
    positions = joined.pop("P", ())
    if positions and may_be_slices and len(set(rest)) == 1:
        doubtful = positions if len(set(positions)) <= MOST_CHANNELS else ()
        return _Told(names, joined, positions, (), has_letters, doubtful)
    return _Told(names, joined, rest, positions, has_letters, ())


def _grid(told: _Told, folder: Path) -> Tags | None:
    """Return the tags, or tags and rest, that make a full grid with channels or time points."""
    tags = told.tags
    if not {"C", "T"} & set(tags):
        return None
    if _is_full(tags):
        lone = set(tags) == {"C"} and told.has_letters
        return None if lone and len(told.names) > MOST_LONE_LETTERS else tags
    if told.positions:
        raise _several_stacks(told, folder, ", ".join(_values(told.positions)[:3]))
    if "Z" not in tags and len(set(told.rest)) > 1:
        tags = {**tags, "Z": told.rest}
        if _is_full(tags):
            return tags
    _check_incomplete(told, tags, folder)
    return None


def _said_of_positions(told: _Told, folder: Path) -> tuple[str, ...]:
    """Refuse one stack of planes of several positions; say of planes that they may be such."""
    slices = told.tags.get("Z")
    along = told.rest if slices is None else slices
    which = told.positions
    if which and len(set(along)) > 1:
        places = set(zip(which, along, strict=True))
        if 2 * len(places) > len(set(which)) * len(set(along)):
            numbered = told._replace(tags={"Z": along})
            raise _several_stacks(numbered, folder, ", ".join(_values(which)[:3]))
    if slices is not None:
        if len(set(slices)) == len(slices):
            return ()
        which = which or told.rest
    return _said_of_several(which or told.doubtful, folder)


def _said_of_several(which: Sequence[str], folder: Path) -> tuple[str, ...]:
    """Say that names may be of several stacks; nothing where there are none of such names."""
    if not which:
        return ()
    stacks = ", ".join(_values(which)[:3]).replace("\0", "...")
    more = ", ..." if len(set(which)) > 3 else ""
    return (
        f"The names in '{folder}' may tell several stacks ({stacks}{more}): all planes are taken "
        "as slices of one.",
    )


def _said_of_copies(names: Sequence[str], stems: Sequence[str], folder: Path) -> tuple[str, ...]:
    """Say where a file seems to be another's copy, or has its number."""
    first: dict[str, str] = {}
    for name, stem in zip(names, stems, strict=True):
        number = _NUMBER.sub(lambda digits: str(int(digits.group())), stem)
        other = first.setdefault(number, name)
        if other != name:
            return (
                f"'{other}' and '{name}' in '{folder}' have the same number: each is taken as a "
                "plane of its own.",
            )
    known = set(stems)
    for name, stem in zip(names, stems, strict=True):
        original = _COPY.sub("", stem)
        if original != stem and original in known:
            return (
                f"'{name}' in '{folder}' seems to be a copy of '{names[stems.index(original)]}': "
                "each is taken as a plane of its own.",
            )
    return ()


def _said_of_gaps(texts: Sequence[str], folder: Path) -> tuple[str, ...]:
    """Say where planes are missing among those that one number in their names tells apart."""
    parts = [_NUMBER.split(text) for text in texts]
    if len(texts) < 3 or len({tuple(part) for part in parts}) > 1:
        return ()
    columns = zip(*(map(int, _NUMBER.findall(text)) for text in texts), strict=True)
    varying = [column for column in columns if len(set(column)) > 1]
    if len(varying) != 1:
        return ()
    numbers, ordered = zip(*sorted(zip(varying[0], texts, strict=True)), strict=True)
    steps = [after - before for before, after in pairwise(numbers)]
    usual, count = Counter(steps).most_common(1)[0]
    if count == len(steps) or usual != min(steps) or any(step % usual for step in steps):
        return ()
    missing = sum(step // usual - 1 for step in steps)
    before = ordered[next(k for k, step in enumerate(steps) if step > usual)]
    return (
        f"By the numbers in the names of '{folder}' "
        f"{'1 plane is' if missing == 1 else f'{missing} planes are'} missing, the first after "
        f"'{before}': those that are there are taken to follow each other.",
    )


def _is_full(tags: Tags) -> bool:
    """Whether there is one plane for each place along all axes."""
    places = list(zip(*tags.values(), strict=True))
    return len(set(places)) == len(places) == math.prod(len(set(v)) for v in tags.values())


def _check_incomplete(told: _Told, tags: Tags, folder: Path) -> None:
    """Refuse names that tell channels or time points, but more or fewer planes than a grid has.

    They do so where most of the grid is there, or the channels are named by a word.
    """
    places = Counter(zip(*tags.values(), strict=True))
    axes = {axis: _values(texts) for axis, texts in tags.items()}
    total = math.prod(map(len, axes.values()))
    missing = total - len(places)
    by_word = "C" in tags and not told.has_letters
    if not (by_word or 2 * len(places) > total):
        return
    if max(places.values()) > 1:
        twice = max(places, key=lambda place: places[place])
        same = [
            n
            for n, p in zip(told.names, zip(*tags.values(), strict=True), strict=True)
            if p == twice
        ]
        raise _several_stacks(told, folder, f"'{same[0]}' and '{same[1]}'")
    lacking = next(place for place in product(*axes.values()) if place not in places)
    what = ", ".join(
        text for axis, text in zip(tags, lacking, strict=True) if axis != "Z" or "Z" in told.tags
    )
    beside = _beside(told.names, tags, lacking)
    raise CrispimError(
        f"the names in '{folder}' tell {_listed(tags)}, but {missing} of {total} planes are "
        f"missing, such as {what} beside '{beside}': add them, or give each of the "
        f"{_NAMES['C' if 'C' in tags else 'T']} a folder of its own."
    )


def _beside(names: Sequence[str], tags: Tags, lacking: Sequence[str]) -> str:
    """Return the file that differs from a plane that is lacking in least, channels first."""
    axes = [axis for axis in "ZTC" if axis in tags]
    wanted = dict(zip(tags, lacking, strict=True))

    def alike(k: int) -> list[bool]:
        return [tags[axis][k] == wanted[axis] for axis in axes]

    return names[max(range(len(names)), key=alike)]


def _several_stacks(told: _Told, folder: Path, which: str) -> CrispimError:
    """Return the error for planes that tags don't tell from each other."""
    return CrispimError(
        f"the names in '{folder}' tell {_listed(told.tags)}, and those of several stacks "
        f"({which}): give each stack a folder of its own."
    )


def _listed(tags: Tags) -> str:
    """Say how many channels, time points and slices there are."""
    counts = {axis: len(set(tags[axis])) for axis in "CTZ" if axis in tags}
    return ", ".join(f"{count} {_NAMES[axis]}" for axis, count in counts.items())


def _values(texts: Sequence[str]) -> list[str]:
    """Return the places along an axis in natural order."""
    return sorted(set(texts), key=_natural)


def _ordered(names: Sequence[str], tags: Tags) -> NamedPlanes:
    """Number planes along their axes: in the order of their names, where these run along them."""
    values = {axis: _values(texts) for axis, texts in tags.items()}
    numbers = {axis: {text: k for k, text in enumerate(texts)} for axis, texts in values.items()}
    usual = [axis for axis in "TZC" if axis in tags]
    channels = _channel_names(values["C"]) if "C" in tags else ()

    def places(axes: Sequence[str]) -> list[tuple[int, ...]]:
        along = ([numbers[axis][text] for text in tags[axis]] for axis in axes)
        return list(zip(*along, strict=True))

    def laid(axes: Sequence[str], files: Sequence[str]) -> NamedPlanes:
        sizes = tuple(len(values[axis]) for axis in axes)
        return NamedPlanes(tuple(files), "".join(axes), sizes, channels)

    for axes in permutations(usual):
        here = places(axes)
        if all(before < after for before, after in pairwise(here)):
            return laid(axes, names)
    order = sorted(zip(places(usual), names, strict=True))
    return laid(usual, [name for _, name in order])


def _channel_names(texts: Sequence[str]) -> tuple[str, ...]:
    """Return channels' names: MetaMorph's own behind the number of a wave, where they differ."""
    short = tuple(_WAVE.sub("", text) for text in texts)
    return short if len(set(short)) == len(texts) else tuple(texts)
