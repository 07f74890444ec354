"""`crispim-ij fiji doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from crispim_ij.cli.console import console
from crispim_ij.cli.options import FijiHome

if TYPE_CHECKING:
    from rich.table import Table

    from crispim_ij.imagej.doctor_row import Row

_STYLES = {"ok": "green", "note": "yellow", "broken": "bold red"}


def doctor(fiji_home: FijiHome = None) -> None:
    """Check Java, ImageJ and a Fiji: a table of what is there, and what to do where it is broken.

    Looks only; starts neither ImageJ nor Fiji, and needs no network. Ends with status 1 where
    something is broken.

    Example: `crispim-ij fiji doctor --fiji-home /opt/Fiji.app`
    """
    from rich.text import Text

    from crispim_ij.imagej.doctor import examine
    from crispim_ij.imagej.doctor_row import State

    rows = examine(fiji_home or None)
    console.print(_table(rows))
    for row in rows:
        if row.remedy:
            state = (f"{row.state.value}: ", _STYLES[row.state.value])
            console.print(Text.assemble(state, f"{row.topic}: {row.remedy}"), soft_wrap=True)
    if any(row.state is State.BROKEN for row in rows):
        raise typer.Exit(1)


def _table(rows: tuple[Row, ...]) -> Table:
    """Show what was found."""
    from rich.table import Table
    from rich.text import Text

    table = Table("", "what", "found", box=None)
    for row in rows:
        state = Text(row.state.value, style=_STYLES[row.state.value])
        table.add_row(state, Text(row.topic), Text(row.found, overflow="fold"))
    return table
