"""`crispim-ij evaluate`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crispim_ij.cli.console import console, progress_bar, start_tensorflow
from crispim_ij.cli.options import Overwrite, parse_noise_sd
from crispim_ij.errors import CrispimError
from crispim_ij.planes import open_source
from crispim_ij.planes.atomic import make_folders
from crispim_ij.planes.output_checks import check_output

if TYPE_CHECKING:
    from crispim_ij.evaluation import Bias, Evaluated, Row

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
            "plane that is not measured; a model or a model folder. noisy, tv, cv2 and crispim-2d "
            "unless --result is given.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder for the tables and pictures.")
    ] = Path("evaluation"),
    noise_sd: Annotated[
        str,
        typer.Option(
            metavar="SD|LOW:HIGH",
            help="Standard deviation of the noise in counts; each plane draws a whole number.",
        ),
    ] = "30:40",
    planes: Annotated[int, typer.Option(help="How many planes to draw at random.")] = 20,
    seed: Annotated[int, typer.Option(help="Draws the planes and their noise.")] = 0,
    noisy: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Noisy planes to take in place of drawn noise."),
    ] = None,
    result: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=DIR",
            help="Planes that were denoised already, to be measured as NAME; may be repeated.",
            show_default=False,
        ),
    ] = None,
    display: Annotated[
        str,
        typer.Option(
            metavar="auto|paper|LOW:HIGH",
            help="Counts shown black and white in the pictures; the paper shows 0:500.",
        ),
    ] = "auto",
    overwrite: Overwrite = False,
) -> None:
    """Measure denoisers on clean planes with noise added.

    Writes evaluation.csv (each plane), summary.csv (means), comparison.csv (each pair of methods:
    gain in PSNR, its confidence interval, Wilcoxon's p), bias.csv (mean error by brightness) and
    panel-METHOD.png.
    """
    from crispim_ij import evaluation as job

    settings = job.EvaluationSettings(planes, job.NoiseSettings(parse_noise_sd(noise_sd), seed))
    shown = job.parse_display(display)
    folders = _named_folders(result or [])
    names = method or _default_methods(noisy, folders)
    with ExitStack() as stack:
        source = stack.enter_context(open_source(clean))
        given = job.Given(
            stack.enter_context(open_source(noisy)) if noisy else None,
            {name: stack.enter_context(open_source(path)) for name, path in folders.items()},
        )
        if not set(names) <= {*job.BASELINES, *job.CLASSICS}:
            start_tensorflow()
        methods = [
            job.tune(name, source, settings) if name in job.CLASSICS else job.find_method(name)
            for name in names
        ]
        evaluated = job.evaluate(source, methods, settings, given)
        panels = _panels(out, [one.name for one in methods] + list(folders))
        tables = ["evaluation.csv", "summary.csv", "bias.csv"]
        # One method alone has none to be compared with.
        tables += ["comparison.csv"] if len(panels) > 1 else []
        files = [*(out / name for name in tables), *panels.values()]
        check_output(out, [file.name for file in files], source.path, overwrite=overwrite)
        rows, biases, pictured = _measure(evaluated, min(planes, len(source)))
    summaries = job.summarise(rows)
    make_folders(out)
    job.write_csv(rows, out / "evaluation.csv")
    job.write_csv(summaries, out / "summary.csv")
    job.write_csv(job.summarise_bias(biases), out / "bias.csv")
    if "comparison.csv" in tables:
        job.write_csv(job.compare_methods(rows), out / "comparison.csv")
    for name, path in panels.items():
        job.write_panel(pictured, name, shown, path)
    console.print(job.render_table(summaries))
    for path in files:
        console.print(str(path), soft_wrap=True)


def _measure(
    evaluated: Iterator[Evaluated], count: int
) -> tuple[list[Row], list[Mapping[str, Sequence[Bias]]], Evaluated]:
    """Return all planes' figures, and the middle plane to be pictured."""
    rows: list[Row] = []
    biases = []
    with progress_bar("evaluating", count, "planes") as bar:
        for k, plane in enumerate(evaluated):
            rows.extend(plane.rows)
            biases.append(plane.biases)
            if k == count // 2:
                pictured = plane
            bar.advance(bar.task_ids[0])
    return rows, biases, pictured


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


def _panels(out: Path, names: list[str]) -> dict[str, Path]:
    """Return each method's picture, under a name that any file system takes."""
    panels: dict[str, Path] = {}
    for name in names:
        path = out / f"panel-{re.sub(r'[^a-zA-Z0-9_.-]+', '_', name).lower()}.png"
        if path in panels.values():
            raise CrispimError(
                f"The picture of method {name!r} would take the place of another's, {path.name}: "
                "give the methods (--method, --result) names that differ more."
            )
        panels[name] = path
    return panels
