"""Means, biases and comparisons of methods over planes, and the means as a table."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from crispim_ij.evaluation.metrics import DECILES, Bias, PlaneMetrics

if TYPE_CHECKING:
    from rich.table import Table

_RESAMPLES = 10_000

NOISY = "noisy"
"""The planes as they are, which no method made."""

Column = tuple[str, str, str, Callable[..., float]]
"""Title, field and format of a table's column, and which way is better."""

PAPERS_COLUMNS: tuple[Column, ...] = (
    ("PSNR\n(dB)", "psnr", ".2f", max),
    ("SSIM", "ssim", ".4f", max),
    ("PCC", "pcc", ".4f", max),
    ("RMSE\n(counts)", "rmse", ".2f", min),
    ("robust\nPSNR", "robust_psnr", ".2f", max),
    ("robust\nSSIM", "robust_ssim", ".4f", max),
    ("FRC\n(1/px)", "frc_cutoff", ".3f", max),
)
"""All, in the order of the paper's tables."""

_PLAIN = ("rmse", "robust_psnr", "robust_ssim", "pcc", "frc_cutoff", "psnr", "ssim")
_SATURATING = ("ssim", "frc_cutoff")


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
        Means of the figures of `PlaneMetrics`.
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


def summarise(rows: Sequence[PlaneMetrics]) -> list[Summary]:
    """Average each method over its planes, in the order of the methods' first rows."""
    methods = dict.fromkeys(row.method for row in rows)
    return [_summary(method, [row for row in rows if row.method == method]) for method in methods]


def _summary(method: str, rows: Sequence[PlaneMetrics]) -> Summary:
    """Return one method's means."""
    means = {
        name: float(np.mean([getattr(row, name) for row in rows]))
        for _, name, _, _ in PAPERS_COLUMNS
    }
    psnrs = [row.psnr for row in rows]
    # Equal planes have an infinite PSNR, of which there is no deviation.
    spread = float(np.std(psnrs)) if all(map(math.isfinite, psnrs)) else math.nan
    return Summary(method=method, planes=len(rows), psnr_sd=spread, **means)


def columns_of(summaries: Sequence[Summary], *, papers: bool = False) -> list[Column]:
    """Return the columns of a table of some means.

    Where the `papers` figures stand beside them, these come first, in its order; else the error in
    counts and what is measured at the planes' own range. SSIM at the paper's range and FRC are left
    out where they read the same for all methods.
    """
    order = {name: place for place, name in enumerate(_PLAIN)}
    columns = PAPERS_COLUMNS if papers else sorted(PAPERS_COLUMNS, key=lambda one: order[one[1]])
    hidden = [name for name in _SATURATING if not (papers and name == "ssim")]
    return [one for one in columns if one[1] not in hidden or _tells_apart(summaries, one[1])]


def _tells_apart(summaries: Sequence[Summary], name: str) -> bool:
    """Whether methods differ in a figure, to three digits; noisy planes count where one is left."""
    methods = [one for one in summaries if one.method != NOISY]
    rows = methods if len(methods) > 1 else summaries
    return len({f"{getattr(one, name):.3f}" for one in rows}) > 1 or len(rows) == 1


def best_figures(summaries: Sequence[Summary]) -> dict[str, float]:
    """Return the best of each figure, but for those in which the noisy planes are ahead."""
    best = {}
    for _, name, _, better in PAPERS_COLUMNS:
        known = {one.method: value for one in summaries if (value := getattr(one, name)) == value}
        if known and known.get(NOISY) != better(known.values()):
            best[name] = better(known.values())
    return best


def render_table(summaries: Sequence[Summary]) -> Table:
    """Return the means for a rich console, the best figure of each column in bold."""
    from rich.table import Table
    from rich.text import Text

    planes = max((summary.planes for summary in summaries), default=0)
    columns, best = columns_of(summaries), best_figures(summaries)
    table = Table(
        title=f"Means over {planes} plane{'s' * (planes != 1)}",
        caption=_explained({name for _, name, _, _ in columns}),
    )
    table.add_column("method", no_wrap=True)
    for title, *_ in columns:
        table.add_column(title, justify="right")
    for summary in summaries:
        cells = []
        for _, name, form, _ in columns:
            value = getattr(summary, name)
            text = format(value, form)
            cells.append(Text.styled(text, "bold" if value == best.get(name) else ""))
        table.add_row(Text(summary.method), *cells)
    return table


