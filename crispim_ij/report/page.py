"""The page itself: one file that needs nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from math import isfinite, nan
from typing import TYPE_CHECKING, Any

from crispim_ij.evaluation import Summary
from crispim_ij.evaluation.statistics import Column, best_figures, columns_of
from crispim_ij.report.content import Experiment, Published, Report
from crispim_ij.report.numbers import shown, shown_p, shown_time
from crispim_ij.report.pictures import PlanePictures, data_uri
from crispim_ij.report.plots import (
    Facet,
    bias_scale,
    facets_of,
    linear_scale,
    method_biases,
    method_boxes,
    symmetric_log,
)
from crispim_ij.report.ranking import findings, ranked, ranked_pairs

if TYPE_CHECKING:
    from jinja2 import Environment

# Under which keys a model records another one that it came from, and what that was.
_ORIGINS = {"started_from": "the start", "teacher": "the teacher"}

_ROW = 34  # px of a box plot's row
_BOX_WIDTH, _BIAS_HEIGHT, _FOOT = 360, 150, 26  # px; the foot holds the ticks' labels
_LETTER, _GUTTER = 6.4, 120  # px of a letter, px that names get at most


def report_page(
    report: Report, shown_planes: Sequence[Sequence[PlanePictures]], made: Mapping[str, Any]
) -> str:
    """Write a report, and the pictures of each experiment's planes, as HTML.

    `made` says with what and when it was made, JSON-ready. The page's policy lets no other script
    or style run and nothing be loaded.
    """
    style, script = _part("style.css"), _part("script.js")
    pairs = zip(report.experiments, shown_planes, strict=True)
    return (
        _templates()
        .get_template("report.html")
        .render(
            report=report,
            made=made,
            style=style,
            style_hash=_sha256(style),
            script=script,
            script_hash=_sha256(script),
            sections=[_section(one, planes) for one, planes in pairs],
        )
    )


def _part(name: str) -> str:
    """Read a file that lies beside the templates."""
    return (files("crispim_ij.report") / "templates" / name).read_text(encoding="utf-8")


def _sha256(text: str) -> str:
    """Hash a script or style as a content security policy names it."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


@cache
def _templates() -> Environment:
    """Return the templates, which escape all text, and what they format figures with."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("crispim_ij.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "shown": shown,
        "shown_p": shown_p,
        "shown_time": shown_time,
        "in_full": repr,
        "is_finite": isfinite,
        "px": "{:.2f}".format,
        "plain": "{:g}".format,
        "facts": _flat,
        "generations": _generations,
        "data_uri": data_uri,
    }
    environment.globals |= {
        "PAPER_FIELDS": Published.__dataclass_fields__,
        "NAN": nan,
    }
    return environment


def _section(one: Experiment, planes: Sequence[PlanePictures]) -> dict[str, Any]:
    """Return what the template shows of one test."""
    summaries = ranked(one.evaluation.rows)
    biases = one.evaluation.biases
    columns = columns_of(summaries, papers=bool(one.published))
    return {
        "title": one.title,
        "findings": findings(one),
        "figures": one.figures or (None, None),
        "published": one.published,
        "summaries": summaries,
        "columns": columns,
        "best": _best(summaries, columns),
        "box_plots": [_box_plot(one, facet) for facet in facets_of(one)],
        "planes": planes,
        "bias_plots": method_biases(one),
        "bias_scale": bias_scale(biases, (_BIAS_HEIGHT - _FOOT, 6)),
        "bent": symmetric_log,
        "pairs": ranked_pairs(one),
        "rows": one.evaluation.rows,
    }


def _best(summaries: Sequence[Summary], columns: Sequence[Column]) -> dict[str, str]:
    """Return the best figure of each column as it reads: what reads the same is equally good."""
    best = best_figures(summaries)
    return {field: shown(best[field], form) for _, field, form, _ in columns if field in best}


def _box_plot(one: Experiment, facet: Facet) -> dict[str, Any]:
    """Lay out one metric's boxes from left to right."""
    boxes = method_boxes(one, facet)
    gutter = min(_GUTTER, 12 + _LETTER * max(len(box.method) for box in boxes))
    papers = [getattr(mean, facet.field, None) for mean in one.published.values()]
    values = [value for box in boxes for value in box.values]
    values += [mean for mean in papers if mean is not None]
    return {
        "facet": facet,
        "boxes": boxes,
        "letters": int((gutter - 12) / _LETTER),
        "gutter": gutter,
        "scale": linear_scale(values, (gutter + 8, _BOX_WIDTH - 20)),
        "row": _ROW,
        "width": _BOX_WIDTH,
        "bottom": _ROW * len(boxes),
        "height": _ROW * len(boxes) + _FOOT,
    }


def _generations(
    recipe: Mapping[str, Any], name: str, of: str = ""
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield how a model was made, and then each that it came from, without those in one another."""
    origins = {key: recipe[key] for key in _ORIGINS if isinstance(recipe.get(key), Mapping)}
    names = {key: str(origin.get("name", "")) for key, origin in origins.items()}
    yield f"Recipe of {name}{of}", {**recipe, **names}
    for key, origin in origins.items():
        made = origin.get("provenance")
        facts = {**origin, **(made if isinstance(made, Mapping) else {})}
        facts.pop("provenance", None)
        yield from _generations(facts, names[key], f", {_ORIGINS[key]} of {name}")


def _flat(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield dotted names with their values as text."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _flat(inner, f"{key}.{name}" if key else str(name))
    elif isinstance(value, Sequence) and any(isinstance(one, Mapping) for one in value):
        for k, inner in enumerate(value, 1):
            yield from _flat(inner, f"{key}.{k}")
    elif isinstance(value, str):
        yield key, value
    else:
        yield key, json.dumps(value, ensure_ascii=False)
