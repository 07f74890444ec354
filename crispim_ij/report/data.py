"""A report's figures as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from crispim_ij.plain import plain
from crispim_ij.report.content import Experiment, Report
from crispim_ij.report.ranking import findings, ranked, ranked_pairs


def report_json(report: Report, made: Mapping[str, Any]) -> str:
    """Write a report's figures as JSON.

    Parameters
    ----------
    report : Report
        The report.
    made : mapping
        With what and when it was made, JSON-ready.

    Returns
    -------
    str
        JSON; what is not a number is null, and an infinite one the text ``inf``.
    """
    content = {
        "title": report.title,
        "command": report.command,
        "notes": list(report.notes),
        "seconds": report.seconds,
        "made": made,
        "experiments": [_experiment(one) for one in report.experiments],
        "recipes": report.recipes,
    }
    return json.dumps(plain(content), indent=1, allow_nan=False) + "\n"


def _experiment(one: Experiment) -> dict[str, Any]:
    """Return one test's figures."""
    return {
        "title": one.title,
        "findings": findings(one),
        "means": [asdict(summary) for summary in ranked(one.rows)],
        "published": {name: asdict(figures) for name, figures in one.published.items()},
        "planes": [asdict(row) for row in one.rows],
        "pairs": [asdict(pair) for pair in ranked_pairs(one)],
        "bias": [asdict(bias) for bias in one.biases],
    }
