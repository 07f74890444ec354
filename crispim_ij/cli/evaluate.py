"""`crispim-ij evaluate`."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crispim_ij.cli.console import console, print_json, progress_bar, start_tensorflow
from crispim_ij.cli.options import (
    AsJson,
    Camera,
    Overwrite,
    SelectionOptions,
    parse_noise_sd,
    refuse_two_noises,
    with_groups,
)
from crispim_ij.cli.outcome import opened_source, say_problems
from crispim_ij.errors import CrispimError
from crispim_ij.planes import Selection, Source, aligned, numbered, select
from crispim_ij.planes.checks import check_output
from crispim_ij.planes.provenance import denoised_already

if TYPE_CHECKING:
    from crispim_ij.evaluation import Evaluation, EvaluationSettings

_DEFAULT_SD = "30:40"


@with_groups
def evaluate(
    clean: Annotated[
        Path,
        typer.Argument(metavar="CLEAN", help="Clean planes: a folder of planes, or a TIFF stack."),
    ],
    *,
    method: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME|MODEL",
            help="What to measure; may be repeated. The paper's baselines noisy, tv and cv2; "
            "tv-tuned, nlm-tuned, wavelet-tuned and gaussian-tuned, each at its best strength on a "
            "plane that is not measured; bm3d and bm4d, told the noise, where these packages are "
            "installed; a model or a model folder. [default: noisy, tv and crispim-2d "
            "unless --result is given]",
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
    selection: SelectionOptions,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Measure denoisers on clean planes with noise added.

    Writes report.html, and its content as evaluation.csv (each plane), summary.csv (means),
    comparison.csv (each pair of methods: gain in PSNR, its confidence interval, Wilcoxon's p),
    bias.csv (mean error by brightness), report.json and figures/.

    Example: `crispim-ij evaluate clean/ --method noisy --method crispim-2d --out evaluation/`
    """
    from crispim_ij.evaluation import Given, default_methods, doubts, find_methods, measure
    from crispim_ij.evaluation.classics import WITHOUT_NETWORK
    from crispim_ij.report import Experiment, Report, parse_display, report_names, write_report

    started = time.perf_counter()
    settings = _settings(planes, seed, noise_sd, camera, noisy)
    limits = parse_display(display)
    folders = _named_folders(result or [])
    names = method or default_methods(has_noisy=noisy is not None, has_results=bool(folders))
    title = f"Evaluation of {clean.name}"
    with ExitStack() as stack:
        whole = stack.enter_context(opened_source(clean, Selection(level=selection.level)))
        wanted = numbered(whole, selection.selection())
        source = select(whole, wanted)

        def opened(path: Path) -> Source:
            other = stack.enter_context(opened_source(path))
            chosen = select(other, wanted) if len(other) == len(whole) else other
            return aligned(chosen, source)

        given = Given(
            opened(noisy) if noisy else None,
            {name: opened(path) for name, path in folders.items()},
        )
        check_output(out, report_names([title]), source.path, overwrite=overwrite)
        say_problems(denoised_already(source, *filter(None, [given.noisy])))
        doubtful = doubts(source, names, settings, given)
        say_problems(doubtful)
        if not set(names) <= WITHOUT_NETWORK:
            start_tensorflow()
        with progress_bar("evaluating", min(planes, len(source)), "planes") as bar:
            methods = find_methods(names, source, settings, given)  # tunes them
            evaluation = measure(
                source, methods, settings, given, lambda k: bar.update(bar.task_ids[0], completed=k)
            )
    lists = {"--method": names, "--result": result or [], "--note": note or []}
    options = {"--noisy": noisy, "--display": display, "--out": out, **selection.given()}
    report = Report(
        title=title,
        command=_command(clean, lists, settings, options),
        notes=[*(note or []), *source.notes, *doubtful],
        experiments=[Experiment(title, evaluation, display=limits)],
        recipes={one.name: one.provenance for one in methods if one.provenance is not None},
        seconds=time.perf_counter() - started,
    )
    _print(evaluation, write_report(report, out), as_json=as_json)


def _settings(
    planes: int, seed: int, noise_sd: str | None, camera: str | None, noisy: Path | None
) -> EvaluationSettings:
    """Read what is measured on."""
    from crispim_ij.evaluation import EvaluationSettings, NoiseSettings
    from crispim_ij.noise import read_camera

    refuse_two_noises(camera=camera, noise_sd=noise_sd)
    refuse_two_noises(camera=camera, noisy=noisy)
    sd = parse_noise_sd(noise_sd or _DEFAULT_SD)
    return EvaluationSettings(
        planes, NoiseSettings(sd, seed, read_camera(camera) if camera else None)
    )


def _command(
    clean: Path,
    lists: Mapping[str, Sequence[str]],
    settings: EvaluationSettings,
    options: Mapping[str, object],
) -> str:
    """Write the command with every option, so that it can be given again."""
    from crispim_ij.noise import camera_as_text

    noise = settings.noise
    if noise.camera:
        drawn = {"--camera": camera_as_text(noise.camera)}
    else:
        drawn = {"--noise-sd": ":".join(dict.fromkeys(f"{sd:g}" for sd in noise.sd))}
    words = ["crispim-ij", "evaluate", str(clean)]
    for name, values in lists.items():
        words += [word for value in values for word in (name, value)]
    single = {**drawn, "--planes": settings.planes, "--seed": noise.seed, **options}
    for name, value in single.items():
        words += [] if value is None else [name, str(value)]
    return shlex.join(words)


def _print(evaluation: Evaluation, page: Path, *, as_json: bool) -> None:
    """Show what was measured; the report's folder has the figures of each plane."""
    if as_json:
        means = [asdict(mean) for mean in evaluation.summary]
        pairs = [asdict(pair) for pair in evaluation.comparisons]
        print_json({"means": means, "pairs": pairs, "report": str(page)})
        return
    console.print(evaluation.table)
    console.print(str(page), soft_wrap=True)


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
