"""Plots drawn into the page, each point readable by mouse and by keyboard."""

from __future__ import annotations

import math
from collections.abc import Sequence
from xml.etree.ElementTree import Element

from crispim_ij.evaluation import MethodBias, Row
from crispim_ij.report.boxes import FACETS, box, finite, of_method, published_means
from crispim_ij.report.content import Experiment
from crispim_ij.report.markup import Node, tag
from crispim_ij.report.numbers import shown
from crispim_ij.report.ranking import ranked
from crispim_ij.report.scale import Scale, bias_scale, linear_scale, symmetric_log

_WIDTH, _ROW, _FOOT = 360, 34, 26
_BOX, _DOTS = -6, 7  # px from the middle of a row: boxes above, dots below
_LETTER, _GUTTER = 6.4, 120  # px of a letter, px that names get at most
_BIAS_WIDTH, _BIAS_HEIGHT = 230, 150


def box_plots(experiment: Experiment) -> Element:
    """Draw the spread of each metric over the planes, one box a method.

    Parameters
    ----------
    experiment : Experiment
        One test.

    Returns
    -------
    Element
        Four plots; points of one plane are linked by their 'data-group'.
    """
    methods = [one.method for one in ranked(experiment.rows)]
    return tag(
        "div",
        *(_facet(experiment, methods, facet) for facet in FACETS),
        class_="facets",
    )


def _facet(experiment: Experiment, methods: Sequence[str], facet: tuple[str, str, str]) -> Element:
    """Draw one metric."""
    title, field, form = facet
    gutter = min(_GUTTER, 12 + _LETTER * max(len(method) for method in methods))
    height = _ROW * len(methods) + _FOOT
    papers = published_means(experiment, field)
    values = [*finite(experiment.rows, field), *papers.values()]
    scale = linear_scale(values, (gutter + 8, _WIDTH - 20))
    drawn: list[Node] = [*_vertical_grid(scale, height - _FOOT)]
    for k, method in enumerate(methods):
        y = _ROW * (k + 0.5)
        drawn += _row(of_method(experiment.rows, method), field, form, scale, y, gutter)
        if method in papers:
            x = scale(papers[method])
            drawn.append(tag("path", d=f"M{x:.2f} {y + _BOX - 6}l5 6l-5 6l-5 -6z", class_="cited"))
    return _plot(title, (_WIDTH, height), drawn)


def _row(
    rows: Sequence[Row], field: str, form: str, scale: Scale, y: float, gutter: float
) -> list[Element]:
    """Draw one method: its name, its box, its planes."""
    method = rows[0].method
    room = int((gutter - 12) / _LETTER)
    name = method if len(method) <= room else f"{method[: room - 1]}…"
    drawn = [tag("text", name, class_="label", x=gutter, y=y + 4, text_anchor="end")]
    drawn += _box(finite(rows, field), scale, y + _BOX)
    for k, row in enumerate(rows):
        value = getattr(row, field)
        if math.isfinite(value):
            noise = "" if row.sd is None else f", noise sd {row.sd}"
            text = f"{method}, plane {row.plane}{noise}: {shown(value, form)}"
            # Spread over the row's height by their order, so that equal ones are told apart.
            place = (scale(value), y + _DOTS + 1.8 * (k % 5 - 2))
            drawn.append(_point(place, method, row.plane, text, value))
    return drawn


def _box(values: Sequence[float], scale: Scale, y: float) -> list[Element]:
    """Draw a box with its whiskers."""
    numbers = box(values)
    if numbers is None:
        return []
    low, q1, median, q3, high = (
        scale(float(numbers[key])) for key in ("whislo", "q1", "med", "q3", "whishi")
    )
    return [
        tag("path", d=f"M{low:.2f} {y}H{q1:.2f}M{q3:.2f} {y}H{high:.2f}", class_="whisker"),
        tag("rect", x=f"{q1:.2f}", y=y - 5, width=f"{q3 - q1:.2f}", height=10, class_="box"),
        tag("path", d=f"M{median:.2f} {y - 5}v10", class_="median"),
    ]


