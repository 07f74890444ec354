"""`crispim-ij evaluate`."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crispim_ij.cli.console import console, print_json, progress_bar, start_tensorflow
from crispim_ij.cli.options import AsJson, Camera, Overwrite, parse_noise_sd, refuse_two_noises
from crispim_ij.errors import CrispimError
from crispim_ij.planes import open_source
from crispim_ij.planes.checks import check_output

if TYPE_CHECKING:
    from crispim_ij.evaluation import Bias, Evaluated, Row
    from crispim_ij.report import Display, Experiment

_DEFAULT_SD = "30:40"
_DEFAULT_METHODS = ("noisy", "tv", "cv2", "crispim-2d")


def evaluate(
    clean: Annotated[
        Path,
        typer.Argument(metavar="CLEAN", help="Clean planes: a folder of TIFFs, or a TIFF stack."),
    ],
    method: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME|MODEL",
            help="What to measure; may be repeated. The paper's baselines noisy, tv and cv2; "
            "tv-tuned, nlm-tuned, wavelet-tuned and gaussian-tuned, each at its best strength on a "
            "plane that is not measured; bm3d and bm4d, told the noise, where these packages are "
            "installed; a model or a model folder. [default: noisy, tv, cv2 and "
            "crispim-2d unless --result is given]",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for the report and its tables and figures.")
    ] = Path("evaluation"),
    noise_sd: Annotated[
        str | None,
        typer.Option(
            metavar="SD|LOW:HIGH",
            help="Standard deviation of the noise in counts; each plane draws a whole number. "
            f"[default: {_DEFAULT_SD}]",
        ),
    ] = None,
    camera: Camera = None,
    planes: Annotated[int, typer.Option(metavar="COUNT", help="Planes to draw at random.")] = 20,
    seed: Annotated[
        int,
        typer.Option(metavar="SEED", help="Whole number that draws the planes and their noise."),
    ] = 0,
    noisy: Annotated[
        Path | None,
        typer.Option(
            metavar="STACK",
            help="The same planes with noise, a folder or a stack. [default: noise is drawn]",
        ),
    ] = None,
    result: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=DIR",
            help="Planes that were denoised already, to be measured as NAME; may be repeated. "
            "[default: none]",
            show_default=False,
        ),
    ] = None,
    display: Annotated[
        str,
        typer.Option(
            metavar="auto|paper|LOW:HIGH",
            help="Counts shown black and white in the pictures; auto is the paper's 0:500 where "
            "that fits the planes.",
        ),
    ] = "auto",
    note: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SENTENCE",
            help="A sentence to put above the report's results; may be repeated. [default: none]",
            show_default=False,
        ),
    ] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Measure denoisers on clean planes with noise added.

    Writes report.html, and its content as evaluation.csv (each plane), summary.csv (means),
    comparison.csv (each pair of methods: gain in PSNR, its confidence interval, Wilcoxon's p),
    bias.csv (mean error by brightness), report.json and figures/.

    Example: `crispim-ij evaluate clean/ --method noisy --method crispim-2d --out evaluation/`
    """
    from crispim_ij import evaluation as job
    from crispim_ij import report as reporting
    from crispim_ij.evaluation.measure import find_methods
    from crispim_ij.noise import camera_as_text, read_camera

    started = time.perf_counter()
    refuse_two_noises(camera=camera, noise_sd=noise_sd)
    refuse_two_noises(camera=camera, noisy=noisy)
    noise = job.NoiseSettings(
        parse_noise_sd(noise_sd or _DEFAULT_SD), seed, read_camera(camera) if camera else None
    )
    settings = job.EvaluationSettings(planes, noise)
    shown = reporting.parse_display(display)
    folders = _named_folders(result or [])
    names = method or _default_methods(noisy, folders)
    title = f"Evaluation of {clean.name}"
    with ExitStack() as stack:
        source = stack.enter_context(open_source(clean))
        given = job.Given(
            stack.enter_context(open_source(noisy)) if noisy else None,
            {name: stack.enter_context(open_source(path)) for name, path in folders.items()},
        )
        if not set(names) <= job.WITHOUT_NETWORK:
            start_tensorflow()
        methods = find_methods(names, source, settings, given)
        evaluated = job.evaluate(source, methods, settings, given)
        check_output(out, reporting.report_names([title]), source.path, overwrite=overwrite)
        experiment = _measure(evaluated, min(planes, len(source)), title, shown)
    options: dict[str, object] = {
        "--noise-sd": None if noise.camera else noise_sd or _DEFAULT_SD,
        "--camera": noise.camera and camera_as_text(noise.camera),
        "--planes": planes,
        "--seed": seed,
        "--noisy": noisy,
        "--display": display,
        "--out": out,
    }
    report = reporting.Report(
        title=title,
        command=_command(clean, names, result or [], note or [], options),
        notes=note or [],
        experiments=[experiment],
        recipes=_recipes(names),
        seconds=time.perf_counter() - started,
    )
    page = reporting.write_report(report, out)
    if as_json:
        print_json(_facts(experiment, page))
        return
    console.print(job.render_table(job.summarise(experiment.rows)))
    console.print(str(page), soft_wrap=True)


