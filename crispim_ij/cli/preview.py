"""`crispim-ij preview`."""

from __future__ import annotations

import os
import shlex
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import filesize
from rich.text import Text

from crispim_ij.cli.acquisition import tree_of
from crispim_ij.cli.console import console, print_json, say, waiting
from crispim_ij.cli.options import (
    AsJson,
    ModelName,
    Noise,
    Only,
    Overwrite,
    SelectionOptions,
    Strength,
    TreeInput,
    with_groups,
)
from crispim_ij.cli.outcome import opened_source
from crispim_ij.errors import CrispimError
from crispim_ij.planes import Source, Tree
from crispim_ij.planes.channels import named_channels
from crispim_ij.planes.checks import TIFF_SUFFIXES, ZARR_SUFFIX, check_output
from crispim_ij.quiet import start_tensorflow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from crispim_ij.noise.risk import Risk
    from crispim_ij.previewing import Looked, Preview

PANELS = "noisy | denoised | difference"


@with_groups
def preview(
    source: TreeInput,
    *,
    only: Only = None,
    model: ModelName = "crispim-2d",
    plane: Annotated[
        int | None,
        typer.Option(metavar="K", help="Plane to show, counted from 0. [default: the middle]"),
    ] = None,
    crop: Annotated[
        str | None,
        typer.Option(
            metavar="Y:X:SIZE",
            help="Square to enlarge: first row, first column and side, in px. "
            "[default: 256 px where most is to be seen]",
        ),
    ] = None,
    noise: Noise = "auto",
    strength: Strength = 1.0,
    selection: SelectionOptions,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Picture to write, as PNG. [default: preview-INPUT-MODEL.png, by the names of "
            "both]",
            show_default=False,
        ),
    ] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Denoise one plane and show what that does, before a long run.

    Draws noisy, denoised and difference; in terminals that show pictures, the enlarged square
    comes first. Measures the noise and says whether the model was trained on such noise, which
    precision to take here, how long all planes take and how much disk they need; for long runs
    also what a faster model would take. Of planes above 2048 px a part of that size is shown, and
    of a tree of stacks the one in the middle.

    Example: `crispim-ij preview scan/ --plane 100`
    """
    from crispim_ij.denoising.denoiser import check_options
    from crispim_ij.models import find_model
    from crispim_ij.noise import NoiseOptions, parse_noise
    from crispim_ij.previewing import look, parse_crop, write_picture
    from crispim_ij.previewing import preview as denoise_plane

    square = parse_crop(crop) if crop else None
    if out is not None and out.suffix.lower() != ".png":
        raise CrispimError(f"The picture '{out}' (--out) is a PNG: give a name that ends in .png.")
    chosen = find_model(model)
    told = NoiseOptions(parse_noise(noise), strength)
    check_options(chosen.spec, told)
    tree = tree_of(source, only, selection)
    stack = source if tree is None else source / tree.stacks[len(tree.stacks) // 2]
    picture = out or Path(f"preview-{_plain(stack)}-{_plain(chosen.folder)}.png")
    with opened_source(stack, selection.selection()) as planes:
        check_output(picture, None, source, overwrite=overwrite)
        with waiting("reading the plane") as status:
            # TensorFlow takes seconds to import, most of which a second core has to spare.
            with ThreadPoolExecutor(1) as pool:
                started = pool.submit(start_tensorflow, bare=True)
                looked = look(planes, chosen, plane, square, told)
                status.update("starting TensorFlow")
                started.result()
            status.update("denoising the plane")

            def show(denoised: NDArray[np.float32]) -> None:
                if not as_json:
                    _show_inline(looked, denoised)

            found = denoise_plane(planes, chosen, looked, show)
            status.update("drawing")
            title = f"{stack.name}, {_place(looked, planes)}, by {chosen.folder.name}"
            write_picture(found, title, picture)
        if as_json:
            told_noise = asdict(looked.told) if chosen.spec.takes_noise else None
            of = {} if tree is None else {"stack": str(stack), "stacks": len(tree.stacks)}
            facts = _facts(found, model, len(planes), picture)
            notes = [*planes.notes, *([looked.doubt] if looked.doubt else [])]
            print_json({**facts, "told": told_noise, "notes": notes, **of})
            return
        options = ["--model", model, *_said(noise, strength, only or ())]
        for line in _lines(found, planes, source, options, tree):
            say(line)
        say(f"Picture: {picture}")


def _plain(path: Path) -> str:
    """Return the name of a stack or model, without the endings of files and of OME-Zarrs."""
    name = path.resolve().name
    for ending in (*TIFF_SUFFIXES, ZARR_SUFFIX, ".ome"):
        name = name[: -len(ending)] if name.lower().endswith(ending) else name
    return name


def _place(looked: Looked, planes: Source) -> str:
    """Say which plane of a stack is shown."""
    return (
        f"plane {looked.index} of {len(planes)} (from 0)" if len(planes) > 1 else "the only plane"
    )


def _show_inline(looked: Looked, denoised: NDArray[np.float32]) -> None:
    """Show the crop in a terminal: as a picture by its protocols, or in half blocks.

    What does so comes with the extra 'preview'.
    """
    if find_spec("textual_image") is None:
        return
    if not console.is_terminal or console.is_dumb_terminal or not sys.stdin.isatty():
        return
    if 0 in os.get_terminal_size(sys.stdout.fileno()):  # as some serial and remote ones say
        return
    from PIL import Image as Pillow
    from textual_image.renderable import Image

    from crispim_ij.previewing import strip

    console.print(Image(Pillow.fromarray(strip(looked, denoised))))
    console.print(PANELS)


def _said(noise: str, strength: float, only: Sequence[str]) -> list[str]:
    """Repeat what was said of the noise and of a tree's stacks, as options of a command."""
    given = [] if noise == "auto" else ["--noise", noise]
    given += [] if strength == 1 else ["--strength", f"{strength:g}"]
    return [*given, *(word for pattern in only for word in ("--only", pattern))]