def bias_plots(experiment: Experiment) -> Element:
    """Draw each method's mean error from the darkest to the brightest tenth of the pixels.

    Parameters
    ----------
    experiment : Experiment
        One test.

    Returns
    -------
    Element
        One plot a method, all with one scale.
    """
    biases = experiment.biases
    scale = bias_scale(biases, (_BIAS_HEIGHT - _FOOT, 6))
    plots = [
        _bias([one for one in biases if one.method == summary.method], scale)
        for summary in ranked(experiment.rows)
    ]
    return tag("div", *plots, class_="facets small")


def _bias(biases: Sequence[MethodBias], scale: Scale) -> Element:
    """Draw one method."""
    across = [44 + 19.5 * k for k in range(len(biases))]
    drawn: list[Node] = [*_horizontal_grid(scale)]
    places = []
    points = []
    for x, one in zip(across, biases, strict=True):
        label = tag("text", str(one.decile), class_="tick", x=x, text_anchor="middle")
        label.set("y", str(_BIAS_HEIGHT - 10))
        drawn.append(label)
        if math.isfinite(one.error):
            place = (x, scale(symmetric_log(one.error)))
            places.append(f"{x:.1f} {place[1]:.2f}")
            text = (
                f"Tenth {one.decile}, clean mean {one.clean:.0f} counts: error "
                f"{shown(one.error, '+.2f')} counts, {shown(one.percent, '+.1f')} %"
            )
            points.append(_point(place, one.method, f"tenth {one.decile}", text, one.error))
    line = tag("path", d="M" + "L".join(places), class_="line") if places else None
    return _plot(biases[0].method, (_BIAS_WIDTH, _BIAS_HEIGHT), [*drawn, line, *points])


def _plot(title: str, size: tuple[float, float], drawn: Sequence[Node]) -> Element:
    """Frame a plot with its title and the line where a point's values are read."""
    points = [one for one in drawn if isinstance(one, Element) and one.get("class") == "point"]
    if points:
        # One stop of the tab key a plot; arrows go from there.
        points[0].set("tabindex", "0")
    width, height = size
    graph = tag(
        "svg",
        *drawn,
        viewBox=f"0 0 {width:g} {height:g}",
        role="group",
        aria_label=f"{title}; arrow keys go from point to point",
    )
    return tag(
        "div",
        tag("h4", title),
        graph,
        # What it says, a screen reader has from the point itself.
        tag("p", "\u00a0", class_="readout", aria_hidden="true"),
        class_="plot",
    )


def _point(place: tuple[float, float], method: str, group: str, text: str, value: float) -> Element:
    """Draw a point."""
    return tag(
        "circle",
        cx=f"{place[0]:.2f}",
        cy=f"{place[1]:.2f}",
        r="2.6",
        class_="point",
        role="img",
        aria_label=text,
        tabindex="-1",
        data_method=method,
        data_group=group,
        data_value=repr(value),
    )


def _vertical_grid(scale: Scale, bottom: float) -> list[Element]:
    """Draw the ticks of an axis from left to right."""
    drawn = []
    for tick, label in zip(scale.ticks, scale.labels, strict=True):
        x = f"{scale(tick):.2f}"
        drawn.append(tag("path", d=f"M{x} 0V{bottom:g}", class_="grid"))
        drawn.append(tag("text", label, class_="tick", x=x, y=bottom + 17, text_anchor="middle"))
    return drawn


def _horizontal_grid(scale: Scale) -> list[Element]:
    """Draw the ticks of an axis from bottom to top."""
    drawn = []
    for tick, label in zip(scale.ticks, scale.labels, strict=True):
        y = scale(tick)
        kind = "zero" if tick == 0 else "grid"
        drawn.append(tag("path", d=f"M36 {y:.2f}H{_BIAS_WIDTH}", class_=kind))
        drawn.append(tag("text", label, class_="tick", x=32, y=f"{y + 4:.2f}", text_anchor="end"))
    return drawn
