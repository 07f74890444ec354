"""Figures as a table on the screen and as CSV."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.table import Table

from crispim_ij.evaluation.evaluate import Row
from crispim_ij.planes.atomic import whole_file

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclass(frozen=True)
class Summary:
    """One method's means over planes.

    Attributes
    ----------
    method : str
        The method's name.
    planes : int
        How many planes were measured.
    psnr, ssim, pcc, rmse, robust_psnr, robust_ssim, frc_cutoff : float
        Means of `Row`'s figures.
    psnr_sd : float
        Standard deviation of PSNR between planes, in dB.
    """

    method: str
    planes: int
    psnr: float
    psnr_sd: float
    ssim: float
    pcc: float
    rmse: float
    robust_psnr: float
    robust_ssim: float
    frc_cutoff: float


# Title, field and format of the screen's columns, and which way is better.
COLUMNS = (
    ("PSNR\n(dB)", "psnr", ".2f", max),
    ("SSIM", "ssim", ".4f", max),
    ("PCC", "pcc", ".4f", max),
    ("RMSE\n(counts)", "rmse", ".2f", min),
    ("robust\nPSNR", "robust_psnr", ".2f", max),
    ("robust\nSSIM", "robust_ssim", ".4f", max),
    ("FRC\n(1/px)", "frc_cutoff", ".3f", max),
)


def summarise(rows: Sequence[Row]) -> list[Summary]:
    """Average each method over its planes.

    Parameters
    ----------
    rows : sequence of Row
        The figures of planes.

    Returns
    -------
    list of Summary
        One a method, in the order of their first rows.
    """
    methods = dict.fromkeys(row.method for row in rows)
    return [_summary(method, [row for row in rows if row.method == method]) for method in methods]


def _summary(method: str, rows: Sequence[Row]) -> Summary:
    """Return one method's means."""
    means = {
        name: float(np.mean([getattr(row, name) for row in rows])) for _, name, _, _ in COLUMNS
    }
    psnrs = [row.psnr for row in rows]
    # Equal planes have an infinite PSNR, of which there is no deviation.
    spread = float(np.std(psnrs)) if all(map(math.isfinite, psnrs)) else math.nan
    return Summary(method=method, planes=len(rows), psnr_sd=spread, **means)


def render_table(summaries: Sequence[Summary]) -> Table:
    """Return the averages for the screen, the best figure of each column in bold.

    Parameters
    ----------
    summaries : sequence of Summary
        One a method.

    Returns
    -------
    rich.table.Table
        To be printed on a rich console.
    """
    planes = max((summary.planes for summary in summaries), default=0)
    table = Table(
        title=f"Means over {planes} plane{'s' * (planes != 1)}",
        caption="PSNR and SSIM at the paper's range of 65535; robust: at the clean plane's "
        "0.1-99.9 percentiles; FRC: highest frequency that agrees with the clean plane, of 0.5",
    )
    table.add_column("method", no_wrap=True)
    for title, *_ in COLUMNS:
        table.add_column(title, justify="right")
    best = {
        name: better(getattr(summary, name) for summary in summaries)
        for _, name, _, better in COLUMNS
        if summaries
    }
    for summary in summaries:
        cells = []
        for _, name, form, _ in COLUMNS:
            value = getattr(summary, name)
            text = format(value, form)
            cells.append(f"[bold]{text}[/bold]" if value == best[name] else text)
        table.add_row(summary.method, *cells)
    return table


def write_csv(rows: Sequence[DataclassInstance], path: Path) -> None:
    """Write dataclasses as CSV, one row each and one column a field.

    Parameters
    ----------
    rows : sequence of dataclass
        At least one, all of one class: `Row`, `Summary`, ...
    path : Path
        The file, replaced at once or not at all.

    Raises
    ------
    CrispimError
        If it can't be written.
    """
    with whole_file(path) as part, part.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, [field.name for field in fields(rows[0])])
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)
