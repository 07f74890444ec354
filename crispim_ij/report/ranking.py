"""Which method beats which, in words that the figures settle."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from crispim_ij.evaluation import (
    CLASSICS,
    NON_BLIND,
    WITHOUT_NETWORK,
    Paired,
    PlaneMetrics,
    Summary,
    summarise,
)
from crispim_ij.evaluation.statistics import NOISY as _NOISY
from crispim_ij.report.content import Experiment
from crispim_ij.report.numbers import shown

_LEVEL = 0.05


def ranked(rows: Sequence[PlaneMetrics]) -> list[Summary]:
    """Average each method over its planes: the highest mean PSNR first, those without one last."""
    known = sorted(summarise(rows), key=lambda one: -math.inf if math.isnan(one.psnr) else one.psnr)
    return known[::-1]


def ranked_pairs(experiment: Experiment) -> list[Paired]:
    """Put comparisons in the order of the methods: the best one's first, against the next best."""
    place = {one.method: k for k, one in enumerate(ranked(experiment.evaluation.rows))}
    return sorted(
        experiment.evaluation.comparisons, key=lambda pair: (place[pair.method], place[pair.other])
    )


def findings(experiment: Experiment) -> list[str]:
    """Say what an experiment shows.

    The error that is left, the order, what is not told apart, what is worse than doing nothing or
    shows nothing, networks against classic methods, and the paper's order: a sentence each.
    """
    summaries = ranked(experiment.evaluation.rows)
    first = [_errors(summaries), _order(summaries)]
    sentences = [
        *(first[::-1] if experiment.published else first),
        _not_told_apart(summaries, experiment.evaluation.comparisons),
        _harm(summaries),
        _constant(experiment.evaluation.rows),
        *_classics(summaries, experiment.evaluation.comparisons),
        _paper(summaries, experiment),
    ]
    return [sentence for sentence in sentences if sentence]


def _order(summaries: Sequence[Summary]) -> str:
    """Give the methods in their order."""
    planes = max(one.planes for one in summaries)
    figures = [f"{one.method} {shown(one.psnr, '.2f')} dB" for one in summaries]
    return f"Mean PSNR over {planes} plane{'s' * (planes != 1)}: {', '.join(figures)}."


def _errors(summaries: Sequence[Summary]) -> str:
    """Say what error is left, in counts and of the noisy planes'."""
    noisy = next((one.rmse for one in summaries if one.method == _NOISY), math.nan)
    if not (math.isfinite(noisy) and noisy > 0):
        return ""
    figures = [
        f"{one.method} {shown(one.rmse, '.3g')} ({100 * one.rmse / noisy:.0f} %)"
        for one in summaries
        if one.method != _NOISY and math.isfinite(one.rmse)
    ]
    if not figures:
        return ""
    return (
        f"Of the noisy planes' error of {shown(noisy, '.3g')} counts (root mean square) are left: "
        f"{', '.join(figures)}."
    )


def _not_told_apart(summaries: Sequence[Summary], comparisons: Sequence[Paired]) -> str:
    """Name neighbours in the order whose difference may be chance."""
    if not comparisons:
        return ""
    open_pairs = [
        pair
        for better, worse in pairwise(summaries)
        if (pair := _pair(comparisons, better.method, worse.method)) and not pair.p < _LEVEL
    ]
    if not open_pairs:
        return "Each method differs from the next in that order (Wilcoxon, p < 0.05)."
    names = [f"{pair.method} and {pair.other}" for pair in open_pairs]
    return f"Not told apart by Wilcoxon's test at p < 0.05: {'; '.join(names)}."


def _harm(summaries: Sequence[Summary]) -> str:
    """Name methods that do worse than nothing."""
    nothing = next((one.psnr for one in summaries if one.method == _NOISY), -math.inf)
    worse = [one.method for one in summaries if one.psnr < nothing]
    if not worse:
        return ""
    return f"Worse than the noisy planes themselves: {', '.join(worse)}."


def _constant(rows: Sequence[PlaneMetrics]) -> str:
    """Name methods that made constant planes of clean ones that aren't."""
    known = {row.plane for row in rows if math.isfinite(row.pcc)}
    empty = Counter(row.method for row in rows if math.isnan(row.pcc) and row.plane in known)
    if not empty:
        return ""
    named = ", ".join(f"{method} ({count})" for method, count in empty.items())
    return f"Constant planes, which show nothing and have no PCC, by how many: {named}."


def _classics(summaries: Sequence[Summary], comparisons: Sequence[Paired]) -> list[str]:
    """Set every other method against the best of the classic ones."""
    best = next((one for one in summaries if one.method in WITHOUT_NETWORK - {_NOISY}), None)
    if best is None:
        return []
    others = [one for one in summaries if one.method not in WITHOUT_NETWORK]
    return [_against(one, best, comparisons) for one in others]


def _against(one: Summary, classic: Summary, comparisons: Sequence[Paired]) -> str:
    """Say whether a method beats the best classic one, and by how much."""
    pair = _pair(comparisons, one.method, classic.method)
    if pair is None:
        return ""
    interval = ""
    if math.isfinite(pair.low):
        low, high = shown(pair.low, ".2f"), shown(pair.high, ".2f")
        interval = f" (95 % interval {low} to {high} dB)"
    by = f"by {shown(pair.difference, '.2f')} dB{interval}"
    best = f"{classic.method}{_help(classic.method)}"
    ahead = "beats" if pair.p < _LEVEL else "is ahead of"
    chance = "" if pair.p < _LEVEL else "; that may be chance"
    if pair.method == classic.method:
        return f"A classic method {ahead} {one.method}: {best}, {by}{chance}."
    return f"{one.method} {ahead} the best classic method here, {best}, {by}{chance}."


def _help(method: str) -> str:
    """Say what a classic method was given that no user has."""
    if method in CLASSICS:
        return " (its strength tuned on another plane)"
    return " (told the noise)" if method in NON_BLIND else ""


def _paper(summaries: Sequence[Summary], experiment: Experiment) -> str:
    """Say whether the paper's methods come in the paper's order."""
    published = experiment.published
    here = [one.method for one in summaries if one.method in published]
    if len(here) < 2:
        return ""
    there = sorted(here, key=lambda method: -published[method].psnr)
    if here == there:
        return f"The paper's methods come in the paper's order: {' > '.join(here)}."
    return (
        f"The paper's methods do not come in the paper's order: {' > '.join(here)} here, "
        f"{' > '.join(there)} in the paper."
    )


def _pair(comparisons: Sequence[Paired], one: str, other: str) -> Paired | None:
    """Find two methods' comparison, whichever is the better."""
    return next((pair for pair in comparisons if {pair.method, pair.other} == {one, other}), None)
