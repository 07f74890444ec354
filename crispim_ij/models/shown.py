"""A model as notebooks and the prompt show it: in one screen, and with its card."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from crispim_ij.models.spec import ModelSpec

CARD_FILE = "README.md"
"""A model's card, beside its weights."""


def facts_of(spec: ModelSpec, folder: Path) -> Iterator[tuple[str, str]]:
    """Yield what is known of a model, in words."""
    yield "network", f"{spec.architecture}, {spec.parameters:,} weights"
    planes = "one plane" if spec.depth == 1 else f"{spec.depth} planes"
    told = "the noise is told to it" if spec.takes_noise else "it guesses the noise"
    yield "takes", f"{planes} for one; {told}"
    yield "sees", f"{spec.receptive_field} px to each side"
    recipe, data = spec.provenance.get("recipe"), spec.provenance.get("data")
    if isinstance(recipe, dict) and "name" in recipe:
        of = f", on {len(data)} stack{'s' * (len(data) != 1)}" if isinstance(data, list) else ""
        yield "trained", f"{recipe.get('steps', '?')} steps by the recipe {recipe['name']}{of}"
    origin = spec.provenance.get("started_from")
    if isinstance(origin, dict):
        yield "started from", str(origin.get("name"))
    if "imported_from" in spec.provenance:
        yield "imported from", str(spec.provenance["imported_from"])
    yield "folder", str(folder)


def as_text(spec: ModelSpec, folder: Path) -> str:
    """Show a model as a few lines."""
    lines = [f"{name:>13}  {value}" for name, value in facts_of(spec, folder)]
    return "\n".join([f"Model {spec.name!r}", *lines])


def as_html(spec: ModelSpec, folder: Path) -> str:
    """Show a model as a table, and its card to be unfolded; text in it stays text."""
    rows = "".join(
        f'<tr><th style="text-align: left">{escape(name)}</th>'
        f'<td style="text-align: left">{escape(value)}</td></tr>'
        for name, value in facts_of(spec, folder)
    )
    table = f"<table><caption><b>{escape(spec.name)}</b></caption>{rows}</table>"
    return f"<div>{table}{_card(folder / CARD_FILE)}</div>"


def _card(path: Path) -> str:
    """Show a model's card, if it has one."""
    from markdown_it import MarkdownIt

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""
    options: dict[str, Any] = {"html": False}
    card = MarkdownIt("commonmark", options).enable("table").disable("image").render(text)
    return f"<details><summary>Card</summary>{card}</details>"
