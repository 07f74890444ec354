"""The tables of the page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from math import isnan
from typing import Any
from xml.etree.ElementTree import Element

from crispim_ij.evaluation import Row, Summary
from crispim_ij.evaluation.table import COLUMNS
from crispim_ij.report.content import Experiment, Published
from crispim_ij.report.markup import Node, tag
from crispim_ij.report.numbers import NONE, shown, shown_p
from crispim_ij.report.ranking import ranked, ranked_pairs

_BEST = "Bold and underlined: the best of its column."
_PAIRED = (
    "Gain in PSNR of the first method over the second on the same planes, with its 95 % interval "
    "by bootstrap and the p of Wilcoxon's signed-rank test, two-sided, not corrected for the "
    "number of pairs."
)


def summary_table(experiment: Experiment) -> Element:
    """Make the table of means, with the paper's beside ours.

    Parameters
    ----------
    experiment : Experiment
        One test.

    Returns
    -------
    Element
        The table in a box that scrolls.
    """
    summaries = ranked(experiment.rows)
    published = experiment.published
    planes = max(one.planes for one in summaries)
    caption = f"Means over {planes} plane{'s' * (planes != 1)}, highest PSNR first. {_BEST}"
    rows = [
        tag(
            "tr",
            tag("th", one.method, scope="row"),
            *_means(one, summaries, published),
        )
        for one in summaries
    ]
    return _table(f"{experiment.title}: means", caption, _summary_head(published), rows, "means")


def _summary_head(published: Mapping[str, Published]) -> list[Element]:
    """Make the head of the means: two rows where the paper has figures."""
    if not published:
        heads = [tag("th", *_title(column[0]), scope="col") for column in COLUMNS]
        return [tag("tr", tag("th", "Method", scope="col"), *heads)]
    upper: list[Node] = [tag("th", "Method", scope="col", rowspan=2)]
    lower: list[Node] = []
    for title, name, *_ in COLUMNS:
        if name in Published.__dataclass_fields__:
            upper.append(
                tag("th", title.replace("\n", " "), scope="colgroup", colspan=2, class_="pair")
            )
            lower += [tag("th", "ours", scope="col"), tag("th", "paper", scope="col")]
        else:
            upper.append(tag("th", *_title(title), scope="col", rowspan=2))
    return [tag("tr", *upper), tag("tr", *lower)]


def _means(
    one: Summary, summaries: Sequence[Summary], published: Mapping[str, Published]
) -> Iterator[Element]:
    """Yield one method's cells."""
    for _, name, form, better in COLUMNS:
        value = getattr(one, name)
        known = [figure for other in summaries if not isnan(figure := getattr(other, name))]
        best = shown(better(known), form) if known else None
        # What reads the same is equally good: more digits than these are not shown.
        yield _number(value, form, best=shown(value, form) == best)
        if published and name in Published.__dataclass_fields__:
            paper = getattr(published[one.method], name) if one.method in published else None
            yield _number(float("nan") if paper is None else paper, form, class_="paper")


def paired_table(experiment: Experiment) -> Element:
    """Make the table of paired comparisons.

    Parameters
    ----------
    experiment : Experiment
        One test.

    Returns
    -------
    Element
        The table in a box that scrolls.
    """
    heads = ("Method", "over", "Gain (dB)", "from", "to", "p", "Planes")
    rows = [
        tag(
            "tr",
            tag("th", pair.method, scope="row"),
            tag("td", pair.other, class_="name"),
            _number(pair.difference, ".2f"),
            _number(pair.low, ".2f"),
            _number(pair.high, ".2f"),
            tag("td", tag("data", shown_p(pair.p), value=repr(pair.p))),
            _number(pair.planes, "d"),
        )
        for pair in ranked_pairs(experiment)
    ]
    head = [tag("tr", *(tag("th", text, scope="col") for text in heads))]
    return _table(f"{experiment.title}: pairs of methods", _PAIRED, head, rows, "pairs")


def plane_table(title: str, rows: Sequence[Row]) -> Element:
    """Make the table of every method on every plane.

    Parameters
    ----------
    title : str
        The experiment's.
    rows : sequence of Row
        All of them.

    Returns
    -------
    Element
        The table in a box that scrolls.
    """
    titles = ["Plane", "Noise\nsd", "Method", *(column[0] for column in COLUMNS)]
    body = [
        tag(
            "tr",
            tag("th", row.plane, scope="row"),
            tag("td", NONE if row.sd is None else str(row.sd)),
            tag("td", row.method, class_="name"),
            *(_number(getattr(row, name), form) for _, name, form, _ in COLUMNS),
        )
        for row in rows
    ]
    head = [tag("tr", *(tag("th", *_title(text), scope="col") for text in titles))]
    return _table(f"{title}: planes", "Every method on every plane.", head, body, "planes")


def facts_table(name: str, caption: str, facts: Mapping[str, Any]) -> Element:
    """Make a table of names and values, with nested ones under dotted names.

    Parameters
    ----------
    name : str
        What the table is called by a screen reader.
    caption : str
        Above the table.
    facts : mapping
        JSON-ready.

    Returns
    -------
    Element
        The table in a box that scrolls.
    """
    rows = [
        tag("tr", tag("th", key, scope="row"), tag("td", text, class_="name"))
        for key, text in _flat(facts)
    ]
    return _table(name, caption, [], rows, "facts")


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


def _title(text: str) -> list[Node]:
    """Break a column's title where it says."""
    first, *rest = text.split("\n")
    return [first, *(part for line in rest for part in (tag("br"), line))]


def _number(value: float, form: str, *, best: bool = False, class_: str | None = None) -> Element:
    """Make a cell that shows a figure and holds it in full."""
    datum = tag("data", shown(value, form), value=repr(value))
    if not best:
        return tag("td", datum, class_=class_)
    return tag("td", tag("strong", datum, tag("span", " (best)", class_="unseen")), class_="best")


def _table(
    name: str, caption: str, head: Sequence[Element], rows: Sequence[Element], class_: str
) -> Element:
    """Make a table in a box that scrolls, by keyboard too."""
    table = tag(
        "table",
        tag("caption", caption),
        tag("thead", *head) if head else None,
        tag("tbody", *rows),
        class_=class_,
    )
    return tag("div", table, class_="scroll", tabindex=0, role="region", aria_label=name)
