"""The stacks in what a user names: folders of stacks, folders of planes, files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from natsort import natsorted

from crispim_ij.errors import CrispimError
from crispim_ij.planes import open_source
from crispim_ij.planes.checks import TIFF_SUFFIXES, existing, is_zarr

_ENDINGS = re.compile(r"(\.ome)?\.(tiff?|zarr)$", re.IGNORECASE)


def find_stacks(data: Sequence[Path]) -> dict[str, Path]:
    """Find all stacks, by name.

    A folder is one stack if it holds TIFF files of one plane each and no folders of them.
    In any other folder each TIFF file and each folder of TIFF files is a stack.

    Parameters
    ----------
    data : sequence of Path
        Folders and files, in any order.

    Returns
    -------
    dict of str to Path
        The stacks in natural order of their names, which are those of their files or
        folders without ending.

    Raises
    ------
    CrispimError
        If something isn't there or holds no stacks, or two stacks share a name.
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
    with open_source(inside[0]) as first:
        return inside if len(first) > 1 else [path]


def _is_image(path: Path) -> bool:
    """Tell whether something may be a stack, or a plane."""
    if not path.is_dir():
        return _is_tiff(path)
    return is_zarr(path) or any(_is_tiff(child) for child in _visible(path))


def _is_tiff(path: Path) -> bool:
    return path.is_file() and path.suffix.lower() in TIFF_SUFFIXES


def _visible(folder: Path) -> list[Path]:
    """Return what is in a folder, but for hidden files, in natural order."""
    inside = [path for path in folder.iterdir() if not path.name.startswith(".")]
    return natsorted(inside, key=lambda path: path.name)
