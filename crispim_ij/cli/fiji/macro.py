"""`crispim-ij fiji macro`."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from crispim_ij.cli.console import console
from crispim_ij.cli.options import FijiHome, Heap


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
    from crispim_ij.imagej import GatewaySettings, open_gateway
    from crispim_ij.imagej.macro_files import find_macro, macro_argument, read_macro

    text = read_macro(find_macro(file))
    argument = macro_argument(arguments or [])
    gateway = open_gateway(GatewaySettings(fiji_home or None, heap))
    with _printed_log():
        answer = gateway.run_macro(text, argument)
    if answer:
        console.print(answer, soft_wrap=True)


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
        console.print(line, soft_wrap=True)