def _lines(
    found: Preview, planes: Source, source: Path, options: list[str], tree: Tree | None
) -> Iterator[str | Text]:
    """Say what was found, for people; `options` are those of the command for all planes."""
    from crispim_ij.report.numbers import shown_time

    looked, expected = found.looked, found.forecast
    precision = found.advised.precision
    rows, columns = looked.part
    shown = f"all of its {planes.shape[2]} x {planes.shape[1]} px"
    if looked.plane.shape != planes.shape[1:]:
        shown = f"x {columns.start} to {columns.stop}, y {rows.start} to {rows.stop} px"
    if tree is not None:
        yield (
            f"Stack {planes.path}, in the middle of {len(tree.stacks)} (--only shows "
            "another); a run measures the noise on several stacks of its channel"
        )
    yield f"{_place(looked, planes).capitalize()}, {looked.name}: {shown}"
    if channels := named_channels(planes.metadata):
        yield f"Channels: {channels}, of which this is {looked.channel}"
    yield f"Noise: {looked.noise.in_figures()}"
    if looked.doubt:
        yield Text(looked.doubt, style="yellow")
    yield f"Model: {looked.fit.says}"
    yield f"Estimated error: {_risk_in_words(found)}"
    if looked.fit.fits is False:
        yield Text(_remedy(looked, source), style="yellow")
    yield _precisions(found)
    count = f"{len(planes)} plane{'s' * (len(planes) != 1)}"
    yield (
        f"{'Whole run' if tree is None else 'This stack'}: about "
        f"{shown_time(expected.seconds)} for {count} in {precision}, and "
        f"{filesize.decimal(expected.size)} on disk without compression, where "
        f"{filesize.decimal(expected.free)} are free"
    )
    if found.faster:
        yield (
            f"Faster: {found.faster.name} would take about {shown_time(found.faster.seconds)}; "
            f"its result differs by {found.faster.deviation:.2g} counts (root mean square)"
        )
    words = ["crispim-ij", "denoise", str(source), "OUTPUT", *options]
    words += ["--precision", precision] if precision != "float32" else []
    yield f"Command: {shlex.join(words)}"


def _risk_in_words(found: Preview) -> str:
    """Say how far the result is from the clean plane that nobody has."""
    from crispim_ij.previewing.one_plane import REFERENCE

    risk = found.risk
    if risk is None:
        if found.looked.noise.is_shared_along_z:
            return "none, as that takes noise that no other plane shares"
        return "none, as that takes noise that is known"
    if risk.is_below_zero:
        return (
            "none, as it came out below 0: the noise is weaker than the "
            f"{risk.noise_sd:.3g} counts that were taken for it, or not the same everywhere"
        )
    low, high = risk.range
    shared = ", which fine structure may be a part of" if found.looked.noise.is_correlated else ""
    reference = _error(found.reference)
    other = "" if reference is None else f", {REFERENCE} {reference:.3g}"
    return (
        f"{risk.error:.3g} counts ({low:.3g} to {high:.3g}) in the enlarged square"
        f"{other}, of noise of {risk.noise_sd:.3g}{shared}"
    )


def _error(risk: Risk | None) -> float | None:
    """Return an estimated error in counts, if there is one that can be true."""
    return None if risk is None or risk.is_below_zero else risk.error


def _precisions(found: Preview) -> str:
    """Say which precision to choose."""
    first, *others = found.trials
    if not others:
        return "Precision: float32, as this processor doesn't compute in bfloat16"
    ratio, deviation, sd = others[0].rate / first.rate, others[0].deviation, found.looked.sd
    beside = f", {deviation / sd:.2g} of the noise's sd" if sd else ""
    return (
        f"Precision: {found.advised.precision}; here bfloat16 has {ratio:.1f} times the speed of "
        f"float32, and its result differs by {deviation:.2g} counts (root mean square){beside}"
    )


def _remedy(looked: Looked, source: Path) -> str:
    """Say what to do where the model doesn't fit."""
    if looked.noise.is_correlated:
        return (
            "Give planes as the camera took them, neither resized nor filtered, or adapt a model "
            f"to these: {_adapting(source)}"
        )
    if looked.alternatives:
        return f"These models fit: {', '.join(looked.alternatives)}."
    return f"A model of these planes' own would fit: {_adapting(source)}"


def _adapting(source: Path) -> str:
    """Return the command that adapts a model to planes."""
    return shlex.join(["crispim-ij", "adapt", str(source), "MODEL"])


def _facts(found: Preview, model: str, planes: int, out: Path) -> dict[str, Any]:
    """Say what was found, for scripts."""
    from crispim_ij.noise.measure import as_facts

    looked = found.looked
    return {
        "plane": looked.index,
        "planes": planes,
        "name": looked.name,
        "channel": looked.channel,
        "part": [[side.start, side.stop] for side in looked.part],
        "crop": [[side.start, side.stop] for side in looked.crop],
        "display": list(looked.limits),
        "noise": as_facts(looked.noise),
        "model": {"name": model, "fits": looked.fit.fits, "says": looked.fit.says},
        "models that fit": list(looked.alternatives),
        "estimated error": {
            "counts": _error(found.risk),
            "crispim-2d": _error(found.reference),
        },
        "precisions": [asdict(trial) for trial in found.trials],
        "precision": found.advised.precision,
        "whole run": asdict(found.forecast),
        "faster": asdict(found.faster) if found.faster else None,
        "picture": str(out),
    }
