"""An acquisition on disk: the stacks in a tree of folders, and the files beside them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from natsort import natsorted

from crispim_ij.errors import CrispimError, did_you_mean
from crispim_ij.planes.checks import PLANE_SUFFIXES, TIFF_SUFFIXES, ZARR_FILES, ZARR_SUFFIX
from crispim_ij.planes.tiff_read import is_ignored
from crispim_ij.planes.tiff_sets import holds_several, sets_in

ROOT = "."
"""The stack of the planes that lie in the outermost folder itself."""

# What says where in a specimen a stack lies, and nothing of its channel. Micro-Manager's grids are
# 1-Pos_000_000, TeraStitcher's folders X/X_Y. Other numbers count, as they may be wavelengths.
_PLACE = re.compile(
    r"(?<![a-z0-9])(?:"
    r"\d+-pos_?\d{3}_\d{3}"
    r"|x[ _-]?\d+[ _-]?y[ _-]?\d+(?:[ _-]?z[ _-]?\d+)?"
    r"|(?:tile|position|pos|site|fov|row|column|col)[ _-]?\d+"
    r")(?![a-z0-9])",
    re.IGNORECASE,
)
_COLUMN_AND_TILE = re.compile(r"(?:(?<=/)|^)(-?\d+)/\1_-?\d+(?=/|$)")
_NAMED = 5
"""Stacks that a message names."""

_ENDING = re.compile(r"(\.ome)?\.(tiff?|png|zarr)$", re.IGNORECASE)


@dataclass(frozen=True)
class Tree:
    """The stacks of an acquisition.

    Attributes
    ----------
    path : Path
        The outermost folder.
    stacks : tuple of str
        Paths below it, with '/', of the folders of planes, stack files and OME-Zarrs that
        are wanted, in natural order; `ROOT` for planes in the outermost folder itself.
    others : tuple of str
        Files that belong to no stack, such as metadata.json.
    channels : mapping of str to tuple of str
        The stacks of each channel, those that aren't wanted included; see `channel_of`.
    parts : mapping of str to tuple of str
        Where a stack is in several files of a folder that holds others too: all of them; it has
        the name of the first.
    """

    path: Path
    stacks: tuple[str, ...]
    others: tuple[str, ...]
    channels: Mapping[str, tuple[str, ...]]
    parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class _Found(NamedTuple):
    """A stack in a tree, all its files if these are several of a folder, or another file."""

    path: str
    is_stack: bool
    parts: tuple[str, ...] = ()


def find_tree(path: Path, only: Sequence[str] = ()) -> Tree | None:
    """Find the stacks of an acquisition.

    A folder with TIFFs of one page is a stack, whatever folders lie in it. Where each TIFF of a
    folder has several pages, each is a stack, or the parts of a stack are one together, and so is
    each OME-Zarr. Hidden files and folders
    are passed over, and links that lead back to a folder above.

    Parameters
    ----------
    path : Path
        What a user names as the input.
    only : sequence of str
        Patterns such as ``Ex_488*``: stacks are wanted whose path fits one, or that lie in a
        folder whose path does; `*` stands for '/', too. Without any, all are.

    Returns
    -------
    Tree or None
        None where `path` is one stack or holds none, so that
        `crispim_ij.planes.open_source` opens it or says what is wrong.

    Raises
    ------
    CrispimError
        If no stack fits a pattern.
    """
    # Unlike Path.is_dir, this takes what it may not look at for absent.
    found = list(_look(path, "", ())) if os.path.isdir(path) else []  # noqa: PTH112
    stacks = [one.path for one in found if one.is_stack]
    if stacks in ([], [ROOT]):
        if only:
            raise CrispimError(
                f"--only chooses among the stacks of a tree, and '{path}' is none: leave it out."
            )
        return None
    others = tuple(one.path for one in found if not one.is_stack)
    channels: dict[str, list[str]] = {}
    for stack in stacks:
        channels.setdefault(channel_of(stack), []).append(stack)
    of_channels = {channel: tuple(found) for channel, found in channels.items()}
    parts = {one.path: one.parts for one in found if one.parts}
    tree = _chosen(Tree(path, tuple(stacks), others, of_channels, parts), only)
    return None if tree.stacks == (ROOT,) else tree


def channel_of(stack: str) -> str:
    """Return what a stack's path in a tree says beside its place in the specimen.

    ``Ex_488_Em_525/4713/4713_7069`` is of 'Ex_488_Em_525', ``tile_01_C0.tif`` of 'C0' and
    ``tile_01.tif`` of ''. Where no place is recognised a stack is a channel of its own.
    """
    named = _PLACE.sub("", _COLUMN_AND_TILE.sub("", _ENDING.sub("", stack)))
    parts = (re.sub(r"([ _-]){2,}", r"\1", part).strip(" _-") for part in named.split("/"))
    return "/".join(part for part in parts if part)


def _look(folder: Path, name: str, above: tuple[tuple[int, int], ...]) -> Iterator[_Found]:
    """Yield what lies in a folder of a tree and below it."""
    try:
        status, entries = folder.stat(), list(os.scandir(folder))
    except OSError:  # the reason is told when it is opened, as of other stacks that can't be read
        yield _Found(name or ROOT, is_stack=True)
        return
    own = (status.st_dev, status.st_ino)
    if own in above:
        return
    if folder.suffix.lower() == ZARR_SUFFIX or any(entry.name in ZARR_FILES for entry in entries):
        yield _Found(name or ROOT, is_stack=True)
        return
    files = [one.name for one in entries if _is(one.is_file) and not is_ignored(one.name)]
    yield from _look_at_files(folder, name, files)
    folders = [one.name for one in entries if _is(one.is_dir) and not one.name.startswith(".")]
    for below in natsorted(folders):
        yield from _look(folder / below, _join(name, below), (*above, own))


def _is(kind: Callable[[], bool]) -> bool:
    """Whether an entry of a folder is of a kind; a link that leads nowhere is of none."""
    try:
        return kind()
    except OSError:
        return False


def _look_at_files(folder: Path, name: str, files: list[str]) -> Iterator[_Found]:
    """Yield a folder itself where its files are planes, else those that are stacks, and others."""
    planes = natsorted(file for file in files if file.lower().endswith(PLANE_SUFFIXES))
    stacks = _stacks_in(folder, planes) if planes else []
    for first, *more in stacks:
        parts = tuple(_join(name, file) for file in (first, *more)) if more else ()
        yield _Found(_join(name, first), is_stack=True, parts=parts)
    if planes and not stacks:
        yield _Found(name or ROOT, is_stack=True)
    others = set(files).difference(planes)
    yield from (_Found(_join(name, file), is_stack=False) for file in natsorted(others))


def _stacks_in(folder: Path, names: Sequence[str]) -> list[list[str]]:
    """Return the files of each stack in a folder, as far as they can be read.

    Of planes one is opened. There are none where the folder itself is a stack: of planes, or of
    the parts of one set.
    """
    several: list[Path] = []
    alone: list[list[str]] = []
    for name in names:
        holds = holds_several(folder / name) if name.lower().endswith(TIFF_SUFFIXES) else False
        if holds is False:
            return []
        if holds:
            several.append(folder / name)
        else:
            alone.append([name])
    try:
        sets = [[file.name for file in files] for files in sets_in(several)]
    except CrispimError:  # told when the folder is opened
        return []
    if not sets or (len(sets) == 1 < len(several) and not alone):
        return []
    return natsorted([*sets, *alone])


def _join(folder: str, name: str) -> str:
    """Return the path of something in a folder of a tree; '' is the outermost."""
    return f"{folder}/{name}" if folder else name


def _chosen(tree: Tree, only: Sequence[str]) -> Tree:
    """Leave out the stacks that fit no pattern, and the files that belong to these alone."""
    if not only:
        return tree
    for pattern in only:
        if not any(_fits(stack, [pattern]) for stack in tree.stacks):
            raise CrispimError(
                f"No stack of '{tree.path}' fits {pattern!r} (--only): "
                f"{did_you_mean(pattern, tree.stacks[:_NAMED])}"
            )
    stacks = tuple(stack for stack in tree.stacks if _fits(stack, only))
    beside = {folder for stack in stacks for folder in _folders(stack)}
    others = (
        other
        for other in tree.others
        if _folders(other)[0] in beside or _fits(other, [*only, *stacks])
    )
    return replace(tree, stacks=stacks, others=tuple(others))


def _fits(path: str, only: Sequence[str]) -> bool:
    """Whether a path, or that of a folder that it lies in, fits one of some patterns."""
    paths = (path, *_folders(path)[:-1])
    patterns = [pattern.rstrip("/") for pattern in only]
    return any(one == fits or fnmatchcase(one, fits) for one in paths for fits in patterns)


def _folders(path: str) -> list[str]:
    """Return the folders of a tree that something lies in, the innermost first."""
    return [str(folder) for folder in PurePosixPath(path).parents]
