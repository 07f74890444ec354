"""`crispim-ij inspect`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from crispim_ij.cli.console import console, errors, print_json
from crispim_ij.cli.options import AsJson

if TYPE_CHECKING:
    from crispim_ij.previewing.inspection import Contents, Inspection, PlaneFacts

_NAMES = 5
_AXES = {"Z": "slices", "C": "channels", "T": "time points"}


def inspect(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="PATH", help="Folder of TIFF planes, a TIFF stack, a .zarr, or anything else."
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Tell what a file or folder holds, and whether it can be denoised and preprocessed.

    Reads all headers, and the pixels of three planes.

    Example: `crispim-ij inspect scan/`
    """
    from dataclasses import asdict

    from rich.table import Table

    from crispim_ij.previewing import inspect_path

    with errors.status("reading"):
        found = inspect_path(path)
    if as_json:
        print_json(asdict(found))
        return
    table = Table(box=None, show_header=False)
    for name, value in _rows(found):
        table.add_row(name, escape(value))
    console.print(table)


def _rows(found: Inspection) -> Iterator[tuple[str, str]]:
    """Say what was found, for people."""
    yield "format", found.format
    if found.contents is not None:
        yield from _contents(found.contents)
    for command, refusal in found.refusals.items():
        yield command, "yes" if refusal is None else f"no: {refusal}"


def _contents(contents: Contents) -> Iterator[tuple[str, str]]:
    """Say what planes there are."""
    yield "planes", f"{contents.planes} of {contents.columns} x {contents.rows} px"
    yield "type", f"{contents.dtype}, {contents.size / 1e9:.3g} GB in memory"
    axes = (f"{size} {_AXES.get(axis, axis)}" for axis, size in contents.axes.items())
    yield "axes", f"{''.join(contents.axes)}YX: {', '.join(axes)}"
    unit = contents.unit or ""
    if contents.pixel_size is None:
        yield "pixel size", "not given"
    else:
        height, width = contents.pixel_size
        yield "pixel size", f"{width:.4g} x {height:.4g} {unit}"
    if contents.z_step is not None:
        yield "z step", f"{contents.z_step:.4g} {unit}"
    if contents.frame_interval is not None:
        yield "frame interval", f"{contents.frame_interval:.4g} s"
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
        of = f" of channel {found.channel + 1}" if len(contents.noise) > 1 else ""
        yield f"noise{of}", found.in_figures()


def _counts(facts: PlaneFacts) -> str:
    """Say what counts a plane has."""
    from crispim_ij.previewing.inspection import PERCENTILES

    pairs = zip(PERCENTILES, facts.percentiles, strict=True)
    says = ", ".join(f"{value:.5g} ({share:g} %)" for share, value in pairs)
    if facts.saturated is None:
        return f"counts {says}"
    return f"counts {says}; {facts.saturated:.2%} saturated"
