"""`crispim-ij demo`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from crispim_ij.cli.console import console, progress_bar
from crispim_ij.cli.denoise import denoise
from crispim_ij.cli.evaluate import evaluate
from crispim_ij.cli.options import Overwrite
from crispim_ij.cli.preprocess import preprocess
from crispim_ij.errors import CrispimError

MODEL = "crispim-2d"


def demo(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to work in.")] = Path(
        "crispim-demo"
    ),
    planes: Annotated[int, typer.Option(metavar="COUNT", min=1, help="Planes to simulate.")] = 12,
    height: Annotated[
        int, typer.Option(metavar="PX", min=64, help="Rows of a simulated plane, in px.")
    ] = 1600,
    width: Annotated[
        int, typer.Option(metavar="PX", min=64, help="Columns of a simulated plane, in px.")
    ] = 2000,
    seed: Annotated[
        int,
        typer.Option(
            metavar="SEED", min=0, help="Whole number that decides the specimen and its noise."
        ),
    ] = 0,
    overwrite: Overwrite = False,
) -> None:
    """Run the whole way on a simulated cleared brain.

    Simulates planes, downsamples them and adds noise as ImageJ does, denoises them, and measures
    how well that went.

    Example: `crispim-ij demo --planes 4 --height 400 --width 500`
    """
    specimen, noisy, clean, denoised, report = (
        folder / name for name in ("specimen", "noisy", "clean", "denoised", "evaluation")
    )
    say = partial(console.print, soft_wrap=True)
    say(f"1. Simulating a cleared brain: {specimen}")
    _simulate(specimen, (planes, height, width), seed, overwrite=overwrite)
    say(f"2. crispim-ij preprocess {specimen} {noisy} --noise-sd 30:40 --clean {clean}")
    preprocess(specimen, noisy, noise_sd="30:40", seed=seed, clean=clean, overwrite=overwrite)
    say(f"3. crispim-ij denoise {noisy} {denoised}")
    denoise(noisy, denoised, model=MODEL, overwrite=overwrite)
    say(f"4. crispim-ij evaluate {clean} --noisy {noisy} --result {MODEL}={denoised}")
    evaluate(
        clean,
        method=["noisy", "tv", "cv2"],
        out=report,
        noisy=noisy,
        result=[f"{MODEL}={denoised}"],
        overwrite=overwrite,
    )
    say(f"Done. Open {report / 'report.html'} in a browser; the table is {report / 'summary.csv'}.")


def _simulate(folder: Path, shape: tuple[int, int, int], seed: int, *, overwrite: bool) -> None:
    """Write the planes of a phantom as ImageJ reads them, with their sizes in micrometres."""
    import tifffile

    from crispim_ij.phantom import PhantomSettings, simulate_planes

    names = [f"{index:04}.tif" for index in range(shape[0])]
    present = {path.name for path in folder.glob("*")}
    if present - set(names) or (present and not overwrite):
        raise CrispimError(
            f"{folder} holds other files already; choose another folder, or give --overwrite "
            "to replace a demo of as many planes."
        )
    folder.mkdir(parents=True, exist_ok=True)
    settings = PhantomSettings(shape=shape, seed=seed)
    calibration = {"unit": "um", "spacing": settings.z_step}
    with progress_bar("simulating", shape[0], "planes") as bar:
        for name, plane in zip(names, simulate_planes(settings), strict=True):
            tifffile.imwrite(
                folder / name,
                plane,
                imagej=True,
                resolution=(1 / settings.pixel_size, 1 / settings.pixel_size),
                metadata=calibration,
            )
            bar.advance(bar.task_ids[0])
