"""A report on disk, whole or not at all."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path

from crispim_ij.evaluation import write_csv
from crispim_ij.planes.atomic import make_folders, write_faults
from crispim_ij.report.content import Experiment, Report
from crispim_ij.report.data import report_json
from crispim_ij.report.environment import environment
from crispim_ij.report.figures import write_figures
from crispim_ij.report.names import DATA, FIGURES, PAGE, Names, experiment_names
from crispim_ij.report.page import report_page
from crispim_ij.report.ranking import ranked, ranked_pairs
from crispim_ij.report.views import experiment_views


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
    names = experiment_names(
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


def _write(report: Report, names: list[Names], folder: Path) -> None:
    """Write all files into an empty folder."""
    made = {"date": datetime.now(UTC).date().isoformat(), **environment()}
    views = [experiment_views(one) for one in report.experiments]
    (folder / FIGURES).mkdir()
    for one, shown, named in zip(report.experiments, views, names, strict=True):
        _write_tables(one, named, folder)
        write_figures(one, shown, named, folder / FIGURES)
    (folder / DATA).write_text(report_json(report, made), encoding="utf-8")
    page = report_page(report, views, made)
    # A file's name may hold bytes that are no text.
    (folder / PAGE).write_text(page, encoding="utf-8", errors="backslashreplace", newline="\n")


def _write_tables(one: Experiment, names: Names, folder: Path) -> None:
    """Write one test's tables; where there is nothing to compare, there is no such table."""
    planes, means, pairs, biases = names.tables
    write_csv(one.rows, folder / planes)
    write_csv(ranked(one.rows), folder / means)
    write_csv(one.biases, folder / biases)
    if one.comparisons:
        write_csv(ranked_pairs(one), folder / pairs)


def _move(scratch: Path, folder: Path, names: list[Names]) -> None:
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
