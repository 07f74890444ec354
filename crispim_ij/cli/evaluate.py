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

from crispim_ij.cli.console import console, print_json, progress_bar, say, start_tensorflow, waiting
from crispim_ij.cli.options import (
    AsJson,
    Camera,
    Noise,
    Overwrite,
    SelectionOptions,
    parse_noise_sd,
    refuse_two_noises,
    with_groups,
)
from crispim_ij.cli.outcome import opened_source, say_noise, say_problems
from crispim_ij.errors import CrispimError
from crispim_ij.planes import Selection, Source, aligned, numbered, open_source, select
from crispim_ij.planes.atomic import make_folders, write_csv
from crispim_ij.planes.checks import check_output
from crispim_ij.planes.provenance import denoised_already

if TYPE_CHECKING:
    from crispim_ij.evaluation import Evaluation, EvaluationSettings, Ranked

_DEFAULT_SD = "30:40"

RANKING = "ranking.csv"
"""What `--no-clean` writes."""


@with_groups
def evaluate(
    clean: Annotated[
        Path,
        typer.Argument(
            metavar="CLEAN",
            help="Clean planes: a folder of TIFF or PNG planes, a TIFF stack, or a .zarr "
            "(OME-Zarr); with --no-clean the noisy ones.",
        ),
    ],
    *,
    method: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME|MODEL",
            help="What to measure; may be repeated. The paper's baselines noisy, tv and cv2; "
            "tv-tuned, nlm-tuned, wavelet-tuned and gaussian-tuned, each at its best strength on a "
            "plane that is not measured; bm3d and bm4d, told the noise, where these packages are "
            "installed; a model or a model folder. [default: noisy, tv and crispim-2d unless "
            "--result is given; with --no-clean all models and the quicker tuned classics]",
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
    no_clean: Annotated[
        bool,
        typer.Option(
            "--no-clean",
            help="CLEAN holds noisy planes, of which there is no clean copy: rank the methods by "
            "their estimated errors, each at its best strength. Only this takes --noise.",
        ),
    ] = False,
    noise: Noise = "auto",
    selection: SelectionOptions,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Measure denoisers on clean planes with noise added.

    Writes report.html, and its content as evaluation.csv (each plane), summary.csv (means),
    comparison.csv (each pair of methods: gain in PSNR, its confidence interval, Wilcoxon's p),
    bias.csv (mean error by brightness), report.json and figures/. With --no-clean
    ranking.csv alone.

    Example: `crispim-ij evaluate clean/ --method noisy --method crispim-2d --out evaluation/`
    """
    from crispim_ij.evaluation import Given, default_methods, doubts, find_methods, measure
    from crispim_ij.evaluation.classics import WITHOUT_NETWORK
    from crispim_ij.report import Experiment, Report, parse_display, report_names, write_report

    started = time.perf_counter()
    settings = _settings(planes, seed, noise_sd, camera, noisy)
    if no_clean:
        _refuse_clean_options(
            noise_sd=noise_sd, camera=camera, noisy=noisy, result=result, note=note
        )
        ranking = _ranking(clean, method, settings, noise, selection, out, overwrite=overwrite)
        _print_ranking(ranking, out / RANKING, as_json=as_json)
        return
    _refuse_noise(noise)
    limits = parse_display(display)
    folders = _named_folders(result or [])
    names = method or default_methods(has_noisy=noisy is not None, has_results=bool(folders))
    title = f"Evaluation of {clean.name}"
    with ExitStack() as stack:
        image = Selection(level=selection.level, series=selection.series)
        whole = stack.enter_context(opened_source(clean, image))
        wanted = numbered(whole, selection.selection())
        source = select(whole, wanted)

        def opened(path: Path) -> Source:
            other = stack.enter_context(_open_given(path, selection.series))
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
    with waiting("writing the report"):
        page = write_report(report, out)
    _print(evaluation, page, as_json=as_json)


def _open_given(path: Path, series: int | None) -> Source:
    """Open the series of what has several; results of one image are the series itself."""
    source = open_source(path)
    if series is not None and len(source.series) > 1:
        source.close()
        source = open_source(path, Selection(series=series))
    say_problems(source.notes)
    return source


def _refuse_clean_options(**given: object) -> None:
    """Refuse what means nothing without clean planes."""
    options = [f"--{name.replace('_', '-')}" for name, value in given.items() if value]
    if options:
        raise CrispimError(
            f"{options[0]} is for clean planes, of which --no-clean says that there are none: "
            "leave one of them out."
        )


def _refuse_noise(noise: str) -> None:
    """Refuse to be told the noise of planes that are clean."""
    if noise != "auto":
        raise CrispimError(
            "--noise tells the noise of noisy planes and is for --no-clean: what clean planes get "
            "is said by --noise-sd or --camera."
        )


def _ranking(
    noisy: Path,
    method: list[str] | None,
    settings: EvaluationSettings,
    noise: str,
    selection: SelectionOptions,
    out: Path,
    *,
    overwrite: bool,
) -> list[Ranked]:
    """Rank methods on noisy planes and write the ranking."""
    from crispim_ij.evaluation import default_ranked, rank_methods
    from crispim_ij.evaluation.classics import WITHOUT_NETWORK
    from crispim_ij.noise import NoiseOptions, parse_noise, tell_noise

    with opened_source(noisy, selection.selection()) as source:
        check_output(out, [RANKING], source.path, overwrite=overwrite)
        say_problems(denoised_already(source))
        told = tell_noise(source, NoiseOptions(parse_noise(noise)))
        say_noise(told, quiet=True)
        names = method or default_ranked(source)
        if not set(names) <= WITHOUT_NETWORK:
            start_tensorflow()
        with progress_bar("ranking", len(names), "methods") as bar:
            ranking = rank_methods(
                source, names, settings, told, lambda k: bar.update(bar.task_ids[0], completed=k)
            )
    make_folders(out)
    write_csv(ranking, out / RANKING)
    return ranking


def _print_ranking(ranking: Sequence[Ranked], file: Path, *, as_json: bool) -> None:
    """Show a ranking."""
    from crispim_ij.evaluation import doubt_ranking, render_ranking

    doubt = doubt_ranking(ranking)
    if as_json:
        rows = [asdict(one) for one in ranking]
        print_json({"ranking": rows, "notes": [doubt] if doubt else [], "file": str(file)})
        return
    console.print(render_ranking(ranking))
    best = ranking[0]
    at = "" if best.strength is None else f" at strength {best.strength:g}"
    if doubt:
        say_problems([doubt])
    else:
        say(
            f"Best here: {best.method}{at}, estimated error {best.error:.3g} counts, of noise of "
            f"{best.noise:.3g}"
        )
    say(str(file))


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
    say(str(page))


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
