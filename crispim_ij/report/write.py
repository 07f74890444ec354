"""A report on disk, whole or not at all."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from crispim_ij.planes.atomic import json_ready, make_folders, write_csv, write_faults
from crispim_ij.report.content import (
    DATA,
    FIGURES,
    PAGE,
    Experiment,
    ExperimentFiles,
    Report,
    experiment_files,
)
from crispim_ij.report.environment import environment
from crispim_ij.report.figures import write_figures
from crispim_ij.report.page import report_page
from crispim_ij.report.pictures import experiment_pictures
from crispim_ij.report.ranking import findings, ranked, ranked_pairs


def write_report(report: Report, folder: Path) -> Path:
    """Write a report: the page, its tables as CSV and JSON, its figures as PNG, SVG and PDF.

    All is written aside first and then takes its place, the page last.

    Parameters
    ----------
    report : Report
        The report.
    folder : Path
        Made if missing; files of these names in it are replaced, other files stay.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    CrispimError
        If it can't be written.
    """
    names = experiment_files(
        [one.title for one in report.experiments], [one.figures for one in report.experiments]
    )
    make_folders(folder)
    with (
        write_faults(folder),
        tempfile.TemporaryDirectory(dir=folder, prefix=".crispim-", suffix=".partial") as scratch,
    ):
        _write(report, names, Path(scratch))
        _move(Path(scratch), folder, names)
    return folder / PAGE


def _write(report: Report, names: list[ExperimentFiles], folder: Path) -> None:
    """Write all files into an empty folder."""
    made = {"date": datetime.now(UTC).date().isoformat(), **environment()}
    shown = [experiment_pictures(one) for one in report.experiments]
    (folder / FIGURES).mkdir()
    for one, named in zip(report.experiments, names, strict=True):
        _write_tables(one, named, folder)
    (folder / DATA).write_text(_as_json(report, made), encoding="utf-8")
    page = report_page(report, shown, made)
    # A file's name may hold bytes that are no text.
    (folder / PAGE).write_text(page, encoding="utf-8", errors="backslashreplace", newline="\n")
    for one, planes, named in zip(report.experiments, shown, names, strict=True):
        write_figures(one, planes, named, folder / FIGURES)  # takes longest


def _write_tables(one: Experiment, names: ExperimentFiles, folder: Path) -> None:
    """Write one test's tables; where there is nothing to compare, there is no such table."""
    planes, means, pairs, biases = names.tables
    write_csv(one.evaluation.rows, folder / planes)
    write_csv(ranked(one.evaluation.rows), folder / means)
    write_csv(one.evaluation.biases, folder / biases)
    if one.evaluation.comparisons:
        write_csv(ranked_pairs(one), folder / pairs)


def _as_json(report: Report, made: Mapping[str, Any]) -> str:
    """Return all figures; what is not a number is null, and an infinite one the text ``inf``."""
    content = {
        "title": report.title,
        "command": report.command,
        "notes": list(report.notes),
        "seconds": report.seconds,
        "made": made,
        "experiments": [
            {
                "title": one.title,
                "findings": findings(one),
                "means": [asdict(summary) for summary in ranked(one.evaluation.rows)],
                "published": {name: asdict(figures) for name, figures in one.published.items()},
                "planes": [asdict(row) for row in one.evaluation.rows],
                "pairs": [asdict(pair) for pair in ranked_pairs(one)],
                "bias": [asdict(bias) for bias in one.evaluation.biases],
            }
            for one in report.experiments
        ],
        "recipes": report.recipes,
    }
    return json.dumps(json_ready(content), indent=1, allow_nan=False) + "\n"


def _move(scratch: Path, folder: Path, names: list[ExperimentFiles]) -> None:
    """Give the files their names, the page last, and remove tables of an earlier report."""
    (folder / FIGURES).mkdir(exist_ok=True)
    for path in (scratch / FIGURES).iterdir():
        path.replace(folder / FIGURES / path.name)
    for table in (table for named in names for table in named.tables):
        if (scratch / table).exists():
            (scratch / table).replace(folder / table)
        else:
            (folder / table).unlink(missing_ok=True)
    for name in (DATA, PAGE):
        (scratch / name).replace(folder / name)
