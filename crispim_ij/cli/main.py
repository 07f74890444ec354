"""The `crispim-ij` command."""

from __future__ import annotations

import sys
import traceback
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer

from crispim_ij.cli.adapt import adapt
from crispim_ij.cli.calibrate import calibrate
from crispim_ij.cli.config import Command, apply_defaults, config_files, shown_config
from crispim_ij.cli.console import report_error
from crispim_ij.cli.demo import demo
from crispim_ij.cli.denoise import denoise
from crispim_ij.cli.evaluate import evaluate
from crispim_ij.cli.export import export
from crispim_ij.cli.fiji import fiji_app
from crispim_ij.cli.inspect import inspect
from crispim_ij.cli.interrupts import second_interrupt_ends_at_once
from crispim_ij.cli.models import models_app
from crispim_ij.cli.outcome import versions
from crispim_ij.cli.preprocess import preprocess
from crispim_ij.cli.preview import preview
from crispim_ij.cli.reproduce import reproduce
from crispim_ij.cli.train import train
from crispim_ij.cli.usage import Group, UsageError, in_one_sentence
from crispim_ij.errors import CrispimError

_NO_MEMORY = (
    "there is not enough memory for this: close other programs, give fewer --workers or smaller "
    "tiles where the command has them, or take a larger machine."
)
EXIT_CODES = (
    "Exit codes: 0 done; 1 a check says no (fiji doctor, fiji check, preprocess --check, "
    "fiji denoise --compare); 2 a fault that you can mend, or wrong usage; 130 interrupted by "
    "Ctrl-C. Results go to standard output, progress and errors to standard error."
)

app = typer.Typer(
    name="crispim-ij",
    cls=Group,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EXIT_CODES,
)
for command in (
    demo,
    inspect,
    preview,
    denoise,
    preprocess,
    adapt,
    train,
    calibrate,
    evaluate,
    export,
    reproduce,
):
    app.command(cls=Command)(command)
app.add_typer(models_app, name="models")
app.add_typer(fiji_app, name="fiji")


def print_version(wanted: bool) -> None:
    """Print the versions, crispim-ij's own first, and end."""
    if wanted:
        for name, found in versions().items():
            typer.echo(f"{name} {found}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def options(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=print_version,
            is_eager=True,
            help="Show the versions that a result may depend on, one a line.",
        ),
    ] = False,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="File of defaults. [default: crispim.toml in the current folder or the nearest "
            "one above]",
        ),
    ] = None,
    show_config: Annotated[
        bool,
        typer.Option("--show-config", help="Show every option's default and where it is from."),
    ] = False,
) -> None:
    """Denoise light-sheet stacks, with preprocessing that is ImageJ's own."""
    del debug, version
    files = config_files(config)
    apply_defaults(context, files)
    if show_config:
        typer.echo(shown_config(context, files))
        raise typer.Exit
    if context.invoked_subcommand is None:
        context.fail("Missing command.")


def run() -> None:
    """Run the command line and end with a status, see `EXIT_CODES`."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a file's name may be no text of the terminal's
            stream.reconfigure(errors="backslashreplace")
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    try:
        with second_interrupt_ends_at_once():
            status = app(arguments, prog_name=app.info.name, standalone_mode=False)
    except (CrispimError, MemoryError) as error:
        if "--debug" in sys.argv:
            traceback.print_exception(error)
        fault = error if isinstance(error, CrispimError) else CrispimError(_NO_MEMORY)
        report_error(str(fault))
        sys.exit(fault.status)
    except UsageError as error:
        report_error(in_one_sentence(error))
        sys.exit(CrispimError.status)
    sys.exit(status)
