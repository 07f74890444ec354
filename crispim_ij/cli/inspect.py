"""`crispim-ij inspect`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import filesize

from crispim_ij.cli.console import console, print_json, waiting
from crispim_ij.cli.options import AsJson, Only
from crispim_ij.planes import find_tree
from crispim_ij.planes.provenance import in_words

if TYPE_CHECKING:
    from crispim_ij.planes.units import Size
    from crispim_ij.previewing import TreeInspection
    from crispim_ij.previewing.inspection import Contents, Inspection, PlaneFacts, StackFacts

_NAMES = 5
_AXES = {"Z": "slices", "C": "channels", "T": "time points"}


def inspect(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="PATH",
            help="Folder of TIFF or PNG planes, a TIFF stack, a .zarr, a tree of folders with many "
            "of these, or anything else.",
        ),
    ],
    *,
    only: Only = None,
    as_json: AsJson = False,
) -> None:
    """Tell what a file or folder holds, and whether it can be denoised and preprocessed.

    Reads all headers, and the pixels of three planes; of a tree of stacks, those of a few planes
    of each channel.

    Example: `crispim-ij inspect scan/`
    """
    from rich.table import Table

    from crispim_ij.noise.measure import as_facts
    from crispim_ij.previewing import TreeInspection, inspect_path, inspect_tree

    with waiting("reading"):
        tree = find_tree(path, only or ())
        found = inspect_path(path) if tree is None else inspect_tree(tree)
    if as_json:
        print_json(as_facts(found))
        return
    table = Table(box=None, show_header=False)
    rows = _tree_rows(found) if isinstance(found, TreeInspection) else _rows(found)
    for name, value in rows:
        table.add_row(name, value)
    console.print(table)


def _rows(found: Inspection) -> Iterator[tuple[str, str]]:
    """Say what was found, for people."""
    yield "format", found.format
    if found.contents is not None:
        yield from _contents(found.contents)
    for command, refusal in found.refusals.items():
        yield command, "yes" if refusal is None else f"no: {refusal}"


def _tree_rows(found: TreeInspection) -> Iterator[tuple[str, str]]:
    """Say what a tree holds, for people."""
    yield "format", f"{found.format}, with {len(found.others)} other files"
    yield "planes", f"{found.planes} in all, {filesize.decimal(found.size)} in memory"
    for stack in found.stacks:
        yield stack.path, _stack(stack)
    for name, channel in found.channels.items():
        for measured in channel.noise:
            of = f" {name}" if name else ""
            within = f", channel {measured.channel + 1}" if len(channel.noise) > 1 else ""
            where = f"measured on {len(channel.stacks)} of {channel.of} stacks"
            yield f"noise{of}{within}", f"{measured.in_figures()}; {where}"


def _stack(stack: StackFacts) -> str:
    """Say what a stack holds, and what refuses it and why."""
    reasons = {why for why in stack.refusals.values() if why is not None}
    no = "; ".join(
        f"no {' or '.join(name for name, one in stack.refusals.items() if one == why)}: {why}"
        for why in sorted(reasons)
    )
    if stack.planes is None:
        return no
    says = f"{stack.planes} of {stack.columns} x {stack.rows} px, {stack.dtype}"
    return f"{says}; {no}" if no else says


def _contents(contents: Contents) -> Iterator[tuple[str, str]]:
    """Say what planes there are."""
    yield "planes", f"{contents.planes} of {contents.columns} x {contents.rows} px"
    yield "type", f"{contents.dtype}, {filesize.decimal(contents.size)} in memory"
    axes = (f"{size} {_AXES.get(axis, axis)}" for axis, size in contents.axes.items())
    yield "axes", f"{''.join(contents.axes)}YX: {', '.join(axes)}"
    if contents.channels:
        yield "channels", contents.channels_told
    yield "pixel size", _pixel_size(contents)
    for axis, name in (("Z", "z step"), ("T", "frame interval")):
        if axis in contents.steps or contents.axes.get(axis, 1) > 1:
            yield name, _size(contents.steps.get(axis))
    for record in contents.history:
        yield "made by", in_words(record)
    yield "compression", contents.compression
    for facts in contents.looked_at:
        yield f"plane {facts.plane}", _counts(facts)
    for number, name in enumerate(contents.series, 1):
        yield f"series {number}", name or "without a name"
    if contents.left_out:
        names = ", ".join(contents.left_out[:_NAMES])
        more = len(contents.left_out) - _NAMES
        yield "left out", f"no planes: {names}" + (f" and {more} others" if more > 0 else "")
    for note in contents.notes:
        yield "note", note
    for found in contents.noise:
        number = found.channel
        name = contents.channels[number] if contents.channels else ""
        which = f"{number + 1} ({name})" if name else f"{number + 1}"
        of = f" of channel {which}" if len(contents.noise) > 1 else ""
        yield f"noise{of}", found.in_figures()


def _pixel_size(contents: Contents) -> str:
    """Say how wide and high a pixel is, as far as that is known."""
    width, height = (contents.steps.get(axis) for axis in "XY")
    if width is None and height is None:
        return "not given"
    if width is None or height is None or width.unit != height.unit:
        return f"width {_size(width)}, height {_size(height)}"
    return f"{width.value:.4g} x {_size(height)}"


def _size(step: Size | None) -> str:
    """Say a size in the unit that the file gives."""
    if step is None:
        return "not given"
    return f"{step.value:.4g} {step.unit or '(its unit is not given)'}"


def _counts(facts: PlaneFacts) -> str:
    """Say what counts a plane has."""
    from crispim_ij.previewing.inspection import PERCENTILES
    from crispim_ij.report.numbers import shown_counts

    pairs = zip(PERCENTILES, facts.percentiles, strict=True)
    says = ", ".join(f"{shown_counts(value)} ({share:g} %)" for share, value in pairs)
    if facts.saturated is None:
        return f"counts {says}"
    return f"counts {says}; {facts.saturated:.2%} saturated"