def _measure(
    evaluated: Iterator[Evaluated], count: int, title: str, display: Display
) -> Experiment:
    """Measure all planes, and keep up to three of them to be shown."""
    from crispim_ij.evaluation import compare_methods, summarise_bias
    from crispim_ij.report import Experiment

    rows: list[Row] = []
    biases: list[Mapping[str, Sequence[Bias]]] = []
    shown: list[Evaluated] = []
    wanted = {count // 4, count // 2, 3 * count // 4}
    with progress_bar("evaluating", count, "planes") as bar:
        for k, plane in enumerate(evaluated):
            rows.extend(plane.rows)
            biases.append(plane.biases)
            if k in wanted:
                shown.append(plane)
            bar.advance(bar.task_ids[0])
    return Experiment(
        title, rows, compare_methods(rows), summarise_bias(biases), shown, display=display
    )


def _facts(experiment: Experiment, page: Path) -> dict[str, Any]:
    """Say what was measured, for scripts; the report's folder has the figures of each plane."""
    from dataclasses import asdict

    from crispim_ij.evaluation import summarise

    return {
        "means": [asdict(summary) for summary in summarise(experiment.rows)],
        "pairs": [asdict(pair) for pair in experiment.comparisons],
        "report": str(page),
    }


def _command(
    clean: Path,
    names: Sequence[str],
    results: Sequence[str],
    notes: Sequence[str],
    options: Mapping[str, object],
) -> str:
    """Write the command with every option, so that it can be given again."""
    words = ["crispim-ij", "evaluate", str(clean)]
    for name, values in (("--method", names), ("--result", results), ("--note", notes)):
        words += [word for value in values for word in (name, value)]
    for name, value in options.items():
        words += [] if value is None else [name, str(value)]
    return shlex.join(words)


def _recipes(names: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """Return what each model records about its making."""
    from crispim_ij.evaluation import WITHOUT_NETWORK
    from crispim_ij.models import find_model

    models = [find_model(name) for name in names if name not in WITHOUT_NETWORK]
    return {model.folder.resolve().name: model.spec.provenance for model in models}


def _default_methods(noisy: Path | None, folders: dict[str, Path]) -> tuple[str, ...]:
    """Return what is measured where no method is named."""
    if not folders:
        return _DEFAULT_METHODS
    return ("noisy",) if noisy else ()


def _named_folders(texts: list[str]) -> dict[str, Path]:
    """Read ``NAME=DIR``, each name once."""
    folders: dict[str, Path] = {}
    for text in texts:
        name, _, folder = text.partition("=")
        if not (name and folder):
            raise CrispimError(
                f"The result {text!r} (--result) is not of the form NAME=DIR: write for example "
                "median=denoised/median."
            )
        if name in folders:
            raise CrispimError(f"The result {name!r} (--result) is given twice: rename one.")
        folders[name] = Path(folder)
    return folders
