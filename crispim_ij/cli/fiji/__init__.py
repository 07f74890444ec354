"""`crispim-ij fiji`: ImageJ and your own Fiji, one module a subcommand."""

from __future__ import annotations

import typer

from crispim_ij.cli.check import check
from crispim_ij.cli.config import Command
from crispim_ij.cli.fiji.denoise import denoise
from crispim_ij.cli.fiji.doctor import doctor
from crispim_ij.cli.fiji.fetch import fetch
from crispim_ij.cli.fiji.install import install
from crispim_ij.cli.fiji.macro import macro
from crispim_ij.cli.usage import Group

fiji_app = typer.Typer(cls=Group, help="ImageJ and your own Fiji.", no_args_is_help=True)
for command in (doctor, install, macro, denoise, check, fetch):
    fiji_app.command(cls=Command)(command)
