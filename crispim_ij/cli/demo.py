"""`crispim-ij demo`."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated

import typer

from crispim_ij.cli.console import console, progress_bar, say, start_tensorflow, waiting
from crispim_ij.cli.options import Overwrite
from crispim_ij.cli.outcome import say_noise, show_job
from crispim_ij.errors import CrispimError
from crispim_ij.parity import NativeImageJ
from crispim_ij.planes import SinkSettings, open_source
from crispim_ij.planes.checks import check_output

if TYPE_CHECKING:
    from crispim_ij.report import Experiment

MODEL = "crispim-2d"
TITLE = "Evaluation of clean"
"""Of the report."""

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
    from crispim_ij.report import Report, report_names, write_report

    specimen, noisy, clean, denoised, report = (
        folder / name for name in ("specimen", "noisy", "clean", "denoised", "evaluation")
    )
    say(f"1. Simulating a cleared brain: {specimen}")
    _simulate(specimen, (planes, height, width), seed, overwrite=overwrite)
    say(f"2. crispim-ij preprocess {specimen} {noisy} --noise-sd 30:40 --clean {clean}")
    _preprocess(specimen, noisy, clean, seed, overwrite=overwrite)
    say(f"3. crispim-ij denoise {noisy} {denoised}")
    _denoise(noisy, denoised, overwrite=overwrite)
    measured = min(planes - 1, MEASURED)  # one is left to tune on
    methods = ["noisy", "tv", "tv-tuned", "nlm-tuned"]
    has_bm3d = _fits_bm3d(measured * (height // FACTOR) * (width // FACTOR))
    methods += ["bm3d"] if has_bm3d else []
    options = f"--planes {measured} --noisy {noisy} --result {MODEL}={denoised}"
    command = f"crispim-ij evaluate {clean} {options} {' '.join(f'--method {m}' for m in methods)}"
    say(f"4. {command}")
    check_output(report, report_names([TITLE]), clean, overwrite=overwrite)
    started = perf_counter()
    experiment = _evaluate(clean, noisy, denoised, methods, measured)
    content = Report(
        title=TITLE,
        command=f"{command} --out {report}",
        notes=[SIMULATED] if has_bm3d else [SIMULATED, BM3D_MISSING],
        experiments=[experiment],
        recipes={},
        seconds=perf_counter() - started,
    )
    with waiting("writing the report"):
        page = write_report(content, report)
    say(f"Done. Open {page} in a browser; the table is {report / 'summary.csv'}.")


def _fits_bm3d(pixels: int) -> bool:
    """Say whether BM3D is installed and doesn't take long."""
    from crispim_ij.evaluation.classics import is_installed

    return pixels <= BM3D_PIXELS and is_installed("bm3d")


def _preprocess(source: Path, noisy: Path, clean: Path, seed: int, *, overwrite: bool) -> None:
    """Downsample planes and add noise, as `crispim-ij preprocess` does."""
    from crispim_ij.jobs import Output, plan_preprocessing, preprocess_locally
    from crispim_ij.preprocessing import PreprocessSettings

    settings = PreprocessSettings(float(FACTOR), noise_sd=(30.0, 40.0), seed=seed)
    with open_source(source) as planes:
        outputs = [Output(path, SinkSettings(overwrite=overwrite)) for path in (noisy, clean)]
        job = plan_preprocessing(planes, outputs, settings, NativeImageJ, {})
        show_job(job, "preprocessing", preprocess_locally(job))
    job.write_records()
    height, width = job.size
    say(
        f"{len(planes)} planes of {width} x {height} px written to {noisy}, "
        f"without noise to {clean}"
    )


def _denoise(source: Path, output: Path, *, overwrite: bool) -> None:
    """Denoise planes, as `crispim-ij denoise` does."""
    from crispim_ij.denoising import DenoiseSettings
    from crispim_ij.jobs import Output, denoise_locally, plan_denoising

    with open_source(source) as planes:
        outputs = [Output(output, SinkSettings(overwrite=overwrite))]
        job = plan_denoising(planes, outputs, MODEL, DenoiseSettings(), options={})
        if job.noise is not None:
            say_noise(job.noise)
        start_tensorflow()
        show_job(job, "denoising", denoise_locally(job))
    say(f"{len(planes)} denoised planes written to {output}")


def _evaluate(
    clean: Path, noisy: Path, denoised: Path, methods: list[str], planes: int
) -> Experiment:
    """Measure the result and classic methods, as `crispim-ij evaluate` does, and print a table."""
    from crispim_ij.evaluation import (
        EvaluationSettings,
        Given,
        NoiseSettings,
        find_methods,
        measure,
    )
    from crispim_ij.report import Experiment, parse_display

    settings = EvaluationSettings(planes, NoiseSettings((30.0, 40.0), 0))
    with (
        open_source(clean) as source,
        open_source(noisy) as with_noise,
        open_source(denoised) as result,
        progress_bar("evaluating", planes, "planes") as bar,
    ):
        given = Given(with_noise, {MODEL: result})
        evaluation = measure(
            source,
            find_methods(methods, source, settings, given),
            settings,
            given,
            lambda done: bar.update(bar.task_ids[0], completed=done),
        )
    console.print(evaluation.table)
    return Experiment(TITLE, evaluation, display=parse_display("auto"))


def _simulate(folder: Path, shape: tuple[int, int, int], seed: int, *, overwrite: bool) -> None:
    """Write the planes of a phantom as ImageJ reads them, with their sizes in micrometres."""
    import tifffile

    from crispim_ij.phantom import PhantomSettings, simulate_planes

    names = [f"{index:04}.tif" for index in range(shape[0])]
    present = {path.name for path in folder.glob("*")}
    if present - set(names) or (present and not overwrite):
        raise CrispimError(
            f"'{folder}' holds files already: remove '{folder.parent}' if that is an earlier demo, "
            "name another folder, or give --overwrite to replace a demo of as many planes."
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
