"""`crispim-ij fiji install`."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated

import typer

from crispim_ij.cli.console import console, start_tensorflow

if TYPE_CHECKING:
    from crispim_ij.imagej.installing import FileChange


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
    from crispim_ij.errors import CrispimError
    from crispim_ij.imagej.installation import check_fiji_home
    from crispim_ij.imagej.installing import install_files, macro_files, uninstall_files

    folder = Path(check_fiji_home(fiji))
    if not folder.is_dir():
        raise CrispimError(f"{fiji} is no folder: name the one that holds your Fiji's 'jars'.")
    if uninstall:
        _list(uninstall_files(folder))
        console.print(f"Uninstalled from {folder}", soft_wrap=True)
        return
    with tempfile.TemporaryDirectory(prefix="crispim-") as scratch:

        def files() -> Iterator[tuple[PurePosixPath, Path]]:
            yield from macro_files()
            yield from _model_files(Path(scratch))

        _list(install_files(folder, files(), _this_program()))
    said = f"Macros and models are in {folder}; restart Fiji to see them"
    console.print(said, soft_wrap=True)


def _this_program() -> str:
    """Return the path of the program that runs, '' where Python was started otherwise."""
    return shutil.which("crispim-ij", path=str(Path(sys.executable).parent)) or ""


def _list(changes: Iterator[FileChange]) -> None:
    """Print each file as it is done."""
    from crispim_ij.imagej.installing import Outcome

    for change in changes:
        why = " (not as it was installed)" if change.outcome is Outcome.KEPT else ""
        console.print(f"{change.outcome.value}: {change.path}{why}", soft_wrap=True)


def _model_files(scratch: Path) -> Iterator[tuple[PurePosixPath, Path]]:
    """Export the models that ship, one after another."""
    start_tensorflow()
    from crispim_ij.exporting import export_shipped

    yield from export_shipped(scratch)
