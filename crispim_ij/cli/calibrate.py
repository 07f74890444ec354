"""`crispim-ij calibrate`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crispim_ij.cli.console import console, log, print_json, progress_bar, say
from crispim_ij.cli.options import AsJson, Input, Overwrite, SelectionOptions, with_groups
from crispim_ij.cli.outcome import opened_source
from crispim_ij.errors import CrispimError
from crispim_ij.planes import Source
from crispim_ij.planes.channels import named_channels

if TYPE_CHECKING:
    from crispim_ij.noise import Calibration

FAR = 0.25
"""Deviation from the line, as a share of the variance, from which it is a poor model."""


@with_groups
def calibrate(
    stack: Input,
    *,
    planes: Annotated[
        int, typer.Option(metavar="COUNT", help="Planes to read, spread over the stack.")
    ] = 16,
    offset: Annotated[
        float | None,
        typer.Option(
            metavar="COUNTS",
            help="Counts of the camera without light, from its data sheet or a picture in the "
            "dark. [default: the darkest hundredth of the planes]",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.json",
            help="Write the camera here, for --camera of evaluate and train, and beside it a "
            "picture, FILE.png. [default: not written]",
        ),
    ] = None,
    selection: SelectionOptions,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Measure a camera's noise on a noisy stack of yours: gain, offset and read noise.

    Give planes as they came from the camera: neither denoised, nor binned, nor resized. See
    docs/noise.md for how it is done and how far it can be trusted.

    Example: `crispim-ij calibrate scan/ --offset 100 --out camera.json`
    """
    from crispim_ij import noise as job

    settings = job.CalibrationSettings(planes, offset)
    files = _files(out, overwrite=overwrite)
    with opened_source(stack, selection.selection()) as source:
        notes = source.notes
        _say_channels(source)
        count = min(planes, len(source))
        with progress_bar("measuring", count, "planes") as bar:
            found = job.calibrate(
                source, settings, lambda done: bar.update(bar.task_ids[0], completed=done)
            )
    if files is not None:
        job.write_camera(found, stack, files[0])
        job.plot_calibration(found, files[1])
    if as_json:
        print_json({**_facts(found, files), "notes": notes})
        return
    _print_table(found)
    if files is not None:
        say(f"{files[0]}\n{files[1]}")


def _say_channels(source: Source) -> None:
    """Say where several channels, perhaps of several cameras, are measured as one."""
    if channels := named_channels(source.metadata):
        log(
            f"'{source.path}' holds {channels}, which are measured as one: give the --channel "
            "that the camera took."
        )


def _facts(found: Calibration, files: tuple[Path, Path] | None) -> dict[str, Any]:
    """Say what was measured, for scripts."""
    return {
        **asdict(found),
        "model": found.model,
        "correlated": found.is_correlated,
        "hints": list(_hints(found)),
        "files": list(files or ()),
    }


def _print_table(found: Calibration) -> None:
    """Say what was measured, for people."""
    from rich.table import Table

    table = Table(box=None, show_header=False)
    for row in _rows(found):
        table.add_row(*row)
    console.print(table)
    for hint in _hints(found):
        say(hint)


def _files(out: Path | None, *, overwrite: bool) -> tuple[Path, Path] | None:
    """Return the two files to write, refusing what they may not replace."""
    if out is None:
        return None
    if out.suffix.lower() != ".json" or not out.absolute().parent.is_dir():
        raise CrispimError(
            f"'{out}' (--out) can't be written: give a name that ends in .json, in a folder that "
            "exists."
        )
    files = out, out.with_suffix(".png")
    there = [file for file in files if file.exists()]
    if there and not overwrite:
        raise CrispimError(f"'{there[0]}' exists already: give --overwrite to replace it.")
    return files


def _rows(found: Calibration) -> Iterator[tuple[str, str]]:
    """Say what was measured."""
    camera = found.camera
    guess = "given" if found.offset_given else "of the darkest hundredth"
    light = found.levels[0].light, found.levels[-1].light
    yield "noise", found.model
    yield "gain", f"{camera.gain:.4g} counts a photo-electron"
    yield "offset", f"{camera.offset:.5g} counts, {guess}"
    yield "read noise", f"{camera.read_noise:.4g} counts"
    yield "measured", f"from {light[0]:.5g} to {light[1]:.5g} counts, in {found.planes} planes"
    yield "deviation", f"{found.residual:.1%} of the variance"
    yield "neighbours", f"correlated {found.down:.2f} along Y, {found.right:.2f} along X"
    yield "left out", f"{found.left_out:.1%} of the pixels, clipped or filled"
    yield "--camera", f"{camera.gain:.4g}:{camera.offset:.5g}:{camera.read_noise:.4g}"


def _hints(found: Calibration) -> Iterator[str]:
    """Say where the figures are not to be trusted."""
    if found.grows_with_light and not found.offset_given:
        yield (
            "The read noise holds the shot noise of what light the darkest parts have; with your "
            "camera's --offset it is that of the camera alone."
        )
    if found.is_correlated:
        yield (
            "Neighbouring pixels share noise, as after resizing, filtering or destriping: it is "
            "stronger than measured here, and no model of independent pixels describes it."
        )
    if found.residual > FAR:
        yield (
            "The noise is far from the model's line; look at the picture (--out) before you use it."
        )
