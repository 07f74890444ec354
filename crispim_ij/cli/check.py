"""`crispim-ij fiji check` and `crispim-ij preprocess --check`."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crispim_ij.cli.console import say
from crispim_ij.cli.options import FijiHome, Heap
from crispim_ij.cli.outcome import opened_source
from crispim_ij.imagej import GatewaySettings, open_gateway
from crispim_ij.parity import IMAGEJ_VERSION, Interpolation, NativeImageJ

if TYPE_CHECKING:
    from crispim_ij.preprocessing import Case, PreprocessSettings

PLANES = 5


def check(
    source: Annotated[
        Path | None,
        typer.Argument(
            metavar="INPUT",
            show_default=False,
            help="Folder of TIFF or PNG planes, or a TIFF stack, of which "
            f"{PLANES} planes are compared; built-in hard cases without it.",
        ),
    ] = None,
    fiji_home: FijiHome = None,
    heap: Heap = None,
) -> None:
    """Compare the native engine with ImageJ, pixel by pixel.

    Resizes to a quarter by each of ImageJ's methods, and adds noise of sd 30. Prints 'identical',
    or the first difference with its place and values and ends with status 1.

    Example: `crispim-ij fiji check scan/`
    """
    from crispim_ij.preprocessing import PreprocessSettings

    settings = [
        PreprocessSettings(interpolation=interpolation, average=average, seed=0)
        for interpolation, average in product(Interpolation, (True, False))
    ]
    check_pixels(source, settings, GatewaySettings(fiji_home or None, heap))


def check_pixels(
    source: Path | None, settings: Iterable[PreprocessSettings], imagej: GatewaySettings
) -> None:
    """Compare both engines on some planes, or on the hard cases, and say what came of it."""
    from crispim_ij import preprocessing as job

    if source is None:
        _compare(job.hard_cases(), imagej)
        return
    with opened_source(source) as planes:
        _compare((c for each in settings for c in job.cases_of(planes, each, PLANES)), imagej)


def _compare(cases: Iterable[Case], imagej: GatewaySettings) -> None:
    """Compare case by case up to the first difference."""
    from crispim_ij.preprocessing import compare

    gateway = open_gateway(imagej)
    native = NativeImageJ()
    says = f"ImageJ {gateway.version} ({gateway.engine})"
    if gateway.version != IMAGEJ_VERSION:
        say(f"{says} is not {IMAGEJ_VERSION}, whose arithmetic the native engine has.")
    count = pixels = 0
    for case in cases:
        difference = compare(case, native, gateway)
        how = f"{case.interpolation.value}, {'' if case.average else 'not '}averaged"
        if difference is not None:
            row, column = difference.place
            say(
                f"different: {case.name} resized to {case.shape[1]} x {case.shape[0]} px ({how}), "
                f"after {difference.after}: first at x = {column}, y = {row}, where native gives "
                f"{difference.values[0]:g} and {says} {difference.values[1]:g}; in all "
                f"{difference.count} of {case.shape[0] * case.shape[1]} pixels."
            )
            raise typer.Exit(1)
        count += 1
        pixels += case.shape[0] * case.shape[1]
    say(
        f"identical: {count} comparisons of {pixels} pixels, resized and then with noise, between "
        f"the native engine and {says}."
    )
