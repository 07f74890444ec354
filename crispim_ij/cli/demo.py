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
FACTOR = 4
"""How many times smaller `preprocess` makes planes, along each side."""

MEASURED = 8
"""Planes that are measured at most: more say little more, and take longer."""

BM3D_PIXELS = 150_000
"""Pixels that BM3D takes some 15 s for."""

SIMULATED = (
    "The specimen is simulated, and what holds for it need not hold for yours. No model that ships "
    "was trained on it: its seed, sampling, light sheet and density of cells and axons are other "
    "ones than those of the simulated planes in their training."
)
BM3D_MISSING = (
    "A strong classic, BM3D, is not measured here, since it is not installed or takes long: "
    "see docs/measure.md."
)


def demo(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to work in.")] = Path(
        "crispim-demo"
    ),
    planes: Annotated[int, typer.Option(metavar="COUNT", min=2, help="Planes to simulate.")] = 12,
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
    how well that went, beside classic methods at their best strength.

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
    measured = min(planes - 1, MEASURED)  # one is left to tune on
    methods = ["noisy", "tv", "cv2", "tv-tuned", "nlm-tuned"]
    has_bm3d = _fits_bm3d(measured * (height // FACTOR) * (width // FACTOR))
    methods += ["bm3d"] if has_bm3d else []
    options = f"--planes {measured} --noisy {noisy} --result {MODEL}={denoised}"
    say(f"4. crispim-ij evaluate {clean} {options} {' '.join(f'--method {m}' for m in methods)}")
    evaluate(
        clean,
        method=methods,
        out=report,
        planes=measured,
        noisy=noisy,
        result=[f"{MODEL}={denoised}"],
        note=[SIMULATED] if has_bm3d else [SIMULATED, BM3D_MISSING],
        overwrite=overwrite,
    )
    say(f"Done. Open {report / 'report.html'} in a browser; the table is {report / 'summary.csv'}.")


def _fits_bm3d(pixels: int) -> bool:
    """Say whether BM3D is installed and doesn't take long."""
    from crispim_ij.evaluation.classics import is_installed

    return pixels <= BM3D_PIXELS and is_installed("bm3d")


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
    settings = PhantomSettings(shape, seed, pixel_size=1.3, z_step=3.0, sheet=4.5, density=1.5)
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
