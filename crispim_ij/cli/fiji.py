"""`crispim-ij fiji`: ImageJ and your own Fiji."""

from __future__ import annotations

import logging
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated

import typer

from crispim_ij.cli.check import check
from crispim_ij.cli.config import Command
from crispim_ij.cli.console import console, print_json, say, start_tensorflow
from crispim_ij.cli.fiji_denoise import denoise
from crispim_ij.cli.options import AsJson, FijiHome, Heap
from crispim_ij.cli.usage import Group
from crispim_ij.errors import CrispimError
from crispim_ij.imagej import GatewaySettings, open_gateway
from crispim_ij.imagej.installation import check_fiji_home

if TYPE_CHECKING:
    from rich.table import Table

    from crispim_ij.imagej.doctor import Finding
    from crispim_ij.imagej.installing import FileChange

_STYLES = {"ok": "green", "note": "yellow", "broken": "bold red"}


def doctor(fiji_home: FijiHome = None, as_json: AsJson = False) -> None:
    """Check Java, ImageJ and a Fiji: a table of what is there, and what to do where it is broken.

    Looks only; starts neither ImageJ nor Fiji, and needs no network. Ends with status 1 where
    something is broken.

    Example: `crispim-ij fiji doctor --fiji-home /opt/Fiji.app`
    """
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
            say(Text.assemble(state, f"{row.topic}: {row.remedy}"))


def _table(rows: tuple[Finding, ...]) -> Table:
    """Show what was found."""
    from rich.table import Table
    from rich.text import Text

    table = Table("", "what", "found", box=None)
    for row in rows:
        state = Text(row.state.value, style=_STYLES[row.state.value])
        table.add_row(state, Text(row.topic), Text(row.found, overflow="fold"))
    return table


def install(
    fiji: Annotated[
        str, typer.Argument(metavar="FIJI", help="Folder of your Fiji or ImageJ2 (has 'jars').")
    ],
    uninstall: Annotated[
        bool, typer.Option("--uninstall", help="Remove what was installed, and nothing else.")
    ] = False,
) -> None:
    """Put the CRISPIM macros, toolset and models into a Fiji.

    Macros go to plugins/CRISPIM (menu Plugins > CRISPIM after a restart), the toolset to
    macros/toolsets (menu '>>' of the tool bar), the models that ship to models/CRISPIM, exported
    for CSBDeep's plugin. Run it again at any time; files that you have changed are kept.

    Example: `crispim-ij fiji install /opt/Fiji.app`
    """
    from crispim_ij.imagej.installing import install_files, macro_files, uninstall_files

    folder = Path(check_fiji_home(fiji))
    if not folder.is_dir():
        raise CrispimError(f"{fiji} is no folder: name the one that holds your Fiji's 'jars'.")
    if uninstall:
        _list(uninstall_files(folder))
        say(f"Uninstalled from {folder}")
        return
    with tempfile.TemporaryDirectory(prefix="crispim-") as scratch:

        def files() -> Iterator[tuple[PurePosixPath, Path]]:
            yield from macro_files()
            yield from _model_files(Path(scratch))

        _list(install_files(folder, files(), _this_program()))
    say(f"Macros and models are in {folder}; restart Fiji to see them")


def _this_program() -> str:
    """Return the path of the program that runs, '' where Python was started otherwise."""
    return shutil.which("crispim-ij", path=str(Path(sys.executable).parent)) or ""


def _list(changes: Iterator[FileChange]) -> None:
    """Print each file as it is done."""
    from crispim_ij.imagej.installing import Outcome

    for change in changes:
        why = " (not as it was installed)" if change.outcome is Outcome.KEPT else ""
        say(f"{change.outcome.value}: {change.path}{why}")


def _model_files(scratch: Path) -> Iterator[tuple[PurePosixPath, Path]]:
    """Export the models that ship, one after another."""
    start_tensorflow()
    from crispim_ij.exporting import export_shipped

    yield from export_shipped(scratch)


def macro(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE", help="A macro's file, or the name of one that ships with crispim-ij."
        ),
    ],
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEY=VALUE",
            show_default=False,
            help="What the macro reads with getArgument(), one a line. Values are taken as they "
            "stand. [default: none]",
        ),
    ] = None,
    fiji_home: FijiHome = None,
    heap: Heap = None,
) -> None:
    """Run an ImageJ macro without a screen, in batch mode, and print its log.

    Ends with status 2 and the macro's own message where the macro fails. Paths are best given in
    full.

    Example: `crispim-ij fiji macro CRISPIM_Compare.ijm clean=/data/clean.tif result=/data/ours.tif`
    """
    from crispim_ij.imagej.macro_files import find_macro, macro_argument, read_macro

    text = read_macro(find_macro(file))
    argument = macro_argument(arguments or [])
    gateway = open_gateway(GatewaySettings(fiji_home or None, heap))
    with _printed_log():
        answer = gateway.run_macro(text, argument)
    if answer:
        say(answer)


@contextmanager
def _printed_log() -> Iterator[None]:
    """Print what ImageJ logs."""
    logger = logging.getLogger("crispim_ij.imagej.ij1")
    handler = _Printer()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


class _Printer(logging.Handler):
    """Prints messages as they are."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print a message, less who says it."""
        line = record.getMessage().removeprefix("ImageJ: ")
        say(line)


def fetch() -> None:
    """Fill the cache with the embedded ImageJ's jars.

    For a machine without network, run this on one that has it and copy the folder that it prints
    to the same place there, or to any place whose parent the variable CRISPIM_CACHE names. Needs
    neither Java nor Maven.

    Example: `crispim-ij fiji fetch`
    """
    from crispim_ij.imagej.jars import cache_folder, ensure_jars

    for cached in ensure_jars():
        state = "fetched" if cached.downloaded else "in the cache"
        say(f"{cached.jar.coordinate}  {state}: {cached.path}")
    say(f"The embedded ImageJ is complete in {cache_folder()}")


fiji_app = typer.Typer(cls=Group, help="ImageJ and your own Fiji.", no_args_is_help=True)
for command in (doctor, install, macro, denoise, check, fetch):
    fiji_app.command(cls=Command)(command)
