"""`crispim-ij fiji`: the ImageJ that preprocessing uses."""

from __future__ import annotations

import typer

from crispim_ij.cli.check import check
from crispim_ij.cli.console import console

fiji_app = typer.Typer(help="The ImageJ that preprocessing uses.", no_args_is_help=True)


fiji_app.command()(check)


@fiji_app.command()
def fetch() -> None:
    """Fill the cache with the embedded ImageJ's jars.

    For a machine without network, run this on one that has it and copy the folder that it prints
    to the same place there, or to any place whose parent the variable CRISPIM_CACHE names. Needs
    neither Java nor Maven.
    """
    from crispim_ij.imagej.jars import cache_folder, ensure_jars

    for cached in ensure_jars():
        state = "fetched" if cached.downloaded else "in the cache"
        console.print(f"{cached.jar.coordinate}  {state}: {cached.path}", soft_wrap=True)
    console.print(f"The embedded ImageJ is complete in {cache_folder()}", soft_wrap=True)
