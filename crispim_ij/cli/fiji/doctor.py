"""`crispim-ij fiji doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from crispim_ij.cli.console import console, print_json
from crispim_ij.cli.options import AsJson, FijiHome

if TYPE_CHECKING:
    from rich.table import Table

    from crispim_ij.imagej.doctor import Finding

_STYLES = {"ok": "green", "note": "yellow", "broken": "bold red"}


def doctor(fiji_home: FijiHome = None, as_json: AsJson = False) -> None:
    """Check Java, ImageJ and a Fiji: a table of what is there, and what to do where it is broken.

    Looks only; starts neither ImageJ nor Fiji, and needs no network. Ends with status 1 where
    something is broken.

    Example: `crispim-ij fiji doctor --fiji-home /opt/Fiji.app`
    """
    from dataclasses import asdict

    from crispim_ij.imagej.doctor import State, examine

    rows = examine(fiji_home or None)
    broken = any(row.state is State.BROKEN for row in rows)
    if as_json:
        print_json({"broken": broken, "rows": [asdict(row) for row in rows]})
    else:
        console.print(_table(rows))
        _print_remedies(rows)
    if broken:
        raise typer.Exit(1)


def _print_remedies(rows: tuple[Finding, ...]) -> None:
    """Say what to do."""
    from rich.text import Text

    for row in rows:
        if row.remedy:
            state = (f"{row.state.value}: ", _STYLES[row.state.value])
            console.print(Text.assemble(state, f"{row.topic}: {row.remedy}"), soft_wrap=True)


def _table(rows: tuple[Finding, ...]) -> Table:
    """Show what was found."""
    from rich.table import Table
    from rich.text import Text

    table = Table("", "what", "found", box=None)
    for row in rows:
        state = Text(row.state.value, style=_STYLES[row.state.value])
        table.add_row(state, Text(row.topic), Text(row.found, overflow="fold"))
    return table