def _explained(shown: set[str]) -> str:
    """Say in a line what the columns of a table are that are there."""
    at_papers_range = "PSNR and SSIM" if "ssim" in shown else "PSNR"
    sentences = [
        "RMSE: the error in counts",
        "robust: at the clean plane's 0.1-99.9 percentiles",
        "PCC: correlation with the clean plane",
        f"{at_papers_range}: at the paper's range of 65535",
    ]
    if "frc_cutoff" in shown:
        sentences.append("FRC: highest frequency that agrees, of 0.5")
    return "; ".join(sentences)


@dataclass(frozen=True)
class MethodBias:
    """One method's bias in one decile, over all planes: means of `Bias`' in counts.

    `percent` is the error in percent of the clean mean; NaN where that is 0.
    """

    method: str
    decile: int
    clean: float
    error: float
    percent: float


def summarise_bias(planes: Sequence[Mapping[str, Sequence[Bias]]]) -> list[MethodBias]:
    """Average over planes the ten biases of each method, in the order of the first plane's."""
    return [
        _mean_bias(method, decile, [plane[method][decile - 1] for plane in planes])
        for method in (planes[0] if planes else ())
        for decile in range(1, DECILES + 1)
    ]


def _mean_bias(method: str, decile: int, biases: Sequence[Bias]) -> MethodBias:
    """Average one decile of one method."""
    clean = float(np.mean([bias.clean for bias in biases]))
    error = float(np.mean([bias.error for bias in biases]))
    return MethodBias(method, decile, clean, error, 100 * error / clean if clean else np.nan)


@dataclass(frozen=True)
class Paired:
    """Two methods compared over the same planes.

    Attributes
    ----------
    method, other : str
        Their names.
    planes : int
        How many planes both were measured on.
    difference : float
        Mean PSNR of `method` minus that of `other`, in dB.
    low, high : float
        Its 95 % confidence interval, by bootstrap over planes; NaN with fewer than two
        planes or where all differ by the same.
    p : float
        Wilcoxon's signed-rank test, two-sided: how likely a difference as large is where
        there is none. NaN where no plane differs.
    """

    method: str
    other: str
    planes: int
    difference: float
    low: float
    high: float
    p: float


def compare_methods(rows: Sequence[PlaneMetrics]) -> list[Paired]:
    """Compare each two methods' PSNR over the planes that both have, the better one first."""
    psnrs: dict[str, dict[str, float]] = {}
    for row in rows:
        psnrs.setdefault(row.method, {})[row.plane] = row.psnr
    pairs = [_paired(*pair, psnrs) for pair in combinations(psnrs, 2)]
    return [
        _paired(pair.other, pair.method, psnrs) if pair.difference < 0 else pair for pair in pairs
    ]


def _paired(method: str, other: str, psnrs: dict[str, dict[str, float]]) -> Paired:
    """Compare two methods over the planes that both have."""
    from scipy.stats import wilcoxon

    planes = [plane for plane in psnrs[method] if plane in psnrs[other]]
    with np.errstate(invalid="ignore"):
        gains = np.array([psnrs[method][plane] - psnrs[other][plane] for plane in planes])
    low = high = p = float("nan")
    if np.isfinite(gains).all() and gains.any():
        p = float(wilcoxon(gains).pvalue)
        if np.ptp(gains) > 0:
            drawn = np.random.default_rng(0).choice(gains, (_RESAMPLES, gains.size))
            low, high = (float(end) for end in np.percentile(drawn.mean(1), (2.5, 97.5)))
    return Paired(method, other, len(planes), float(gains.mean()), low, high, p)
